"""Entra ID's word for who is asking: its signed tokens, checked against the tenant's own keys."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.http.answers import Refusal, Tells
from orchestrator.http.apart import apart
from orchestrator.http.credentials import Caller, Scope, UnfitSetting
from watchers.errors import RegistryError

TENANT, AUDIENCE, AUTHORITY = "ROLLOUT_ENTRA_TENANT", "ROLLOUT_ENTRA_AUDIENCE", "AZURE_AUTHORITY_HOST"
READ_ROLE, OPERATE_ROLE = "Rollout.Read", "Rollout.Operate"
_PUBLIC_CLOUD = "login.microsoftonline.com"
# Tokens of the first version name another issuer than the place they come from.
_FIRST_ISSUERS = {"login.partner.microsoftonline.cn": "https://sts.chinacloudapi.cn"}
_FIRST_ISSUER = "https://sts.windows.net"
_TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEEWAY_SECONDS = 60
_FETCH_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024
_MOST_KEYS = 64
# Keys are changed every few weeks, and announced by being there; who signs with one that is not may ask so often only.
_FRESH_SECONDS, _ASK_AGAIN_SECONDS = 24 * 3600.0, 60.0
_LONGEST_ACTOR = 128

Fetch = Callable[[str], bytes]
"""Returns what stands at an address; blocks, and raises RegistryError or ValueError."""


class Entra:
    """Verifies tokens of one tenant for one or several audiences; holds its keys, and asks for them now and then."""

    def __init__(
        self,
        tenant: str,
        audiences: tuple[str, ...],
        *,
        authority: str = _PUBLIC_CLOUD,
        fetch: Fetch | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        log: Tells | None = None,
    ) -> None:
        self._audiences = list(audiences)
        first = _FIRST_ISSUERS.get(authority, _FIRST_ISSUER)
        self._issuers = [f"{first}/{tenant}/", f"https://{authority}/{tenant}/v2.0"]
        self._tenant = tenant
        self._keys = _Keys(f"https://{authority}/{tenant}/discovery/v2.0/keys", fetch or fetched, monotonic, log)

    async def verify(self, token: str) -> Caller | None:
        """Return who holds the token, with the scope its roles give; None for what is no good token of this tenant.

        Raises Refusal 503 while no key could be had at all.
        """
        import jwt

        try:
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            return None
        name = head.get("kid")
        # The key decides how a token is checked, never the token: `none` and HMAC with a public key end here.
        if head.get("alg") != "RS256" or not isinstance(name, str):
            return None
        key = await self._keys.named(name)
        if key is None:
            return None
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audiences,
                issuer=self._issuers,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            return None
        return _caller(claims) if claims.get("tid", self._tenant) == self._tenant else None


def entra_of(settings: Mapping[str, str], log: Tells | None = None) -> Entra | None:
    """Read ROLLOUT_ENTRA_TENANT and ROLLOUT_ENTRA_AUDIENCE (several by commas), and AZURE_AUTHORITY_HOST for a cloud
    other than the public one; None when neither is set. Raises UnfitSetting.
    """
    tenant, audience = settings.get(TENANT, "").strip().lower(), settings.get(AUDIENCE, "").strip()
    if not tenant and not audience:
        return None
    if not _TENANT.fullmatch(tenant):
        raise UnfitSetting(f"{TENANT}: expected the tenant's id, as in 72f988bf-86f1-41af-91ab-2d7cd011db47")
    audiences = tuple(part.strip() for part in audience.split(",") if part.strip())
    if not audiences:
        raise UnfitSetting(f"{AUDIENCE}: expected the application's id or id URI, as in api://rollout")
    authority = settings.get(AUTHORITY, "").strip().lower().removeprefix("https://").rstrip("/") or _PUBLIC_CLOUD
    if not re.fullmatch(r"[a-z0-9.-]+", authority):
        raise UnfitSetting(f"{AUTHORITY}: expected a host such as {_PUBLIC_CLOUD}")
    return Entra(tenant, audiences, authority=authority, log=log)


def fetched(address: str) -> bytes:
    """Return what stands at an address, within one limit of bytes and of time, following nobody elsewhere."""
    from watchers.transport import AGENT, HttpTransport

    transport = HttpTransport(_FETCH_SECONDS)
    try:
        answer = transport.send("GET", address, {"User-Agent": AGENT, "Accept": "application/json"}, most=_MOST_BYTES)
    finally:
        transport.close()
    if answer.status != 200:
        raise ValueError(f"the answer has the status {answer.status}")
    return answer.body


class _Keys:
    """The tenant's public keys by name; one question at a time, and the last good answer stays."""

    def __init__(self, address: str, fetch: Fetch, monotonic: Callable[[], float], log: Tells | None) -> None:
        self._address, self._fetch, self._monotonic, self._log = address, fetch, monotonic, log
        self._keys: dict[str, Any] = {}
        self._fetched_at = self._asked_at = -math.inf
        self._asking = asyncio.Lock()

    async def named(self, name: str) -> Any | None:
        """Return the key of this name; None where the tenant has none. Raises Refusal while nothing is known."""
        if self._wanting(name):
            async with self._asking:
                if self._wanting(name) and self._monotonic() - self._asked_at >= _ASK_AGAIN_SECONDS:
                    await self._ask()
        if not self._keys:
            raise Refusal(
                503,
                "keysUnavailable",
                "the keys of the Entra tenant cannot be had just now, so its tokens cannot be checked; try again soon",
                {"Retry-After": str(int(_ASK_AGAIN_SECONDS))},
            )
        return self._keys.get(name)

    def _wanting(self, name: str) -> bool:
        return name not in self._keys or self._monotonic() - self._fetched_at >= _FRESH_SECONDS

    async def _ask(self) -> None:
        self._asked_at = self._monotonic()
        try:
            body = await apart(lambda: self._fetch(self._address), 2 * _FETCH_SECONDS)
            keys = _signing_keys(body)
        except (OSError, ValueError, RegistryError) as error:
            if self._log is not None:
                self._log.warning("entra_keys_unavailable", address=self._address, error=type(error).__name__)
            return
        self._keys, self._fetched_at = keys, self._asked_at


def _signing_keys(body: bytes) -> dict[str, Any]:
    """Take the RSA keys out of a key set; raises ValueError when there is none."""
    import jwt
    import msgspec

    listed = msgspec.convert(msgspec.json.decode(body), dict[str, Any]).get("keys")
    found: dict[str, Any] = {}
    for entry in listed[:_MOST_KEYS] if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or entry.get("kty") != "RSA" or not isinstance(entry.get("kid"), str):
            continue
        try:
            found[entry["kid"]] = jwt.PyJWK.from_dict(entry, "RS256")
        except (jwt.PyJWTError, ValueError):
            continue
    if not found:
        raise ValueError("the answer holds no key that signs")
    return found


def _caller(claims: Mapping[str, Any]) -> Caller:
    listed = claims.get("roles")
    roles = listed if isinstance(listed, list) else []
    scope = Scope.OPERATE if OPERATE_ROLE in roles else Scope.READ if READ_ROLE in roles else None
    said = (claims.get(name) for name in ("preferred_username", "upn", "appid", "azp", "oid"))
    name = next((text for text in said if isinstance(text, str) and text), "entra")
    return Caller("".join(c for c in name if c.isprintable())[:_LONGEST_ACTOR], scope)
