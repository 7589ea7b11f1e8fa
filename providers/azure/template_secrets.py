"""Places of a container group where a secret has to stand and none does, as in every export; pure.

Azure never gives a secret back: `az container export` shows such values as null or leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.problems import Path, Problem, items


def null_secrets(properties: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each secret that is missing, with its path."""
    for key in ("containers", "initContainers"):
        for number, container in enumerate(items(properties.get(key))):
            inner = container.get("properties") if isinstance(container, Mapping) else None
            variables = items(inner.get("environmentVariables")) if isinstance(inner, Mapping) else []
            for place, item in enumerate(variables):
                if isinstance(item, Mapping) and all(item.get(part) is None for part in _VALUES):
                    path: Path = ("properties", key, number, "properties", "environmentVariables", place)
                    yield _null((*path, "secureValue"), f"a value for {item.get('name')}")
    for number, item in enumerate(items(properties.get("imageRegistryCredentials"))):
        if isinstance(item, Mapping) and all(item.get(part) is None for part in _PASSWORDS):
            path = ("properties", "imageRegistryCredentials", number, "password")
            yield _null(path, f"the password (or an identity) for {item.get('server')}")
    for number, volume in enumerate(items(properties.get("volumes"))):
        yield from _null_volume(("properties", "volumes", number), volume)
    diagnostics = properties.get("diagnostics")
    logs = diagnostics.get("logAnalytics") if isinstance(diagnostics, Mapping) else None
    if isinstance(logs, Mapping) and logs.get("workspaceKey") is None:
        yield _null(("properties", "diagnostics", "logAnalytics", "workspaceKey"), "the key of the workspace")


_VALUES = ("value", "secureValue", "secureValueReference")
_PASSWORDS = ("password", "passwordReference", "identity")
_SHARE_KEYS = ("storageAccountKey", "storageAccountKeyReference")


def _null_volume(path: Path, volume: Any) -> Iterator[Problem]:
    if not isinstance(volume, Mapping):
        return
    share, secret = volume.get("azureFile"), volume.get("secret")
    if isinstance(share, Mapping) and all(share.get(part) is None for part in _SHARE_KEYS):
        yield _null((*path, "azureFile", "storageAccountKey"), f"the key of {share.get('storageAccountName')}")
    if isinstance(secret, Mapping):
        if not secret:
            yield _null((*path, "secret"), "the files of the secret volume")
        for name in (name for name, value in secret.items() if value is None):
            yield _null((*path, "secret", name), f"the content of {name}")


def _null(path: Path, what: str) -> Problem:
    ways = "${env:NAME}, ${file:/path} or ${keyVault:vault/name}"
    way_out = f"Azure never gives a secret back, so an export lacks it: put in {ways}"
    return Problem(path, f"expected {what}; got nothing. {way_out}")
