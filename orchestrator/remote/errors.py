"""Refusals across the wire: every error of store, submission, provider and registry as JSON, and back as itself.

What the daemon's API can answer a verb beside those errors:

    StoreError
    |-- ServerDenied         the token is missing, unknown or reaches less far than was asked
    |-- VersionSkew          both ends are rollout and do not understand each other
    |-- StoreUnavailable
    |   `-- ServerSilent     the daemon cannot be reached just now, or something before it answers in its place
    `-- StoreMisplaced
        `-- NoDaemon         the URL can never work: malformed, in the clear beyond loopback, or something else is there
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.store import errors as store
from orchestrator.store.errors import StoreError, StoreMisplaced, StoreUnavailable


class ServerDenied(StoreError):  # noqa: N818 - the tree reads as what happened, and the base says Error
    """The daemon does not let this caller do it."""


class VersionSkew(StoreError):  # noqa: N818
    """Client and daemon are of versions that do not understand each other."""


class ServerSilent(StoreUnavailable):
    """No answer of the daemon's own; asked again later there may be one.

    `known` says whether it has answered before, so that it is worth while to wait for it.
    """

    def __init__(self, message: str, *, known: bool = False) -> None:
        super().__init__(message)
        self.known = known


class NoDaemon(StoreMisplaced):
    """There is no rollout daemon at the URL, and there never will be."""


_STORE: dict[str, tuple[int, type[StoreError]]] = {
    "staleWrite": (409, store.StaleWrite),
    "unreadableRecord": (500, store.UnreadableRecord),
    "storeUnavailable": (503, store.StoreUnavailable),
    "storeMisplaced": (500, store.StoreMisplaced),
}
"""Errors that are nothing but their message."""


def to_wire(error: Exception) -> tuple[int, dict[str, Any]] | None:
    """Write an error as an HTTP status and what stands under `error`; None for a defect, which is not told outside."""
    from orchestrator.manifest.problems import ManifestError
    from orchestrator.wish import Refused
    from providers.errors import ProviderError
    from watchers.errors import RegistryError

    match error:
        case store.ActiveRollout():
            return 409, _told("activeRollout", error, service=error.service, rollout=error.rollout)
        case store.UnknownRollout():
            return 404, _told("unknownRollout", error, rollout=error.rollout)
        case store.EndedRollout():
            return 409, _told("endedRollout", error, rollout=error.rollout, outcome=error.outcome)
        case Refused():
            return 409, _told("refused", error, reason=error.code)
        case ManifestError():
            problems = [{"file": p.file, "line": p.line, "path": p.path, "message": p.message} for p in error.problems]
            return 400, _told("manifest", error, problems=problems)
        case ProviderError():
            facts = {"kind": type(error).__name__, "says": error.code, "retryAfter": error.retry_after}
            return 502, {"code": "provider", "message": error.message, **facts}
        case RegistryError():
            facts = {"kind": type(error).__name__, "says": error.code, "retryAfter": error.retry_after}
            return 502, {"code": "registry", "message": error.message, "remedy": error.remedy, **facts}
    for code, (status, kind) in _STORE.items():
        if isinstance(error, kind):
            return status, _told(code, error)
    return None


def from_wire(told: Mapping[str, Any]) -> Exception | None:
    """Make the error again that the daemon met; None for one that this version does not know."""
    code, message = told.get("code"), str(told.get("message") or "")
    if code in _STORE:
        return _STORE[str(code)][1](message)
    match told:
        case {"code": "activeRollout", "service": str(service), "rollout": str(rollout)}:
            return store.ActiveRollout(service, rollout)
        case {"code": "unknownRollout", "rollout": str(rollout)}:
            return store.UnknownRollout(rollout)
        case {"code": "endedRollout", "rollout": str(rollout), "outcome": str(outcome)}:
            return store.EndedRollout(rollout, outcome)
        case {"code": "refused", "reason": str(reason)}:
            from orchestrator.wish import Refused

            return Refused(reason, message)
        case {"code": "manifest", "problems": list(problems)}:
            return _manifest(problems)
        case {"code": "provider" | "registry"}:
            return _vendor(told, message)
    return None


def _told(code: str, error: Exception, **facts: Any) -> dict[str, Any]:
    return {"code": code, "message": str(error), **facts}


def _manifest(problems: list[Any]) -> Exception:
    from orchestrator.manifest.problems import ManifestError, Problem

    return ManifestError(
        Problem(str(each.get("file")), int(each.get("line") or 0), str(each.get("path")), str(each.get("message")))
        for each in problems
        if isinstance(each, Mapping)
    )


def _vendor(told: Mapping[str, Any], message: str) -> Exception:
    """A provider's or registry's error of the same kind; of a kind that is new there, the base of its tree."""
    after = told.get("retryAfter")
    after = float(after) if isinstance(after, int | float) else None
    says, kind = str(told.get("says") or ""), told.get("kind")
    if told["code"] == "provider":
        from providers.errors import ProviderError

        providers: dict[str, type[ProviderError]] = {each.__name__: each for each in _tree(ProviderError)}
        return providers.get(str(kind), ProviderError)(message, code=says, retry_after=after)
    from watchers.errors import RegistryError

    registries: dict[str, type[RegistryError]] = {each.__name__: each for each in _tree(RegistryError)}
    remedy = str(told.get("remedy") or "")
    return registries.get(str(kind), RegistryError)(message, remedy, code=says, retry_after=after)


def _tree(base: type[Any]) -> Iterator[type[Any]]:
    yield base
    for below in base.__subclasses__():
        yield from _tree(below)
