"""Reading bodies: JSON or YAML into objects of a kind, with the errors and warnings of the server's own decoder.

A built-in kind is read as Go reads it into a struct: wrong types are refused at once, unknown fields are noted and
dropped, zeros of fields that are no pointers vanish. A custom kind is only pruned here; `custom` judges its values.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import yaml

from providers.emulator.kube.objects import copied, stamp
from providers.emulator.kube.shapes import Field, Shape, shape_of

Json = dict[str, Any]
_ZERO: dict[str, Any] = {"str": "", "bool": False, "int32": 0, "int64": 0, "num": 0, "intstr": 0}
_QUANTITY = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(n|u|m|k|[KMGTPE]i?|[eE][+-]?[0-9]+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?P<part>\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_BITS = {"int32": 31, "int64": 63}


class Undecodable(Exception):  # noqa: N818 - said of the body
    """The body cannot be read as the kind it shall be; the text is Go's."""


@dataclass(slots=True)
class Decoded:
    """An object that was read, and the paths of unknown fields in the order in which they stood."""

    object: Json
    unknown: list[str] = field(default_factory=list)


class _Loader(yaml.SafeLoader):
    """YAML as JSON: a time is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(body: bytes) -> Any:
    """Read YAML, of which JSON is a part; raises Undecodable."""
    try:
        if body.lstrip().startswith(b"{"):
            return json.loads(body)
    except (ValueError, UnicodeDecodeError):
        # Flow style YAML begins like JSON.
        pass
    try:
        return yaml.load(body, _Loader)  # noqa: S506 - the loader above is a safe one
    except yaml.YAMLError as error:
        raise Undecodable(f"error converting YAML to JSON: {error}") from error


def parse_json(body: bytes) -> Any:
    """Read JSON; raises Undecodable with Go's words for what is wrong."""
    try:
        return json.loads(body)
    except (ValueError, UnicodeDecodeError) as error:
        at = getattr(error, "pos", 0)
        text = body.decode(errors="replace")
        rest = text[at:].strip()
        # An unterminated string is reported by Python where it begins, by Go where the text ends.
        if not rest or "Unterminated" in str(error):
            raise Undecodable("unexpected end of JSON input") from error
        raise Undecodable(f"invalid character '{rest[0]}' looking for beginning of value") from error


