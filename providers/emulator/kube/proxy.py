"""The API server's own proxy to Services and pods: `…/services/<scheme:name:port>/proxy/<path>` and `…/pods/…`."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from providers.emulator.http import Request, Response
from providers.emulator.kube.kinds import POD, SERVICE, Kind
from providers.emulator.kube.services import Place
from providers.emulator.kube.status import Refusal, bad_request, failure, not_found

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster


def answer(cluster: Cluster, kind: Kind, request: Request, *, namespace: str, target: str, path: str) -> Response:
    """Carry one request to what `target` names (`name`, `name:port` or `scheme:name:port`) and return its answer.

    `path` is what follows `/proxy`. It is no client's request, so nobody counts it. Raises Refusal: 404 for what does
    not exist, 503 where nobody can answer, 400 for a target that cannot be read.
    """
    name, port = _target(target)
    rng = cluster.world.rng
    place = _pod(cluster, namespace, name, port) if kind is POD else _behind(cluster, namespace, name, port, rng)
    found = cluster.traffic.answer(place.pod, place.port, path or "/", rng)
    if found is None:
        where = f"{place.pod.address}:{place.port}"
        raise _nobody(f"error trying to reach service: dial tcp {where}: connect: connection refused")
    body = f"{found.status}\n".encode()
    headers = {**found.headers, "Content-Type": "text/plain; charset=utf-8"}
    return Response(found.status, headers, b"" if request.method == "HEAD" else body, found.latency_seconds)


def _target(target: str) -> tuple[str, int | str | None]:
    parts = target.split(":")
    if len(parts) > 3 or not parts[-2 if len(parts) > 1 else 0]:
        raise bad_request(f'invalid service request "{target}"')
    scheme, name, port = {1: ("", *parts, ""), 2: ("", *parts), 3: tuple(parts)}[len(parts)]
    if scheme not in ("", "http", "https"):
        raise bad_request(f'invalid service request "{target}"')
    return name, (int(port) if port.isdecimal() else port or None)


def _behind(cluster: Cluster, namespace: str, name: str, port: int | str | None, rng: random.Random) -> Place:
    if cluster.objects.peek(SERVICE, namespace, name) is None:
        raise not_found(SERVICE, name)
    places = cluster.services.behind(namespace, name, port)
    if places is None:
        raise _nobody(f'no service port "{port}" found for service "{name}"')
    if not places:
        raise _nobody(f'no endpoints available for service "{name}"')
    return rng.choice(places)


def _pod(cluster: Cluster, namespace: str, name: str, port: int | str | None) -> Place:
    pod = cluster.kubelet.pods.get((namespace, name))
    if pod is None:
        raise not_found(POD, name)
    if isinstance(port, str):
        raise bad_request(f'invalid pod request "{name}:{port}"')
    return Place(pod, port or (pod.ports[0] if pod.ports else 80))


def _nobody(message: str) -> Refusal:
    return Refusal(503, failure(503, message, "ServiceUnavailable"))
