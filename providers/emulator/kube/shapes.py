"""What objects are made of: fields, their types and limits, read from the terse tables of the `schema_*` modules.

A line of a table is `Name: field type; ...`. A type is `str`, `int32`, `int64`, `bool`, `num`, `time`, `micro` (a time
with six digits), `qty`, `intstr`, `b64`, `any`, another `Name`, a list `[type]` or a map `{type}`. Behind a type:
`(0..10,A|B,/P)` are limits, choices and a pattern's name; `@` makes it atomic: it is owned and replaced as a whole.
Inside a list, `|key,key` names the keys that tell its items apart, `|set` says that the values do; `~key` is a merge
key of strategic patches where there is no such key. Behind a field: `!` required, `?` a pointer (its zero is kept,
which other fields leave out), `^` always written, and `=` a default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from providers.emulator.kube.schema_batch import BATCH
from providers.emulator.kube.schema_core import CORE
from providers.emulator.kube.schema_gateway import DEFAULTS, GATEWAY, PATTERNS
from providers.emulator.kube.schema_pods import PODS

NOTHING: Any = object()
"""What a field without a default has as its default."""
KEY_DEFAULTS = {"protocol": "TCP"}
"""Keys of list items that may be left out."""
_HEAD = re.compile(r"(?P<word>[A-Za-z0-9]+)")
_LIMITS = re.compile(r"(-?\d*)\.\.(-?\d*)")


@dataclass(eq=False, slots=True)
class Shape:
    """One type: `kind` is `struct`, `map`, `list`, or the word of a scalar; see the module for the rest."""

    kind: str
    name: str = ""
    fields: dict[str, Field] = field(default_factory=dict)
    item: Shape | None = None
    atomic: bool = False
    keys: tuple[str, ...] = ()
    is_set: bool = False
    merge_key: str | None = None
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""

    @property
    def granular(self) -> bool:
        """Whether parts of it are owned one by one."""
        if self.kind == "list":
            return bool(self.keys or self.is_set)
        return self.kind in ("struct", "map") and not self.atomic

    def below(self, key: str) -> Shape:
        """The shape under a key of a struct or map; of anything where the key is unknown."""
        if self.kind == "struct":
            found = self.fields.get(key)
            return found.shape if found is not None else ANY
        return self.item or ANY


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """One field of a struct."""

    shape: Shape
    required: bool = False
    pointer: bool = False
    always: bool = False
    default: Any = NOTHING


ANY = Shape("any", atomic=True)


def item_key(shape: Shape, item: Any) -> str:
    """The path element of a list's item: `k:{...}` of its keys, or `v:...` of its value in a set."""
    if not shape.keys:
        return "v:" + json.dumps(item, separators=(",", ":"))
    have = item if isinstance(item, Mapping) else {}
    keys = {key: have.get(key, KEY_DEFAULTS.get(key)) for key in sorted(shape.keys)}
    return "k:" + json.dumps(keys, separators=(",", ":"))


def shape_of(kind: str) -> Shape:
    """The shape of a kind of object, or of a part by its name; of anything where the tables do not know it."""
    return _all().get(kind, ANY)


@cache
def _all() -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    lines = re.sub(r"\n +", " ", "\n".join((CORE, BATCH, PODS, GATEWAY))).strip().splitlines()
    parts = [line.partition(": ")[::2] for line in lines if line]
    for name, _ in parts:
        shapes[name] = Shape("struct", name)
    for name, text in parts:
        shapes[name].fields.update(dict(_field(one, shapes) for one in text.split("; ")))
    for name in ("apiVersion", "kind"):
        for root in ROOTS:
            shapes[root].fields.setdefault(name, Field(Shape("str")))
    for root in ROOTS:
        shapes[root].fields.setdefault("metadata", Field(shapes["ObjectMeta"], always=True))
    return shapes


def _field(text: str, shapes: Mapping[str, Shape]) -> tuple[str, Field]:
    head, _, default = text.strip().partition(" =")
    name, _, typed = head.partition(" ")
    always, pointer = typed.endswith("^"), typed.endswith("?")
    shape, rest = _type(typed.rstrip("^?"), shapes)
    if rest:
        raise ValueError(f"schema: {text!r}: what shall {rest!r} mean?")
    value = NOTHING if not default else DEFAULTS[default] if default in DEFAULTS else json.loads(default)
    return name.rstrip("!"), Field(shape, name.endswith("!"), pointer, always, value)


def _type(text: str, shapes: Mapping[str, Shape]) -> tuple[Shape, str]:
    if text[0] in "[{":
        item, rest = _type(text[1:], shapes)
        shape = Shape("list" if text[0] == "[" else "map", item=item)
        if rest.startswith("|"):
            keys, rest = _word(rest)
            shape.is_set = keys == "set"
            shape.keys = () if shape.is_set else tuple(keys.split(","))
            shape.merge_key = shape.keys[0] if shape.keys else None
        if rest.startswith("~"):
            shape.merge_key, rest = _word(rest)
        rest = rest[1:]
    else:
        head = _HEAD.match(text)
        if head is None:
            raise ValueError(f"schema: expected a type; got {text!r}")
        word, rest = head["word"], text[head.end() :]
        shape = shapes[word] if word in shapes else Shape(word)
    return _marked(shape, rest)


def _word(text: str) -> tuple[str, str]:
    word = re.split(r"[^A-Za-z0-9,]", text[1:], maxsplit=1)[0]
    return word, text[1 + len(word) :]


def _marked(shape: Shape, rest: str) -> tuple[Shape, str]:
    if rest.startswith("@"):
        # The fields are shared, not copied: tables refer to structs that are read only later.
        shape = Shape(shape.kind, shape.name, shape.fields, shape.item, atomic=True)
        rest = rest[1:]
    if rest.startswith("("):
        limits, _, rest = rest[1:].partition(")")
        for limit in limits.split(","):
            numbers = _LIMITS.fullmatch(limit)
            if numbers:
                shape.low = int(numbers[1]) if numbers[1] else None
                shape.high = int(numbers[2]) if numbers[2] else None
            elif limit.startswith("/"):
                shape.pattern = PATTERNS[limit[1:]]
            else:
                shape.choices = tuple(limit.split("|"))
    return shape, rest


ROOTS = (
    "Pod",
    "Service",
    "ConfigMap",
    "Event",
    "Deployment",
    "ReplicaSet",
    "HorizontalPodAutoscaler",
    "Job",
    "PodDisruptionBudget",
    "Lease",
    "EndpointSlice",
    "Scale",
    "Namespace",
    "Node",
    "HTTPRoute",
    "GRPCRoute",
    "Gateway",
    "GatewayClass",
    "ReferenceGrant",
)
"""The shapes that are whole objects: each has apiVersion, kind and metadata."""
