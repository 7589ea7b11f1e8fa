"""Requests through a cluster: by a Gateway, by a Service, or to a pod itself, and the counts of who got them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers.emulator.behaviour import HEALTH_PATHS, seconds_between
from providers.emulator.exposition import CONTENT_TYPE, METRICS_PATH
from providers.emulator.kube.gateway import Line, Redirect, copied, find, pick
from providers.emulator.kube.gateways import ports_of
from providers.emulator.kube.objects import Json
from providers.emulator.kube.pod_run import Pod
from providers.emulator.kube.services import Place
from providers.emulator.values import Answer

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Routed:
    """Where the data plane leads one request.

    `pod` is the place it is led to; None when the data plane answers itself, with `status`: 404 no rule takes it, 500
    no backend that may be used, 503 no pod that is ready, 30x a redirect. `backend` is the Service that was chosen,
    `namespace/name`. `mirrored_to` are the places that get a copy.
    """

    pod: Place | None
    status: int
    mirrored_to: tuple[Place, ...] = ()
    backend: str | None = None
    line: Line | None = None
    gateway: str = ""


class Traffic:
    """Leads requests as the data plane of the cluster does now."""

    def __init__(self, cluster: Cluster) -> None:
        """Begin with nothing counted."""
        self._cluster = cluster
        self._world = cluster.world

    def route(
        self,
        host: str,
        path: str,
        headers: Mapping[str, str] | None,
        rng: random.Random,
        method: str = "GET",
        *,
        gateway: Json | None = None,
        port: int | None = None,
    ) -> Routed:
        """Choose where one request goes; without a Gateway, the first one that takes the host."""
        name = host.partition(":")[0].rstrip(".").lower()
        small = {key.lower(): value for key, value in (headers or {}).items()}
        gateways = self._cluster.gateways.all() if gateway is None else [gateway]
        for one in gateways:
            for number in ports_of(one) if port is None else (port,):
                line = find(self._cluster.gateways.lines(one, number), name, method, path, small)
                if line is not None:
                    return self._follow(line, rng, one["metadata"]["name"])
        return Routed(None, 404, gateway=gateways[0]["metadata"]["name"] if gateways else "")

    def _follow(self, line: Line, rng: random.Random, gateway: str) -> Routed:
        copies: list[Place] = []
        for mirrored in copied(line, rng):
            if mirrored.problem(self._cluster.objects) is None:
                places = self._cluster.services.behind(mirrored.namespace, mirrored.name, mirrored.port)
                copies += [_one(places, rng)] if places else []
        if line.redirect is not None:
            return Routed(None, line.redirect.status, line=line, gateway=gateway)
        backend = pick(line, rng)
        if backend is None or backend.problem(self._cluster.objects) is not None:
            return Routed(None, 500, tuple(copies), line=line, gateway=gateway)
        where = f"{backend.namespace}/{backend.name}"
        places = self._cluster.services.behind(backend.namespace, backend.name, backend.port)
        if not places:
            return Routed(None, 503, tuple(copies), where, line, gateway)
        return Routed(_one(places, rng), 200, tuple(copies), where, line, gateway)

    def request(
        self,
        host: str,
        path: str,
        headers: Mapping[str, str] | None,
        rng: random.Random,
        method: str = "GET",
        *,
        gateway: Json | None = None,
        port: int | None = None,
        count: bool = True,
    ) -> Answer:
        """Carry one request through a Gateway and return what the client gets; `count` False leaves no trace."""
        routed = self.route(host, path, headers, rng, method, gateway=gateway, port=port)
        for place in routed.mirrored_to:
            self.ask(place, path, rng, host, count=count)
        if routed.pod is None:
            if count:
                self._world.calls.count_answer(routed.gateway, routed.status >= 500, self._world.now())
            sent = routed.line.redirect if routed.line is not None else None
            return Answer(routed.status, {} if sent is None else {"Location": location(sent, host, path)})
        answer = self.ask(routed.pod, path, rng, host, count=count)
        limit = routed.line.timeout_seconds if routed.line is not None else None
        if answer is None:
            return Answer(503, {})
        if limit is not None and answer.latency_seconds > limit:
            return Answer(504, {}, limit)
        return answer

    def ask(
        self, place: Place, path: str, rng: random.Random, host: str | None = None, *, count: bool = True
    ) -> Answer | None:
        """Return what a pod answers to one request on a port now, None when its connection is refused."""
        answer = self.answer(place.pod, place.port, path, rng, host)
        if count:
            self._world.record_request(place.pod.address)
            failed = answer is None or answer.status >= 500
            self._world.calls.count_answer(place.pod.deployment, failed, self._world.now())
        return answer

    def answer(
        self, pod: Pod, port: int | None, path: str, rng: random.Random, host: str | None = None
    ) -> Answer | None:
        """Return what a pod answers, uncounted; None when it does not listen there."""
        container = pod.server(port)
        if pod.gone or container is None or container.since is None:
            return None
        behaviour = container.behaviour
        headers = {"X-Version": behaviour.version}
        name = (host or pod.address).partition(":")[0].lower()
        if behaviour.host is not None and name != behaviour.host.lower():
            return Answer(404, headers, behaviour.latency_seconds)
        age = seconds_between(container.since, self._world.now())
        if path == METRICS_PATH:
            told = container.served.text(container.since, container.spec.get("env") or ())
            return Answer(200, {**headers, "Content-Type": CONTENT_TYPE}, text=told)
        health = path.partition("?")[0] in HEALTH_PATHS | container.health_paths
        status = behaviour.status(age, path, health, rng)
        container.served.count(container.since, status, path)
        return Answer(status, headers, behaviour.latency_seconds)

    def by_service(
        self,
        namespace: str,
        name: str,
        port: int | str | None,
        *,
        path: str,
        rng: random.Random,
        host: str | None = None,
    ) -> Answer | None:
        """Carry one request to a Service's address; None when no ready pod stands behind it."""
        places = self._cluster.services.behind(namespace, name, port)
        return self.ask(_one(places, rng), path, rng, host) if places else None


def location(redirect: Redirect, host: str, path: str) -> str:
    """Return the address to which a client is redirected, which is absolute as data planes write it."""
    scheme = redirect.scheme or "http"
    name, _, port = host.partition(":")
    number = redirect.port if redirect.port is not None else (None if redirect.scheme else port or None)
    default = number is None or (scheme, str(number)) in (("http", "80"), ("https", "443"))
    where = (redirect.hostname or name) + ("" if default else f":{number}")
    return f"{scheme}://{where}{redirect.path or path}"


def _one(places: list[Place], rng: random.Random) -> Place:
    return places[0] if len(places) == 1 else rng.choice(places)
