"""Find out why msgspec refused a document or a value.

The messages of msgspec change between versions, and some quote the document, so they are not used. This module examines
the document again, and names the first mismatch: its path, what was expected, and the type of the value, but not the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

import msgspec
import msgspec.inspect as kinds

__all__ = ["Mismatch", "find_mismatch", "find_unencodable"]

T = TypeVar("T")

_NAMES: Final[Mapping[type[kinds.Type], str]] = {
    kinds.NoneType: "null",
    kinds.BoolType: "bool",
    kinds.IntType: "int",
    kinds.FloatType: "float",
    kinds.StrType: "str",
    kinds.BytesType: "bytes",
    kinds.ListType: "array",
    kinds.SetType: "array",
    kinds.FrozenSetType: "array",
    kinds.VarTupleType: "array",
    kinds.TupleType: "array",
    kinds.DictType: "object",
    kinds.StructType: "object",
    kinds.DataclassType: "object",
}
_LEAVES: Final[Mapping[type[kinds.Type], Any]] = {
    kinds.NoneType: type(None),
    kinds.BoolType: bool,
    kinds.IntType: int,
    kinds.FloatType: float,
    kinds.StrType: str,
    kinds.BytesType: bytes,
}
_BOUNDS: Final = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))


class Mismatch(msgspec.Struct, frozen=True):
    """The first difference between a document and a type."""

    problem: str
    "The problem, such as ``Expected `int`, got `str` ``; nothing of the document."
    path: str
    "The place in the document, such as ``.items[2].name``; empty for all of it. Keys of maps are ``[...]``."
    expected: str = ""
    "The name of the expected type, if the type is wrong."
    got: str = ""
    "The name of the actual type."
    missing: str = ""
    "The name of the field that an object should have and does not."

    def __str__(self) -> str:
        return self.within("$") if self.path else self.problem

    def within(self, root: str) -> str:
        """Return the problem and its path in a document that is called ``root``."""
        return f"{self.problem} - at `{root}{self.path}`"


def find_mismatch(document: object, type: type[Any], *, strict: bool = True) -> Mismatch:  # noqa: A002
    """Return the first difference between a document that msgspec refused and the type it should have.

    Args:
        document: as lists, dicts, texts, numbers, booleans and None.
        type: any type that msgspec supports.
        strict: as for `msgspec.convert`; if not, a text may stand for a number.
    """
    try:
        mismatch = next(_mismatches(document, _describe_type(type), "", strict), None)
    except RecursionError:
        return Mismatch("nested too deeply to be read", "")
    return mismatch or Mismatch("Invalid value", "")


_inspect: Final = lru_cache(kinds.type_info)


def _describe_type(type: Any) -> kinds.Type:  # noqa: A002
    """Return what msgspec knows of a type, which it takes up to a millisecond to find."""
    try:
        return _inspect(type)
    except TypeError:  # a type without a hash, such as one that is annotated with a list
        return kinds.type_info(type)


def _mismatches(value: Any, kind: kinds.Type, path: str, strict: bool) -> Iterator[Mismatch]:
    match kind:
        case kinds.AnyType() | kinds.RawType():
            return
        case kinds.Metadata(type=inner):
            yield from _mismatches(value, inner, path, strict)
        case kinds.UnionType(types=choices):
            yield from _union_mismatches(value, choices, path, strict)
        case kinds.StructType() | kinds.DataclassType():
            yield from _object_mismatches(value, kind, path, strict)
        case kinds.DictType(key_type=key_kind, value_type=inner):
            if not isinstance(value, dict):
                yield _wrong_type(value, kind, path)
                return
            for key, item in cast("dict[str, Any]", value).items():
                if next(_mismatches(key, key_kind, path, False), None) is not None:
                    yield Mismatch("Invalid key", path)
                yield from _mismatches(item, inner, f"{path}[...]", strict)
        case (
            kinds.ListType(item_type=inner)
            | kinds.VarTupleType(item_type=inner)
            | kinds.CollectionType(item_type=inner)
        ):
            if not isinstance(value, list):
                yield _wrong_type(value, kind, path)
                return
            items = cast("list[object]", value)
            for number, item in enumerate(items):
                yield from _mismatches(item, inner, f"{path}[{number}]", strict)
            yield from _length_mismatches(items, kind, path)
        case kinds.TupleType(item_types=each):
            if not isinstance(value, list):
                yield _wrong_type(value, kind, path)
                return
            items = cast("list[object]", value)
            if len(items) != len(each):
                yield Mismatch(f"Expected `array` of length {len(each)}, got {len(items)}", path)
            for number, (item, inner) in enumerate(zip(items, each, strict=False)):
                yield from _mismatches(item, inner, f"{path}[{number}]", strict)
        case kinds.EnumType(cls=enumeration):
            values = [member.value for member in enumeration]
            if strict and type(value) not in {type(one) for one in values}:
                yield _wrong_name(value, _name_of(values[0]), path)
            elif not _converts(value, enumeration, strict):
                yield Mismatch(_one_of(values), path)
        case kinds.LiteralType(values=values):
            if value not in values:
                yield Mismatch(_one_of(values), path)
        case _:
            yield from _leaf_mismatches(value, kind, path, strict)


def _union_mismatches(value: Any, choices: tuple[kinds.Type, ...], path: str, strict: bool) -> Iterator[Mismatch]:
    mismatches: list[Mismatch] = []
    for choice in choices:
        mismatch = next(_mismatches(value, choice, path, strict), None)
        if mismatch is None:
            return
        mismatches.append(mismatch)
    inner = [
        one for one in mismatches if one.path != path or not one.expected
    ]  # the right kind of value, with an error inside
    yield inner[0] if inner else _wrong_name(value, " | ".join(one.expected for one in mismatches), path)


def _object_mismatches(
    value: Any, kind: kinds.StructType | kinds.DataclassType, path: str, strict: bool
) -> Iterator[Mismatch]:
    if not isinstance(value, dict):
        yield _wrong_type(value, kind, path)
        return
    members = cast("dict[str, Any]", value)
    for field in kind.fields:
        if field.encode_name in members:
            yield from _mismatches(members[field.encode_name], field.type, f"{path}.{field.encode_name}", strict)
        elif field.required:
            problem = f"Object missing required field `{field.encode_name}`"
            yield Mismatch(problem, path, missing=field.encode_name)
    if not _converts(members, kind.cls, strict):  # a forbidden key, or a rule of the class
        yield Mismatch("Invalid value", path)


def _leaf_mismatches(value: Any, kind: kinds.Type, path: str, strict: bool) -> Iterator[Mismatch]:
    plain = _LEAVES.get(type(kind))
    if plain is None:
        return  # not used by our types
    if plain is bytes and isinstance(value, bytes):
        return
    if plain is bytes and isinstance(value, str):
        if not _converts(value, bytes, strict):
            yield Mismatch("Invalid base64", path)
        return
    if not _converts(value, plain, strict):
        number = plain in (int, float) and type(value) in (int, float)
        whole = plain is int and type(value) is float and not value.is_integer()
        yield Mismatch("Number out of range", path) if number and not whole else _wrong_type(value, kind, path)
        return
    for bound, sign in _BOUNDS:
        limit = getattr(kind, bound, None)
        if limit is not None and not _is_within(value, bound, limit):
            yield Mismatch(f"Expected `{_NAMES[type(kind)]}` {sign} {limit}", path)
    if isinstance(kind, kinds.StrType) and isinstance(value, str):
        yield from _length_mismatches(value, kind, path)
        if kind.pattern is not None and not re.search(kind.pattern, value):
            yield Mismatch("Invalid value", path)


def _one_of(values: Sequence[object]) -> str:
    return f"Expected one of {', '.join(map(str, values))}"


def _length_mismatches(value: str | list[object], kind: kinds.Type, path: str) -> Iterator[Mismatch]:
    least, most = getattr(kind, "min_length", None), getattr(kind, "max_length", None)
    for limit, sign, wrong in (
        (least, ">=", least is not None and len(value) < least),
        (most, "<=", most is not None and len(value) > most),
    ):
        if wrong:
            yield Mismatch(f"Expected `{_NAMES[type(kind)]}` of length {sign} {limit}", path)


def _is_within(value: Any, bound: str, limit: float) -> bool:
    number: float = value if isinstance(value, int) else float(value)  # an integer may be beyond any float
    # No comparison of NaN is true.
    return {"ge": number >= limit, "gt": number > limit, "le": number <= limit, "lt": number < limit}[bound]


def _converts(value: object, type: Any, strict: bool) -> bool:  # noqa: A002
    try:
        msgspec.convert(value, type, strict=strict)
    except Exception:  # a class may have rules of its own, and raise anything
        return False
    return True


def _wrong_type(value: object, kind: kinds.Type, path: str) -> Mismatch:
    return _wrong_name(value, _NAMES[type(kind)], path)


def _wrong_name(value: object, expected: str, path: str) -> Mismatch:
    got = _name_of(value)
    return Mismatch(f"Expected `{expected}`, got `{got}`", path, expected, got)


def _name_of(value: object) -> str:
    """Return the JSON name of a value's type."""
    match value:
        case None:
            return "null"
        case list() | tuple():
            return "array"
        case dict():
            return "object"
        case bytes() | bytearray() | memoryview():
            return "bytes"
        case _:
            return type(value).__name__


