"""The plain truth about splits over time: who was named until when, and since when a split has been in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strategies.model import TargetState
from tests.simulation.grounds import Ground, View, Weights

if TYPE_CHECKING:
    from tests.simulation.lab import Lab


def weights_of(view: View | None) -> Weights:
    """The least weight that any part of the routing gives to each name; 0 for one that is switched off."""
    found: Weights = {}
    for part in view.parts if view else ():
        for name, weight in part.items():
            found[name] = min(found.get(name, weight), weight)
    return found


def shares(view: View | None, ground: Ground, state: TargetState) -> set[float]:
    """The candidate's share of our weights, in percent, in each part that names one of ours; {0} when none does."""
    stable, candidate = ({ground.key(slot) for slot in side} for side in (state.stable, state.candidate))
    found = set()
    for part in view.parts if view else ():
        mine = sum(weight for name, weight in part.items() if name in candidate)
        others = sum(weight for name, weight in part.items() if name in stable)
        if mine + others:
            found.add(100 * mine / (mine + others))
    return found or {0.0}


@dataclass(frozen=True, slots=True)
class _Noted:
    since: float
    view: View


_NOTHING = View(frozenset(), ({},), 0)


class Exposure:
    """Every routing's history, noted after each write."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.expiry: dict[str, float] = {}
        """By host: when the last answer that names it runs out, without propagation and margin."""
        self._views: dict[str, list[_Noted]] = {}
        self._entered_until: dict[str, float] = {}
        for ground in lab.routings():
            self.note(ground)

    def note(self, ground: Ground) -> None:
        """Note a routing as it stands now."""
        view, now = ground.view() or _NOTHING, self.lab.agenda.seconds
        noted = self._views.setdefault(ground.routing, [])
        if noted:
            self._left(ground.routing, noted[-1].view, now)
        for host in view.hosts:
            self.lab.remember(host)
        if not noted or noted[-1].view != view:
            noted.append(_Noted(now, view))

    def _left(self, routing: str, before: View, now: float) -> None:
        """Until when what was named up to now may be reached."""
        if before.entered:
            self._entered_until[routing] = now + before.ttl
        until = self._entered_until.get(routing, 0.0)
        # A direct routing is asked again with each request; whoever still knows the way to it gets to its present.
        latest = min(now, until) if before.direct else until
        for host in before.hosts:
            self.expiry[host] = max(self.expiry.get(host, 0.0), latest)

    def in_force(self, ground: Ground, state: TargetState) -> tuple[float, int, set[float]]:
        """Since when the candidate's present share has been in force everywhere, the TTL, and that share."""
        noted = self._views[ground.routing]
        found = shares(noted[-1].view, ground, state)
        since = noted[-1].since
        for one in reversed(noted):
            if shares(one.view, ground, state) != found:
                break
            since = one.since
        last = noted[-1].view
        return since, 0 if last.direct else last.ttl, found