def compact(value: Any) -> str:
    """A JSON value as Go writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def decode(body: Json, kind: str, custom: bool = False) -> Decoded:
    """Read an object of a kind; raises Undecodable. The object is a copy, made canonical."""
    decoder = _Custom() if custom else _Typed()
    shape = shape_of(kind)
    found = decoder.struct(body, shape, "", kind)
    return Decoded(found, decoder.unknown)


class _Typed:
    """Reads built-in kinds; `where` in error texts is the innermost struct's name and the path without indices."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def struct(self, value: Json, shape: Shape, path: str, name: str) -> Json:
        found: Json = {}
        for key, part in value.items():
            below = shape.fields.get(key)
            where = f"{path}.{key}" if path else key
            if below is None:
                self.unknown.append(where)
                continue
            self._keep(found, key, self.value(part, below.shape, where, shape.name or name), below)
        for key, below in shape.fields.items():
            if below.always and key not in found:
                found[key] = self._empty(below)
        return found

    def value(self, value: Any, shape: Shape, path: str, name: str) -> Any:
        if value is None:
            return None
        if shape.kind in ("struct", "map"):
            if not isinstance(value, dict):
                raise self._wrong(value, shape, path, name)
            if shape.kind == "struct":
                return self.struct(value, shape, path, name)
            item = shape.item or shape
            return {key: self.value(part, item, f"{path}[{key}]", name) for key, part in value.items()}
        if shape.kind == "list":
            if not isinstance(value, list):
                raise self._wrong(value, shape, path, name)
            item = shape.item or shape
            return [self.value(part, item, f"{path}[{index}]", name) for index, part in enumerate(value)]
        return copied(value) if shape.kind == "any" else self._scalar(value, shape, path, name)

    @staticmethod
    def _keep(found: Json, key: str, value: Any, below: Field) -> None:
        if value is None and not below.always:
            return
        if not below.always and not below.pointer:
            zero = _ZERO.get(below.shape.kind)
            if zero is not None and value == zero and type(value) is type(zero):
                return
            if below.shape.kind in ("list", "map") and not value:
                return
        found[key] = value

    def _empty(self, below: Field) -> Any:
        if below.shape.kind == "struct" and below.shape.name != "LabelSelector":
            return self.struct({}, below.shape, "", below.shape.name)
        return _ZERO.get(below.shape.kind)

    def _scalar(self, value: Any, shape: Shape, path: str, name: str) -> Any:
        kind = shape.kind
        if kind in ("str", "b64", "time", "micro") and isinstance(value, str):
            return self._text(value, kind)
        if kind == "bool" and isinstance(value, bool):
            return value
        if isinstance(value, bool):
            raise self._wrong(value, shape, path, name)
        if kind in _BITS and isinstance(value, int | float):
            if value != int(value) or not -(2 ** _BITS[kind]) <= value < 2 ** _BITS[kind]:
                raise self._wrong(value, shape, path, name, json.dumps(value))
            return int(value)
        if (kind == "num" and isinstance(value, int | float)) or (kind == "intstr" and isinstance(value, int | str)):
            return value
        if kind == "qty" and isinstance(value, int | float | str):
            text = value if isinstance(value, str) else json.dumps(value)
            if not _QUANTITY.fullmatch(text):
                raise Undecodable(
                    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                )
            return text
        raise self._wrong(value, shape, path, name)

    @staticmethod
    def _text(value: str, kind: str) -> str:
        if kind == "b64":
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise Undecodable("illegal base64 data at input byte 0") from error
        elif kind in ("time", "micro"):
            return _time(value, micro=kind == "micro")
        return value

    @staticmethod
    def _wrong(value: Any, shape: Shape, path: str, name: str, number: str = "") -> Undecodable:
        got = f"number {number}" if number else json_type(value)
        where = re.sub(r"\[[^\]]*\]", "", path)
        return Undecodable(
            f"json: cannot unmarshal {got} into Go struct field {name}.{where} of type {_go_type(shape)}"
        )


class _Custom(_Typed):
    """Prunes custom kinds: their metadata is a struct like any other, the rest keeps whatever values it has."""

    def struct(self, value: Json, shape: Shape, path: str, name: str) -> Json:
        found: Json = {}
        for key, part in value.items():
            where = f"{path}.{key}" if path else key
            below = shape.fields.get(key)
            if below is None:
                self.unknown.append(where)
            elif where == "metadata" and isinstance(part, dict):
                typed = _Typed()
                found[key] = typed.struct(part, below.shape, where, below.shape.name)
                self.unknown += typed.unknown
            else:
                found[key] = self.value(part, below.shape, where, name)
        return found

    def value(self, value: Any, shape: Shape, path: str, name: str) -> Any:
        if shape.kind == "struct" and isinstance(value, dict):
            return self.struct(value, shape, path, name)
        if shape.kind == "map" and isinstance(value, dict):
            item = shape.item or shape
            return {key: self.value(part, item, f"{path}.{key}", name) for key, part in value.items()}
        if shape.kind == "list" and isinstance(value, list):
            item = shape.item or shape
            return [self.value(part, item, f"{path}[{index}]", name) for index, part in enumerate(value)]
        return copied(value)


def _time(value: str, micro: bool) -> str:
    layout = "2006-01-02T15:04:05.000000Z07:00" if micro else "2006-01-02T15:04:05Z07:00"
    found = _TIME.fullmatch(value)
    try:
        when = datetime.fromisoformat(value) if found else None
    except ValueError:
        when = None
    if found is None or when is None:
        raise Undecodable(f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"')
    if not micro:
        return stamp(when)
    if len(found["part"] or "") != 7:
        rest = value[19:]
        raise Undecodable(f'parsing time "{value}" as "{layout}": cannot parse "{rest}" as ".000000"')
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def json_type(value: Any) -> str:
    """The word by which Go calls the type of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _go_type(shape: Shape) -> str:
    if shape.kind == "list":
        return "[]" + _go_type(shape.item or shape)
    if shape.kind == "map":
        return "map[string]" + _go_type(shape.item or shape)
    names = {"str": "string", "num": "float64", "b64": "[]uint8", "struct": f"v1.{shape.name}"}
    return names.get(shape.kind, shape.kind)
