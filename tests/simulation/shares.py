"""The plain truth about splits over time: who was named until when, and since when a split has been in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers.emulator.monitor import Profile
from strategies.model import TargetState

if TYPE_CHECKING:
    from tests.simulation.lab import Lab


def enabled(profile: Profile) -> set[str]:
    """The hosts that a profile may answer with."""
    return {e.target.lower() for e in profile.endpoints if e.enabled}


def weights_of(lab: Lab, profile: str) -> dict[str, int]:
    """The weight of every endpoint by name in lower case; 0 for one that is switched off."""
    there = lab.profile(profile)
    if there is None:
        return {}
    return {e.name.lower(): e.properties["weight"] if e.enabled else 0 for e in there.endpoints}


def candidate_share(weights: dict[str, int], state: TargetState) -> float:
    """The candidate's share of our weights in percent; 0 when nothing of ours is on."""
    mine = sum(weights.get(slot.endpoint.lower(), 0) for slot in state.candidate)
    others = sum(weights.get(slot.endpoint.lower(), 0) for slot in state.stable)
    return 100 * mine / (mine + others) if mine + others else 0.0


@dataclass(frozen=True, slots=True)
class _View:
    since: float
    ttl: int
    hosts: frozenset[str]
    weights: dict[str, int]


class Exposure:
    """Every profile's history, noted after each write."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.expiry: dict[str, float] = {}
        """By host: when the last answer that names it runs out, without propagation and margin."""
        self._views: dict[str, list[_View]] = {}
        for profile in lab.world.profiles.all():
            self.note(profile.name)

    def note(self, name: str) -> None:
        """Note a profile as it stands now."""
        profile, now = self.lab.profile(name), self.lab.agenda.seconds
        views = self._views.setdefault(name, [])
        if views:
            for host in views[-1].hosts:
                self.expiry[host] = max(self.expiry.get(host, 0.0), now + views[-1].ttl)
        hosts = frozenset(enabled(profile)) if profile else frozenset()
        for host in hosts:
            self.lab.remember(host)
        ttl = int(profile.properties["dnsConfig"]["ttl"]) if profile else 0
        weights = weights_of(self.lab, name)
        if views and (views[-1].ttl, views[-1].hosts, views[-1].weights) == (ttl, hosts, weights):
            return
        views.append(_View(now, ttl, hosts, weights))

    def in_force(self, name: str, state: TargetState) -> tuple[float, int, float]:
        """Since when the candidate's present share has been in force, the TTL, and that share."""
        views = self._views[name]
        share = candidate_share(views[-1].weights, state)
        since = views[-1].since
        for view in reversed(views):
            if candidate_share(view.weights, state) != share:
                break
            since = view.since
        return since, views[-1].ttl, share
