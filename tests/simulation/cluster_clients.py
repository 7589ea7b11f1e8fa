"""Clients of a gateway: each request is led anew, whatever connection it comes by; some ask a name for the way."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.simulation.cluster_world import host_of
from tests.simulation.scenario_cluster import BETA

if TYPE_CHECKING:
    from providers.emulator.kube.services import Place
    from tests.simulation.clients import Crowd
    from tests.simulation.cluster_ground import ClusterGround

KEPT_SECONDS = 4.0
PEOPLE = 8
"""How many people's requests one of the many stands for."""
A_SECOND = 8
"""How many of them ask in each second."""
OVERRUN_SECONDS = 4.0


class RouteClient:
    """One client of one target's routes; some take an A/B test's detour, some ask for what is not ours."""

    def __init__(self, crowd: Crowd, ground: ClusterGround, seed: int) -> None:
        self.crowd, self.ground = crowd, ground
        self.rng = random.Random(seed)
        self.period = self.rng.uniform(1.5, 4.0)
        road = self.rng.choice(ground.seen.roads)
        self.rule = self.rng.choice([rule for rule in road.rules if rule.ours] * 3 + list(road.rules))
        self.host, self.path = host_of(road.name), self.rule.path.rstrip("/") + "/things"
        self.headers = dict([BETA]) if self.rng.random() < 0.25 else {}
        self.kept = self.rng.choice((0.0, 0.0, KEPT_SECONDS))
        self.overrun = self.rng.choice((0.0, 0.0, OVERRUN_SECONDS))
        self._way: tuple[bool, float] | None = None
        self._connected_until = 0.0

    def run(self) -> None:
        """Send one request and plan the next."""
        world = self.crowd.world
        if world.over:
            return
        now = world.lab.agenda.seconds
        if self._led_here(now):
            self.crowd.requests += 1
            self._ask()
        world.lab.agenda.after(self.period, self.run)

    def _led_here(self, now: float) -> bool:
        """Whether the name in front leads here, as far as this client has heard; where there is none, always."""
        profile = self.ground.place.profile
        if not profile or now < self._connected_until:
            return True
        if self._way is None or now >= self._way[1]:
            answer = self.crowd.world.lab.world.resolve(f"{profile}.trafficmanager.net", self.rng)
            if answer.cname is None:
                self._way = None
                self.crowd.world.judge.nobody_named(profile, answer.code)
                return False
            self.crowd.world.judge.named(profile)
            here = answer.cname.lower() == self.ground.gateway_host
            self._way = (here, now + answer.ttl_seconds + self.overrun)
        self._connected_until = now + self.kept if self._way[0] else now
        return self._way[0]

    def _ask(self) -> None:
        cluster, judge = self.ground.cluster, self.crowd.world.judge
        cluster.world.tick()
        routed = cluster.traffic.route(self.host, self.path, self.headers, self.rng)
        for copy in routed.mirrored_to:
            judge.led_to(self.ground, copy.pod.deployment)
        if routed.pod is None:
            name = (routed.backend or "").rpartition("/")[2]
            judge.led_nowhere(self.ground, routed, name, ours=self.rule.ours)
            self.crowd.world.telemetry.refused(name, 1)
            return
        judge.led_to(self.ground, routed.pod.pod.deployment)
        ask(self.crowd, routed.pod, 1)


class Masses:
    """Everybody else who comes through a target's routes, each led by itself; some take an A/B test's detour."""

    def __init__(self, crowd: Crowd, ground: ClusterGround, seed: int) -> None:
        self.crowd, self.ground = crowd, ground
        self.rng = random.Random(seed)
        roads = [(host_of(road.name), rule.path) for road in ground.seen.roads for rule in road.rules if rule.ours]
        self.ways = [(host, path.rstrip("/") + "/things") for host, path in roads]

    def run(self) -> None:
        """Send a second's requests and plan the next ones; none where the name in front is closed."""
        world, cluster = self.crowd.world, self.ground.cluster
        if world.over:
            return
        view = self.ground.view()
        if view is not None and view.entered:
            cluster.world.tick()
            for number in range(A_SECOND):
                host, path = self.rng.choice(self.ways)
                routed = cluster.traffic.route(host, path, dict([BETA]) if number == 0 else {}, self.rng)
                for copy in routed.mirrored_to:
                    ask(self.crowd, copy, PEOPLE)
                if routed.pod is not None:
                    ask(self.crowd, routed.pod, PEOPLE)
                else:
                    world.telemetry.refused((routed.backend or "").rpartition("/")[2], PEOPLE)
        world.lab.agenda.after(1.0, self.run)


def ask(crowd: Crowd, place: Place, people: int) -> None:
    """So many people ask one pod at once."""
    container = place.pod.server(place.port)
    if place.pod.gone or container is None or container.since is None:
        crowd.world.telemetry.refused(place.pod.deployment, people)
    else:
        crowd.world.telemetry.answered(place.pod.deployment, container, people)
