"""Whether a container group's parts are mappings and lists where they must be, before anybody reads inside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from orchestrator.manifest.problems import Path, shown

Shape = Literal["a mapping", "a list", "a list of mappings", "a number"]
_CONTAINER: dict[tuple[str, ...], Shape] = {
    ("properties", "environmentVariables"): "a list of mappings",
    ("properties", "volumeMounts"): "a list of mappings",
    ("properties", "ports"): "a list of mappings",
    ("properties", "command"): "a list",
    ("properties", "resources"): "a mapping",
    ("properties", "resources", "requests"): "a mapping",
    ("properties", "resources", "requests", "cpu"): "a number",
    ("properties", "resources", "requests", "memoryInGB"): "a number",
    ("properties", "resources", "limits"): "a mapping",
}
_VOLUME: dict[tuple[str, ...], Shape] = {
    (kind,): "a mapping" for kind in ("azureFile", "secret", "gitRepo", "emptyDir")
}
_GROUP: dict[tuple[str, ...], Shape] = {
    ("tags",): "a mapping",
    ("zones",): "a list",
    ("identity",): "a mapping",
    ("identity", "userAssignedIdentities"): "a mapping",
    ("properties", "initContainers"): "a list of mappings",
    ("properties", "volumes"): "a list of mappings",
    ("properties", "imageRegistryCredentials"): "a list of mappings",
    ("properties", "subnetIds"): "a list of mappings",
    ("properties", "ipAddress", "ports"): "a list of mappings",
    ("properties", "dnsConfig"): "a mapping",
    ("properties", "diagnostics"): "a mapping",
    ("properties", "diagnostics", "logAnalytics"): "a mapping",
}
_ITEMS = (("containers", _CONTAINER), ("initContainers", _CONTAINER), ("volumes", _VOLUME))


def misshapen(group: Any) -> Iterator[tuple[Path, str]]:
    """Yield path and message of each part of a group that has the wrong shape; absent and null parts pass."""
    yield from _judged(group, (), _GROUP)
    properties = group.get("properties") if isinstance(group, dict) else None
    for key, shapes in _ITEMS:
        items = properties.get(key) if isinstance(properties, dict) else None
        for number, item in enumerate(items if isinstance(items, list) else ()):
            place = ("properties", key, number)
            yield from _judged(item, place, shapes)
            yield from _names(item, (*place, "properties", "environmentVariables"))


def _judged(value: Any, path: Path, shapes: dict[tuple[str, ...], Shape]) -> Iterator[tuple[Path, str]]:
    for place, shape in shapes.items():
        part = value
        for key in place:
            part = part.get(key) if isinstance(part, dict) else None
        if part is not None and not _fits(part, shape):
            yield (*path, *place), f"must be {shape}; got {shown(part)}"


def _names(item: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Variables are told apart by their names, so each of those must be one text."""
    inner = item.get("properties") if isinstance(item, dict) else None
    variables = inner.get("environmentVariables") if isinstance(inner, dict) else None
    for number, variable in enumerate(variables if isinstance(variables, list) else ()):
        name = variable.get("name") if isinstance(variable, dict) else None
        if name is not None and not isinstance(name, str):
            yield (*path, number, "name"), f"must be text (quote a number); got {shown(name)}"


def _fits(part: Any, shape: Shape) -> bool:
    if shape == "a mapping":
        return isinstance(part, dict)
    if shape == "a number":
        return _is_number(part)
    return isinstance(part, list) and (shape == "a list" or all(isinstance(item, dict) for item in part))


def _is_number(part: Any) -> bool:
    if isinstance(part, bool) or not isinstance(part, int | float | str):
        return False
    try:
        return 0 < float(part) < 10_000
    except (ValueError, OverflowError):
        return False
