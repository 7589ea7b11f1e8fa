"""How a registry is shown who asks: Basic, the bearer challenge, and Azure's exchange of an Entra ID token.

A registry that refuses says what it wants; what we have is tried in order: the credential of this machine, the Entra
identity (Azure Container Registry only), nobody. What worked is kept per scope until shortly before it ends.
"""

from __future__ import annotations

import json
import re
import threading
import time
from base64 import b64encode, urlsafe_b64decode
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from watchers.addresses import Site
from watchers.challenges import Challenge, challenges
from watchers.docker_config import Credential, Keychain
from watchers.errors import Denied, Malformed
from watchers.refusals import LOGIN, refusal, said
from watchers.transport import AGENT, Answer, Transport

_MOST_BYTES = 1 << 20
_DEFAULT_LIFE_SECONDS = 60.0
_TOKEN = re.compile(r"[!-~]+")
_EVERYWHERE, _CLIENT = "*", "rollout"
_MOST_GRANTS_BYTES = 16 << 20  # Azure's tokens are of about 1.2 kB: 10,000 of them fit
_AROUND_BYTES = 300
_FOUND_SECONDS = 30.0
Send = Callable[[str | None], Answer]


class Tokens(Protocol):
    """Whoever can get tokens of Entra ID for container registries."""

    def token(self, host: str, tenant: str | None) -> str | None:
        """Return an access token for the registry at `host`, None where this process has no identity to show there.

        Asked for Azure's registries and for loopback hosts only; of the latter only an emulator may get one.
        May raise watchers.errors.Denied with the reason.
        """
        ...


@dataclass(frozen=True, slots=True)
class Grant:
    """An Authorization header, where it came from, and until when it is used (monotonic seconds, None for always)."""

    header: str = field(repr=False)
    source: str
    until: float | None = None

    @property
    def secret(self) -> str:
        """The part of the header that nobody else may see."""
        return self.header.partition(" ")[2]

    def weight(self, scope: str) -> int:
        """About how many bytes it takes to keep it under its scope."""
        return len(self.header) + len(scope) + _AROUND_BYTES


