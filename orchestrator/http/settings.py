"""Everything the server takes from the environment, read and checked at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.http.answers import Tells
from orchestrator.http.credentials import Secrets, secrets_of, tokens_of
from orchestrator.http.entra import entra_of
from orchestrator.http.guard import Guard
from orchestrator.http.listening import DEFAULT_LISTEN, LISTEN


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where to listen, whom to let in, and the secrets of webhooks."""

    listen: str
    guard: Guard
    secrets: Secrets


def http_settings(settings: Mapping[str, str], *, listen: str | None = None, log: Tells | None = None) -> HttpSettings:
    """Read the settings, `listen` before ROLLOUT_LISTEN; raises UnfitSetting with the first that cannot be used."""
    return HttpSettings(
        listen or settings.get(LISTEN, "") or DEFAULT_LISTEN,
        Guard(tokens_of(settings), entra_of(settings, log)),
        secrets_of(settings),
    )
