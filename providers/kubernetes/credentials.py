"""The proof of who we are that goes with each request: fixed, from a file that rotates, or from a plugin that is asked.

A plugin may take as long as the act may last and no longer; what it handed out is kept until it expires, or until the
server refuses it. All of it is NotSent when it fails: nothing has left.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from providers.errors import NotSent
from providers.kubernetes.kubeconfig import Plugin, User

_EARLY = timedelta(seconds=30)
_LONGEST_SECONDS = 60.0
_SAID = 500


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows the server who we are: the Authorization header's value, or a client certificate and its key (PEM)."""

    authorization: str | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    expires_at: datetime | None = None


class Credentials:
    """The proofs of one user, safe to share between threads; `now` (UTC) is what expiries are compared with."""

    def __init__(self, user: User, now: Callable[[], datetime]) -> None:
        self._user, self._now = user, now
        self._lock = threading.Lock()
        self._proof: Proof | None = None
        self._token = ""

    def proof(self, left: Callable[[], float]) -> Proof:
        """Return the present proof; `left` says how many seconds there are to get one. Raises NotSent."""
        user = self._user
        if user.token_file is not None:
            return Proof(f"Bearer {self._from_file(user.token_file)}", user.certificate, user.key)
        if user.token is not None:
            return Proof(f"Bearer {user.token}", user.certificate, user.key)
        if user.plugin is not None:
            return self._from_plugin(user.plugin, left)
        basic = None
        if user.basic is not None:
            basic = f"Basic {base64.b64encode(':'.join(user.basic).encode()).decode()}"
        return Proof(basic, user.certificate, user.key)

    def renewed(self, refused: Proof, left: Callable[[], float]) -> bool:
        """Whether there is another proof than the one that was refused; a plugin is asked anew. Raises NotSent."""
        with self._lock:
            if self._proof == refused:
                self._proof = None
        return self.proof(left) != refused

    def _from_file(self, path: Path) -> str:
        """Read the token anew each time, for it rotates; while it is being replaced the last one holds."""
        with suppress(OSError, UnicodeDecodeError):
            self._token = path.read_text().strip() or self._token
        if not self._token:
            raise NotSent(f"there is no token in {path}; nothing was sent", code="NoCredential")
        return self._token

    def _from_plugin(self, plugin: Plugin, left: Callable[[], float]) -> Proof:
        if not self._lock.acquire(timeout=max(min(left(), _LONGEST_SECONDS), 0.001)):
            raise NotSent(f"{plugin.command} is still at work on a credential; nothing was sent", code="NoCredential")
        try:
            have = self._proof
            if have is None or (have.expires_at is not None and self._now() >= have.expires_at - _EARLY):
                asked = ask(plugin, min(left(), _LONGEST_SECONDS))
                user = self._user
                have = Proof(
                    asked.authorization, asked.certificate or user.certificate, asked.key or user.key, asked.expires_at
                )
                self._proof = have
            return have
        finally:
            self._lock.release()


def ask(plugin: Plugin, seconds: float) -> Proof:
    """Run a plugin for at most `seconds` and read what it hands out; raises NotSent with its own last words."""
    if plugin.needs_terminal:
        raise _failed(plugin, "it wants to talk to a person at a terminal, which nobody is here")
    told: dict[str, Any] = {"interactive": False}
    if plugin.cluster is not None:
        told["cluster"] = plugin.cluster
    request = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": told}
    environment = {**os.environ, **dict(plugin.environment), "KUBERNETES_EXEC_INFO": json.dumps(request)}
    code, said, complaint = _run(plugin, environment, seconds)
    if code != 0:
        raise _failed(plugin, f"it ended with {code}: {' '.join(complaint.split())[-_SAID:] or 'and said nothing'}")
    try:
        answer = json.loads(said)
        status = answer["status"]
        found = _proof(status)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _failed(plugin, f"expected an ExecCredential with a status on its output ({error!r})") from error
    if answer.get("apiVersion") != plugin.api_version:
        raise _failed(plugin, f"expected apiVersion {plugin.api_version}; got {answer.get('apiVersion')}")
    if found.authorization is None and found.certificate is None:
        raise _failed(plugin, "it handed out neither a token nor a certificate")
    return found


def _run(plugin: Plugin, environment: Mapping[str, str], seconds: float) -> tuple[int, str, str]:
    try:
        process = subprocess.Popen(  # noqa: S603 - the kubeconfig's owner chose the program
            [plugin.command, *plugin.args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        hint = f"; {plugin.hint}" if plugin.hint else ""
        raise _failed(plugin, f"it cannot be run: {error.strerror}{hint}") from error
    with process:
        try:
            said, complaint = process.communicate(timeout=max(seconds, 0.001))
        except subprocess.TimeoutExpired:
            # `az` is a script that starts another program: only the whole session's end frees its pipes.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise _failed(plugin, f"it took longer than the {seconds:.1f} s that there were") from None
    return process.returncode, said, complaint


def _proof(status: Mapping[str, Any]) -> Proof:
    token, certificate, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
    until = status.get("expirationTimestamp")
    when = datetime.fromisoformat(str(until)) if until else None
    return Proof(
        f"Bearer {token}" if token else None,
        str(certificate).encode() if certificate and key else None,
        str(key).encode() if certificate and key else None,
        when if when is None or when.tzinfo is not None else when.replace(tzinfo=UTC),
    )


def _failed(plugin: Plugin, why: str) -> NotSent:
    name = Path(plugin.command).name
    return NotSent(f"no credential from {name}: {why}; nothing was sent", code="NoCredential")
