"""JSON becomes values and values become JSON; an error names the document and the field."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from toolkit.errors import ToolkitError
from toolkit.model import Oid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

T = TypeVar("T")


class BrokenError(ToolkitError):
    """Bytes that are no JSON: a document that was cut off, or something else."""


def read(content: bytes, kind: type[T], *, document: str) -> T:
    """Return a JSON document as a value of `kind`, made of dataclasses, lists, mappings and plain types.

    Raise BrokenError for bytes that are no JSON, ToolkitError for a field that is not as `kind` has it.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        fact = str(error).replace("`", "'")
        raise ToolkitError(f"{document}: {fact[:1].lower()}{fact[1:]}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BrokenError(f"{document}: is not JSON, or was cut off") from error


def convert(tables: object, kind: type[T], *, document: str) -> T:
    """Return tables, as those of a TOML file, as a value of `kind`.

    Raise ToolkitError for a field that is not as `kind` has it, and for one that it has not.
    """
    try:
        value = msgspec.convert(tables, type=kind)
    except msgspec.ValidationError as error:
        fact = str(error).replace("`", "'")
        raise ToolkitError(f"{document}: {fact[:1].lower()}{fact[1:]}") from error
    if (unknown := next(_unknown(tables, msgspec.to_builtins(value), ""), None)) is not None:
        raise ToolkitError(f"{document}: field '{unknown}' is unknown")
    return value


def _unknown(given: object, known: object, path: str) -> Iterator[str]:
    match given, known:
        case dict(), dict():
            for key, each in cast("Mapping[str, object]", given).items():
                here = f"{path}.{key}" if path else key
                if key not in known:
                    yield here
                else:
                    yield from _unknown(each, cast("Mapping[str, object]", known)[key], here)
        case list(), list() | tuple():
            pairs = zip(cast("Sequence[object]", given), cast("Sequence[object]", known), strict=True)
            for number, (one, other) in enumerate(pairs):
                yield from _unknown(one, other, f"{path}[{number}]")
        case _:
            return


def write(value: object) -> bytes:
    """Return a value as a JSON document with sorted keys; dates are ISO 8601 in UTC, ids and paths are strings."""
    text = json.dumps(_plain(value), indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode(errors="backslashreplace")


def _plain(value: object) -> object:
    match value:
        case Oid() | PurePath():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case tuple() | list():
            return [_plain(each) for each in cast("Sequence[object]", value)]
        case dict():
            return {str(key): _plain(each) for key, each in cast("Mapping[object, object]", value).items()}
        case _ if is_dataclass(value):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value
