"""The API server of one emulated cluster: who asks, what for, what goes wrong, and who answers.

`KubeApi.call` is one call on plain JSON values and `KubeApi.handle` the same over HTTP messages. There is one behaviour
behind both, and neither raises for anything that a call holds: refusals are answers.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from providers.emulator.calls import WRITES
from providers.emulator.calls import Call as Logged
from providers.emulator.faults import Fault, Faults
from providers.emulator.http import Request, Response
from providers.emulator.kube import deletes, discovery, patches, rbac, reads, subresources, watch
from providers.emulator.kube.call import JSON_TYPE, Call, Reply, Target, route
from providers.emulator.kube.kinds import NAMESPACE
from providers.emulator.kube.objects import Objects
from providers.emulator.kube.rbac import Asked, User, Users
from providers.emulator.kube.status import Refusal, failure, not_acceptable, not_allowed, not_found
from providers.emulator.kube.writes import Writes

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster

__all__ = ["KubeApi", "Reply"]
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_NOT_OURS = ("InternalServerError", "AuthorizationFailed", "ResourceNotFound")
_AS_METADATA = "as=PartialObjectMetadata"
_COMMON = {"Cache-Control": "no-cache, private"}


class KubeApi:
    """One API server over a cluster, or over a store alone.

    `users` says who may do what, `off` names the groups that the cluster does not have. Faults of the world match
    `/clusters/<name><path>`. `calls` holds every call in order with the path alone.
    """

    def __init__(self, behind: Cluster | Objects, faults: Faults | None = None) -> None:
        """Open the server; `faults` is for a store without a world."""
        self._cluster = None if isinstance(behind, Objects) else behind
        self.objects = behind if isinstance(behind, Objects) else behind.objects
        self.name = "" if isinstance(behind, Objects) else behind.name
        self.users = Users()
        self.off: set[str] = set()
        self.calls: list[Logged] = []
        self._faults = faults or Faults()
        # Names are drawn apart from the world's dice: one object more never changes what else happens.
        self._writes = Writes(self.objects, random.Random(f"names of {self.name}"))  # noqa: S311

    def now(self) -> datetime:
        """Return the cluster's time (UTC)."""
        return self.objects.now()

    def writes(self) -> list[Logged]:
        """Return the calls that would change something, refused and dry ones included."""
        return [call for call in self.calls if call.method in WRITES and "selfsubject" not in call.path]

    def handle(self, request: Request) -> Response:
        """Answer one HTTP request; a watch is answered by a `watch.WatchResponse`."""
        reply = self._answer(request, None)
        headers = {**_COMMON, **reply.headers}
        accept = request.header("Accept") or ""
        body = b""
        if reply.watch is not None:
            headers.setdefault("Content-Type", JSON_TYPE)
            return watch.WatchResponse(reply.status, headers, b"", reply.delay_seconds, reply.watch)
        if accept.partition(";")[0].strip() == "application/yaml" and not isinstance(reply.body, str | bytes):
            headers["Content-Type"] = "application/yaml"
            body = yaml.safe_dump(reply.body, sort_keys=True).encode()
        elif reply.body is not None:
            headers.setdefault("Content-Type", JSON_TYPE)
            body = reply.encoded()
        return Response(reply.status, headers, body, reply.delay_seconds)

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        content_type: str = JSON_TYPE,
        user: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Carry out one call on JSON values as a user, by default the administrator."""
        sent = dict(headers or {})
        if body is not None:
            sent["Content-Type"] = content_type
        content = b"" if body is None else msgspec.json.encode(body)
        return self._answer(Request(method, path, query or {}, sent, content), self.users.named(user))

    def _answer(self, request: Request, user: User | None) -> Reply:
        world = None if self._cluster is None else self._cluster.world
        if world is not None:
            world.tick()
        whole = f"/clusters/{self.name}{request.path}" if self.name else request.path
        faults = self._faults if world is None else world.faults
        fault = faults.take(request.method, whole)
        failed = fault is not None and fault.status is not None
        if fault is not None and failed and not fault.after_commit:
            reply = _failed(fault)
        else:
            try:
                reply = self._routed(request, user, faults)
            except Refusal as refusal:
                reply = Reply(refusal.status, refusal.body, refusal.headers)
            if fault is not None and failed:
                reply = _failed(fault)
        self.calls.append(Logged(request.method, request.path, reply.status, self.now()))
        reply.delay_seconds = max(reply.delay_seconds, fault.delay_seconds if fault is not None else 0.0)
        return reply

    def _routed(self, request: Request, user: User | None, faults: Faults) -> Reply:
        accept = request.header("Accept") or "*/*"
        if not any(word in accept for word in ("application/json", "application/yaml", "application/*", "*/*")):
            raise not_acceptable()
        who = user or self.users.by_header(request.header("Authorization"))
        kinds = discovery.served(frozenset(self.off))
        reviewed = request.path.removeprefix("/apis/authorization.k8s.io/v1/")
        if reviewed in discovery.REVIEWS:
            if request.method != "POST":
                raise not_allowed()
            return rbac.review(who, reviewed, request.body)
        plain = discovery.answer(request.path.rstrip("/"), "verbose" in request.query, kinds)
        if plain is not None:
            who.check_path(request.path.rstrip("/"))
            return plain
        target = route(request.path, kinds)
        call = Call(
            request.method,
            target,
            request.query,
            request.body,
            request.header("Content-Type") or "",
            who,
            request.header("User-Agent") or "",
        )
        who.check(_asked(call))
        if target.subresource == "proxy":
            return self._proxied(target, request)
        reply = self._seen_late(call, faults) or self._served(call)
        return _as_metadata(reply) if _AS_METADATA in accept and reply.status < 300 else reply

    def _served(self, call: Call) -> Reply:
        target = call.target
        if target.subresource == "scale":
            return subresources.scale(self._writes, call)
        if target.subresource == "binding":
            return subresources.binding(self._writes, call)
        if target.name is None:
            return self._collection(call)
        if call.method in ("GET", "HEAD"):
            return reads.get(self.objects, call)
        if call.method == "PUT":
            return self._writes.replace(call)
        if call.method == "PATCH":
            return patches.answer(self._writes, call)
        if call.method == "DELETE" and target.subresource is None:
            return deletes.one(self.objects, call)
        raise not_allowed()

    def _collection(self, call: Call) -> Reply:
        scoped = call.target.namespace is not None or not call.target.kind.namespaced
        if call.method == "GET":
            begin = watch.begin if call.flag("watch") else reads.listing
            return begin(self.objects, call)
        if call.method == "POST" and scoped:
            return self._writes.create(call)
        if call.method == "DELETE" and scoped:
            return deletes.collection(self.objects, call)
        raise not_allowed()

    def _seen_late(self, call: Call, faults: Faults) -> Reply | None:
        """Answer a GET as a server does whose cache lags behind, when a fault says so."""
        target = call.target
        if call.method != "GET" or target.name is None:
            return None
        path = target.kind.path(target.namespace, target.name)
        whole = f"/clusters/{self.name}{path}"
        if faults.take_missing(path) or faults.take_missing(whole):
            raise not_found(target.kind, target.name)
        if faults.take_stale(path) or faults.take_stale(whole):
            before = reads.before_last_write(self.objects, call)
            if before is None:
                raise not_found(target.kind, target.name)
            return Reply(200, before)
        return None

    def _proxied(self, target: Target, request: Request) -> Reply:
        if self._cluster is None:
            raise Refusal(503, failure(503, "there is nothing behind this server", "ServiceUnavailable"))
        from providers.emulator.kube import proxy

        found = proxy.answer(
            self._cluster,
            target.kind,
            request,
            namespace=target.namespace or "",
            target=target.name or "",
            path=target.rest,
        )
        return Reply(
            found.status, found.body.decode(errors="replace"), dict(found.headers), delay_seconds=found.delay_seconds
        )


def _asked(call: Call) -> Asked:
    target = call.target
    verb = _VERBS.get(call.method, call.method.lower())
    if target.name is None and call.method == "GET":
        verb = "watch" if call.flag("watch") else "list"
    if target.name is None and call.method == "DELETE":
        verb = "deletecollection"
    # A namespace counts as within itself, so that a Role there can allow it to be read.
    namespace = target.name if target.kind is NAMESPACE else target.namespace
    return Asked(verb, target.kind.group, target.kind.plural, target.subresource or "", namespace, target.name)


def _failed(fault: Fault) -> Reply:
    status = fault.status or 500
    # A fault without a code of its own bears Azure's; here its reason is the one that belongs to the status.
    reason = fault.code if fault.code not in _NOT_OURS else _REASONS.get(status, "InternalError")
    details: dict[str, Any] | None = None
    headers = {}
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
        details = {"retryAfterSeconds": fault.retry_after}
    message = f"The emulator was asked to fail this call with {status} {reason}."
    return Reply(status, failure(status, message, reason, details), headers)


def _as_metadata(reply: Reply) -> Reply:
    body = reply.body
    if isinstance(body, dict) and "name" in (body.get("metadata") or {}):
        head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        reply.body = {**head, "metadata": body["metadata"]}
    return reply
