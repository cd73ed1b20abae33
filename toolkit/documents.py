"""JSON and TOML become values, and values become JSON; an error names the document and the field."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import PurePath
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from msgspec import Struct, inspect

from toolkit import __version__
from toolkit.errors import ToolkitError
from toolkit.model import Oid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")

_PREPARING = Lock()
_prepared: set[object] = set()


class BrokenError(ToolkitError):
    """Bytes that are no JSON: a document that was cut off, or something else."""


def read(content: bytes | str, kind: type[T], *, document: str) -> T:
    """Return a JSON document as a value of `kind`, made of Structs, lists, mappings, ids, paths and plain types.

    Raise BrokenError for bytes that are no JSON, ToolkitError for a field that is not as `kind` has it.
    """
    try:
        return msgspec.json.decode(content, type=prepared(kind), dec_hook=_decoded)
    except msgspec.ValidationError as error:
        raise _wrong(document, error, _parsed(content, document), kind) from error
    except (msgspec.DecodeError, RecursionError):
        # A name that is no UTF-8 is written as half of a surrogate pair, which msgspec does not read.
        try:
            value: object = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _broken(document) from error
        return convert(value, kind, document=document)


def prepared(kind: type[T]) -> type[T]:
    """Return a kind that several threads may read at once from then on.

    What msgspec finds out about a Struct when it is first read is there for other threads before it is whole: one that
    reads another of them then ends the process.
    """
    with _PREPARING:
        if kind not in _prepared:
            msgspec.json.Decoder(kind, dec_hook=_decoded)
            _prepared.add(kind)
    return kind


def _parsed(content: bytes | str, document: str) -> object:
    """Return JSON as plain values; raise BrokenError if it is cut off, or too deep."""
    try:
        parsed: object = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _broken(document) from error
    return parsed


def _broken(document: str) -> BrokenError:
    return BrokenError(f"{document}: is not JSON, or was cut off")


class _Versioned(Struct, frozen=True, kw_only=True):
    schema: int


def read_versioned(content: bytes, kind: type[T], *, schema: int, document: str) -> T:
    """Return a JSON document as `read` does; raise ToolkitError for one whose field `schema` has another number."""
    found = read(content, _Versioned, document=document).schema
    if found != schema:
        fact = (
            f"field 'schema' is {found}: another version of unlet wrote it, and this one ({__version__}) reads {schema}"
        )
        raise ToolkitError(f"{document}: {fact}")
    return read(content, kind, document=document)


def convert(value: object, kind: type[T], *, document: str) -> T:
    """Return what a parser has made of a document as a value of `kind`; raise ToolkitError as `read` does."""
    try:
        return msgspec.convert(value, type=prepared(kind), dec_hook=_decoded)
    except msgspec.ValidationError as error:
        raise _wrong(document, error, value, kind) from error


def read_toml(
    content: bytes, kind: type[T], *, document: str, form: Callable[[str, str], str] = lambda _name, text: text.strip()
) -> T:
    """Return a TOML document as a value of `kind`; each text in it becomes what `form` returns for its field's name.

    Raise ToolkitError for what is no TOML, for a field that is not as `kind` has it, and for one that it has not.
    """
    try:
        tables = tomllib.loads(content.decode())
        value = convert(_formed(tables, form), kind, document=document)
        known: object = msgspec.to_builtins(value, enc_hook=str)
        unknown = next(_unknown(tables, known, ""), None)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ToolkitError(f"{document}: not TOML: {error}") from error
    except RecursionError as error:
        raise ToolkitError(f"{document}: is nested too deep") from error
    if unknown is not None:
        raise ToolkitError(f"{document}: field '{unknown}' is unknown")
    return value


def _wrong(document: str, error: msgspec.ValidationError, value: object, kind: object) -> ToolkitError:
    """Return the error that names the first field which is not as `kind` has it."""
    path, fact = next(_faults(value, inspect.type_info(kind), ""), ("", f"is wrong: {error}"))
    what = f"field '{path}'" if path else "the document"
    return ToolkitError(f"{document}: {what} {fact}")


# By JSON's names for them.
_NAMES: Mapping[type, str] = {
    dict: "object",
    list: "array",
    type(None): "null",
    **{kind: kind.__name__ for kind in (str, int, float, bool)},
}
_PLAIN: Mapping[type[inspect.Type], tuple[type, ...]] = {
    inspect.StrType: (str,),
    inspect.IntType: (int,),
    inspect.FloatType: (float, int),
    inspect.BoolType: (bool,),
    inspect.NoneType: (type(None),),
    inspect.StructType: (dict,),
    inspect.DictType: (dict,),
    inspect.ListType: (list,),
    inspect.VarTupleType: (list,),
}


def _faults(value: object, kind: inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a value that are not as `kind` has them, and what is wrong with each."""
    wanted = _PLAIN.get(type(kind), ())
    if wanted and type(value) not in wanted:
        yield path, f"is of type '{_NAMES[type(value)]}' instead of '{_NAMES[wanted[0]]}'"
    elif isinstance(kind, inspect.EnumType):
        if value not in [member.value for member in kind.cls]:
            yield path, f"is '{value}'"
    elif isinstance(kind, inspect.CustomType):
        try:
            _decoded(kind.cls, value)
        except (TypeError, ValueError) as error:
            yield path, f"is wrong: {error}"
    else:
        for each, its_kind, here in _parts(value, kind, path):
            if each is _MISSING:
                yield here, "is missing"
            else:
                yield from _faults(each, its_kind, here)


_MISSING = object()


def _parts(value: object, kind: inspect.Type, path: str) -> Iterator[tuple[object, inspect.Type, str]]:
    """Yield what a value consists of, each with its type and its path."""
    match kind, value:
        case inspect.StructType(fields=fields), dict():
            given = cast("Mapping[str, object]", value)
            for field in fields:
                if field.required or field.encode_name in given:
                    here = f"{path}.{field.encode_name}".removeprefix(".")
                    yield given.get(field.encode_name, _MISSING), field.type, here
        case inspect.DictType(value_type=item), dict():
            for each in cast("Mapping[str, object]", value).values():
                yield each, item, f"{path}[...]"
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item), list():
            for number, each in enumerate(cast("Sequence[object]", value)):
                yield each, item, f"{path}[{number}]"
        case inspect.UnionType(types=types), _ if value is not None:
            # None is the only other one that is used.
            yield value, types[0], path
        case _:
            return


def _decoded(kind: type, value: Any) -> Any:  # noqa: ANN401 - as msgspec has it
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
            return {key: _formed(each, form, key) for key, each in cast("Mapping[str, object]", value).items()}
        case list():
            return [_formed(each, form, name) for each in cast("list[object]", value)]
        case _:
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
        case Struct():
            return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        case _:
            return value
