"""Which of the daemon's own variables and files a manifest that was sent to it may name as secrets.

A secret's value ends in a container of the sender's choice, so whoever may start rollouts could otherwise read the
daemon's tokens out of its environment and act as somebody else. Manifests in the daemon's own folder are not held to
this: who can write there has those rights already.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping

SETTING = "ROLLOUT_SECRET_FILES"
_FOLDERS = "/run/secrets:/var/run/secrets"
_OWN_VARIABLES = ("ROLLOUT_", "AZURE_", "IDENTITY_", "MSI_", "ARM_", "ACTIONS_", "SYSTEM_", "DOCKER_", "PG")
# Where Kubernetes mounts what a pod signs in with; both stand below the folder that is meant for secrets of services.
_OWN_FILES = ("kubernetes.io", "azure/tokens")


def reserved(kind: str, name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Say why the daemon keeps this secret to itself, with the way out; None for one that may be used.

    `kind` and `name` are those of the reference: `env`, `file` or `keyVault`, whose rights the vault itself decides.
    """
    settings = os.environ if environment is None else environment
    if kind == "env" and name.upper().startswith(_OWN_VARIABLES):
        return f"${{env:{name}}} is the daemon's own: give the secret a variable of another name there"
    if kind != "file":
        return None
    folders = [folder for folder in (settings.get(SETTING) or _FOLDERS).split(":") if folder.startswith("/")]
    path = _plain(name)
    inside = [path.removeprefix(f"{_plain(folder)}/") for folder in folders if path.startswith(f"{_plain(folder)}/")]
    if inside and not any(rest.startswith(own) for rest in inside for own in _OWN_FILES):
        return None
    return (
        f"${{file:{name}}} is not below {' or '.join(folders)}, where the daemon keeps the secrets of services: put it "
        f"there, or name its folder in {SETTING} of the daemon"
    )


def _plain(path: str) -> str:
    """The path without dots and doubled slashes, which would lead out of a folder or past its name."""
    return "/" + posixpath.normpath(path).lstrip("/")
