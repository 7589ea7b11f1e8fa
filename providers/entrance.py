"""A routing behind a name in front of it that is open or closed as a whole, together one `providers.ports.Traffic`.

An open entrance never leads to a routing without backends, because of the order of the two writes: to open, the routing
is written first, and the entrance only once the routing says that it is in force; to close, the entrance first. A crash
between the two leaves the entrance closed. The two are of different makers: while the entrance's is out of order, the
split behind it can still be moved, and nothing is taken for confirmed.
"""

from __future__ import annotations

from dataclasses import replace

from providers.errors import Conflict, Invalid, ProviderError
from providers.ports import Entrance, EntranceSeen, Finding, Traffic
from strategies.model import TrafficIntent
from strategies.seen import TrafficSeen
from strategies.traffic import shows


class Behind:
    """The routing `traffic`, which clients reach by way of `entrance`."""

    def __init__(self, traffic: Traffic, entrance: Entrance) -> None:
        self._traffic, self._entrance = traffic, entrance

    def look(self) -> TrafficSeen:
        """Read both; the entrance's TTL counts only while it is closed, for nobody moves by it while it stays open."""
        routing = self._traffic.look()
        try:
            front = self._entrance.look()
        except ProviderError as error:
            # Without the facts about the routing nobody could bring a bad candidate back before that is over.
            why = "; ".join(why for why in (routing.why, f"the entrance could not be read: {error}") if why)
            return replace(routing, taken=False, parents_healthy=False, entrance=None, why=why)
        ttl = 0 if front.open else front.ttl_seconds
        unwell = front.open and not front.online
        return replace(
            routing,
            ttl_seconds=max(routing.ttl_seconds, ttl),
            ttl_chain=max(routing.ttl_chain, ttl),
            parents_healthy=routing.parents_healthy and not unwell,
            address=front.address or routing.address,
            entrance=front.open,
            why="; ".join(why for why in (routing.why, front.why if unwell or not front.open else "") if why),
        )

    def shift(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        """Write the split and open or close the entrance, in the order that is safe; each only where it differs.

        Raises Conflict (code `NotTakenYet`) with the entrance still closed when what was written is not in force yet,
        or when the entrance cannot be read.
        """
        if intent.entrance is False:
            self._entrance.set(False)
        self._traffic.shift(intent, seen)
        if intent.entrance and not self._front().open:
            self._open(intent)

    def preflight(self) -> tuple[Finding, ...]:
        """Check both; reads only."""
        return (*self._traffic.preflight(), *self._entrance.preflight())

    def _front(self) -> EntranceSeen:
        try:
            return self._entrance.look()
        except ProviderError as error:
            message = f"the split is written; the entrance could not be read: {error.message}"
            raise Conflict(message, code="NotTakenYet", retry_after=error.retry_after) from error

    def _open(self, intent: TrafficIntent) -> None:
        if not any(member.weight for member in intent.members):
            raise Invalid("the entrance cannot be opened to a routing without backends", code="NoBackends")
        fresh = self._traffic.look()
        if not (_split_shows(fresh, intent) and fresh.taken):
            why = fresh.why or "the routing does not show it yet"
            message = f"the split is written but not in force, so the entrance stays closed: {why}"
            raise Conflict(message, code="NotTakenYet")
        self._entrance.set(True)


def _split_shows(seen: TrafficSeen, intent: TrafficIntent) -> bool:
    """Whether a read of the routing alone shows the split that is intended; its marks lead nobody anywhere."""
    bare = replace(intent, entrance=None, active=None, rolled_back=None, ttl_seconds=None, ttl_original=None)
    return shows(replace(seen, active=()), bare, "")
