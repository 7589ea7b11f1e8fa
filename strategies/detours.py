"""Which requests reach a side besides its share: those that match a rule, and copies whose answers nobody gets.

Only a routing layer that sees requests can do either; one that answers names has no detours and no mirrors.
"""

from __future__ import annotations

from dataclasses import dataclass

PROBE_HEADER = "rollout-probe"
"""Our own probes carry it where they come through the routing; its value is the address of the side that is meant."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a request must carry, all of it and exactly: pairs of header names (small letters) and cookies."""

    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """What must be carried, for people."""
        wanted = [f"{name}: {value}" for name, value in self.headers]
        return " and ".join([*wanted, *(f"cookie {name}={value}" for name, value in self.cookies)])


@dataclass(frozen=True, slots=True)
class Detour:
    """Requests that match are answered by this endpoint, whatever the split says."""

    match: Match
    endpoint: str
    address: str


@dataclass(frozen=True, slots=True)
class Mirror:
    """A part of all requests, in percent, is copied to this endpoint, whose answers are thrown away."""

    endpoint: str
    address: str
    percent: float = 100.0


def for_probes(endpoint: str, address: str) -> Detour:
    """The detour that our own probes of one endpoint take."""
    return Detour(Match(headers=((PROBE_HEADER, address),)), endpoint, address)


def is_for_probes(detour: Detour) -> bool:
    """Whether nobody but our own probes takes this detour."""
    return detour == for_probes(detour.endpoint, detour.address)
