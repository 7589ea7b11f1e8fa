"""A plan as values: the forecast as expected and at its slowest, the way back, the groups, the cost, the gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from orchestrator.cli.failures import Failure
from orchestrator.cli.planning import Prospect
from orchestrator.exit_codes import ExitCode
from orchestrator.forecast import Forecast, WayBack, forecast, forecast_slowly, way_back
from orchestrator.forecast_catches import judged
from orchestrator.forecast_drain import Draining, draining
from orchestrator.forecast_entries import Entry, Kind
from orchestrator.forecast_gates import Catch, catches, detection_seconds
from orchestrator.forecast_judged import Judged
from orchestrator.forecast_traffic import assumed as assume
from orchestrator.forecast_world import Latencies, Place
from orchestrator.sites import GroupPlanned, Site, site_of
from strategies.missing import mark
from strategies.model import Rollout, Slot
from strategies.plan import ProbeRule
from strategies.proof import deciding

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What runs more than usual while both sides run, in hours of groups (pods), cores and gigabytes of memory."""

    target: str
    groups: int
    seconds: float
    cores: float
    memory_gb: float
    unit: str = "group"

    @property
    def group_hours(self) -> float:
        """The hours of all additional groups together."""
        return self.groups * self.seconds / _HOUR

    @property
    def core_hours(self) -> float:
        """The hours of all their cores together."""
        return self.group_hours * self.cores

    @property
    def memory_gb_hours(self) -> float:
        """The hours of all their gigabytes of memory together."""
        return self.group_hours * self.memory_gb


@dataclass(frozen=True, slots=True)
class Gate:
    """What one target's probes can catch; `detection_seconds` is the longest until a dead version is condemned."""

    target: str
    rule: ProbeRule
    timeout_seconds: float
    detection_seconds: float
    catches: tuple[Catch, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """All that `rollout plan` says of one service; `slow` is the same when all just meets its deadline."""

    prospect: Prospect
    assumed: Latencies
    expected: Forecast
    slow: Forecast
    back: WayBack | None
    groups: tuple[GroupPlanned, ...]
    costs: tuple[Cost, ...]
    gates: tuple[Gate, ...]
    judged: tuple[Judged, ...] = ()
    drains: tuple[Draining, ...] = ()

    @property
    def parents(self) -> int:
        """How many parent profiles are lowered and restored with ours: at most two writes more for each."""
        service = self.prospect.rollout.service
        lowered = {e.target for e in self.expected.entries if e.kind is Kind.LOWER_TTL}
        return sum(self.site(target.name).parents for target in service.targets if target.name in lowered)

    def site(self, target: str) -> Site:
        """The place of one target, for what is said of it."""
        return site_of(self.prospect.loaded.target(target))

    def writes(self, *kinds: Kind) -> int:
        """The number of writes of these kinds."""
        return sum(entry.writes for entry in self.expected.entries if entry.kind in kinds)


def planned(
    prospect: Prospect, assumed: Latencies | None = None, *, rps: float | None = None, failing: float | None = None
) -> Planned:
    """Forecast a prospect; raises Failure with exit code 7 where no split of its weight exists.

    `rps` (requests per second) and `failing` (a part, 0 to 1) stand in for what the sources say of each target.
    """
    rollout, assumed = prospect.rollout, assumed or Latencies()
    places = {name: _demanded(place, rps, failing) for name, place in prospect.places.items()}
    try:
        expected = forecast(rollout, places, assumed)
        slow = forecast_slowly(rollout, places)
        back = way_back(rollout, places, expected, assumed)
    except ValueError as error:
        keys = " or ".join(dict.fromkeys(site_of(target).weight for target in prospect.loaded.targets))
        message = f"{rollout.service.name}: {keys}: {error}; give another weight or other steps"
        raise Failure(message, ExitCode.REFUSED) from error
    groups = tuple(_groups(prospect))
    return Planned(
        prospect,
        assumed,
        expected,
        slow,
        back,
        groups,
        tuple(_costs(prospect, expected, groups)),
        tuple(_gates(prospect)),
        tuple(_judged(rollout, places, expected)),
        tuple(_drains(rollout, places, expected)),
    )


def _demanded(place: Place, rps: float | None, failing: float | None) -> Place:
    loads = tuple(assume(load, rps, failing) for load in place.demand.loads)
    return replace(place, demand=replace(place.demand, loads=loads))


def _judged(rollout: Rollout, places: Mapping[str, Place], expected: Forecast) -> Iterator[Judged]:
    peers = [each for each in rollout.service.targets if deciding(each) and rollout.target(each.name).stable]
    for target in peers:
        for rule in deciding(target):
            yield judged(target, places[target.name].demand.load(rule.name), rule, expected.entries, peers)


def _drains(rollout: Rollout, places: Mapping[str, Place], expected: Forecast) -> Iterator[Draining]:
    for target in rollout.service.targets:
        if (found := draining(target, places[target.name].demand.pinned, expected.entries)) is not None:
            yield found


def _groups(prospect: Prospect) -> Iterator[GroupPlanned]:
    for state in prospect.rollout.targets:
        site, retained = site_of(prospect.loaded.target(state.name)), prospect.places[state.name].retained
        for slot in state.candidate:
            made = mark(prospect.rollout, state.name, slot)
            yield site.group(prospect.loaded.manifest.image, made, slot.name, kept=slot.name in retained)


def _costs(prospect: Prospect, expected: Forecast, groups: tuple[GroupPlanned, ...]) -> Iterator[Cost]:
    for target, seconds in expected.beside_seconds:
        mine = [group for group in groups if group.target == target]
        unit = site_of(prospect.loaded.target(target)).unit
        yield Cost(target, sum(group.pods for group in mine), seconds, mine[0].cores, mine[0].memory_gb, unit)


def _gates(prospect: Prospect) -> list[Gate]:
    gates = []
    for target in prospect.rollout.service.targets:
        timeout = prospect.loaded.target(target.name).probe.timeout_seconds
        rule = target.probe
        gates.append(Gate(target.name, rule, timeout, detection_seconds(rule, timeout), catches(rule)))
    return gates


def sides(plan: Planned, entry: Entry) -> list[tuple[str, str, int]]:
    """An entry's weights as (side, name of the group or adopted endpoint, weight), the stable side first."""
    state = plan.prospect.rollout.target(entry.target)
    named: dict[str, tuple[str, Slot]] = {slot.endpoint: ("stable", slot) for slot in state.stable}
    named |= {slot.endpoint: ("candidate", slot) for slot in state.candidate}
    return [(named[e][0], named[e][1].name or e, weight) for e, weight in entry.weights]
