"""Read answers of Nix field by field, and name the field that is not as it should be.

Their fields have the names of releases, systems and stages; documents whose fields are known are read by
`toolkit.documents`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


class Record:
    """One table of a document. `document` is its name in messages, `path` the fields that lead to the table."""

    def __init__(self, value: object, *, document: str, path: str = "") -> None:
        """Wrap `value`; raise ToolkitError where it is no table."""
        self.document = document
        self.path = path
        if not isinstance(value, dict):
            what = f"field '{path}'" if path else "the document"
            raise ToolkitError(f"{document}: {what} is not a table")
        self._fields: dict[str, object] = value

    def __contains__(self, name: str) -> bool:
        """Tell whether the field is there and not null."""
        return self._fields.get(name) is not None

    def error(self, name: str, fact: str) -> ToolkitError:
        """Return the error which says `fact` about the field `name`."""
        return ToolkitError(f"{self.document}: field '{self._full(name)}' {fact}")

    def text(self, name: str) -> str:
        """Return a string."""
        return self._typed(name, str, "a string")

    def text_or_error(self, name: str) -> str:
        """Return a string, or the text of a table `{ error }` that stands for one."""
        value = self._value(name)
        return self.record(name).text("error") if isinstance(value, dict) else self.text(name)

    def integer(self, name: str) -> int:
        """Return an integer."""
        return self._typed(name, int, "an integer")

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self._value(name)
        if not isinstance(value, bool):
            raise self.error(name, "is neither true nor false")
        return value

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """Return `read(name)`, or None where the field is missing or null."""
        return read(name) if name in self else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._value(name)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in cast("list[object]", value)):
            raise self.error(name, "is not a list of strings")
        return tuple(cast("list[str]", value))

    def record(self, name: str) -> Record:
        """Return a table."""
        return Record(self._value(name), document=self.document, path=self._full(name))

    def names(self) -> Iterator[str]:
        """Yield the names of the fields, in the order of the document."""
        yield from self._fields

    def _typed(self, name: str, kind: type[T], what: str) -> T:
        value = self._value(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(name, f"is not {what}")
        return value

    def _value(self, name: str) -> object:
        if self._fields.get(name) is None:
            raise self.error(name, "is missing")
        return self._fields[name]

    def _full(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name
