"""Custom kinds by their schema: defaults, and the errors of a schema's validation in the server's words."""

from __future__ import annotations

import json
import re
from typing import Any

from providers.emulator.kube.custom_rules import broken
from providers.emulator.kube.kinds import Kind
from providers.emulator.kube.objects import copied
from providers.emulator.kube.shapes import NOTHING, Shape, shape_of
from providers.emulator.kube.status import UNCHECKED, Cause, Causes

Json = dict[str, Any]
_TYPES = {"struct": "object", "map": "object", "list": "array", "str": "string", "time": "string", "bool": "boolean"}
_BLOCKING = (
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
)


def fill_in(kind: Kind, obj: Json) -> None:
    """Fill the schema's defaults into an object, in place; they appear wherever their parent stands."""
    _fill(obj, shape_of(kind.kind))


def _fill(value: Any, shape: Shape) -> None:
    if shape.kind == "struct" and isinstance(value, dict):
        for name, field in shape.fields.items():
            if field.default is not NOTHING and value.get(name) is None:
                value[name] = copied(field.default)
            if name in value and name != "metadata":
                _fill(value[name], field.shape)
    elif shape.kind in ("list", "map") and isinstance(value, list | dict):
        for item in value if isinstance(value, list) else value.values():
            _fill(item, shape.item or shape)


def judge(kind: Kind, obj: Json, causes: Causes, status: bool = False) -> None:
    """Check an object against its schema and rules; with `status` only its status was written, and is judged alone."""
    shape = shape_of(kind.kind)
    schema = _Schema(causes)
    if status:
        schema.check(obj.get("status") or {}, shape.below("status"), "status", "")
    else:
        for name in shape.fields:
            if name in obj and name not in ("apiVersion", "kind", "metadata"):
                schema.check(obj[name], shape.below(name), name, name)
            elif shape.fields[name].required and name not in obj:
                causes.required(name)
    causes.found += schema.misfits
    if any(cause.reason in _BLOCKING for cause in causes.found):
        causes.found.append(Cause("<nil>", "FieldValueInvalid", f"Invalid value: null: {UNCHECKED}"))
        return
    for path, told in broken(obj, shape):
        causes.found.append(Cause(path, "FieldValueInvalid", f"Invalid value: {told}"))


class _Schema:
    """Checks values; `path` is where the value stands, `told` the same within the part that is judged."""

    def __init__(self, causes: Causes) -> None:
        self.causes = causes
        self.misfits: list[Cause] = []

    def check(self, value: Any, shape: Shape, path: str, told: str) -> None:
        if shape.kind == "any":
            return
        if not _fits(value, shape):
            self._wrong(value, shape, path, told)
            return
        if shape.kind == "struct":
            self._struct(value, shape, path, told)
        elif shape.kind == "map":
            if shape.high is not None and len(value) > shape.high:
                self.causes.too_many(path, len(value), shape.high)
            for key in sorted(value):
                self.check(value[key], shape.item or shape, f"{path}.{key}", f"{told}.{key}")
        elif shape.kind == "list":
            self._list(value, shape, path, told)
        elif isinstance(value, str):
            self._text(value, shape, path, told)
        else:
            self._number(value, shape, path, told)

    def _struct(self, value: Json, shape: Shape, path: str, told: str) -> None:
        for name in sorted(shape.fields):
            field = shape.fields[name]
            if value.get(name) is not None:
                self.check(value[name], field.shape, _join(path, name), _join(told, name))
            elif name in value:
                self._wrong(None, field.shape, _join(path, name), _join(told, name))
            elif field.required:
                self.causes.required(_join(path, name))

    def _list(self, value: list[Any], shape: Shape, path: str, told: str) -> None:
        if shape.high is not None and len(value) > shape.high:
            self.causes.too_many(path, len(value), shape.high)
            return
        if shape.low is not None and len(value) < shape.low:
            self.causes.invalid(path, len(value), f"{told} in body should have at least {shape.low} items")
        for index, item in enumerate(value):
            self.check(item, shape.item or shape, f"{path}[{index}]", f"{told}[{index}]")
        if shape.granular:
            self._unique(value, shape, path)

    def _unique(self, value: list[Any], shape: Shape, path: str) -> None:
        seen: list[Any] = []
        for index, item in enumerate(value):
            keys = {key: item.get(key) for key in shape.keys if key in item} if shape.keys else item
            if keys in seen:
                self.causes.duplicate(f"{path}[{index}]", keys)
            seen.append(keys)

    def _text(self, value: str, shape: Shape, path: str, told: str) -> None:
        if shape.choices and value not in shape.choices:
            self.causes.unsupported(path, value, shape.choices)
        if shape.high is not None and len(value) > shape.high:
            self.causes.too_long(path, shape.high)
        if shape.low is not None and len(value) < shape.low:
            self.causes.invalid(path, value, f"{told} in body should be at least {shape.low} chars long")
        if shape.pattern and not re.search(shape.pattern, value):
            self.causes.invalid(path, value, f"{told} in body should match '{shape.pattern}'")
        if shape.kind == "time" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value):
            self.causes.invalid(path, value, f'{told} in body must be of type date-time: "{value}"')

    def _number(self, value: int, shape: Shape, path: str, told: str) -> None:
        if shape.choices and str(value) not in shape.choices:
            self.causes.unsupported(path, value, shape.choices)
        if shape.low is not None and value < shape.low:
            self.causes.invalid(path, value, f"{told} in body should be greater than or equal to {shape.low}")
        if shape.high is not None and value > shape.high:
            self.causes.invalid(path, value, f"{told} in body should be less than or equal to {shape.high}")

    def _wrong(self, value: Any, shape: Shape, path: str, told: str) -> None:
        wanted = _TYPES.get(shape.kind, "integer")
        if isinstance(value, float) and wanted == "integer":
            # A fraction passes the type's first check, fails at its width, and once more where the rules read it.
            self.causes.wrong_type(path, "float64", f'{told} in body must be of type {shape.kind}: "float64"')
            text = f"Checked value must be of type integer with format {shape.kind} in {told}"
            self.misfits.append(Cause("<nil>", "FieldValueInvalid", f'Invalid value: "": {text}'))
            return
        got = _word(value)
        self.causes.wrong_type(path, got, f'{told} in body must be of type {wanted}: "{got}"')


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _fits(value: Any, shape: Shape) -> bool:
    if shape.kind in ("struct", "map"):
        return isinstance(value, dict)
    if shape.kind == "list":
        return isinstance(value, list)
    if shape.kind in ("str", "time"):
        return isinstance(value, str)
    if shape.kind == "bool" or isinstance(value, bool):
        return shape.kind == "bool" and isinstance(value, bool)
    return isinstance(value, int) or (isinstance(value, float) and json.dumps(value).endswith(".0"))


def _word(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    words = {str: "string", list: "array", dict: "object", float: "number"}
    return next(word for kind, word in words.items() if isinstance(value, kind))
