"""The kubeconfig that leads clients to the emulated clusters: a context per cluster, and any token will do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

DEFAULT = "emulator"
"""The cluster that every emulator has, and the current context."""
USERS = [{"name": "emulator", "user": {"token": "emulator"}}]


def kubeconfig(url: str, clusters: Iterable[str]) -> dict[str, Any]:
    """Return a kubeconfig as a JSON value (which is YAML too); `url` is that of the emulator, without a final slash."""
    names = list(dict.fromkeys([DEFAULT, *clusters]))
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": DEFAULT,
        "preferences": {},
        "clusters": [{"name": name, "cluster": {"server": f"{url}/clusters/{name}"}} for name in names],
        "users": USERS,
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "emulator", "namespace": "default"}} for name in names
        ],
    }


def is_ours(text: str) -> bool:
    """Say whether a file's text is a kubeconfig that an emulator wrote, or nothing at all."""
    if not text.strip():
        return True
    try:
        told = json.loads(text)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("users") == USERS
