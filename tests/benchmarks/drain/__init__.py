"""The tail of a drain in DNS: how long clients still reach the old group when its weight is zero everywhere.

Real caching resolvers (Debian's `unbound` and `dnsmasq`, where they are installed) stand on loopback ports in front of
the emulator's DNS; time is real and not scaled, so the TTLs are small ones, and one of a minute. Every name is a client
population of its own: its answer in the cache has its own age. Pinned clients keep their connections. What is measured
stands beside T(eps) = propagation + TTL + H ln(phi / eps); the emulator answers with a change at once (propagation 0).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor
from pathlib import Path
from typing import Any

from providers.emulator.load_dns import CachingResolver, ResolveError
from strategies.drain import margin_seconds
from strategies.plan import DrainRule
from strategies.seen import Tally
from strategies.tail import measured, pinned
from tests.benchmarks.decisions.limits import drain_seconds
from tests.benchmarks.drain.crowd import ASKED_EVERY_SECONDS, Asker, Pinned, asker, keep_asking
from tests.benchmarks.drain.resolvers import KINDS, running
from tests.benchmarks.drain.town import Population, Town
from tests.benchmarks.goals import Goal
from tests.benchmarks.report import Report

TTLS = (2, 5, 10, 60)
NAMES = 20
OWN = "the emulator's own CachingResolver"
PINNED_TTL, PINNED_CLIENTS, HOLD_SECONDS, PHI = 10, 200, 5.0, 0.05
EPSILONS = (0.01, 0.001)
SEED = 1


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured, so that a test may measure less."""

    ttls: tuple[int, ...] = TTLS
    names: int = NAMES
    clients: int = PINNED_CLIENTS
    pinned_ttl: int = PINNED_TTL
    hold_seconds: float = HOLD_SECONDS
    most_after: float = 120.0

    @property
    def before(self) -> float:
        """Seconds until every answer in a cache has an age of its own, and every client a connection."""
        return max(*self.ttls, self.pinned_ttl, 2 * self.hold_seconds) + 2.0

    @property
    def after(self) -> float:
        """Seconds until nobody is left."""
        tail = drain_seconds(0.0, self.pinned_ttl, PHI, self.hold_seconds, min(EPSILONS) / 4)
        return min(max(max(self.ttls) + 8.0, tail), self.most_after)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one resolver's clients met: for each TTL the seconds after its turn at which each name last led to the old
    group."""

    resolver: str
    delays: dict[int, list[float]]


def run(scale: Scale = Scale()) -> Report:
    """Measure the tails with every resolver there is, and say which there is not."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measured(scale, Path(folder)))


async def _measured(scale: Scale, folder: Path) -> Report:
    populations = tuple(Population(f"p{ttl}-{n}", ttl) for ttl in scale.ttls for n in range(scale.names))
    absent = [kind.name for kind in KINDS if kind.path is None]
    with ExitStack() as stack:
        async with Town(populations) as town:
            old, new = town.addresses["old"], town.addresses["new"]
            askers: dict[str, Asker] = {}
            for kind in KINDS:
                if kind.path is None:
                    continue
                started = running(kind, folder / kind.name, town.emulator.dns, populations[0].host)
                server = await asyncio.to_thread(stack.enter_context, started)
                askers[kind.name] = await asker(server, old, new)
            pinned_to = next(iter(askers.values()), None)
            turn_at = time.monotonic() + scale.before
            until = turn_at + scale.after
            own = _Own(CachingResolver(town.emulator.dns, time.monotonic), old)
            work: list[Coroutine[Any, Any, None]] = [_turn(town, turn_at)]
            for number, population in enumerate(populations):
                first = turn_at - 0.5 - population.ttl * ((number % scale.names) + 0.5) / scale.names
                work += [keep_asking(made, population, first, until) for made in askers.values()]
                work.append(own.keep_asking(population, first, until))
            kept = tuple(each for each in populations if each.ttl == scale.pinned_ttl)
            crowd = Pinned(pinned_to, kept, town.port, scale.hold_seconds, random.Random(SEED)) if pinned_to else None
            if crowd is not None:
                work += [crowd.client(number, until) for number in range(scale.clients)]
            await asyncio.gather(*work)
            for made in askers.values():
                made.close()
            found = [Seen(name, _delays(town, populations, made.last_old)) for name, made in askers.items()]
            found.append(Seen(OWN, _delays(town, populations, own.last_old)))
            turned = town.turned
    goals = _goals(found, scale) + (_pinned_goals(crowd, turned, scale) if crowd is not None else [])
    return Report(goals, _table(found), _lines(found), _notes(absent, crowd))


async def _turn(town: Town, at: float) -> None:
    await asyncio.sleep(max(at - time.monotonic(), 0.0))
    await town.turn()


