"""The marks suffice: who serves, and which rollout was under way, read from the world alone.

Every workload carries its rollout, revision, number and slot; every endpoint's name does too; the profile carries
the id of the rollout that moves its weights (`active`) and the revision that was last taken back (`rolled_back`). From
these a lost store is rebuilt: a rollout under way is resumed where it stands, never begun twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from strategies import counting, names, traffic
from strategies.begin import Survey, planned_slots
from strategies.detours import is_for_probes
from strategies.model import Reason, Revision, Rollout, Slot, Stage, TargetState
from strategies.phases import RETURNING_HOME, Phase
from strategies.plan import Plan, Service, Target, at_once
from strategies.seen import EndpointSeen, GroupSeen, Mark, TargetSeen, TrafficSeen
from strategies.split import LOWEST, apportion
from strategies.values import evolve

Marked = tuple[GroupSeen, Mark]


@dataclass(frozen=True, slots=True)
class _Place:
    """One target as its marks show it: its marked workloads, and our endpoints by number, switched on or not."""

    target: Target
    look: TargetSeen
    groups: tuple[Marked, ...]
    routed: dict[int, bool]
    active: str | None
    rolled_back: str | None

    @property
    def serving(self) -> int | None:
        """The highest number that gets traffic and does not belong to the rollout under way."""
        running = {m.number for _, m in self.groups if self.active is not None and m.rollout == self.active}
        on = [number for number, enabled in self.routed.items() if enabled and number not in running]
        off = [number for number in self.routed if number not in running]
        return max(on or off, default=None)

    def of(self, number: int | None) -> tuple[Marked, ...]:
        return tuple((g, m) for g, m in self.groups if m.number == number)


def survey(service: Service, looks: Iterable[TargetSeen], now: datetime) -> Survey:
    """Read the marks; each look holds the routing and every marked workload of the service in that target."""
    places = {look.name: _place(service.name, service.target(look.name), look) for look in looks}
    everything = [mark for place in places.values() for _, mark in place.groups]
    number = max((g.mark.number for p in places.values() for g in p.look.groups if g.mark), default=0)
    back = next((place.rolled_back for place in places.values() if place.rolled_back), None)
    running = _under_way(places.values())
    resumed = _resume(service, places, running, now) if running is not None else None
    owned = {slot.name for state in resumed.targets for slot in (*state.candidate, *state.stable)} if resumed else set()
    stable = tuple((name, _stable(place, running)) for name, place in places.items())
    owned |= {slot.name for _, slots in stable for slot in slots}
    spare = tuple((name, g.name) for name, place in places.items() for g, _ in place.groups if g.name not in owned)
    serving = [m for place in places.values() for _, m in place.of(place.serving)]
    newest = max(serving, key=lambda mark: mark.number, default=None)
    previous = _revision(newest) if newest is not None else None
    if resumed is not None and everything:
        previous = resumed.previous
    kept = tuple((name, _kept(place.look)) for name, place in places.items())
    marked = tuple(sorted({place.active for place in places.values() if place.active is not None}))
    return Survey(previous, stable, number, resumed, spare, kept, marked, back)


def _place(service: str, target: Target, look: TargetSeen) -> _Place:
    marked = tuple((g, g.mark) for g in look.groups if g.mark is not None and g.keep_until is None)
    seen = look.traffic
    routed: dict[int, bool] = {}
    led = _led(seen)
    for endpoint in _ours(service, target.name, look):
        assert endpoint.mark is not None  # noqa: S101 - _ours gives marked endpoints only; this tells the type checker
        reached = endpoint.enabled or endpoint.name in led
        routed[endpoint.mark.number] = routed.get(endpoint.mark.number, False) or reached
    active = dict(seen.active).get(names.holder(service, target.name)) if seen else None
    back = dict(seen.rolled_back).get(names.holder(service, target.name)) if seen else None
    return _Place(target, look, marked, routed, active, back)


def _kept(look: TargetSeen) -> tuple[tuple[str, str], ...]:
    """The retained workloads with their revisions, those that served last before older ones."""
    kept = [(g.name, g.mark) for g in look.groups if g.mark is not None and g.keep_until is not None]
    return tuple((name, mark.revision) for name, mark in sorted(kept, key=lambda each: (-each[1].number, each[1].slot)))


def _led(seen: TrafficSeen | None) -> set[str]:
    """The endpoints that requests reach besides the split, our own probes left out."""
    if seen is None:
        return set()
    detours = {detour.endpoint for detour in seen.detours if not is_for_probes(detour)}
    return detours | {mirror.endpoint for mirror in seen.mirrors}


def _ours(service: str, target: str, look: TargetSeen) -> list[EndpointSeen]:
    endpoints = look.traffic.endpoints if look.traffic is not None else ()
    return [e for e in endpoints if e.mark is not None and (e.mark.service, e.mark.target) == (service, target)]


def _revision(mark: Mark) -> Revision:
    return Revision(mark.digest, mark.template, mark.revision, mark.image, mark.tag or None)


def _under_way(places: Iterable[_Place]) -> Mark | None:
    """A mark of the rollout that was begun and not finished, if there is one."""
    candidates: list[tuple[int, Mark]] = []
    for place in places:
        serving = place.serving
        for _, mark in place.groups:
            if place.active is not None and mark.rollout == place.active:
                candidates.append((2, mark))
            elif place.active is None and mark.number not in place.routed:
                if serving is None or mark.number > serving:
                    candidates.append((1, mark))
                elif serving_marks := place.of(serving):
                    candidates.append((0, serving_marks[0][1]))
    return max(candidates, key=lambda c: (c[0], c[1].number))[1] if candidates else None


def _stable(place: _Place, running: Mark | None) -> tuple[Slot, ...]:
    """The slots that serve besides the rollout under way; adopted endpoints where nothing of ours does."""
    groups = place.of(place.serving)
    if running is not None and running.number == place.serving:
        groups = tuple((g, m) for g, m in place.groups if m.number < running.number)
    found = tuple(_slot(g, m) for g, m in groups)
    return found or _before_us(adopted(place.target, place.look), place)


def adopted(target: Target, look: TargetSeen) -> tuple[Slot, ...]:
    """The hand-made endpoints that the manifest names as the stable side, with their weights (0 when switched off)."""
    slots: list[Slot] = []
    for name in target.adopt:
        endpoint = look.traffic.endpoint(name) if look.traffic is not None else None
        if endpoint is not None:
            weight = endpoint.weight if endpoint.enabled else 0
            slots.append(Slot(-1, "", endpoint.name, endpoint.address, stage=Stage.SEEN, weight=weight, adopted=True))
    return tuple(slots)


def _before_us(slots: tuple[Slot, ...], place: _Place) -> tuple[Slot, ...]:
    """What adopted endpoints had before our rollout changed it: the sum of our weights stays, and so does their ratio.

    When all of them are switched off the candidate has everything, and it was we who switched them off.
    """
    seen = place.look.traffic
    if seen is None or not slots or place.active is None:
        return slots
    made = {names.endpoint_name(mark).lower() for _, mark in place.groups}
    ours = [endpoint for endpoint in seen.endpoints if endpoint.enabled and endpoint.name.lower() in made]
    if not ours:
        return slots
    if not any(slot.weight for slot in slots):
        found = (seen.endpoint(slot.endpoint) for slot in slots)
        # A backend of weight 0 does not say what it had; another one that is switched off does.
        slots = tuple(evolve(s, weight=(e and e.weight) or LOWEST) for s, e in zip(slots, found, strict=True))
        whole = sum(e.weight for e in ours)
    else:
        whole = sum(e.weight for e in ours) + sum(slot.weight or 0 for slot in slots)
    serving = [slot for slot in slots if slot.weight]
    most = place.target.most
    if not LOWEST * len(serving) <= whole <= most * len(serving):
        return slots
    parts = iter(apportion(whole, [slot.weight or LOWEST for slot in serving], most))
    return tuple(evolve(slot, weight=next(parts)) if slot.weight else slot for slot in slots)


def _slot(group: GroupSeen, mark: Mark) -> Slot:
    return Slot(mark.slot, group.name, names.endpoint_name(mark), group.address, stage=Stage.SEEN)


def _resume(service: Service, places: dict[str, _Place], running: Mark, now: datetime) -> Rollout:
    revision = _revision(running)
    planned = planned_slots(service, revision, running.number)
    states, targets = [], []
    for name, place in places.items():
        stable = _stable(place, running)
        targets.append(place.target if stable else replace(place.target, plan=at_once(place.target.plan)))
        states.append(_state(place, targets[-1], running, planned=planned[name], stable=stable, now=now))
    returning = any(state.phase in RETURNING_HOME for state in states)
    failure = Reason("rebuilt", "it was being rolled back when its store was lost") if returning else None
    old = [m for place in places.values() for _, m in place.groups if m.number < running.number]
    newest = max(old, key=lambda mark: mark.number, default=None)
    return Rollout(
        running.rollout,
        replace(service, targets=tuple(targets)),
        running.number,
        revision,
        now,
        now,
        tuple(states),
        previous=_revision(newest) if newest is not None else None,
        failure=failure,
    )


def _state(
    place: _Place, target: Target, running: Mark, *, planned: tuple[Slot, ...], stable: tuple[Slot, ...], now: datetime
) -> TargetState:
    found = {m.slot: _slot(g, m) for g, m in place.of(running.number)}
    candidate = tuple(found.get(slot.number, slot) for slot in planned)
    candidate += tuple(slot for number, slot in found.items() if number not in {s.number for s in planned})
    state = TargetState(target.name, now, candidate=candidate, stable=stable)
    if not found:
        return state
    phase = _phase(place, running, stable)
    if phase is Phase.PREPARING:
        before_now = now - timedelta(seconds=1)
        begun_before = tuple(evolve(s, intended_at=s.intended_at or before_now) for s in candidate)
        return evolve(state, phase=phase, candidate=begun_before)
    if phase is Phase.SHIFTING:
        share = (traffic.share_in(place.look.traffic, state) if place.look.traffic else None) or 0.0
        step = _step(target.plan, share, led=bool(_led(place.look.traffic)))
        state = evolve(state, phase=phase, step=step, exposed=True)
        state = counting.begin(state, target)
        if place.look.traffic is not None and target.ttl_during is not None:
            state = evolve(state, ttl_original=place.look.traffic.ttl_original)
        wanted = target.plan.steps[step]
        return traffic.ask(state, traffic.at_step(state, target, wanted, running.rollout), wanted.share, now)
    exposed = phase is not Phase.REMOVING
    share = 100.0 if phase in (Phase.RETIRING, Phase.PROMOTED) else 0.0
    return evolve(state, phase=phase, exposed=exposed, share=share, step=target.plan.last if share else 0)


def _step(plan: Plan, share: float, *, led: bool) -> int:
    """The step that stands in the routing: the last whose share is not above it, and never the one without traffic.

    `led` says whether requests reach the candidate besides its share, which tells apart steps of one share.
    """
    reached = [number for number, step in enumerate(plan.steps) if step.share <= share + LOWEST / 2]
    alike = [number for number in reached if plan.steps[number].leads == led]
    return max((alike or reached)[-1], 1)


def _phase(place: _Place, running: Mark, stable: tuple[Slot, ...]) -> Phase:
    enabled = place.routed.get(running.number)
    if place.active is not None:
        if enabled is None:
            return Phase.PREPARING
        return Phase.SHIFTING if enabled else Phase.RETURNING
    if enabled:
        return Phase.RETIRING if stable and not any(slot.adopted for slot in stable) else Phase.PROMOTED
    taken_back = place.rolled_back is not None and running.revision.startswith(place.rolled_back)
    return Phase.REMOVING if taken_back else Phase.PREPARING
