"""A template's objects sorted by what they are, and the parts of them that several modules read; pure.

Everything here takes any JSON value in any place: what has not the right type is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.kubernetes.places import BUDGET, CONFIG_MAP, DEPLOYMENT, OF_TEMPLATES, PLACES, SCALER, SERVICE
from providers.problems import Path

Object = Mapping[str, Any]
CONTAINER_LISTS = ("containers", "initContainers")


@dataclass(frozen=True, slots=True)
class Found:
    """One object of a template, and the path that leads to it."""

    path: Path
    value: Object = field(repr=False)

    @property
    def name(self) -> str:
        """Its name; empty when it has none."""
        return name_of(self.value)


@dataclass(frozen=True, slots=True)
class Parts:
    """The objects of a template that was checked: one Deployment, and what belongs to it."""

    deployment: Object
    service: Object | None
    scaler: Object | None
    budget: Object | None
    config_maps: tuple[Object, ...]


def expanded(objects: Any) -> list[tuple[Path, Any]]:
    """Give every object its path; empty documents are left out, and the items of a `List` stand for themselves."""
    found: list[tuple[Path, Any]] = []
    for number, value in enumerate(sequence(objects)):
        inner = value.get("items") if isinstance(value, Mapping) and value.get("kind") == "List" else None
        if isinstance(inner, list | tuple):
            found += [((number, "items", place), item) for place, item in enumerate(inner) if item is not None]
        elif value is not None:
            found.append(((number,), value))
    return found


def by_kind(objects: Any) -> dict[str, list[Found]]:
    """Sort what a template may hold by kind; all other objects are left out."""
    found: dict[str, list[Found]] = {kind: [] for kind in OF_TEMPLATES}
    for path, value in expanded(objects):
        kind = value.get("kind") if isinstance(value, Mapping) else None
        if isinstance(kind, str) and kind in found and value.get("apiVersion") == PLACES[kind].api_version:
            found[kind].append(Found(path, value))
    return found


def parts(objects: Any) -> Parts:
    """Take a checked template apart. Raises ValueError when it has no Deployment, which a check would have said."""
    found = by_kind(objects)
    if not found[DEPLOYMENT]:
        raise ValueError("a template needs a Deployment (apps/v1); check it before it is used")

    def first(kind: str) -> Object | None:
        return found[kind][0].value if found[kind] else None

    maps = sorted((item.value for item in found[CONFIG_MAP]), key=name_of)
    return Parts(found[DEPLOYMENT][0].value, first(SERVICE), first(SCALER), first(BUDGET), tuple(maps))


def at(value: Any, *keys: str) -> Any:
    """What stands under these keys; None where there is no mapping on the way."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def mapping(value: Any, *keys: str) -> Mapping[str, Any]:
    """The mapping that stands under these keys; an empty one where there is none."""
    found = at(value, *keys)
    return found if isinstance(found, Mapping) else {}


def sequence(value: Any, *keys: str) -> list[Any]:
    """The list that stands under these keys; an empty one where there is none."""
    found = at(value, *keys)
    return list(found) if isinstance(found, list | tuple) else []


def name_of(value: Any) -> str:
    """An object's name; empty when it has none."""
    name = at(value, "metadata", "name")
    return name if isinstance(name, str) else ""


def pod_spec(deployment: Any) -> Mapping[str, Any]:
    """The pod spec of a Deployment."""
    return mapping(deployment, "spec", "template", "spec")


def pod_labels(deployment: Any) -> Mapping[str, Any]:
    """The labels that a Deployment gives to its pods."""
    return mapping(deployment, "spec", "template", "metadata", "labels")


def containers(deployment: Any) -> Iterator[tuple[Path, Any]]:
    """Every container and init container of a Deployment, with its path below the Deployment."""
    for key in CONTAINER_LISTS:
        for number, item in enumerate(sequence(pod_spec(deployment), key)):
            yield ("spec", "template", "spec", key, number), item
