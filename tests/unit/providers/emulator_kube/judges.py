"""How the few answers are judged that cannot be equal, and which are left out."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.unit.providers.emulator_kube.alike import different, tidied
from tests.unit.providers.emulator_kube.replay import Exchange, Judge

LEFT_OUT = {
    ("watch-bookmarks", 1): "this storage version refused sendInitialEvents; newer ones, and ours, do not",
    ("wrong-content-type-415", 8): "the Table that kubectl prints is no part of what is emulated",
    ("version-health-discovery", 3): "the list of a real server's start-up hooks",
    ("version-health-discovery", 11): "the OpenAPI documents are not served",
}
"""Exchanges that ours answers otherwise, each with the reason."""


def without(*names: str) -> Judge:
    """Judge bodies alike but for some fields of the server itself."""

    def judge(have: Any, want: Any) -> list[str]:
        return different(
            {k: v for k, v in have.items() if k not in names}, {k: v for k, v in want.items() if k not in names}
        )

    return judge


def a_part(key: str, name: str) -> Judge:
    """Judge that all which ours lists is listed just so; ours has fewer kinds, and no hashes of storage versions."""

    def judge(have: Any, want: Any) -> list[str]:
        recorded = {one[name]: {k: v for k, v in one.items() if k != "storageVersionHash"} for one in want[key]}
        found = different({**have, key: None}, {**want, key: None})
        for one in have[key]:
            if one[name] != "authorization.k8s.io":
                found += different(one, recorded.get(one[name], {}), one[name])
        return found

    return judge


def served_groups(have: Any, want: Any) -> list[str]:
    """Judge that every group of ours is served with the version that ours has."""
    recorded = {one["name"]: [version["version"] for version in one["versions"]] for one in want["groups"]}
    return [
        f"{one['name']} {version['version']}"
        for one in have["groups"]
        for version in one["versions"]
        if version["version"] not in recorded.get(one["name"], [])
    ]


def same_yaml(have: Any, want: Any) -> list[str]:
    """Judge YAML by what it says: quotes are a matter of taste."""
    return different(yaml.safe_load(have), yaml.safe_load(want))


def patched_object(have: Any, want: Any) -> list[str]:
    """Judge a refusal that shows a whole object, without who owns its fields and in whatever order."""
    shown = []
    for body in (have, want):
        before, _, rest = body["message"].partition('Invalid value: "')
        value, _, after = rest.rpartition('": json')
        found = json.loads(json.loads(f'"{value}"'))
        found["metadata"].pop("managedFields", None)
        cause = body["details"]["causes"][0]
        same = cause["message"] == body["message"].partition("patch: ")[2]
        shown.append([before, found, after, cause["field"], cause["reason"], same])
    return different(shown[0], shown[1])


def without_the_diff(have: Any, want: Any) -> list[str]:
    """Judge the refusal of a pod's change without the difference of Go structs that a real server appends."""
    found = [json.loads(json.dumps(body)) for body in (have, want)]
    for body in found:
        for part in (body, body["details"]["causes"][0]):
            part["message"] = part["message"].partition("\n")[0]
    return different(found[0], found[1])


def unowned(have: Any, want: Any) -> list[str]:
    """Judge a review without the ownership of its fields, of which nobody can make use."""
    return different(tidied(have, managed=False, created=True), tidied(want, managed=False, created=True))


def once(have: Any, want: Any) -> list[str]:
    """Judge bookmarks by the first one: how often they come near the end is the server's mood."""
    return different(have[:1], want[:1])


JUDGES: dict[Exchange, Judge] = {
    ("patch-json", 7): patched_object,
    ("pods", 3): without_the_diff,
    ("wrong-content-type-415", 7): same_yaml,
    ("unauthorized-401", 4): without("gitCommit", "gitTreeState"),
    ("version-health-discovery", 1): without("gitCommit", "gitTreeState"),
    ("version-health-discovery", 5): without("serverAddressByClientCIDRs"),
    ("version-health-discovery", 6): served_groups,
    **{("version-health-discovery", n): a_part("resources", "name") for n in (7, 8, 9)},
    **{("selfsubjectaccessreview", n): unowned for n in range(1, 9)},
    ("watch-bookmarks", 3): once,
}
