"""A route, an entrance in front of it and workloads, in virtual time, with processes that die between two writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from providers.entrance import Behind
from providers.errors import ProviderError, Transient
from providers.ports import EntranceSeen, Finding
from strategies import names
from strategies.advance import advance
from strategies.missing import Ensure, Remove, Shift, missing
from strategies.model import CommandKind, Outcome, Rollout, TrafficIntent
from strategies.seen import (
    Ack,
    Act,
    EndpointSeen,
    GroupSeen,
    GroupState,
    ProbeSeen,
    Refusal,
    Seen,
    TargetSeen,
    TrafficSeen,
)
from tests.unit.strategies.build import T0, rollout, service, stable, target, told

HOLDER = "shop.west"


class Crash(BaseException):
    """The process died."""


@dataclass
class World:
    """A route, the endpoint in front of it, and workloads, in virtual time; `crash` says where the process dies."""

    route_seconds: float = 3.0
    monitor_seconds: float = 4.0
    ttl: int = 20
    crash: Callable[[int, bool], bool] = lambda _write, _after: False
    now: datetime = T0
    writes: int = 0
    weights: dict[str, tuple[str, int]] = field(default_factory=dict)
    active: str | None = None
    rolled_back: str | None = None
    written_at: datetime = T0 - timedelta(hours=1)
    is_open: bool = False
    turned_at: datetime = T0 - timedelta(hours=1)
    groups: dict[str, GroupState] = field(default_factory=dict)
    fails: ProviderError | None = None
    """What the layer of the entrance answers to everything, while it is out of order."""

    @property
    def serves(self) -> bool:
        """Whether the route has a backend with weight."""
        return any(weight for _, weight in self.weights.values())

    @property
    def taken(self) -> bool:
        """Whether the data plane has what the route says."""
        return self.now >= self.written_at + timedelta(seconds=self.route_seconds)

    def write(self, change: Callable[[], None]) -> None:
        """Let a write happen, or the process die before or after it; what is open must lead somewhere."""
        self.writes += 1
        if self.crash(self.writes, False):
            raise Crash
        change()
        self.check()
        if self.crash(self.writes, True):
            raise Crash

    def check(self) -> None:
        """Clients that are led here, or remember that they were, find somebody."""
        led = self.is_open or self.now < self.turned_at + timedelta(seconds=self.ttl)
        assert self.serves or not led, f"at {self.now} clients are led to a route without backends"


class Route:
    """The route as `providers.ports.Traffic`."""

    def __init__(self, world: World) -> None:
        self.world = world

    def look(self) -> TrafficSeen:
        world = self.world
        found = tuple(
            EndpointSeen(name, address, weight, weight > 0, mark=names.parse_endpoint(name))
            for name, (address, weight) in world.weights.items()
        )
        return TrafficSeen(
            world.now,
            exists=True,
            endpoints=found,
            active=((HOLDER, world.active),) if world.active else (),
            rolled_back=((HOLDER, world.rolled_back),) if world.rolled_back else (),
            taken=world.taken,
            why="" if world.taken else "observedGeneration is behind",
            address="gateway.example.com",
        )

    def shift(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        world = self.world
        wanted = {name: value for name, value in world.weights.items() if name not in intent.absent}
        wanted |= {member.endpoint: (member.address, member.weight) for member in intent.members}
        rolled_back = intent.rolled_back or world.rolled_back
        if (wanted, intent.active, rolled_back) == (world.weights, world.active, world.rolled_back):
            return

        def change() -> None:
            world.weights, world.active, world.rolled_back = wanted, intent.active, rolled_back
            world.written_at = world.now

        world.write(change)

    def preflight(self) -> tuple[Finding, ...]:
        return (Finding(True, "route", "is there"),)


class Door:
    """The endpoint in front as `providers.ports.Entrance`."""

    def __init__(self, world: World) -> None:
        self.world = world

    def look(self) -> EntranceSeen:
        world = self.world
        if world.fails is not None:
            raise world.fails
        online = world.is_open and world.now >= world.turned_at + timedelta(seconds=world.monitor_seconds)
        why = "" if online else "it is not online"
        return EntranceSeen(world.now, world.is_open, world.ttl, online, "shop.trafficmanager.net", why)

    def set(self, is_open: bool) -> None:
        world = self.world
        if world.fails is not None:
            raise world.fails
        if world.is_open == is_open:
            return

        def change() -> None:
            assert world.taken or not is_open, "it was opened before the route was in force"
            world.is_open, world.turned_at = is_open, world.now

        world.write(change)

    def preflight(self) -> tuple[Finding, ...]:
        return (Finding(False, "profile", "is not Weighted"),)


def behind(world: World) -> Behind:
    return Behind(Route(world), Door(world))


def play(world: World, of: Rollout, turns: dict[int, Callable[[Rollout, World], Rollout]]) -> Rollout:
    """Run a rollout to its end, tick by tick; what `turns` say happens at some of them."""
    heard: list[Ack | Refusal] = []
    for tick in range(600):
        turn = turns.get(tick)
        of = of if turn is None else turn(of, world)
        seen = look(world, of, tuple(heard))
        of = advance(of, seen, world.now)
        heard = []
        try:
            for action in missing(of, seen):
                heard += act(world, action)
        except Crash:
            # What was saved survives, what was heard does not.
            heard = []
        world.check()
        if of.outcome is not Outcome.RUNNING:
            return of
        world.now += timedelta(seconds=1)
    raise AssertionError(f"it never ended: {of.targets[0].phase} {of.targets[0].note} {of.targets[0].problem}")


def look(world: World, of: Rollout, heard: tuple[Ack | Refusal, ...]) -> Seen:
    state = of.target("west")
    groups, probes = [], []
    for slot in (*state.candidate, *state.stable):
        if slot.name:
            now = world.groups.get(slot.name, GroupState.ABSENT)
            groups.append(GroupSeen(slot.name, now, world.now, address=slot.name, why="it is broken"))
        if slot.address:
            probes.append(ProbeSeen(slot.endpoint, world.now, ok=True))
    acks = tuple(each for each in heard if isinstance(each, Ack))
    refusals = tuple(each for each in heard if isinstance(each, Refusal))
    looked = behind(world).look()
    return Seen((TargetSeen("west", tuple(groups), looked, tuple(probes), acks=acks, refusals=refusals),))


def act(world: World, action: Shift | Ensure | Remove) -> list[Ack | Refusal]:
    match action:
        case Ensure():
            world.groups |= {name: GroupState.RUNNING for name, _ in action.marks}
            return [Ack(Act.ENSURE, name, world.now) for name, _ in action.marks]
        case Remove():
            for name in action.names:
                assert not any(name == address for address, _ in world.weights.values()), "a backend was deleted"
                world.groups[name] = GroupState.ABSENT
            return [Ack(Act.RETIRE, name, world.now) for name in action.names]
        case Shift():
            try:
                behind(world).shift(action.intent, action.seen)
            except ProviderError as error:
                final = not isinstance(error, Transient)
                return [Refusal(Act.SHIFT, "", world.now, error.code, error.message, final=final)]
            return [Ack(Act.SHIFT, "", world.now)]


def abort(of: Rollout, _world: World) -> Rollout:
    return told(of, CommandKind.ABORT)


def breaks(of: Rollout, world: World) -> Rollout:
    """The candidate's workload fails."""
    for slot in of.target("west").candidate:
        if slot.name in world.groups:
            world.groups[slot.name] = GroupState.FAILED
    return of


def begun(world: World, *, first: bool) -> Rollout:
    """A rollout of a target with an entrance; a later one beside a stable side to which it is open."""
    if not first:
        world.weights = {slot.endpoint: (slot.name, 1000) for slot in stable()}
        world.groups = {slot.name: GroupState.RUNNING for slot in stable()}
        world.is_open = True
    return rollout(service(target(entrance=True)), first=first)
