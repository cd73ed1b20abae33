"""Read JSON and TOML tables field by field, and name the field that is not as it should be.

This is the border between what a parser returns and the dataclasses behind it; it does no I/O.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from toolkit import model
from toolkit.errors import ToolkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from enum import StrEnum

T = TypeVar("T")
E = TypeVar("E", bound="StrEnum")


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

    def only(self, *names: str) -> None:
        """Raise ToolkitError for a field of another name: in a file that people write, it is a typo."""
        for name in self._fields:
            if name not in names:
                raise self.error(name, f"is unknown; known are {', '.join(names)}")

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

    def number(self, name: str) -> float:
        """Return a number."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(name, "is not a number")
        return float(value)

    def oid(self, name: str) -> model.Oid:
        """Return a git object id."""
        value = self.text(name)
        try:
            return model.Oid(value)
        except ToolkitError as error:
            raise self.error(name, f"is not a git object id: '{value}'") from error

    def choice(self, name: str, kind: type[E]) -> E:
        """Return the member of the enumeration `kind` which the string names."""
        value = self.text(name)
        try:
            return kind(value)
        except ValueError as error:
            raise self.error(name, f"is '{value}'; known are {', '.join(kind)}") from error

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """Return `read(name)`, or None where the field is missing or null."""
        return read(name) if name in self else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            raise self.error(name, "is not a list of strings")
        return tuple(str(value) for value in values)

    def oids(self, name: str) -> tuple[model.Oid, ...]:
        """Return a list of git object ids."""
        try:
            return tuple(model.Oid(value) for value in self.texts(name))
        except UsageError as error:
            raise self.error(name, error.message) from error

    def choices(self, name: str, kind: type[E]) -> tuple[E, ...]:
        """Return a list of members of the enumeration `kind`."""
        try:
            return tuple(kind(value) for value in self.texts(name))
        except ValueError as error:
            raise self.error(name, f"has a value other than {', '.join(kind)}") from error

    def record(self, name: str) -> Record:
        """Return a table."""
        return Record(self._value(name), document=self.document, path=self._full(name))

    def records(self, name: str) -> tuple[Record, ...]:
        """Return a list of tables."""
        return tuple(
            Record(value, document=self.document, path=f"{self._full(name)}[{index}]")
            for index, value in enumerate(self._list(name))
        )

    def names(self) -> Iterator[str]:
        """Yield the names of the fields, in the order of the document."""
        yield from self._fields

    def _typed(self, name: str, kind: type[T], what: str) -> T:
        value = self._value(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(name, f"is not {what}")
        return value

    def _list(self, name: str) -> list[object]:
        value = self._value(name)
        if not isinstance(value, list):
            raise self.error(name, "is not a list")
        return cast("list[object]", value)

    def _value(self, name: str) -> object:
        if self._fields.get(name) is None:
            raise self.error(name, "is missing")
        return self._fields[name]

    def _full(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name
