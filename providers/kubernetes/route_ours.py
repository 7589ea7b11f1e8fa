"""Which backends of a route are ours, and how a backend's name becomes an endpoint's and back; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.kubernetes import marks
from providers.kubernetes.settings import Route, Routes
from strategies.names import endpoint_name, holder, parse_endpoint

Body = Mapping[str, Any]
GROUP = "gateway.networking.k8s.io"
ALIASES = "rollout/endpoints"
"""On a route: pairs of a backend and its endpoint, where a retained workload serves again under another number than its
own name says."""
PLURALS = {"HTTPRoute": "httproutes", "GRPCRoute": "grpcroutes"}


@dataclass(frozen=True, slots=True)
class Ours:
    """One target of one service, and what of its routes is its own."""

    settings: Routes
    service: str
    target: str

    @property
    def holder(self) -> str:
        """The name under which this target stands in the annotations of a route that several share."""
        return holder(self.service, self.target)

    @property
    def rule_prefix(self) -> str:
        """How the names of the rules that we add begin; the digest tells `a-b` of `c` from `a` of `b-c`."""
        digest = hashlib.sha256(self.holder.encode()).hexdigest()[:8]
        return f"rollout-{self.service}-{self.target}-{digest}-"

    def backend(self, ref: Body, route: Route) -> str | None:
        """The name of the backend that a reference leads to when it is ours: adopted, or one of our slots'."""
        name = self.service_of(ref, route)
        return name if name is not None and self.owns(name) else None

    def slot_of(self, ref: Body, route: Route) -> str | None:
        """The name of the backend that a reference leads to when it is one of our slots'."""
        name = self.service_of(ref, route)
        return name if name is not None and self._marked(name) else None

    def service_of(self, ref: Body, route: Route) -> str | None:
        """The name of the Service in our namespace that a reference leads to, if it does."""
        namespace = ref.get("namespace") or route.namespace
        if ref.get("group") or (ref.get("kind") or "Service") != "Service" or namespace != self.settings.namespace:
            return None
        return str(ref.get("name") or "")

    def owns(self, name: str) -> bool:
        """Whether a Service of this name is ours."""
        return name in self.settings.adopt or self._marked(name)

    def endpoint(self, name: str, aliases: Mapping[str, str]) -> str:
        """The endpoint of a backend; an adopted one's is its Service's name."""
        mark = marks.of_backend(self.service, self.target, name)
        return name if mark is None else aliases.get(name, endpoint_name(mark))

    def may_be(self, name: str, alias: str) -> bool:
        """Whether `alias` can be the endpoint of our slot's backend `name`."""
        mark = parse_endpoint(alias)
        return self._marked(name) and mark is not None and (mark.service, mark.target) == (self.service, self.target)

    def new_ref(self, name: str, route: Route, sibling: Body | None) -> dict[str, Any]:
        """A reference to a backend, without weight: like its sibling in the rule, else by the port of the settings."""
        if sibling is not None:
            return {key: value for key, value in sibling.items() if key != "weight"} | {"name": name}
        ref: dict[str, Any] = {"group": "", "kind": "Service", "name": name, "port": self.settings.port}
        if route.namespace != self.settings.namespace:
            ref["namespace"] = self.settings.namespace
        return ref

    def _marked(self, name: str) -> bool:
        return marks.of_backend(self.service, self.target, name) is not None


def natural_backend(endpoint: str) -> str:
    """The backend's name that an endpoint's name says; an adopted one's is the same."""
    mark = parse_endpoint(endpoint)
    return endpoint if mark is None else marks.backend_name(mark)


def items(holder: Body, key: str) -> list[Body]:
    """A list of objects in a body, empty where it is absent or null."""
    return list(holder.get(key) or ())


def route_path(route: Route, name: str | None = None) -> str:
    """The path of a route in the API, or of another object of its kind in the same namespace."""
    return f"{routes_path(route.kind, route.namespace)}/{name or route.name}"


def routes_path(kind: str, namespace: str) -> str:
    """The path of all routes of a kind in a namespace."""
    return f"/apis/{GROUP}/v1/namespaces/{namespace}/{PLURALS[kind]}"


def gateway_path(route: Route, parent: Body) -> str:
    """The path of the Gateway that a parentRef of a route names."""
    namespace = parent.get("namespace") or route.namespace
    return f"/apis/{GROUP}/v1/namespaces/{namespace}/gateways/{parent.get('name')}"
