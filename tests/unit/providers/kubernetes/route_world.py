"""A few objects behind an API server's rules, in memory: versions, guarded JSON patches, refusals; and a controller."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.errors import Conflict, Denied, Invalid, Missing, Unsupported
from providers.kubernetes.settings import Route, Routes
from strategies.names import endpoint_name
from strategies.seen import Mark

GROUP = "gateway.networking.k8s.io"
ROUTE = Route("HTTPRoute", "shop", "storefront")
RPC = Route("GRPCRoute", "shop", "cart")
ROUTE_PATH = f"/apis/{GROUP}/v1/namespaces/shop/httproutes/storefront"
RPC_PATH = f"/apis/{GROUP}/v1/namespaces/shop/grpcroutes/cart"
GATEWAY_PATH = f"/apis/{GROUP}/v1/namespaces/shop/gateways/edge"
CLASS_PATH = f"/apis/{GROUP}/v1/gatewayclasses/example"
SERVICE_PATH = "/api/v1/namespaces/shop/services/"
OLD_MARK = Mark("storefront", "onprem", "a" * 8, 3, 0)
NEW_MARK = Mark("storefront", "onprem", "b" * 8, 4, 0)
OLD, NEW = "storefront-aaaaaaaa-3-0", "storefront-bbbbbbbb-4-0"
OLD_END, NEW_END = endpoint_name(OLD_MARK), endpoint_name(NEW_MARK)
HOLDER = "storefront.onprem"
ALL = {"path": {"type": "PathPrefix", "value": "/"}}


def settings(**more: Any) -> Routes:
    """The settings of a target with one HTTPRoute."""
    return Routes(**{"context": "test", "namespace": "shop", "routes": (ROUTE,), "port": 80, **more})


def ref(name: str, weight: int | None = 1, **more: Any) -> dict[str, Any]:
    """A backendRef as a server stores it; weight None leaves it out."""
    said = {} if weight is None else {"weight": weight}
    return {"group": "", "kind": "Service", "name": name, "port": 80, **said, **more}


def rule(*refs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A rule for everything."""
    return {"matches": [copy.deepcopy(ALL)], **({"backendRefs": list(refs)} if refs else {}), **more}


def route(*rules: dict[str, Any], of: Route = ROUTE, **metadata: Any) -> dict[str, Any]:
    """A route's body behind the Gateway `edge`."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": of.kind,
        "metadata": {"name": of.name, "namespace": of.namespace, "generation": 1, **metadata},
        "spec": {
            "hostnames": ["shop.example.test"],
            "parentRefs": [{"group": GROUP, "kind": "Gateway", "name": "edge"}],
            "rules": list(rules),
        },
    }


def service(name: str, selector: Mapping[str, str] | None, *, port: int = 80, **metadata: Any) -> dict[str, Any]:
    """A Service's body."""
    spec = {"ports": [{"port": port}], **({} if selector is None else {"selector": dict(selector)})}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", **metadata},
        "spec": spec,
    }


def gateway(*, programmed: str = "True") -> dict[str, Any]:
    """The Gateway `edge`, with an address."""
    return {
        "metadata": {"name": "edge", "namespace": "shop"},
        "spec": {"gatewayClassName": "example"},
        "status": {
            "addresses": [{"type": "IPAddress", "value": "192.0.2.1"}],
            "conditions": [{"type": "Programmed", "status": programmed, "reason": "Said"}],
        },
    }


def accepted(body: dict[str, Any], *, generation: int | None = None, **conditions: Any) -> dict[str, Any]:
    """The same route after its controller has answered for its present generation (or an older one).

    A condition with an empty status is not published.
    """
    said = {"Accepted": "True", "ResolvedRefs": "True", **conditions}
    observed = body["metadata"]["generation"] if generation is None else generation
    body["status"] = {
        "parents": [
            {
                "parentRef": dict(parent),
                "controllerName": "example.test/controller",
                "conditions": [
                    {"type": kind, "status": status, "reason": kind, "observedGeneration": observed}
                    for kind, status in said.items()
                    if status
                ],
            }
            for parent in body["spec"]["parentRefs"]
        ]
    }
    return body


class UnmetError(Exception):
    """A `test` operation did not find what it says, or a path leads nowhere."""


def apply_patch(body: Any, ops: list[dict[str, Any]]) -> Any:
    """RFC 6902's add, remove, replace and test on a copy of `body`."""
    body = copy.deepcopy(body)
    for op in ops:
        keys = [key.replace("~1", "/").replace("~0", "~") for key in op["path"].split("/")[1:]]
        holder = body
        for key in keys[:-1]:
            holder = _child(holder, key)
        _one(holder, keys[-1], op)
    return body


