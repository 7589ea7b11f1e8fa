"""The world as a forecast assumes it: every act succeeds, after a time that is said; no I/O, no clock.

It answers the looks that `strategies.advance` asks for, so that a plan is made by the very functions that will carry it
out, and not by a second opinion about them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from orchestrator.forecast_traffic import AssumedSources, Demand
from strategies.drain import settle_seconds
from strategies.missing import Action, Ensure, Remove, Shift
from strategies.model import Member, Rollout, TargetState, TrafficIntent
from strategies.names import holder
from strategies.plan import Service
from strategies.seen import (
    Ack,
    Act,
    EndpointSeen,
    GroupSeen,
    GroupState,
    Monitor,
    ProbeSeen,
    Seen,
    TargetSeen,
    TrafficSeen,
)
from strategies.split import LOWEST
from strategies.wake import to_look, to_probe

_LATER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long things are assumed to take, in seconds.

    `start`: from a group's creation until all its containers run; `online`: from a write of the split, which the next
    read shows, until the routing layer calls a new endpoint healthy (with `rechecks` every endpoint after each write);
    `delete`: until a group is gone; `taken`: from a write of a route until its gateway says that it is in force;
    `check`: from a check's beginning until it has passed.
    """

    start_seconds: float = 60.0
    online_seconds: float = 30.0
    delete_seconds: float = 30.0
    rechecks: bool = False
    taken_seconds: float = 5.0
    check_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where one target begins: its routing as it was read, the TTL with which it is made where it does not exist, and
    the names of its retained groups, which run already.

    `creates` is how many writes make one workload, `shifts` how many move the split (one for each route). `routed`: the
    split stands in routes, which no name server remembers. `follows`: a Service follows whoever has everything.
    `demand` is what reaches it.
    """

    routing: TrafficSeen
    created_ttl: int = 60
    retained: tuple[str, ...] = ()
    routed: bool = False
    creates: int = 1
    shifts: int = 1
    follows: bool = False
    demand: Demand = field(default_factory=Demand)


@dataclass(slots=True)
class _Group:
    running_at: datetime
    gone_at: datetime | None = None
    keep_until: datetime | None = None

    def state(self, now: datetime) -> GroupState:
        if self.gone_at is not None:
            return GroupState.ABSENT if now >= self.gone_at else GroupState.GOING
        return GroupState.RUNNING if now >= self.running_at else GroupState.COMING


@dataclass(slots=True)
class _Site:
    """One target's groups and routing."""

    place: Place
    routing: TrafficSeen
    chain: int
    taken_at: datetime | None = None
    followed: bool = False
    """Whether the Service that follows is the candidate's."""
    groups: dict[str, _Group] = field(default_factory=dict)
    online_at: dict[str, datetime] = field(default_factory=dict)
    heard: list[Ack] = field(default_factory=list)


