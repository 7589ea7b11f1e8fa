"""Small rollouts and looks for tests of the decision core, with everything healthy unless said otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from strategies import names, traffic
from strategies.advance import advance
from strategies.begin import Survey, begin
from strategies.model import Command, CommandKind, Rollout, Slot, Stage, TargetState, TrafficIntent, with_target
from strategies.phases import Phase
from strategies.plan import Deadlines, DrainRule, Plan, ProbeRule, Service, Step, Target, WaveRule, canary
from strategies.seen import EndpointSeen, GroupSeen, GroupState, Monitor, ProbeSeen, Seen, TargetSeen, TrafficSeen

T0 = datetime(2026, 1, 1, tzinfo=UTC)
OLD = names.revision("sha256:old", "template")
NEW = names.revision("sha256:new", "template")


def at(seconds: float) -> datetime:
    """A time so many seconds after the beginning."""
    return T0 + timedelta(seconds=seconds)


def target(name: str = "west", plan: Plan | None = None, **more: Any) -> Target:
    """A target with quick rules; `more` replaces fields."""
    rules = {"probe": ProbeRule(2.0, 2, 2), "drain": DrainRule(propagation_seconds=5.0), **more}
    return Target(name, plan or canary((Step(10),)), **rules)


def service(*targets: Target, **more: Any) -> Service:
    """A service with quick deadlines."""
    rules = {"deadlines": Deadlines(60.0, 400.0, 900.0), "waves": WaveRule(bake_seconds=10.0), **more}
    return Service("shop", "registry.example.com/shop", targets or (target(),), **rules)


def stable(name: str = "west", count: int = 1) -> tuple[Slot, ...]:
    """The slots that serve before a rollout."""
    return tuple(
        Slot(n, f"old-{name}-{n}", f"shop_{name}_{OLD.short}_1_{n}", f"old-{name}-{n}.example.com", Stage.SEEN)
        for n in range(count)
    )


def rollout(of: Service | None = None, *, first: bool = False) -> Rollout:
    """A rollout just begun, beside one serving slot per target unless it is the first release."""
    of = of or service()
    sides = () if first else tuple((t.name, stable(t.name)) for t in of.targets)
    return begin("r2", of, NEW, Survey(None if first else OLD, sides, number=1), T0)


def ready(slot: Slot, name: str = "west") -> Slot:
    """A candidate's slot that is up and has been probed."""
    return replace(
        slot,
        stage=Stage.SEEN,
        address=f"{slot.name}.example.com",
        intended_at=T0,
        restarts=0,
        ready=True,
        clean=9,
    )


def in_phase(of: Rollout, phase: Phase, *, name: str = "west", step: int = 0, **more: Any) -> Rollout:
    """The rollout with one target put into a phase, its candidate ready; `more` replaces fields of the target."""
    state = of.target(name)
    candidate = tuple(ready(slot) for slot in state.candidate)
    return with_target(of, replace(state, phase=phase, step=step, candidate=candidate, **more))


def in_force(of: Rollout, share: float, *, name: str = "west", when: float = 0.0, ttl: int = 5) -> Rollout:
    """The rollout with a split asked for and confirmed."""
    state, rule = of.target(name), of.service.target(name)
    exposed = share > 0 or state.exposed
    state = replace(state, exposed=exposed, ttl_before=ttl)
    state = traffic.ask(state, traffic.at_step(state, rule, Step(share), of.id), share, at(when))
    assert state.asked is not None
    asked = replace(state.asked, acked_at=at(when), confirmed_at=at(when))
    expires = at(when + ttl)
    return with_target(
        of, replace(state, asked=asked, share=share, online=True, ttl_shift=ttl, expires_at=expires, since=at(when))
    )


def shown(
    intent: TrafficIntent | None, when: float, *, ttl: int = 5, extra: Iterable[EndpointSeen] = ()
) -> TrafficSeen:
    """A read that shows exactly what is intended."""
    members = intent.members if intent else ()
    mine = tuple(
        EndpointSeen(
            m.endpoint, m.address, max(m.weight, 1), m.weight > 0, Monitor.ONLINE, names.parse_endpoint(m.endpoint)
        )
        for m in members
    )
    active = (("shop.west", intent.active),) if intent and intent.active else ()
    low = intent.ttl_seconds if intent and intent.ttl_seconds is not None else ttl
    original = intent.ttl_original if intent else None
    seen = TrafficSeen(at(when), True, (*mine, *extra), low, low, ttl_original=original, active=active)
    if intent is None:
        return seen
    back = (("shop.west", intent.rolled_back),) if intent.rolled_back else ()
    return replace(seen, detours=intent.detours, mirrors=intent.mirrors, entrance=intent.entrance, rolled_back=back)


def look(of: Rollout, when: float, *, name: str = "west", **more: Any) -> TargetSeen:
    """A look that shows everything well: groups running, probes clean, the asked split in force."""
    state = of.target(name)
    slots = [slot for slot in (*state.candidate, *state.stable) if slot.name]
    found = {
        "groups": tuple(
            GroupSeen(s.name, GroupState.RUNNING, at(when), address=s.address or f"{s.name}.example.com") for s in slots
        ),
        "probes": tuple(ProbeSeen(s.endpoint, at(when), True) for s in (*state.candidate, *state.stable)),
        "traffic": shown(state.asked.intent if state.asked else None, when),
        **more,
    }
    return TargetSeen(name, **found)


def tick(of: Rollout, when: float, *looks: TargetSeen) -> Rollout:
    """One decision, upon a look at everything well unless given."""
    given = {seen.name: seen for seen in looks}
    seen = Seen(tuple(given.get(t.name, look(of, when, name=t.name)) for t in of.targets))
    return advance(of, seen, at(when))


def told(of: Rollout, kind: CommandKind, argument: str = "") -> Rollout:
    """The rollout with one more command in its inbox."""
    command = Command(of.handled + len(of.commands) + 1, kind, "a person", T0, argument=argument)
    return replace(of, commands=(*of.commands, command))


def phases(of: Rollout) -> dict[str, Phase]:
    """Where each target stands."""
    return {state.name: state.phase for state in of.targets}


def state_of(of: Rollout, name: str = "west") -> TargetState:
    """One target's state."""
    return of.target(name)
