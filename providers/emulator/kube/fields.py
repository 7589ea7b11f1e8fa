"""Sets of fields: which there are in a value, what changed between two, and how managedFields spells them.

A field is the tuple of its path's elements as `fieldsV1` writes them: `f:name`, `k:{"name":"web"}`, `v:"item"`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from providers.emulator.kube.shapes import Shape, item_key

Json = dict[str, Any]
Path = tuple[str, ...]
Fields = frozenset[Path]
_GONE: Any = object()


def parts(value: Any, shape: Shape) -> dict[str, tuple[Any, Shape]] | None:
    """Return the parts of a value that are owned one by one, by their path elements; None when it is a leaf."""
    if not shape.granular:
        return None
    if shape.kind == "list":
        if not isinstance(value, list):
            return None
        item = shape.item or shape
        return {item_key(shape, one): (one, item if shape.keys else _LEAF) for one in value}
    if not isinstance(value, dict):
        return None
    return {f"f:{key}": (one, shape.below(key)) for key, one in value.items()}


_LEAF = Shape("any", atomic=True)


def applied(value: Any, shape: Shape) -> Fields:
    """Return the fields that a value names when it is applied: its leaves, and items of lists with keys."""
    found: set[Path] = set()
    _name(value, shape, (), found)
    return frozenset(found)


def _name(value: Any, shape: Shape, path: Path, found: set[Path]) -> None:
    below = parts(value, shape)
    if not below:
        found.add(path)
        return
    for element, (part, part_shape) in below.items():
        here = (*path, element)
        if element.startswith("k:"):
            found.add(here)
        _name(part, part_shape, here, found)


@dataclass(slots=True)
class Difference:
    """What changed from one value to another."""

    added: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)


def compare(old: Any, new: Any, shape: Shape) -> Difference:
    """Compare two values field by field; what stands in only one of them counts with all that is below."""
    found = Difference()
    _compare(old, new, shape, (), found)
    return found


def _compare(old: Any, new: Any, shape: Shape, path: Path, found: Difference) -> None:
    if old is _GONE or new is _GONE:
        _all(new if old is _GONE else old, shape, path, found.added if old is _GONE else found.removed)
        return
    if old == new:
        return
    left, right = parts(old, shape), parts(new, shape)
    if left is None or right is None:
        if (left is None) != (right is None) and not (old is None or new is None):
            found.modified.add(path)
        elif left is None and right is None:
            if old != new:
                found.modified.add(path)
        else:
            for element, (part, part_shape) in (right or left or {}).items():
                _all(part, part_shape, (*path, element), found.added if right is not None else found.removed)
        return
    for element in {**left, **right}:
        before, after = left.get(element), right.get(element)
        part_shape = (after or before or (None, _LEAF))[1]
        here = (*path, element)
        _compare(before[0] if before else _GONE, after[0] if after else _GONE, part_shape, here, found)


def _all(value: Any, shape: Shape, path: Path, found: set[Path]) -> None:
    found.add(path)
    for element, (part, part_shape) in (parts(value, shape) or {}).items():
        _all(part, part_shape, (*path, element), found)


def encode(fields: Fields) -> Json:
    """Spell a set as `fieldsV1`."""
    root: Json = {}
    for path in sorted(fields):
        here = root
        for element in path:
            here = here.setdefault(element, {})
        here["."] = {}
    return _tidy(root)


def _tidy(node: Json) -> Json:
    below = {key: _tidy(value) for key, value in node.items() if key != "."}
    return {".": {}, **below} if "." in node and below else below


def decode(spelt: Json) -> Fields:
    """Read `fieldsV1`."""
    found: set[Path] = set()
    _read(spelt, (), found)
    return frozenset(found)


def _read(node: Json, path: Path, found: set[Path]) -> None:
    below = {key: value for key, value in node.items() if key != "."}
    if path and ("." in node or not below):
        found.add(path)
    for element, value in below.items():
        _read(value, (*path, element), found)


def text_of(path: Path) -> str:
    """Spell a field as conflicts name it: `.spec.template.spec.containers[name="web"].image`."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "v":
            text += f"[={rest}]"
        else:
            keys = json.loads(rest)
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in sorted(keys.items())) + "]"
    return text


def below(fields: Fields, *first: str) -> Fields:
    """Return those fields that begin with one of the first elements."""
    return frozenset(path for path in fields if path[0] in first)
