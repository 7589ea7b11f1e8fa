"""Tokens and secrets out of the settings: kept as digests or bytes, compared in constant time, never shown."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from watchers.webhooks import Source

READ_TOKEN, OPERATE_TOKEN, WEBHOOK_SECRET = "ROLLOUT_READ_TOKEN", "ROLLOUT_OPERATE_TOKEN", "ROLLOUT_WEBHOOK_SECRET"
_SHORTEST_PADDED = 16
"""What ends in one `=` and is shorter is a name whose token is missing, and no token in base64."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class UnfitSetting(ValueError):  # noqa: N818 - said of the setting, as the sentence does
    """A setting that cannot be used; the sentence names it and says what it must be, never what a secret is."""


class Scope(StrEnum):
    """What a caller may ask for; who may operate may also read."""

    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and how far that reaches; `scope` None reaches nowhere."""

    name: str
    scope: Scope | None

    def may(self, scope: Scope) -> bool:
        """Say whether this scope is within the caller's."""
        return self.scope is Scope.OPERATE or self.scope is scope


@dataclass(frozen=True, slots=True)
class Token:
    """One token that the settings name, without its text."""

    name: str
    scope: Scope
    digest: bytes = field(repr=False)


def tokens_of(settings: Mapping[str, str]) -> tuple[Token, ...]:
    """Read ROLLOUT_READ_TOKEN and ROLLOUT_OPERATE_TOKEN: `name=token` or `token`, several separated by commas.

    Raises UnfitSetting.
    """
    return tuple(
        Token(name, scope, _digest(text))
        for setting, scope in ((READ_TOKEN, Scope.READ), (OPERATE_TOKEN, Scope.OPERATE))
        for name, text in (_named(setting, part) for part in _parts(setting, settings))
    )


def known_token(tokens: tuple[Token, ...], text: str) -> Caller | None:
    """Return who holds this token, with the widest scope it has; every known one is compared, whichever it is."""
    digest = _digest(text)
    found = [token for token in tokens if hmac.compare_digest(token.digest, digest)]
    found.sort(key=lambda token: token.scope is Scope.READ)
    return Caller(found[0].name, found[0].scope) if found else None


@dataclass(frozen=True, slots=True)
class Secrets:
    """The webhook secrets of each source: several are good at once, so that one can be changed without a gap."""

    shared: tuple[bytes, ...] = field(default=(), repr=False)
    own: Mapping[Source, tuple[bytes, ...]] = field(default_factory=dict, repr=False)

    def of(self, source: Source) -> tuple[bytes, ...]:
        """Return the secrets that this source may show: its own where it has any, else the shared ones."""
        return self.own.get(source, self.shared)


def secrets_of(settings: Mapping[str, str]) -> Secrets:
    """Read ROLLOUT_WEBHOOK_SECRET and ROLLOUT_WEBHOOK_SECRET_<SOURCE>, several separated by commas.

    Raises UnfitSetting, also for the name of a source that does not exist.
    """
    names = {f"{WEBHOOK_SECRET}_{source.upper()}": source for source in Source}
    strange = [name for name in settings if name.startswith(f"{WEBHOOK_SECRET}_") and name not in names]
    if strange:
        raise UnfitSetting(f"{strange[0]}: no source of webhooks is called so; expected one of {', '.join(names)}")
    own = {source: _parts(name, settings) for name, source in names.items()}
    return Secrets(
        tuple(part.encode() for part in _parts(WEBHOOK_SECRET, settings)),
        {source: tuple(part.encode() for part in parts) for source, parts in own.items() if parts},
    )


def _parts(name: str, settings: Mapping[str, str]) -> list[str]:
    """Cut a setting at its commas; an empty setting is none, an empty part is a mistake."""
    text = settings.get(name, "").strip()
    parts = [part.strip() for part in text.split(",")] if text else []
    if any(not part or not all("!" <= character <= "~" for character in part) for part in parts):
        raise UnfitSetting(
            f"{name}: expected one or several of printable ASCII characters without spaces, separated by commas"
        )
    return parts


def _named(setting: str, part: str) -> tuple[str, str]:
    """Tell `name=token` from a token that itself ends in `=`, as base64 does.

    A name without its token is what is left where the command that should have made it has failed.
    """
    name, equals, text = part.partition("=")
    if equals and (not name or (not text and len(part) < _SHORTEST_PADDED)):
        what = f"{name!r} without its token" if name else "a token without its name"
        raise UnfitSetting(f"{setting}: expected name=token; got {what}")
    return (name, text) if text.strip("=") and _NAME.fullmatch(name) else ("", part)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
