"""Plain values to the typed manifest: every mistake of type, name or range at once, in the words of the manifest.

Where there are mistakes, what is right is still typed, with defaults and placeholders in the gaps, so that the checks
that need several keys can run as well and a person sees all problems in one go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.manifest.problems import Path, near, shown, within
from orchestrator.manifest.schema import Manifest, Target

_RESERVED: dict[type[BaseModel], dict[str, str]] = {
    Manifest: {"images": "several images", "onManifestChange": "acting on a changed manifest"},
    Target: {
        "applicationGateway": "Application Gateway",
        "frontDoor": "Front Door",
        "traffic": "a host without traffic in front",
    },
}
_PLACEHOLDERS: dict[str, Any] = {
    "targets": [{"name": "placeholder"}],
    "service": "placeholder",
    "image": "placeholder",
    "name": "placeholder",
    "subscription": "00000000-0000-0000-0000-000000000000",
    "resourceGroup": "placeholder",
    "location": "placeholder",
    "template": "placeholder",
    "profile": "placeholder",
    "dnsName": "placeholder",
    "context": "placeholder",
    "namespace": "placeholder",
    "match": {"headers": {"placeholder": "placeholder"}},
    "url": "http://placeholder",
    "requests": "placeholder",
    "azureMonitor.requests": {"metric": "placeholder"},
    "metric": "placeholder",
    "query": "placeholder",
    "resource": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/X.X/placeholder/x",
    "run": ["placeholder"],
}
"""What stands where a needed key is missing or wrong, by its name or by its holder's and its own."""
_MENDED_BY_ITEM = ("targets", "metrics")
"""Lists of which one wrong item hides no other."""
_PLAIN = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
}
MOST_MISTAKES = 500
"""More than anybody reads, and few enough to be found in no time."""


@dataclass(slots=True)
class Typed:
    """The manifest as far as it can be typed, with the path and message of each mistake.

    `manifest` is None when too little is right to go on. `broken` are the paths of mistakes; at and below them and the
    `mended` ones the manifest holds fillings.
    """

    manifest: Manifest | None
    mistakes: list[tuple[Path, str]] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)
    mended: set[Path] = field(default_factory=set)


def typed(value: Any, broken: set[Path]) -> Typed:
    """Type a document's value; mistakes at or below the paths already known as `broken` are not told again."""
    result = Typed(None, broken=set(broken))
    if not isinstance(value, dict):
        result.mistakes.append(((), f"must be a mapping with service, image and targets; got {shown(value)}"))
        return result
    value = deepcopy(value)
    for _ in range(4):
        try:
            result.manifest = Manifest.model_validate_json(json.dumps(value), by_alias=True, by_name=False)
            return result
        except ValidationError as error:
            found = error.errors(include_url=False)
        for detail in found:
            path = _path(detail)
            if len(result.mistakes) < MOST_MISTAKES and not within(path, result.broken):
                result.mistakes.append((path, _message(detail, path)))
        for detail in found:
            result.broken.add(_path(detail))
            result.mended.add(_mend(value, _path(detail), known=detail["type"] != "extra_forbidden"))
    return result


def _path(detail: ErrorDetails) -> Path:
    return tuple(part for part in detail["loc"] if part != "[key]")


def _message(detail: ErrorDetails, path: Path) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f"must be given: {_described(path)}; got nothing"
    if kind == "extra_forbidden":
        return _unknown(path)
    return f"{_expectation(kind, context, detail)}; got {shown(detail['input'])}"


def _expectation(kind: str, context: dict[str, Any], detail: ErrorDetails) -> str:
    if kind == "expected":
        return str(context["message"])
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind == "too_short":
        return f"must hold at least {context['min_length']}"
    if kind == "too_long":
        return f"must hold at most {context['max_length']}"
    hint = " (quote it)" if kind == "string_type" and isinstance(detail["input"], int | float) else ""
    return _PLAIN.get(kind, str(detail["msg"])) + hint


def _unknown(path: Path) -> str:
    key, model = str(path[-1]), _model_at(path[:-1])
    reserved = _RESERVED.get(model, {}).get(key) if model else None
    if reserved:
        return f"must not be given yet: the key is reserved for a later version ({reserved}); remove it"
    known = [part.alias or name for name, part in model.model_fields.items()] if model else []
    return f"must be a known key; got {shown(key)}: {near(key, known)}"


def _described(path: Path) -> str:
    model = _model_at(path[:-1])
    for name, part in model.model_fields.items() if model else ():
        if (part.alias or name) == path[-1] and part.description:
            return part.description[0].lower() + part.description[1:].rstrip(".")
    return "it is needed"


def _model_at(path: Path) -> type[BaseModel] | None:
    """Find the model of the mapping at `path`: what keys are known there."""
    model: type[BaseModel] | None = Manifest
    for part in path:
        if isinstance(part, int):
            continue
        fields = model.model_fields.items() if model else ()
        model = next((m for name, f in fields if (f.alias or name) == part for m in _models(f.annotation)), None)
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _mend(value: Any, path: Path, *, known: bool) -> Path:
    """Put a placeholder where a needed key is missing or wrong, else take the key out, so that it has its default.

    A key that is not `known` there is always taken out.

    Returns the path of what was changed: an item cannot leave a list without moving the others, so the list goes.
    """
    holder: Any = value
    for number, part in enumerate(path[:-1]):
        inner = holder.get(part) if isinstance(holder, dict) else holder[part]
        if isinstance(path[number + 1], int) and not (part in _MENDED_BY_ITEM and isinstance(inner, list)):
            path = path[: number + 1]
            break
        if not isinstance(inner, dict | list):
            return path
        holder = inner
    key = path[-1]
    if isinstance(key, int):
        holder[key] = {"name": "placeholder"}
        return path
    words = (".".join(map(str, path[-2:])), key) if known else ()
    word = next((each for each in words if each in _PLACEHOLDERS), None)
    if word is not None:
        holder[key] = deepcopy(_PLACEHOLDERS[word])
    else:
        holder.pop(key, None)
    return path