def _child(holder: Any, key: str) -> Any:
    try:
        return holder[int(key)] if isinstance(holder, list) else holder[key]
    except (KeyError, IndexError, ValueError) as error:
        raise UnmetError(key) from error


def _one(holder: Any, key: str, op: dict[str, Any]) -> None:
    verb, value = op["op"], copy.deepcopy(op.get("value"))
    if verb == "add" and isinstance(holder, list):
        holder.insert(len(holder) if key == "-" else int(key), value)
    elif verb == "add":
        holder[key] = value
    elif verb == "test":
        if _child(holder, key) != value:
            raise UnmetError(op["path"])
    else:
        _child(holder, key)
        at: Any = int(key) if isinstance(holder, list) else key
        if verb == "remove":
            del holder[at]
        else:
            holder[at] = value


@dataclass
class RouteWorld:
    """Objects by path. `before_write` runs once, just before the next write is taken, as somebody else's write would.

    `denied` are paths that may not be read, `forbidden` triples of verb, resource and name that a review refuses.
    """

    objects: dict[str, Any] = field(default_factory=dict)
    writes: list[tuple[str, str]] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    forbidden: set[tuple[str, str, str | None]] = field(default_factory=set)
    before_write: Callable[[], None] | None = None
    refuses: Mapping[str, Exception] = field(default_factory=dict)
    version: int = 100
    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def put(self, path: str, body: dict[str, Any]) -> None:
        """Write an object as its owner would: a new version, and a new generation when the spec differs."""
        self.version += 1
        body = copy.deepcopy(body)
        before = self.objects.get(path)
        generation = int((before or body)["metadata"].get("generation") or 1)
        if before is not None and before.get("spec") != body.get("spec"):
            generation += 1
        body["metadata"] |= {"resourceVersion": str(self.version), "generation": generation}
        self.objects[path] = body

    def accept(self, path: str = ROUTE_PATH, **conditions: Any) -> None:
        """Let the controller answer for what the route says now."""
        self.put(path, accepted(copy.deepcopy(self.objects[path]), **conditions))

    @contextmanager
    def act(self) -> Iterator[None]:
        yield

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def read(self, doing: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        if path in self.denied:
            raise Denied(f"{doing}: forbidden", code="Forbidden")
        if path in self.objects:
            return copy.deepcopy(self.objects[path])
        if path.rpartition("/")[2] in ("httproutes", "grpcroutes", "referencegrants", "applications"):
            inside = [copy.deepcopy(body) for key, body in self.objects.items() if key.rpartition("/")[0] == path]
            if inside or "argoproj" not in path:
                return {"items": inside}
        if path.startswith("/apis/argoproj.io"):
            raise Unsupported(f"{doing}: 404 page not found", code="NotServed")
        raise Missing(f"{doing}: not found", code="NotFound")

    def write(
        self,
        doing: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Any:
        if path.endswith("selfsubjectaccessreviews"):
            asked = body["spec"]["resourceAttributes"]
            key = (asked["verb"], asked["resource"], asked.get("name"))
            return {"status": {"allowed": key not in self.forbidden}}
        if "dryRun" in (query or {}):
            return self._tried(doing, path, body)
        if self.before_write is not None:
            hook, self.before_write = self.before_write, None
            hook()
        if path in self.refuses:
            raise self.refuses[path]
        self.writes.append((method, path))
        if method == "POST":
            return self._post(doing, path, body)
        assert (method, content_type) == ("PATCH", "application/json-patch+json")
        return self._patch(doing, path, body)

    def status(
        self, path: str, headers: Mapping[str, str], timeout_seconds: float, query: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        raise NotImplementedError

    def _tried(self, doing: str, path: str, ops: Any) -> Any:
        """Judge a patch and keep nothing of it."""
        if path in self.refuses:
            raise self.refuses[path]
        return apply_patch(self.read(doing, path), ops)

    def _post(self, doing: str, path: str, body: Any) -> Any:
        path = f"{path}/{body['metadata']['name']}"
        if path in self.objects:
            raise Conflict(f"{doing}: already exists", code="AlreadyExists")
        self.put(path, body)
        return self.read(doing, path)

    def _patch(self, doing: str, path: str, ops: Any) -> Any:
        before = self.read(doing, path)
        try:
            after = apply_patch(before, ops)
        except UnmetError as error:
            raise Invalid(f"{doing}: the server rejected our request", code="Invalid") from error
        if after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
            raise Conflict(f"{doing}: the object has been modified", code="Conflict")
        if after != before:
            self.put(path, after)
        return self.read(doing, path)


def same(left: Any, right: Any) -> bool:
    """Whether two bodies are the same byte for byte, once written as a server writes them."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