@dataclass(slots=True)
class _Own:
    """The emulator's clients' own cache, asked as the real resolvers are."""

    resolver: CachingResolver
    old: str
    last_old: dict[str, float]

    def __init__(self, resolver: CachingResolver, old: str) -> None:
        self.resolver, self.old, self.last_old = resolver, old, {}

    async def keep_asking(self, population: Population, first: float, until: float) -> None:
        """Ask for one name from `first` on (monotonic)."""
        await asyncio.sleep(max(first - time.monotonic(), 0.0))
        while time.monotonic() < until:
            with contextlib.suppress(ResolveError):
                if await self.resolver.address(population.host) == self.old:
                    self.last_old[population.host] = time.monotonic()
            await asyncio.sleep(ASKED_EVERY_SECONDS)


def _delays(town: Town, populations: tuple[Population, ...], last_old: dict[str, float]) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for population in populations:
        turned = town.turned[population.host]
        found.setdefault(population.ttl, []).append(max(last_old.get(population.host, turned) - turned, 0.0))
    return found


def _goals(found: list[Seen], scale: Scale) -> list[Goal]:
    made = []
    for seen in found:
        for ttl, delays in seen.delays.items():
            least = ttl + margin_seconds(DrainRule(), ttl)
            case = f"last answer naming the old group, TTL {ttl}, {seen.resolver}; bound: TTL + our margin"
            made.append(Goal("-", case, max(delays), least, "s", limit=float(ttl)))
    small, large = [ttl for ttl in scale.ttls if ttl <= 10], max(scale.ttls)
    for seen in found:
        for ttl in small if large > 10 else ():
            ours, theirs = (sum(seen.delays[each]) / len(seen.delays[each]) for each in (ttl, large))
            case = f"mean tail at TTL {ttl} beside TTL {large}, {seen.resolver}"
            made.append(Goal("G1d", case, ours, theirs / 2, "s of traffic", theirs, 0.0))
    return made


def _pinned_goals(crowd: Pinned, turned: dict[str, float], scale: Scale) -> list[Goal]:
    """When no more than eps of all requests come from pinned clients, and what the product makes of that drain."""
    stays = sorted((at - turned[host] for host, at in crowd.last_old.values()), reverse=True)
    made = []
    for eps in EPSILONS:
        left = int(eps / PHI * scale.clients)
        ours = max(stays[left], 0.0) if left < len(stays) else 0.0
        formula = drain_seconds(0.0, scale.pinned_ttl, PHI, scale.hold_seconds, eps)
        case = f"{PHI:.0%} pinned for {scale.hold_seconds:g} s at TTL {scale.pinned_ttl}: {1 - eps:.1%} have left"
        made.append(Goal("-", f"{case}; bound: T({eps:g})", ours, formula, "s", limit=float(scale.pinned_ttl)))
    told = _estimated(crowd, turned, scale)
    if told is not None:
        off = abs(told - scale.hold_seconds) / scale.hold_seconds
        made.append(Goal("-", f"H as the product estimates it from this drain: {told:.1f} s, off by", off, 0.5, "of H"))
    return made


def _estimated(crowd: Pinned, turned: dict[str, float], scale: Scale) -> float | None:
    """The mean hold that `strategies.tail` reads out of the old group's requests, second by second."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    seconds: dict[int, int] = {}
    for host, at in crowd.old:
        second = floor(at - turned[host])
        seconds[second] = seconds.get(second, 0) + 1
    tallies = tuple(
        Tally(start + timedelta(seconds=n), start + timedelta(seconds=n + 1), seconds.get(n, 0))
        for n in range(int(scale.after))
    )
    tail = measured(None, scale.clients / PHI, tallies, start + timedelta(seconds=scale.pinned_ttl))
    told = pinned(tail)
    return None if told is None else told.hold_seconds


def _table(found: list[Seen]) -> list[dict[str, Any]]:
    return [
        {"resolver": seen.resolver, "ttl": ttl, "names": len(delays), "mean": _mean(delays), "last": max(delays)}
        for seen in found
        for ttl, delays in seen.delays.items()
    ]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _lines(found: list[Seen]) -> tuple[str, ...]:
    lines = [f"{'resolver':<36} {'TTL':>4} {'mean tail':>10} {'last':>7}"]
    for seen in found:
        for ttl, delays in seen.delays.items():
            lines.append(f"{seen.resolver:<36} {ttl:>4} {_mean(delays):>8.1f} s {max(delays):>5.1f} s")
    return tuple(lines)


def _notes(absent: list[str], crowd: Pinned | None) -> tuple[str, ...]:
    notes = []
    for name in absent:
        notes.append(f"{name} is not installed (a Debian package), so it was not measured.")
    if crowd is None:
        notes.append("No real resolver is installed: only the emulator's own cache was measured; no pinned clients.")
    elif crowd.failures:
        told = ", ".join(f"{number} x {why}" for why, number in crowd.failures.items())
        notes.append(f"Requests or connections of pinned clients that failed: {told}.")
    return tuple(notes)
