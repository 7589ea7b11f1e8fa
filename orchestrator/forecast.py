"""What a rollout will do, in order and with times, found by letting the engine's own functions run over assumptions.

Pure: a rollout as `begin` makes it, where its routing stands, and how long things are assumed to take go in; entries
come out. `advance`, `missing` and `wake` decide here exactly as they will decide then, so the weights, their order and
the number of writes are those of the rollout itself as long as nothing goes wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from orchestrator.forecast_entries import Entry, Kind, joined, of_act, of_change, with_ttl, with_waits
from orchestrator.forecast_traffic import patient, quiet_matters
from orchestrator.forecast_world import AssumedWorld, Latencies, Place
from orchestrator.outlook import next_decision
from strategies.advance import advance
from strategies.drain import margin_seconds, settle_seconds
from strategies.missing import Action, Shift, missing
from strategies.model import Command, CommandKind, Outcome, Rollout, Slot
from strategies.phases import Phase
from strategies.wake import wake

_IDLE_SECONDS = 30.0
"""The longest leap while nothing is known to be due."""
_BY = "plan"


@dataclass(frozen=True, slots=True)
class Forecast:
    """All entries in order, the rollout as it would end, and for each target how long both sides run, in seconds."""

    entries: tuple[Entry, ...]
    rollout: Rollout
    beside_seconds: tuple[tuple[str, float], ...]

    @property
    def seconds(self) -> float:
        """From the start to the end."""
        return (self.rollout.ticked_at - self.rollout.created_at).total_seconds()

    @property
    def promoted(self) -> bool:
        """Whether it ends with the candidate serving."""
        return self.rollout.outcome is Outcome.PROMOTED

    @property
    def writes(self) -> int:
        """The number of writes in all."""
        return sum(entry.writes for entry in self.entries)

    @property
    def approvals(self) -> int:
        """How often a person's word is awaited."""
        return sum(entry.kind is Kind.APPROVAL for entry in self.entries)


@dataclass(frozen=True, slots=True)
class WayBack:
    """What a rollback from all traffic on the candidate takes, in seconds from the decision.

    `clients`: until every client that keeps to the TTL asks the stable side again; `late`: the same for those that keep
    answers longer, as far as the margin covers them; `gone`: until the candidate is deleted.
    """

    clients_seconds: float
    late_seconds: float
    gone_seconds: float


def slowest(rollout: Rollout) -> Latencies:
    """Latencies with which a rollout just meets its own deadlines, before traffic and at every step."""
    targets, most = rollout.service.targets, rollout.service.deadlines.ready_seconds
    rounds = max(target.probe.interval_seconds * (target.probe.before + 4) for target in targets)
    settling = min(settle_seconds(target.drain, target.ttl_during or 0) for target in targets)
    return Latencies(
        start_seconds=max(most - rounds, 0.0),
        online_seconds=most + settling,
        delete_seconds=most,
        rechecks=True,
        taken_seconds=most,
    )


def forecast(
    rollout: Rollout, places: Mapping[str, Place], latencies: Latencies, *, turn_at_seconds: float | None = None
) -> Forecast:
    """Run a rollout to its end over an assumed world; people approve at once.

    `turn_at_seconds` takes it back from the first tick at or after that time on. Raises ValueError where no split of
    the target's weight over its endpoints exists.
    """
    run = _Run(rollout, AssumedWorld(rollout, dict(places), latencies), turn_at_seconds)
    while (due := run.tick()) is not None:
        run.now = due
    return Forecast(with_waits(joined(run.entries)), run.rollout, tuple(run.beside()))


def forecast_slowly(rollout: Rollout, places: Mapping[str, Place]) -> Forecast:
    """The same run when everything just meets its deadlines, and what must be proven is not before a person is asked.

    Raises ValueError as `forecast` does.
    """
    return forecast(patient(rollout), places, slowest(rollout))


def way_back(rollout: Rollout, places: Mapping[str, Place], forward: Forecast, latencies: Latencies) -> WayBack | None:
    """Take the rollout back once the candidate has everything; None where there is nothing to go back to."""
    drains = [entry.at_seconds for entry in forward.entries if entry.kind is Kind.DRAIN]
    if not drains or not any(state.stable for state in rollout.targets):
        return None
    decided = drains[-1]
    back = forecast(rollout, places, latencies, turn_at_seconds=decided)
    shifts = [entry for entry in back.entries if entry.kind is Kind.SHIFT and entry.at_seconds >= decided]
    if not shifts or back.rollout.outcome is not Outcome.ROLLED_BACK:
        return None
    clients, late = [], []
    for entry in shifts:
        rule, ttl = rollout.service.target(entry.target).drain, entry.ttl_seconds or 0
        told = entry.at_seconds - decided
        clients.append(told + settle_seconds(rule, ttl))
        late.append(clients[-1] + margin_seconds(rule, ttl))
    return WayBack(max(clients), max(late), back.seconds - decided)


