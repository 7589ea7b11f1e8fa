"""The rules that the Gateway API's schemas state beyond types and limits: which of them an object breaks.

They are judged only when types and limits hold. Names of parts are those of `schema_gateway`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from providers.emulator.kube import custom_rules_gateways as gateways
from providers.emulator.kube import custom_rules_routes as routes
from providers.emulator.kube.shapes import Shape

Json = dict[str, Any]
_STRUCTS = {**routes.STRUCTS, **gateways.STRUCTS}
_FIELDS = {**routes.FIELDS, **gateways.FIELDS}


def broken(obj: Json, shape: Shape) -> list[tuple[str, str]]:
    """Return path and message of every rule that an object breaks."""
    return [found for name in ("spec", "status") if name in obj for found in _walk(obj[name], shape.below(name), name)]


def _walk(value: Any, shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    if shape.kind == "struct" and isinstance(value, dict):
        yield from _broken(_STRUCTS.get(shape.name, ()), value, path)
        for name in shape.fields:
            if name in value:
                here = f"{path}.{name}"
                yield from _broken(_FIELDS.get(f"{shape.name}.{name}", ()), value[name], here)
                yield from _walk(value[name], shape.below(name), here)
    elif shape.kind == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, shape.item or shape, f"{path}[{index}]")


def _broken(rules: tuple[routes.Rule, ...], value: Any, path: str) -> Iterator[tuple[str, str]]:
    return ((path, message) for message, holds in rules if not holds(value))
