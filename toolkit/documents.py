"""Convert JSON and TOML documents to typed values, and values to JSON.

Each error names the document and the field.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct

from toolkit import __version__
from toolkit.errors import ToolkitError

T = TypeVar("T")

_PREPARING = Lock()
_prepared: set[object] = set()


class BrokenError(ToolkitError):
    """A document is not JSON, or is a truncated JSON document."""


def read(content: bytes | str, kind: type[T], *, document: str) -> T:
    """Return a JSON document as a value of `kind`.

    `kind` is made of Structs, lists, mappings, ids, paths and plain types. Raise
    BrokenError for bytes that are not JSON, and ToolkitError if a field does not fit
    `kind`.
    """
    try:
        return msgspec.json.decode(content, type=prepared(kind), dec_hook=_decoded)
    except msgspec.ValidationError as error:
        raise _wrong(document, error) from error
    except (msgspec.DecodeError, RecursionError):
        # `write` escapes a file name that is not UTF-8 as half of a surrogate pair,
        # which msgspec does not read.
        try:
            value: object = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise BrokenError(f"{document}: is not JSON, or is incomplete") from error
        return convert(value, kind, document=document)


def prepared(kind: type[T]) -> type[T]:
    """Return `kind` after preparing it, so that several threads may decode it at once.

    msgspec publishes its information about a Struct before that information is
    complete; a thread that decodes the Struct too early crashes.
    """
    with _PREPARING:
        if kind not in _prepared:
            msgspec.json.Decoder(kind, dec_hook=_decoded)
            _prepared.add(kind)
    return kind


class _Versioned(Struct, frozen=True, kw_only=True):
    schema: int


def read_versioned(content: bytes, kind: type[T], *, schema: int, document: str) -> T:
    """Return a JSON document as `read` does.

    Raise ToolkitError if its field `schema` has a different number.
    """
    found = read(content, _Versioned, document=document).schema
    if found != schema:
        fact = (
            f"field 'schema' is {found}: this version of unlet ({__version__}) reads "
            f"only schema {schema}; another version wrote the file"
        )
        raise ToolkitError(f"{document}: {fact}")
    return read(content, kind, document=document)


def convert(value: object, kind: type[T], *, document: str) -> T:
    """Convert a parser's result to a value of `kind`.

    Raise ToolkitError if a field does not fit `kind`.
    """
    try:
        return msgspec.convert(value, type=prepared(kind), dec_hook=_decoded)
    except msgspec.ValidationError as error:
        raise _wrong(document, error) from error


def read_toml(
    content: bytes,
    kind: type[T],
    *,
    document: str,
    form: Callable[[str, str], str] = lambda _name, text: text.strip(),
) -> T:
    """Return a TOML document as a value of `kind`.

    `form` converts each text, given the name of its field. Raise ToolkitError for bytes
    that are not TOML, or if a field does not fit `kind`.
    """
    try:
        return convert(_formed(_toml(content), form), kind, document=document)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ToolkitError(f"{document}: not TOML: {error}") from error
    except RecursionError as error:
        raise ToolkitError(f"{document}: is nested too deep") from error


# A run reads some files a dozen times, each time with other values for the
# placeholders.
@lru_cache(maxsize=32)
def _toml(content: bytes) -> object:
    return tomllib.loads(content.decode())


def _wrong(document: str, error: msgspec.ValidationError) -> ToolkitError:
    fact = str(error)
    return ToolkitError(f"{document}: {fact[:1].lower()}{fact[1:]}")


def _decoded(kind: type, value: Any) -> Any:  # noqa: ANN401 - the signature that msgspec requires
    if kind is object:
        return value
    try:
        return kind(value)
    except ToolkitError as error:
        raise ValueError(error.message) from error


def _formed(value: object, form: Callable[[str, str], str], name: str = "") -> object:
    match value:
        case str():
            return form(name, value)
        case dict():
            return {
                key: _formed(each, form, key)
                for key, each in cast("Mapping[str, object]", value).items()
            }
        case list():
            return [_formed(each, form, name) for each in cast("list[object]", value)]
        case _:
            return value


def write(value: object) -> bytes:
    """Return a value as a JSON document with sorted keys.

    Dates are ISO 8601 in UTC; ids and paths are strings.
    """
    plain = msgspec.to_builtins(
        value, str_keys=True, builtin_types=(datetime,), enc_hook=str
    )
    text = json.dumps(
        plain, indent=2, sort_keys=True, ensure_ascii=False, default=_moment
    )
    return f"{text}\n".encode(errors="backslashreplace")


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