@dataclass(slots=True)
class _Run:
    """The engine's loop over an assumed world, taking notes."""

    rollout: Rollout
    world: AssumedWorld
    turn_at_seconds: float | None
    now: datetime = field(init=False)
    entries: list[Entry] = field(default_factory=list)
    _acts: Sequence[Action] = ()

    def __post_init__(self) -> None:
        self.now = self.rollout.created_at

    @property
    def at(self) -> float:
        return (self.now - self.rollout.created_at).total_seconds()

    def tick(self) -> datetime | None:
        """Look, decide, note, act; return when to come again, None at the end or where only a person can help."""
        before = self._commanded()
        seen = self.world.look(before, before.service, self.now)
        self.rollout = advance(before, seen, self.now)
        acts = missing(self.rollout, seen)
        for old, new in zip(before.targets, self.rollout.targets, strict=True):
            self.entries += of_change(self.rollout, old, new, self.now)
        for action in acts:
            self.entries.append(self._noted(action))
            self.world.act(action, self.now)
        due = wake(self.rollout, self.now)
        if due is None or self.rollout.outcome is Outcome.STUCK:
            return None
        # The same act once more brings nothing: what did not obey then does so later, or never.
        again, self._acts = acts == self._acts, acts
        moved = (bool(acts) and not again) or _material(before) != _material(self.rollout)
        return due if moved or self._waits_for_person() else self._leap(due)

    def _noted(self, action: Action) -> Entry:
        entry = of_act(self.rollout, action, self.now)
        entry = replace(entry, writes=self.world.writes(action, entry.share))
        if isinstance(action, Shift):
            rule = self.rollout.service.target(action.target).drain
            return with_ttl(entry, rule, self.world.ttl_after(action.target, action.intent))
        if entry.kind is Kind.CREATE and self.world.stands(action.target, entry.names):
            return replace(entry, kind=Kind.REUSE)
        return entry

    def _waits_for_person(self) -> bool:
        return any(state.asks_person for state in self.rollout.targets)

    def _commanded(self) -> Rollout:
        """The rollout with what people are assumed to say: yes wherever they are asked, and once the word to turn."""
        said = []
        if self._waits_for_person():
            said.append(CommandKind.APPROVE)
        if self.turn_at_seconds is not None and self.at >= self.turn_at_seconds:
            self.turn_at_seconds = None
            said.append(CommandKind.ABORT)
        first = self.rollout.handled + 1
        commands = tuple(Command(first + i, kind, _BY, self.now) for i, kind in enumerate(said))
        return replace(self.rollout, commands=commands)

    def _leap(self, due: datetime) -> datetime:
        """Go on at the tick at or after the next thing that time alone can bring; a forecast needs no others."""
        times = [at for at in (next_decision(self.rollout), self.world.next_change(self.now)) if at]
        times += [*self._limits(), *self._awaited()]
        later = [at for at in times if at > self.now]
        interval = (due - self.now).total_seconds()
        if self._probing():
            return due
        wait = (min(later) - self.now).total_seconds() if later else _IDLE_SECONDS
        rounds = max(-(-wait // interval), 1.0)
        return self.now + timedelta(seconds=rounds * interval)

    def _probing(self) -> bool:
        """Whether clean probes are being counted somewhere, of which every single one matters."""
        preparing = [state.name for state in self.rollout.targets if state.phase is Phase.PREPARING]
        return any(not self.world.starting(name, self.now) for name in preparing)

    def _awaited(self) -> Iterator[datetime]:
        """When a source may tell more that is waited for; the longer it has been already, the less a moment matters."""
        for state in self.rollout.targets:
            target = self.rollout.service.target(state.name)
            waited = (self.now - state.since).total_seconds()
            drains = state.phase in (Phase.DRAINING, Phase.CLEARING) and quiet_matters(target)
            if not drains and (state.doubt is None or waited < target.plan.steps[state.step].hold_seconds):
                continue
            finest = min((rule.interval_seconds for rule in target.metrics), default=_IDLE_SECONDS)
            yield self.now + timedelta(seconds=max(finest, waited / 100))
            yield state.since + timedelta(seconds=target.longest_seconds)
            if drains and state.asked is not None and state.asked.confirmed_at is not None:
                yield state.asked.confirmed_at + timedelta(seconds=target.drain.most_seconds)

    def _limits(self) -> list[datetime]:
        """When a bake is over, or a deadline."""
        rollout, service = self.rollout, self.rollout.service
        bake = timedelta(seconds=service.waves.bake_seconds)
        baked = [state.drained_at + bake for state in rollout.targets if state.drained_at is not None]
        left = (
            service.deadlines.wave_seconds - rollout.wave_seconds,
            service.deadlines.total_seconds - rollout.spent_seconds,
        )
        # A deadline that has passed brings nothing more, and must not look like one that is just about to.
        return [*baked, *(self.now + timedelta(seconds=rest + 0.001) for rest in left if rest > -0.001)]

    def beside(self) -> Iterator[tuple[str, float]]:
        """For each target, the seconds in which candidate and stable groups of ours both run."""
        for state in self.rollout.targets:
            begun = [self.world.created[s.name] for s in state.candidate if s.name in self.world.created]
            if not begun or not any(slot.name for slot in state.stable):
                continue
            leaving = state.stable if state.phase is Phase.PROMOTED else state.candidate
            gone = [self.world.gone.get(slot.name, self.now) for slot in leaving if slot.name]
            yield state.name, (max(gone) - min(begun)).total_seconds()


def _material(rollout: Rollout) -> object:
    """What of a rollout makes the next look worth taking soon."""

    def of_slot(slot: Slot) -> object:
        return slot.stage, slot.ready, slot.address, slot.absences, slot.fault

    return tuple(
        (
            state.phase,
            state.step,
            # The second different read in a row counts; every further one only says the same.
            state.asked and (state.asked.intent, state.asked.confirmed_at, min(state.asked.off, 2)),
            state.online,
            tuple(of_slot(slot) for slot in (*state.candidate, *state.stable)),
        )
        for state in rollout.targets
    )