class Authorizer:
    """Shows one registry who asks; safe to be used by several threads.

    `tenant` is the Entra tenant to exchange in where it is known.
    """

    def __init__(
        self,
        site: Site,
        transport: Transport,
        keychain: Keychain,
        *,
        tokens: Tokens | None = None,
        tenant: str | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._site, self._transport, self._keychain = site, transport, keychain
        self._tokens, self._tenant, self._now, self._monotonic = tokens, tenant, now, monotonic
        self._grants: dict[str, Grant] = {}
        self._grants_bytes = 0
        self._lock = threading.Lock()
        self._refresh: tuple[str, float] | None = None
        self._exchanging = threading.Lock()
        self._found: tuple[Credential | None, float] | None = None
        self._finding = threading.Lock()
        self._shown: deque[str] = deque(maxlen=32)
        self.identity = "nobody"

    def shown(self, scope: str) -> str | None:
        """Return the Authorization header for a scope that was opened before, None where there is none or it ends."""
        if not self._grants:
            return None
        grant = self._grants.get(scope) or self._grants.get(_EVERYWHERE)
        if grant is None or (grant.until is not None and self._monotonic() >= grant.until):
            return None
        self._shown.append(grant.secret)
        return grant.header

    def reopen(self, answer: Answer, what: str, scope: str, send: Send) -> Answer:
        """Ask again what was answered with 401, showing what that answer asks for, and keep what opens it.

        `send` is given the Authorization header. Raises Denied, naming all that was tried, when nothing opens.
        """
        with self._lock:
            for key in (scope, _EVERYWHERE):
                self._drop(key)
        refused: list[str] = []
        for source, obtain in self._ways(answer, scope):
            try:
                grant = obtain()
            except Denied as error:
                self._found = None
                refused.append(f"{source}: {error.message}")
                continue
            self._shown.append(grant.secret)
            answer = send(grant.header or None)
            if answer.status not in (401, 403):
                self._keep(scope, grant)
                return answer
            self._found = None
            refused.append(f"{source}: refused with {' '.join([str(answer.status), *filter(None, said(answer))])}")
        told = self.redact("; ".join(refused)) or f"{answer.status}, no way in is named that is spoken here"
        remedy = f"check the repository's name, give this identity the right to pull (AcrPull in Azure), or {LOGIN}"
        raise Denied(f"{what}: access denied ({told})", remedy, code=said(answer)[0])

    def redact(self, text: str) -> str:
        """Take every credential lately shown out of a text, whoever wrote it."""
        for secret in sorted(self._shown, key=len, reverse=True):
            text = text.replace(secret, "***") if secret else text
        return text

    def _keep(self, scope: str, grant: Grant) -> None:
        self.identity = grant.source
        with self._lock:
            grants, key = self._grants, _EVERYWHERE if grant.until is None else scope
            self._drop(key)
            while grants and self._grants_bytes + grant.weight(key) > _MOST_GRANTS_BYTES:
                oldest, newest = next(iter(grants)), next(reversed(grants))
                until = grants[oldest].until
                # Repositories are polled in turn: dropping the least recently used would lose every one of them just
                # before its turn as soon as there are more than fit.
                self._drop(oldest if until is not None and until <= self._monotonic() else newest)
            grants[key] = grant
            self._grants_bytes += grant.weight(key)

    def _drop(self, key: str) -> None:
        if (grant := self._grants.pop(key, None)) is not None:
            self._grants_bytes -= grant.weight(key)

    def _credential(self) -> Credential | None:
        """Return what this machine knows, found a moment ago unless it was refused since.

        A helper is a process of its own: many repositories that need their tokens at once shall not start as many.
        """
        with self._finding:
            found = self._found
            if found is None or self._monotonic() >= found[1]:
                credential = self._keychain.find(self._site.host)
                found = self._found = (credential, self._monotonic() + _FOUND_SECONDS)
            return found[0]

    def _ways(self, answer: Answer, scope: str) -> Iterator[tuple[str, Callable[[], Grant]]]:
        asked = challenges(answer.headers.get_all("WWW-Authenticate") or [])
        bearer = next((one for one in asked if one.scheme == "bearer" and one.parameters.get("realm")), None)
        basic = any(one.scheme == "basic" for one in asked)
        if bearer is None and not basic:
            return
        try:
            credential = self._credential()
        except Denied as error:
            credential, unreadable = None, error
            yield "this machine's credentials", lambda: _raise(unreadable)
        if bearer is None:
            if credential is not None and not credential.identity:
                yield credential.source, lambda: Grant(_basic(credential), credential.source)
            elif credential is None:
                yield "no credential", lambda: _raise(Denied("a user and password are asked for"))
            return
        realm = self._site.realm(bearer.parameters["realm"])
        wanted = {"service": bearer.parameters.get("service", self._site.host), "scope": _scope(bearer, scope)}
        if credential is not None:
            yield credential.source, lambda: self._bearer(realm, wanted, credential)
        if self._site.azure and self._tokens is not None:
            yield "Entra ID", lambda: self._exchanged(realm, wanted)
        yield "no credential", lambda: self._bearer(realm, wanted, None)

    def _bearer(self, realm: str, wanted: dict[str, str], credential: Credential | None) -> Grant:
        if credential is None or not credential.identity:
            address = f"{realm}{'&' if '?' in realm else '?'}{urlencode(wanted)}"
            if credential is None:
                return self._granted(self._call("GET", address, {}, None), "no credential")
            header = _basic(credential)
            self._shown.extend((credential.secret, header.partition(" ")[2]))
            return self._granted(self._call("GET", address, {"Authorization": header}, None), credential.source)
        return self._refreshed(realm, wanted, credential.secret, credential.source)

    def _exchanged(self, realm: str, wanted: dict[str, str]) -> Grant:
        kept = self._refresh
        if kept is not None and self._monotonic() < kept[1]:
            try:
                return self._refreshed(realm, wanted, kept[0], "Entra ID")
            except Denied:
                self._forget(kept)
        return self._refreshed(realm, wanted, self._exchange(wanted["service"]), "Entra ID")

    def _forget(self, refused: tuple[str, float]) -> None:
        with self._exchanging:
            if self._refresh is refused:
                self._refresh = None

    def _exchange(self, service: str) -> str:
        """Return a refresh token; whoever comes while another one is being fetched waits for it and takes that."""
        with self._exchanging:
            if self._refresh is not None and self._monotonic() < self._refresh[1]:
                return self._refresh[0]
            entra = self._tokens.token(self._site.host, self._tenant) if self._tokens is not None else None
            if not entra:
                raise Denied("this process has no Entra identity for it")
            self._shown.append(entra)
            form = {"grant_type": "access_token", "service": service, "access_token": entra}
            if self._tenant:
                form["tenant"] = self._tenant
            body = self._call("POST", f"{self._site.base}/oauth2/exchange", {}, form)
            refresh = _text(body, "refresh_token", self._site.host)
            self._refresh = (refresh, self._monotonic() + _used_for(_life(body, refresh)))
            return refresh

    def _refreshed(self, realm: str, wanted: dict[str, str], refresh: str, source: str) -> Grant:
        self._shown.append(refresh)
        form = {"grant_type": "refresh_token", "client_id": _CLIENT, **wanted, "refresh_token": refresh}
        return self._granted(self._call("POST", realm, {}, form), source)

    def _granted(self, body: dict[str, Any], source: str) -> Grant:
        token = _text(body, "token" if body.get("token") else "access_token", self._site.host)
        return Grant(f"Bearer {token}", source, self._monotonic() + _used_for(_life(body, token)))

    def _call(self, method: str, address: str, headers: dict[str, str], form: dict[str, str] | None) -> dict[str, Any]:
        data = urlencode(form).encode() if form is not None else None
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        answer = self._transport.send(method, address, {**headers, **kind, "User-Agent": AGENT}, data, most=_MOST_BYTES)
        what = f"{self._site.host}: its token service"
        if answer.status == 400:
            # Where a refresh token has ended or a grant is not known, OAuth2 says 400 and means no.
            raise Denied(
                self.redact(f"refused with {' '.join(['400', *filter(None, said(answer))])}"), code=said(answer)[0]
            )
        if answer.status != 200:
            raise refusal(answer, what, self.redact, self._now())
        try:
            body = json.loads(answer.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise Malformed(f"{what}: expected a JSON object", "try again", passing=True)
        return body


def _raise(error: Denied) -> Grant:
    raise error


def _basic(credential: Credential) -> str:
    return f"Basic {b64encode(f'{credential.user}:{credential.secret}'.encode()).decode()}"


def _scope(bearer: Challenge, scope: str) -> str:
    return bearer.parameters.get("scope") or scope


def _text(body: dict[str, Any], key: str, host: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise Malformed(f"{host}: its token service: expected {key} in the answer", "check that it is a registry's")
    return value


def _life(body: dict[str, Any], token: str) -> float:
    """Return how long a token lives, in seconds, by the issuer's own clock: ours may differ from it."""
    said_so = body.get("expires_in")
    if isinstance(said_so, int | float) and not isinstance(said_so, bool) and said_so > 0:
        return float(said_so)
    try:
        part = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        life = float(claims["exp"]) - float(claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return _DEFAULT_LIFE_SECONDS
    return life if life > 0 else _DEFAULT_LIFE_SECONDS


def _used_for(life_seconds: float) -> float:
    """Return how long a token is used: it ends while a request is under way otherwise."""
    return life_seconds - min(60.0, life_seconds / 5)