class AssumedWorld:
    """What each act leads to under the assumed latencies; `look` and `act` are the engine's two sides of it."""

    def __init__(self, rollout: Rollout, places: dict[str, Place], latencies: Latencies) -> None:
        """Begin with what serves, up and well, behind the routing as it was read."""
        self._service, self._latencies = rollout.service.name, latencies
        self._sites = {name: _site(place) for name, place in places.items()}
        self.created: dict[str, datetime] = {}
        self.gone: dict[str, datetime] = {}
        self._before = {state.name: {slot.endpoint for slot in state.stable} for state in rollout.targets}
        self._drains = {target.name: target.drain for target in rollout.service.targets}
        self._sources = AssumedSources(latencies.check_seconds)
        for state in rollout.targets:
            began, site = rollout.created_at, self._sites[state.name]
            self._sources.begin(state.name, places[state.name].demand, began)
            site.groups |= {slot.name: _Group(began) for slot in state.stable if slot.name}
            site.groups |= {name: _Group(began, keep_until=_LATER) for name in places[state.name].retained}

    def look(self, rollout: Rollout, service: Service, now: datetime) -> Seen:
        """Answer one look at every target."""
        return Seen(tuple(self._look(state, service, now) for state in rollout.targets))

    def act(self, action: Action, now: datetime) -> None:
        """Take one act; it succeeds."""
        site = self._sites[action.target]
        match action:
            case Ensure():
                for name, _ in action.marks:
                    self._ensure(site, name, now)
            case Shift():
                self._shift(action.target, action.intent, now)
            case Remove():
                for name in action.names:
                    self._remove(site, name, now, action.keep_until)

    def writes(self, action: Action, share: float | None) -> int:
        """How many writes an act is that is about to be taken; `share` is what the candidate will have, in percent."""
        site = self._sites[action.target]
        match action:
            case Ensure():
                return sum(1 if name in site.groups else site.place.creates for name, _ in action.marks)
            case Remove():
                return len(action.names)
            case Shift():
                turns = site.place.follows and (share is not None and share >= 100) != site.followed
                wanted = action.intent.entrance
                opens = wanted is not None and wanted != bool(site.routing.entrance)
                after = _written(site, action.intent, holder(self._service, action.target))
                alone = opens and replace(after, entrance=site.routing.entrance) == site.routing
                return (0 if alone else site.place.shifts) + turns + opens

    def ttl_after(self, target: str, intent: TrafficIntent) -> int:
        """The largest TTL in the chain once this intent stands in the routing, in seconds."""
        return _written(self._sites[target], intent, "").ttl_chain

    def next_change(self, now: datetime) -> datetime | None:
        """The next time at which anything here changes by itself."""
        times = self._sources.changes()
        for site in self._sites.values():
            times += (*site.online_at.values(), *([site.taken_at] if site.taken_at else []))
            times += [at for group in site.groups.values() for at in (group.running_at, group.gone_at) if at]
        return min((at for at in times if at > now), default=None)

    def starting(self, target: str, now: datetime) -> bool:
        """Whether a group of this target has been created and does not run yet."""
        return any(group.state(now) is GroupState.COMING for group in self._sites[target].groups.values())

    def stands(self, target: str, names: Iterable[str]) -> bool:
        """Whether groups of these names are there already, so that they are only marked anew."""
        return all(name in self._sites[target].groups for name in names)

    def _ensure(self, site: _Site, name: str, now: datetime) -> None:
        if name in site.groups:
            site.groups[name].keep_until = None
        else:
            site.groups[name] = _Group(now + timedelta(seconds=self._latencies.start_seconds))
            self.created[name] = now
        site.heard.append(Ack(Act.ENSURE, name, now))

    def _shift(self, target: str, intent: TrafficIntent, now: datetime) -> None:
        site = self._sites[target]
        if site.place.routed:
            site.taken_at = now + timedelta(seconds=self._latencies.taken_seconds)
            candidate = {m.endpoint for m in intent.members if m.weight} - self._before[target]
            site.followed = bool(candidate) and not any(m.weight for m in intent.members if m.endpoint not in candidate)
        known = {e.name for e in site.routing.endpoints if e.enabled and not self._latencies.rechecks}
        site.routing = _written(site, intent, holder(self._service, target))
        heard = timedelta(seconds=settle_seconds(self._drains[target], site.routing.ttl_chain))
        self._sources.turn(target, intent, self._before[target], now + heard)
        online = now + timedelta(seconds=self._latencies.online_seconds)
        if not site.place.routed:
            site.online_at |= {e.name: online for e in site.routing.endpoints if e.enabled and e.name not in known}
        site.heard.append(Ack(Act.SHIFT, "", now))

    def _remove(self, site: _Site, name: str, now: datetime, keep_until: datetime | None) -> None:
        group = site.groups[name]
        if keep_until is not None:
            group.keep_until = self.gone[name] = keep_until
        else:
            group.gone_at = self.gone[name] = now + timedelta(seconds=self._latencies.delete_seconds)
        site.heard.append(Ack(Act.RETIRE, name, now))

    def _look(self, state: TargetState, service: Service, now: datetime) -> TargetSeen:
        site, target = self._sites[state.name], service.target(state.name)
        heard, site.heard = tuple(site.heard), []
        endpoints = tuple(_monitored(site, endpoint, now) for endpoint in site.routing.endpoints)
        return TargetSeen(
            state.name,
            groups=tuple(_group_seen(site, name, now) for name in to_look(state)),
            traffic=replace(
                site.routing, at=now, endpoints=endpoints, taken=site.taken_at is None or now >= site.taken_at
            ),
            probes=tuple(_probes(site, state, to_probe(state, target, now), now)),
            readings=self._sources.readings(state, target, now),
            checks=self._sources.checks(state, target, now),
            acks=heard,
        )


