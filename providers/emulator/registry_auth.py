"""Tokens of the emulated registry: the exchange that Azure Container Registry does, and the generic bearer flow.

Tokens look like JSON Web Tokens, because clients read `exp` out of them, and are signed with a key of this process, so
nothing has to be remembered. Whom they are given to is not checked: any credential that is not empty will do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec

from providers.emulator.clock import Clock
from providers.emulator.http import Request, Response
from providers.emulator.registry_store import RegistryError

REFRESH_LIFETIME = timedelta(hours=3)
ACCESS_LIFETIME = timedelta(minutes=75)
NULL_USER = "00000000-0000-0000-0000-000000000000"
READING = frozenset({"pull", "metadata_read"})


class TokenService:
    """Issues and checks the registry's tokens.

    `required` makes every registry call need one (off by default: the emulator is for trying things out); `anonymous`
    then lets a caller without credentials have tokens that read.
    """

    def __init__(self, clock: Clock, *, required: bool = False, anonymous: bool = False) -> None:
        self.required = required
        self._anonymous = anonymous
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def handle(self, request: Request) -> Response:
        """Answer `/oauth2/exchange` and `/oauth2/token` (POST form, or GET with Basic credentials or none)."""
        path = request.path.rstrip("/").lower()
        if path == "/oauth2/exchange" and request.method == "POST":
            return self._exchange(_form(request))
        if path == "/oauth2/token" and request.method in ("GET", "POST"):
            return self._token(request)
        raise RegistryError(404, "NOT_FOUND", f"{request.method} {request.path} is not part of the token service")

    def check(self, request: Request, scope: str) -> None:
        """Let a call pass that may do what `scope` says (`repository:<name>:<action>`); raises 401 with a challenge."""
        if not self.required:
            return
        kind, _, credential = (request.header("Authorization") or "").partition(" ")
        if kind.lower() == "basic" and _basic(credential) is not None:
            return
        name, _, action = scope.rpartition(":")
        claims = self._read(credential, "access") if kind.lower() == "bearer" else None
        if claims is not None and any(_grants(entry, name, action) for entry in claims["scope"]):
            return
        host = request.header("Host") or "localhost"
        challenge = f'Bearer realm="http://{host}/oauth2/token",service="{host}",scope="{scope}"'
        if kind:
            challenge += ',error="invalid_token"' if claims is None else ',error="insufficient_scope"'
        message = "authentication required, visit the realm of the Www-Authenticate header for a token"
        raise RegistryError(401, "UNAUTHORIZED", message, headers={"Www-Authenticate": challenge})

    def _exchange(self, form: dict[str, str]) -> Response:
        kinds = ("access_token", "access_token_refresh_token", "refresh_token")
        if form.get("grant_type") not in kinds:
            raise RegistryError(400, "UNSUPPORTED", f"grant_type must be one of {', '.join(kinds)}")
        if not (form.get("access_token") or form.get("refresh_token")):
            raise RegistryError(401, "UNAUTHORIZED", "access_token must be an Entra ID token; got nothing")
        return _json({"refresh_token": self._write("refresh", [], REFRESH_LIFETIME)})

    def _token(self, request: Request) -> Response:
        form = dict(request.query) if request.method == "GET" else _form(request)
        scopes = form.get("scope", "").split()
        if not self._identified(request, form):
            if not self._anonymous and self.required:
                raise RegistryError(401, "UNAUTHORIZED", "a token needs a refresh token or a user name and password")
            scopes = [kept for scope in scopes if (kept := _reading_only(scope))]
        token = self._write("access", scopes, ACCESS_LIFETIME)
        return _json({"access_token": token, "expires_in": int(ACCESS_LIFETIME.total_seconds())})

    def _identified(self, request: Request, form: dict[str, str]) -> bool:
        """Say whether the caller showed who it is; a refresh token that was shown must be one of ours."""
        refresh = form.get("refresh_token")
        kind, _, credential = (request.header("Authorization") or "").partition(" ")
        pair = _basic(credential) if kind.lower() == "basic" else None
        if pair is not None and pair[0] == NULL_USER:
            refresh = pair[1]
        if refresh is not None:
            if self._read(refresh, "refresh") is None:
                raise RegistryError(401, "UNAUTHORIZED", "the refresh token is not valid or has expired")
            return True
        return pair is not None or bool(form.get("username") and form.get("password"))

    def _write(self, use: str, scopes: list[str], lifetime: timedelta) -> str:
        now = self._clock.now()
        claims = {"use": use, "scope": scopes, "iat": int(now.timestamp()), "exp": int((now + lifetime).timestamp())}
        signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def _read(self, token: str, use: str) -> dict[str, Any] | None:
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(_bytes(signature), _bytes(self._signature(signed))):
            return None
        claims = msgspec.json.decode(_decode(signed.partition(".")[2]), type=dict[str, Any])
        alive = claims["exp"] > self._clock.now().timestamp()
        return claims if alive and claims["use"] == use else None

    def _signature(self, signed: str) -> str:
        return _trim(hmac.new(self._key, _bytes(signed), hashlib.sha256).digest())


def _grants(entry: str, name: str, action: str) -> bool:
    resource, _, actions = entry.rpartition(":")
    allowed = actions.split(",")
    return resource == name and (action in allowed or "*" in allowed)


def _reading_only(scope: str) -> str | None:
    resource, _, actions = scope.rpartition(":")
    kept = ",".join(action for action in actions.split(",") if action in READING)
    return f"{resource}:{kept}" if kept else None


def _basic(credential: str) -> tuple[str, str] | None:
    try:
        user, colon, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon and user and password else None


def _bytes(text: str) -> bytes:
    """Encode what a header held: bytes that were no UTF-8 arrive as lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def _form(request: Request) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(request.body.decode("utf-8", "replace")).items()}


def _json(body: object) -> Response:
    return Response(200, {"Content-Type": "application/json"}, msgspec.json.encode(body))


def _encode(claims: object) -> str:
    return _trim(msgspec.json.encode(claims))


def _trim(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
