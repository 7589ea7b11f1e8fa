"""Virtual clients: each resolves through a resolver that caches, connects, keeps the connection, and is never told.

A client that is sent to a group whose deletion has begun, or that gets no answer while one must be served, is the
failure that everything else here is about.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from strategies.seen import Counts
from tests.simulation.cluster_clients import RouteClient
from tests.simulation.cluster_ground import ClusterGround

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

BUCKET_SECONDS = 5
CROWD = 12
"""How many people's requests one virtual client stands for in the metrics."""
KEPT_SECONDS = 4.0
OVERRUN_SECONDS = 4.0
"""How long past its TTL a resolver may answer; with kept connections and propagation still within a drain's sum."""


class Client:
    """One client of one profile, with its own resolver."""

    def __init__(self, crowd: Crowd, profile: str, where: tuple[tuple[str, str], ...], seed: int) -> None:
        self.crowd, self.profile, self.where = crowd, profile, where
        self.rng = random.Random(seed)
        self.period = self.rng.uniform(1.5, 4.0)
        self.overrun = self.rng.choice((0.0, 0.0, OVERRUN_SECONDS))
        self.kept = self.rng.choice((0.0, 0.0, KEPT_SECONDS))
        self._answer: tuple[str, float] | None = None
        self._connection: tuple[str, float] | None = None

    def run(self) -> None:
        """Send one request and plan the next."""
        world = self.crowd.world
        if world.over:
            return
        now = world.lab.agenda.seconds
        if self._connection is None or now >= self._connection[1]:
            host = self._resolve(now)
            self._connection = (host, now + self.kept) if host else None
        if self._connection is not None and not self.crowd.request(self, self._connection[0]):
            self._connection = None
        world.lab.agenda.after(self.period, self.run)

    def _resolve(self, now: float) -> str | None:
        if self._answer is not None and now < self._answer[1]:
            return self._answer[0]
        answer = self.crowd.world.lab.world.resolve(f"{self.profile}.trafficmanager.net", self.rng)
        if answer.cname is None:
            self._answer = None
            self.crowd.world.judge.nobody_named(self.profile, answer.code)
            return None
        host = answer.cname.lower()
        self.crowd.world.judge.named(self.profile)
        self._answer = (host, now + answer.ttl_seconds + self.overrun)
        return host


class Crowd:
    """All clients of a world, and what a metrics source would have counted of them."""

    def __init__(self, world: Simulation) -> None:
        self.world = world
        self.requests = 0
        self._counted: dict[int, Counter[tuple[str, bool]]] = {}
        seed = world.lab.scenario.seed * 17
        profiles: dict[str, list[tuple[str, str]]] = {}
        for wanted in world.lab.scenario.services:
            for target, place in wanted.places.items():
                if not place.cluster:
                    profiles.setdefault(place.profile, []).append((wanted.service.name, target))
        for profile, where in profiles.items():
            for number in range(world.lab.scenario.clients):
                client = Client(self, profile, tuple(where), seed + 1000 * number + len(profile))
                world.lab.agenda.at(client.period * number / 3, client.run)
        for ground in world.lab.grounds.values():
            if isinstance(ground, ClusterGround):
                for number in range(world.lab.scenario.clients):
                    asker = RouteClient(self, ground, seed + 1000 * number + len(ground.routing) + 7)
                    world.lab.agenda.at(asker.period * number / 3, asker.run)

    def request(self, client: Client, host: str) -> bool:
        """Ask a host once; say whether the connection lives on."""
        lab, judge = self.world.lab, self.world.judge
        self.requests += 1
        lab.world.tick()
        group = lab.world.groups.by_name(host)
        if group is None:
            judge.reached_nobody(client.profile, host)
            return False
        answer = lab.world.groups.answer(group.key, "/", client.rng)
        self.count(group.name, ok=answer is not None and answer.status < 500)
        if answer is None:
            judge.refused(client.profile, group)
            return False
        return True

    def count(self, name: str, *, ok: bool) -> None:
        """Count one answer of a workload."""
        bucket = int(self.world.lab.agenda.seconds // BUCKET_SECONDS)
        self._counted.setdefault(bucket, Counter())[name, ok] += CROWD

    def counts(self, where: tuple[str, str], since: datetime) -> tuple[Counts, ...]:
        """Whole intervals since then, by side of the service's rollout under way."""
        lab = self.world.lab
        rollout = self.world.store.active(where[0])
        if rollout is None:
            return ()
        state = rollout.target(where[1])
        started, ground = lab.agenda.started, lab.ground(where)
        first = -int(-(since - started).total_seconds() // BUCKET_SECONDS)
        last = int(lab.agenda.seconds // BUCKET_SECONDS)
        found = []
        for bucket in range(max(first, last - 30, 0), last):
            counter = self._counted.get(bucket, Counter())
            parts = []
            for slots in (state.stable, state.candidate):
                good = sum(counter[ground.counted_as(slot), True] for slot in slots)
                bad = sum(counter[ground.counted_as(slot), False] for slot in slots)
                parts += [good + bad, bad]
            begin = started + timedelta(seconds=bucket * BUCKET_SECONDS)
            found.append(Counts(begin, begin + timedelta(seconds=BUCKET_SECONDS), *parts))
        return tuple(found)
