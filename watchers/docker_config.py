"""What this machine knows about registries: ROLLOUT_REGISTRY_USER and _PASSWORD, Docker's configuration and helpers.

Looked up each time it is needed, so that a login made meanwhile counts. Secrets stand in no repr and in no error.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchers.errors import Denied
from watchers.reference import DOCKER_HUB, DOCKER_HUB_NAMES

_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_IDENTITY_USER = "<token>"
_NOT_FOUND = "credentials not found"


@dataclass(frozen=True, slots=True)
class Credential:
    """A user and secret for one registry; `source` says where it came from, in words for people.

    With `identity` the secret is an OAuth2 refresh token rather than a password.
    """

    source: str
    user: str
    secret: str = field(repr=False)
    identity: bool = False


@dataclass(frozen=True, slots=True)
class Keychain:
    """Finds the credential for a registry: environment first, then Docker's configuration.

    ROLLOUT_REGISTRY_HOST, when set, keeps the environment's credential to that one registry. `helper_seconds` limits a
    credential helper's run.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    helper_seconds: float = 10.0

    def find(self, host: str) -> Credential | None:
        """Return the credential for `host[:port]`, None when this machine knows none.

        Raises Denied when what it knows cannot be read; it names the file, entry or helper and nothing of its content.
        """
        return self._from_environment(host) or self._from_config(host)

    def _from_environment(self, host: str) -> Credential | None:
        user = self.environment.get("ROLLOUT_REGISTRY_USER", "")
        secret = self.environment.get("ROLLOUT_REGISTRY_PASSWORD", "")
        only = self.environment.get("ROLLOUT_REGISTRY_HOST", "")
        if not (user or secret) or (only and _host_of(only) != host):
            return None
        if not (user and secret):
            missing = "ROLLOUT_REGISTRY_PASSWORD" if user else "ROLLOUT_REGISTRY_USER"
            raise Denied(f"{missing} is not set, its counterpart is", "set both, or neither")
        return Credential("ROLLOUT_REGISTRY_USER", user, secret)

    def _from_config(self, host: str) -> Credential | None:
        path = self._path()
        document = _read(path) if path is not None else None
        if path is None or document is None:
            return None
        entries, helpers = _table(document, "auths", path), _table(document, "credHelpers", path)
        key = next((key for key in (host, *entries) if key in entries and _host_of(key) == host), None)
        helper = next((name for named, name in helpers.items() if _host_of(named) == host), document.get("credsStore"))
        if helper:
            server = key or (_DOCKER_HUB_KEY if host == DOCKER_HUB else host)
            credential = self._from_helper(helper, server, path)
            if credential is not None:
                return credential
        return _from_entry(entries[key], key, path) if key is not None else None

    def _path(self) -> Path | None:
        folder = self.environment.get("DOCKER_CONFIG")
        if folder:
            return Path(folder) / "config.json"
        home = self.environment.get("HOME")
        return Path(home) / ".docker" / "config.json" if home else None

    def _from_helper(self, helper: object, server: str, path: Path) -> Credential | None:
        if not isinstance(helper, str) or not _HELPER.fullmatch(helper):
            raise Denied(f"{path}: credential helper: expected a name such as `pass`", "correct it or log in again")
        program = f"docker-credential-{helper}"
        found = shutil.which(program, path=self.environment.get("PATH"))
        if found is None:
            raise Denied(f"{path} names the credential helper {program}, which is not on PATH", f"install {program}")
        what, remedy = f"{program} get for {server}", "log in again, or set ROLLOUT_REGISTRY_USER and _PASSWORD"
        try:
            code, output, words = _run([found, "get"], server.encode(), dict(self.environment), self.helper_seconds)
        except subprocess.TimeoutExpired:
            raise Denied(f"{what}: no answer within {self.helper_seconds:g} s", remedy) from None
        except OSError as error:
            raise Denied(f"{what}: cannot be run ({error.strerror})", remedy) from None
        if code != 0:
            if _NOT_FOUND in (output + words).decode("utf-8", "replace").lower():
                return None
            raise Denied(f"{what}: ended with exit code {code}", remedy)
        return _from_answer(output, program, what, remedy)


def _run(command: list[str], text: bytes, environment: dict[str, str], seconds: float) -> tuple[int, bytes, bytes]:
    """Run a program without a shell and return its exit code, output and error output.

    It gets a process group of its own: what it has begun itself would otherwise outlive its time limit, and keep us
    waiting for the end of the output that it inherited. Raises subprocess.TimeoutExpired and OSError.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - the user's own helper, by its whole path
        command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, process_group=0
    ) as process:
        try:
            output, words = process.communicate(text, timeout=seconds)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, output, words


def _from_answer(output: bytes, program: str, what: str, remedy: str) -> Credential | None:
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        answer = None
    user = answer.get("Username") if isinstance(answer, dict) else None
    secret = answer.get("Secret") if isinstance(answer, dict) else None
    if not isinstance(user, str) or not isinstance(secret, str):
        raise Denied(f"{what}: expected a JSON object with Username and Secret", remedy)
    return Credential(program, user, secret, identity=user == _IDENTITY_USER) if user and secret else None


def _from_entry(entry: object, key: str, path: Path) -> Credential | None:
    where = f"{path}: auths[{key!r}]"
    if not isinstance(entry, dict):
        raise Denied(f"{where}: expected an object", "log in again")
    user, secret, identity = entry.get("username"), entry.get("password"), entry.get("identitytoken")
    packed = entry.get("auth")
    if packed:
        user, secret = _unpacked(packed, where)
    if isinstance(identity, str) and identity:
        return Credential(
            str(path), user if isinstance(user, str) and user else _IDENTITY_USER, identity, identity=True
        )
    if isinstance(user, str) and isinstance(secret, str) and user and secret:
        return Credential(str(path), user, secret)
    return None


def _unpacked(packed: object, where: str) -> tuple[str, str]:
    try:
        text = b64decode(packed if isinstance(packed, str) else "", validate=True).decode()
    except ValueError:
        text = ""
    user, colon, secret = text.partition(":")
    if not colon:
        raise Denied(f"{where}.auth: expected base64 of user:password", "log in again")
    return user, secret.rstrip("\0")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Denied(f"{path}: cannot be read ({error.strerror})", "make it readable or set DOCKER_CONFIG") from None
    except (ValueError, RecursionError) as error:
        line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Denied(f"{path}: is not JSON{line}", "correct it, or log in again") from None
    if not isinstance(document, dict):
        raise Denied(f"{path}: expected a JSON object", "correct it, or log in again")
    return document


def _table(document: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    table = document.get(key) or {}
    if not isinstance(table, dict):
        raise Denied(f"{path}: {key}: expected an object", "correct it, or log in again")
    return table


def _host_of(key: str) -> str:
    """Return the host that a key of Docker's configuration means: no scheme, no path, the Hub by its one name."""
    host = key.partition("://")[2] or key
    host = host.partition("/")[0].lower()
    return DOCKER_HUB if host in DOCKER_HUB_NAMES else host