def find_unencodable(value: object, encode: Callable[[object], bytes]) -> str:
    """Name the first part of a value that the encoder refuses, by its type or field, never by its content.

    Args:
        value: for which ``encode`` raised TypeError, ValueError, OverflowError or AttributeError.
        encode: `msgspec.json.encode` or `msgspec.msgpack.encode`.
    """
    kind = type(value).__name__
    if isinstance(value, dict):
        for key, item in cast("dict[object, object]", value).items():
            if not _encodes({key: None}, encode):
                return f"a key of type {type(key).__name__}"
            if not _encodes(item, encode):
                return find_unencodable(item, encode)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in cast("list[object]", value):
            if not _encodes(item, encode):
                return find_unencodable(item, encode)
    elif is_dataclass(value) or isinstance(value, msgspec.Struct):
        names = value.__struct_fields__ if isinstance(value, msgspec.Struct) else [one.name for one in fields(value)]
        for name in names:
            if not hasattr(value, name):
                return f"the field {name!r} of {kind} is not set"
            if not _encodes(item := getattr(value, name), encode):
                return find_unencodable(item, encode)
    return "an int that is too large" if isinstance(value, int) else f"a value of type {kind}"


def _encodes(value: object, encode: Callable[[object], bytes]) -> bool:
    try:
        encode(value)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return False
    return True
