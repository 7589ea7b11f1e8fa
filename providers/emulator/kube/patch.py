"""JSON patches and merge patches on plain JSON values."""

from __future__ import annotations

import re
from typing import Any

from providers.emulator.kube.objects import copied

Json = dict[str, Any]


class Misfit(Exception):  # noqa: N818 - said of a patch
    """The patch does not fit the object: a failed test, a missing path, an index out of range, an unknown op."""


def merge(target: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7386) and return the result: null removes a key, lists are replaced whole."""
    if not isinstance(patch, dict):
        return copied(patch)
    found = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merge(found.get(key), value)
    return found


def apply(target: Any, operations: list[Json]) -> Any:
    """Apply a JSON patch (RFC 6902) and return the result; raises Misfit and then leaves `target` as it is."""
    found = copied(target)
    for operation in operations:
        found = _operate(found, operation)
    return found


def _operate(target: Any, operation: Json) -> Any:
    op, path = operation.get("op"), _pointer(operation.get("path"))
    if op == "test":
        if not _equal(_get(target, path), operation.get("value")):
            raise Misfit(f"test of {operation.get('path')} failed")
        return target
    if op == "add":
        return _add(target, path, _value(operation))
    if op == "remove":
        return _remove(target, path)
    if op == "replace":
        _get(target, path)
        return _replace(target, path, _value(operation))
    if op in ("move", "copy"):
        source = _pointer(operation.get("from"))
        value = copied(_get(target, source))
        if op == "move":
            target = _remove(target, source)
        return _add(target, path, value)
    raise Misfit(f"unknown operation {op!r}")


def _value(operation: Json) -> Any:
    if "value" not in operation:
        raise Misfit("the operation has no value")
    return copied(operation["value"])


def _equal(left: Any, right: Any) -> bool:
    # Python takes True for 1; JSON does not.
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_equal(*pair) for pair in zip(left, right, strict=True))
    return bool(left == right)


def _pointer(text: Any) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise Misfit(f"{text!r} is no JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(items: list[Any], part: str, end: bool = False) -> int:
    if end and part == "-":
        return len(items)
    if not re.fullmatch(r"0|[1-9][0-9]*", part) or int(part) >= len(items) + end:
        raise Misfit(f"index {part} is out of range")
    return int(part)


def _step(target: Any, part: str) -> Any:
    if isinstance(target, list):
        return target[_index(target, part)]
    if isinstance(target, dict) and part in target:
        return target[part]
    raise Misfit(f"there is no {part!r}")


def _get(target: Any, path: list[str]) -> Any:
    for part in path:
        target = _step(target, part)
    return target


def _add(target: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(target, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent.insert(_index(parent, last, end=True), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise Misfit(f"nothing can be added at {last!r}")
    return target


def _replace(target: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(target, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent[_index(parent, last)] = value
    else:
        parent[last] = value
    return target


def _remove(target: Any, path: list[str]) -> Any:
    if not path:
        raise Misfit("the whole object cannot be removed")
    parent, last = _get(target, path[:-1]), path[-1]
    _step(parent, last)
    if isinstance(parent, list):
        del parent[_index(parent, last)]
    else:
        del parent[last]
    return target
