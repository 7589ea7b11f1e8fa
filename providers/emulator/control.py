"""The emulator's own interface under `/_emulator/`: register images, arm faults, reset, and look at the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from providers.emulator.behaviour import Behaviour
from providers.emulator.exposition import scrape_targets
from providers.emulator.faults import Fault
from providers.emulator.http import Request, Response
from providers.emulator.kube.kubeconfig import kubeconfig
from providers.emulator.registry import Registry
from providers.emulator.registry_store import RegistryError
from providers.emulator.world import World

_METHODS = {"images": "POST", "faults": "POST", "reset": "POST", "state": "GET", "kubeconfig": "GET", "targets": "GET"}


class _ImageBody(msgspec.Struct, forbid_unknown_fields=True):
    repository: str
    tag: str = "latest"
    behaviour: dict[str, Any] = {}


class Control:
    """Answers `/_emulator/{images,faults,reset,state,kubeconfig,targets}` over one world and one registry.

    `url` is that of the emulator, without a final slash, for the kubeconfig.
    """

    def __init__(self, world: World, registry: Registry, url: Callable[[], str] = lambda: "") -> None:
        self._world = world
        self._registry = registry
        self._url = url

    def handle(self, request: Request) -> Response:
        """Answer one request; 400 with `{"error"}` names the key that is wrong and what was expected."""
        name = request.path.removeprefix("/_emulator").strip("/")
        method = _METHODS.get(name)
        if method is None:
            return _json(404, {"error": f"{request.path}: expected one of {', '.join(_METHODS)} under /_emulator/"})
        if request.method != method:
            return _json(405, {"error": f"{request.path}: takes {method}; got {request.method}"}, {"Allow": method})
        try:
            if name == "images":
                return self._images(request.body)
            if name == "faults":
                return self._faults(request.body)
        except (msgspec.DecodeError, ValueError) as error:
            return _json(400, {"error": f"{request.path}: {error}"})
        if name == "state":
            return _json(200, self._world.state())
        if name == "targets":
            return _json(200, scrape_targets(self._world.workloads()))
        if name == "kubeconfig":
            more = [one for one in request.query.get("clusters", "").split(",") if one]
            return _json(200, kubeconfig(self._url(), [*self._world.clusters, *more]))
        self._world.reset()
        self._registry.reset()
        return Response(204)

    def _images(self, body: bytes) -> Response:
        told = msgspec.json.decode(body, type=_ImageBody)
        # A workload calls itself by its tag unless told otherwise: clients then see the versions they asked for.
        behaviour = Behaviour.from_json({"version": told.tag, **told.behaviour})
        try:
            digest = self._registry.register(told.repository, told.tag, behaviour)
        except RegistryError as error:
            raise ValueError(f"{error.message}; got {error.detail}") from error
        return _json(201, {"digest": digest})

    def _faults(self, body: bytes) -> Response:
        fault = Fault.from_json(msgspec.json.decode(body, type=dict[str, Any]))
        self._world.faults.add(fault)
        return _json(201, fault.to_json())


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, msgspec.json.encode(body))