def _site(place: Place) -> _Site:
    seen = place.routing
    return _Site(place, seen, seen.ttl_chain if seen.exists else place.created_ttl)


def _written(site: _Site, intent: TrafficIntent, who: str) -> TrafficSeen:
    """The routing after this intent: ours as wanted, the rest as it was; parents' TTLs go down and up with ours."""
    before = site.routing
    wanted = {member.endpoint.lower(): member for member in intent.members}
    absent = {name.lower() for name in intent.absent}
    listed = [_shared(e, wanted.pop(e.name.lower(), None)) for e in before.endpoints if e.name.lower() not in absent]
    listed += [EndpointSeen(m.endpoint, m.address, max(m.weight, LOWEST), m.weight > 0) for m in wanted.values()]
    others = tuple(pair for pair in before.active if pair[0] != who)
    own = before.ttl_seconds if before.exists else site.place.created_ttl
    ttl = own if intent.ttl_seconds is None else intent.ttl_seconds
    lowered = intent.ttl_original is not None and intent.ttl_seconds is not None
    return replace(
        before,
        exists=True,
        endpoints=tuple(listed),
        ttl_seconds=ttl,
        ttl_chain=ttl if lowered else max(site.chain, ttl),
        ttl_original=intent.ttl_original,
        active=(*others, (who, intent.active)) if intent.active else others,
        rolled_back=((who, intent.rolled_back),) if intent.rolled_back else before.rolled_back,
        detours=intent.detours,
        mirrors=intent.mirrors,
        entrance=before.entrance if intent.entrance is None else intent.entrance,
    )


def _monitored(site: _Site, endpoint: EndpointSeen, now: datetime) -> EndpointSeen:
    online_at = site.online_at.get(endpoint.name)
    if online_at is None:
        return endpoint
    return replace(endpoint, monitor=Monitor.ONLINE if now >= online_at else Monitor.CHECKING)


def _shared(endpoint: EndpointSeen, member: Member | None) -> EndpointSeen:
    if member is None:
        return endpoint
    if member.weight == 0:
        return replace(endpoint, enabled=False)
    return replace(endpoint, address=member.address, weight=member.weight, enabled=True)


def _group_seen(site: _Site, name: str, now: datetime) -> GroupSeen:
    group = site.groups.get(name)
    if group is None:
        return GroupSeen(name, GroupState.ABSENT, now)
    state = group.state(now)
    there = state in (GroupState.COMING, GroupState.RUNNING)
    return GroupSeen(name, state, now, f"{name}.assumed" if there else None, keep_until=group.keep_until)


def _probes(site: _Site, state: TargetState, due: Iterable[tuple[str, str]], now: datetime) -> Iterable[ProbeSeen]:
    """Whatever runs answers well; an adopted endpoint, behind which nothing is ours, always does."""
    names = {slot.endpoint: slot.name for slot in (*state.candidate, *state.stable)}
    for endpoint, _ in due:
        group = site.groups.get(names[endpoint])
        runs = group is None or group.state(now) is GroupState.RUNNING
        yield ProbeSeen(endpoint, now, ok=runs, why="" if runs else "not running")
