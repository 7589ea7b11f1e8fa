"""Virtual clients: each resolves through a resolver that caches, connects, keeps the connection, and is never told.

A client that is sent to a group whose deletion has begun, or that gets no answer while one must be served, is the
failure that everything else here is about.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.simulation.cluster_clients import Masses, RouteClient
from tests.simulation.cluster_ground import ClusterGround

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

PEOPLE = 12
"""How many people's requests one virtual client stands for."""
KEPT_SECONDS = 4.0
PINNED_SECONDS = (40.0, 220.0)
OVERRUN_SECONDS = 4.0
"""How long past its TTL a resolver may answer; with kept connections and propagation still within a drain's sum."""


class Client:
    """One client of one profile, with its own resolver; one that is pinned keeps its connection for minutes."""

    def __init__(self, crowd: Crowd, profile: str, seed: int, *, pinned: bool = False) -> None:
        self.crowd, self.profile, self.pinned = crowd, profile, pinned
        self.rng = random.Random(seed)
        self.period = self.rng.uniform(1.5, 4.0)
        self.overrun = self.rng.choice((0.0, 0.0, OVERRUN_SECONDS))
        self.kept = self.rng.choice((0.0, 0.0, KEPT_SECONDS))
        if pinned:
            self.kept, self.overrun = self.rng.uniform(*PINNED_SECONDS), 0.0
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
    """All clients of a world."""

    def __init__(self, world: Simulation) -> None:
        self.world = world
        self.requests = 0
        scenario = world.lab.scenario
        seed = scenario.seed * 17
        profiles: dict[str, bool] = {}
        for wanted in scenario.services:
            for place in wanted.places.values():
                if not place.cluster:
                    profiles[place.profile] = profiles.get(place.profile, False) or bool(place.sources)
        for profile, counted in profiles.items():
            pinned = scenario.pinned if counted else 0
            for number in range((scenario.resolvers if counted else scenario.clients) + pinned):
                client = Client(self, profile, seed + 1000 * number + len(profile), pinned=number < pinned)
                world.lab.agenda.at(client.period * number / 3, client.run)
        for ground in world.lab.grounds.values():
            if isinstance(ground, ClusterGround):
                for number in range(scenario.clients):
                    asker = RouteClient(self, ground, seed + 1000 * number + len(ground.routing) + 7)
                    world.lab.agenda.at(asker.period * number / 3, asker.run)
                if ground.place.sources:
                    world.lab.agenda.at(1.0, Masses(self, ground, seed + 13).run)

    def request(self, client: Client, host: str) -> bool:
        """Ask a host once; say whether the connection lives on."""
        lab, judge = self.world.lab, self.world.judge
        self.requests += 1
        lab.world.tick()
        group = lab.world.groups.by_name(host)
        if group is None:
            # Whoever keeps a connection for minutes is counted, and waited for only as the drain's rule says.
            if not client.pinned:
                judge.reached_nobody(client.profile, host)
            return False
        if lab.world.groups.answer(group.key, "/", client.rng) is None:
            self.world.telemetry.refused(group.name, PEOPLE)
            judge.refused(client.profile, group)
            return False
        self.world.telemetry.answered(group.name, group.server(), PEOPLE)
        return True
