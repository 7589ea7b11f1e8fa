"""What the server says of itself: version, health, and the groups and kinds that it serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from providers.emulator.kube.call import Reply
from providers.emulator.kube.kinds import KINDS, Kind
from providers.emulator.kube.status import no_page

Json = dict[str, Any]
VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.26.6",
    "compiler": "gc",
    "platform": "linux/amd64",
}
REVIEWS = {
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "selfsubjectrulesreviews": "SelfSubjectRulesReview",
}
_AUTHORIZATION = "authorization.k8s.io"
_PLAIN = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_CUSTOM_VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
_PART_VERBS = ["get", "patch", "update"]
_CHECKS = ("ping", "log", "informer-sync", "shutdown")


Served = Mapping[tuple[str, str], Mapping[str, Kind]]


@lru_cache(maxsize=8)
def served(off: frozenset[str] = frozenset()) -> Served:
    """Return the kinds by plural, by group and version, without the groups that are switched off."""
    found: dict[tuple[str, str], dict[str, Kind]] = {}
    for kind in KINDS:
        if kind.group not in off:
            found.setdefault((kind.group, kind.version), {})[kind.plural] = kind
    return found


def answer(path: str, verbose: bool, kinds: Served) -> Reply | None:
    """Answer a path that is no resource; None when it may be one. Raises Refusal (404)."""
    parts = [part for part in path.split("/") if part]
    if path == "/version":
        return Reply(200, dict(VERSION))
    if parts and parts[0] in ("healthz", "livez", "readyz"):
        return Reply(200, _health(parts[0]) if verbose else "ok", dict(_PLAIN))
    if parts == ["api"]:
        clients = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:443"}]
        return Reply(200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": clients})
    if not parts or parts[0] not in ("api", "apis"):
        raise no_page()
    if len(parts) > 3:
        return None
    groups = _groups(kinds)
    if parts == ["apis"]:
        listed = [_group(name, versions) for name, versions in groups.items() if name]
        return Reply(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})
    if parts[0] == "apis" and len(parts) == 2:
        if parts[1] not in groups:
            raise no_page()
        return Reply(200, {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1], groups[parts[1]])})
    if len(parts) == (2 if parts[0] == "api" else 3):
        group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
        return Reply(200, _resources(group, version, groups))
    return None


def _groups(kinds: Served) -> dict[str, dict[str, list[Kind]]]:
    found: dict[str, dict[str, list[Kind]]] = {_AUTHORIZATION: {"v1": []}}
    for (group, version), by_plural in kinds.items():
        found.setdefault(group, {})[version] = list(by_plural.values())
    return found


def _group(name: str, versions: Iterable[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resources(group: str, version: str, groups: dict[str, dict[str, list[Kind]]]) -> Json:
    kinds = groups.get(group, {}).get(version)
    if kinds is None:
        raise no_page()
    listed = [entry for kind in sorted(kinds, key=lambda one: one.plural) for entry in _entries(kind)]
    if group == _AUTHORIZATION:
        listed = [
            {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
            for plural, kind in REVIEWS.items()
        ]
    # The core group's answer alone does not say its own version.
    head = {"kind": "APIResourceList", **({"apiVersion": "v1"} if group else {})}
    return {**head, "groupVersion": f"{group}/{version}" if group else version, "resources": listed}


def _entries(kind: Kind) -> Iterable[Json]:
    verbs = [verb for verb in _VERBS if verb != "deletecollection"] if kind.kind == "Namespace" else _VERBS
    entry: Json = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(_CUSTOM_VERBS if kind.custom else verbs),
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    yield entry
    part = {"singularName": "", "namespaced": kind.namespaced, "verbs": list(_PART_VERBS)}
    if kind.scale:
        yield {"name": f"{kind.plural}/scale", **part, "group": "autoscaling", "version": "v1", "kind": "Scale"}
    if kind.status:
        yield {"name": f"{kind.plural}/status", **part, "kind": kind.kind}


def _health(word: str) -> str:
    return "".join(f"[+]{name} ok\n" for name in _CHECKS) + f"{word} check passed\n"
