"""Where a manifest itself may name secrets: headers and variables of `gates.metrics`, alone or among text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.manifest.problems import Path
from providers.metrics.settings import Command, Errands, Header, Named, Prometheus, Source, Webhook
from providers.secrets import SecretRef

WHERE = (
    "headers and env of gates.metrics; registry password, secureValue, storageAccountKey, secret volume and "
    "workspaceKey of a template"
)
_PLACES = (("prometheus", "headers"), ("webhook", "headers"), ("command", "env"))


def secret_at(path: Path) -> bool:
    """Whether a secret may stand at this place of a manifest."""
    match path:
        case ("gates", "metrics", int(), str(kind), str(key), str()):
            return (kind, key) in _PLACES
        case ("targets", int(), "gates", "metrics", int(), str(kind), str(key), str()):
            return (kind, key) in _PLACES
    return False


def apart(value: Any) -> tuple[Any, dict[Path, Header]]:
    """Put text in the place of every secret of a filled-in value, and give the secrets by their paths.

    The text is what people wrote, so that messages can show it. What is a secret is told by its place alone: no text
    that looks like a reference is one.
    """
    secrets = dict(_found(value, ()))
    return _shown(value, (), secrets), secrets


def _found(value: Any, path: Path) -> Iterator[tuple[Path, Header]]:
    if isinstance(value, SecretRef | tuple):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _found(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _found(item, (*path, number))


def _shown(value: Any, path: Path, secrets: Mapping[Path, Header]) -> Any:
    if path in secrets:
        return "".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if isinstance(value, dict):
        return {key: _shown(item, (*path, key), secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item, (*path, number), secrets) for number, item in enumerate(value)]
    return value


def named_by(source: Source | Errands | None) -> dict[tuple[str, str], Header]:
    """The headers or variables of one source, each by its key in the manifest (`headers` or `env`) and its name."""
    if isinstance(source, Prometheus | Webhook):
        return {("headers", name): header for name, header in source.access.headers.items()}
    if isinstance(source, Command):
        return {("env", name): header for name, header in source.environment.items()}
    return {}


def references(header: Header) -> tuple[SecretRef, ...]:
    """The secrets in one header's value."""
    parts = header if isinstance(header, tuple) else (header,)
    return tuple(part for part in parts if isinstance(part, SecretRef))


def secrets_of(sources: Iterable[Named]) -> set[SecretRef]:
    """Every secret that sources need."""
    return {secret for each in sources for header in named_by(each.source).values() for secret in references(header)}
