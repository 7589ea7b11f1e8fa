"""How a rollout comes to be from a manifest's wish, beside what serves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from strategies import names, split
from strategies.model import Revision, Rollout, Slot, TargetState
from strategies.plan import Service, Target, at_once
from strategies.seen import Mark
from strategies.traffic import weight_of
from strategies.values import evolve


@dataclass(frozen=True, slots=True)
class Survey:
    """What stands in the world for a service: who serves, and a rollout that somebody began and nobody finished.

    `stable` holds each target's serving slots by target name; `number` is the highest number ever seen in a mark;
    `spare` names marked workloads that neither serve nor belong to the resumed rollout.
    """

    revision: Revision | None
    stable: tuple[tuple[str, tuple[Slot, ...]], ...]
    number: int = 0
    resumed: Rollout | None = None
    spare: tuple[tuple[str, str], ...] = ()
    kept: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """Each target's retained workloads, as pairs of name and revision id."""
    marked: tuple[str, ...] = ()
    """Ids of rollouts that the routing says move its weights."""
    rolled_back: str | None = None
    """First eight digits of the revision that the routing says was last taken back."""

    def slots(self, target: str) -> tuple[Slot, ...]:
        """The serving slots of one target."""
        return dict(self.stable).get(target, ())

    def retained(self, target: str, revision: str) -> tuple[str, ...]:
        """The names of one target's retained workloads of a revision."""
        return tuple(name for name, known in dict(self.kept).get(target, ()) if known == revision)


def begin(
    rollout_id: str, service: Service, revision: Revision, found: Survey, now: datetime, *, steps: bool = True
) -> Rollout:
    """A new rollout of `revision` beside what serves; in one shift without a stable side, or with `steps` off.

    Where enough retained workloads of the revision still run, they are the candidate: an undo need not wait.
    """
    number = found.number + 1
    candidates = planned_slots(service, revision, number)
    targets, states = [], []
    for target in service.targets:
        stable = tuple(_fresh(slot) for slot in found.slots(target.name))
        targets.append(_planned(target, steps=steps, stable=bool(stable)))
        warm = found.retained(target.name, revision.id)
        candidate = candidates[target.name]
        if len(warm) >= target.replicas:
            candidate = tuple(evolve(slot, name=name) for slot, name in zip(candidate, warm, strict=False))
        states.append(TargetState(target.name, now, candidate=candidate, stable=stable))
    service = replace(service, targets=tuple(targets))
    return Rollout(
        rollout_id,
        service,
        number,
        revision,
        now,
        now,
        tuple(states),
        previous=found.revision,
        succeeds=found.marked,
    )


def _planned(target: Target, *, steps: bool, stable: bool) -> Target:
    """The target with the plan that this rollout follows; one that skips its steps waits for no source and no check.

    Its sources are still asked who talks to the side that leaves.
    """
    if not steps:
        target = replace(target, metrics=tuple(replace(rule, when=()) for rule in target.metrics))
    return target if steps and stable else replace(target, plan=at_once(target.plan))


def unfit(rollout: Rollout) -> tuple[str, ...]:
    """What of a new rollout cannot be written as weights, there or back, and what can: one sentence per target."""
    problems = []
    for state in rollout.targets:
        target = rollout.service.target(state.name)
        serving = [slot for slot in state.stable if slot.weight != 0]
        shares = [step.share for step in target.plan.steps]
        why = split.unfit(weight_of(state, target), shares, len(serving), len(state.candidate), target.most)
        problems += [f"{state.name}: {why}"] if why else []
    return tuple(problems)


def planned_slots(service: Service, revision: Revision, number: int) -> dict[str, tuple[Slot, ...]]:
    """The candidate's slots by target, numbered across all targets so that two of them may share a resource group."""
    slots: dict[str, tuple[Slot, ...]] = {}
    first = 0
    for target in service.targets:
        numbers = range(first, first + target.replicas)
        slots[target.name] = tuple(_slot(service.name, target.name, revision, number, slot) for slot in numbers)
        first += target.replicas
    return slots


def _slot(service: str, target: str, revision: Revision, number: int, slot: int) -> Slot:
    mark = Mark(service, target, revision.id, number, slot)
    return Slot(slot, names.group_name(service, revision.short, number, slot), names.endpoint_name(mark))


def _fresh(slot: Slot) -> Slot:
    """A serving slot as the stable side of a new rollout: what it went through before does not count."""
    return Slot(
        slot.number,
        slot.name,
        slot.endpoint,
        address=slot.address,
        stage=slot.stage,
        weight=slot.weight if slot.adopted else None,
        adopted=slot.adopted,
    )
