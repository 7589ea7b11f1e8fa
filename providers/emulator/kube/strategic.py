"""Strategic merge patches of built-in kinds: lists whose items have a key merge item by item."""

from __future__ import annotations

from typing import Any

from providers.emulator.kube.objects import copied
from providers.emulator.kube.patch import Misfit
from providers.emulator.kube.shapes import ANY, Shape

Json = dict[str, Any]
_DIRECTIVE = "$patch"


def merge(target: Any, patch: Any, shape: Shape) -> Any:
    """Apply a strategic merge patch and return the result; raises Misfit for an item without its key."""
    if not isinstance(patch, dict):
        return copied(patch)
    if patch.get(_DIRECTIVE) == "replace":
        return copied({key: value for key, value in patch.items() if key != _DIRECTIVE})
    if patch.get(_DIRECTIVE) == "delete":
        return {}
    found = dict(target) if isinstance(target, dict) else {}
    retained = patch.get("$retainKeys")
    if retained is not None:
        found = {key: value for key, value in found.items() if key in retained}
    for key, value in patch.items():
        if key == "$retainKeys" or key.startswith("$setElementOrder/"):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            found[name] = [item for item in found.get(name) or () if item not in value]
        elif value is None:
            found.pop(key, None)
        else:
            found[key] = _part(found.get(key), value, shape.below(key))
    return found


def _part(target: Any, patch: Any, shape: Shape) -> Any:
    if not isinstance(patch, list) or shape.kind != "list":
        return merge(target, patch, shape if shape.kind in ("struct", "map") else ANY)
    have = target if isinstance(target, list) else []
    if shape.merge_key is None:
        return copied(patch)
    if not shape.merge_key:
        return [*have, *(copied(item) for item in patch if item not in have)]
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [copied(item) for item in patch if item.get(_DIRECTIVE) != "replace"]
    return _items(have, patch, shape.merge_key, shape.item or ANY)


def _items(have: list[Json], patch: list[Json], key: str, shape: Shape) -> list[Json]:
    order = [item.get(key) for item in have]
    merged: dict[Any, Json] = {item.get(key): item for item in have}
    named: list[Any] = []
    for item in patch:
        if key not in item:
            raise Misfit(f"map: {item} does not contain declared merge key: {key}")
        if item.get(_DIRECTIVE) == "delete":
            merged.pop(item[key], None)
            continue
        merged[item[key]] = merge(merged.get(item[key]), item, shape)
        named.append(item[key])
    others = [name for name in order if name in merged and name not in named]
    return [merged[name] for name in _ordered(others, named, order)]


def _ordered(others: list[Any], named: list[Any], order: list[Any]) -> list[Any]:
    """Put what the patch names between the others: where it stood before, and what is new before all that is left."""
    found: list[Any] = []
    while others and named:
        later = named[0] in order and order.index(others[0]) < order.index(named[0])
        found.append(others.pop(0) if later else named.pop(0))
    return [*found, *others, *named]
