"""Replays the recorded exchanges of a real API server against ours, in the order in which they were recorded.

Store, uids and versions are kept exactly as recorded: before each exchange the counter is set so that a write must get
the recorded version, and what controllers had done meanwhile (status, replica sets, pods, slices) is laid in by hand,
as the recording did. What our server is asked for is everything else: status line, headers and whole bodies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from providers.emulator.clock import ManualClock
from providers.emulator.http import Request, Response
from providers.emulator.kube.api import KubeApi
from providers.emulator.kube.call import Target, route
from providers.emulator.kube.discovery import served
from providers.emulator.kube.kinds import ENDPOINT_SLICE, EVENT, NAMESPACE, POD, REPLICA_SET, Kind, named
from providers.emulator.kube.objects import Change, Objects, clone
from providers.emulator.kube.rbac import ADMIN_TOKEN
from providers.emulator.kube.status import Refusal
from providers.emulator.kube.watch import WatchResponse
from tests.unit.providers.emulator_kube.alike import different, tidied
from tests.unit.providers.emulator_kube.recordings import transcript

Json = dict[str, Any]
Exchange = tuple[str, int]
Judge = Callable[[Any, Any], list[str]]
CONTROLLERS = (REPLICA_SET, POD, ENDPOINT_SLICE, EVENT)
"""Kinds that controllers made in the recording; they are laid in whole."""
HEADERS = ("Content-Type", "Cache-Control", "Retry-After", "X-Content-Type-Options", "Transfer-Encoding")


@dataclass
class Outcome:
    """How one exchange ended: `problems` is empty when our answer was the recorded one."""

    scenario: str
    number: int
    problems: list[str] = field(default_factory=list)


class Replay:
    """One server through which all scenarios go."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 11, 20, 13, 48, 21, tzinfo=UTC))
        self.objects = Objects(self.clock.now)
        self.api = KubeApi(self.objects)
        for name in ["shop", "ops", "roll", "svc", "w", "old", "gw", "nonode", "rbac", "wire"]:
            self.objects.put(NAMESPACE, NAMESPACE.new(None, name, spec={}, status={"phase": "Active"}))
        for user in ("viewer", "deployer"):
            self.api.users.add(user)
        self.outcomes: list[Outcome] = []
        self.before_exchange: Mapping[Exchange, Callable[[Replay], None]] = {}
        self.during_watch: Mapping[Exchange, Callable[[Replay], None]] = {}
        self.users: Mapping[Exchange, str] = {}
        self.judges: Mapping[Exchange, Judge] = {}

    def run(self, scenario: str) -> None:
        """Replay one scenario."""
        recorded = transcript(scenario)
        for exchange in recorded["exchanges"]:
            outcome = Outcome(scenario, exchange["n"])
            self.outcomes.append(outcome)
            self._exchange(scenario, exchange, outcome, managed="trimmed" not in recorded)

    def target(self, exchange: Json) -> Target | None:
        """What the exchange's path names; None for paths that are no resource of ours."""
        try:
            return route(exchange["request"]["path"], served())
        except (Refusal, IndexError):
            return None

    def place(self, obj: Json) -> None:
        """Lay an object into the store exactly as it is, as if somebody had written it."""
        kind = named(obj["kind"], obj["apiVersion"])
        assert kind is not None, obj["kind"]
        metadata = obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        stored = self.objects._stored.setdefault(kind, {})
        before = stored.get(key)
        if before == obj:
            return
        stored[key] = clone(obj)
        version = int(metadata["resourceVersion"])
        self.objects.version = max(self.objects.version, version)
        self.objects.history.append(
            Change("ADDED" if before is None else "MODIFIED", kind, stored[key], before, self.objects.version)
        )

    def forget(self, kind: Kind, namespace: str, name: str) -> None:
        """Remove an object as a controller did."""
        version = self.objects.version
        self.objects.remove(kind, namespace, name)
        self.objects.version = version

    def stored(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """One object as it stands."""
        return self.objects.get(kind, namespace, name)

    def _exchange(self, scenario: str, exchange: Json, outcome: Outcome, managed: bool) -> None:
        target, answer = self.target(exchange), exchange["response"]
        here = (scenario, exchange["n"])
        if here in self.before_exchange:
            self.before_exchange[here](self)
        if target is not None and isinstance(answer.get("body"), dict) and answer["status"] < 300:
            self._lay_in(target, exchange)
        elif target is not None and answer["status"] == 404 and exchange["request"]["method"] == "GET" and target.name:
            self._take_away(target)
        response = self.api.handle(self._request(exchange, self.users.get(here)))
        if here in self.during_watch:
            self.during_watch[here](self)
        outcome.problems = self._compare(exchange, response, managed, self.judges.get(here))
        if target is not None and isinstance(answer.get("body"), dict) and answer["status"] < 300:
            self._adopt(target, exchange)

    def _request(self, exchange: Json, user: str | None) -> Request:
        sent = exchange["request"]
        headers = dict(sent.get("headers") or {})
        if headers.get("Authorization"):
            headers["Authorization"] = f"Bearer {user or ADMIN_TOKEN}"
        body = sent.get("body")
        content = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        query = sent.get("query") or ""
        pairs = dict(parse_qsl(query, keep_blank_values=True)) if isinstance(query, str) else query
        return Request(sent["method"], sent["path"], pairs, headers, content)

    def _lay_in(self, target: Target, exchange: Json) -> None:
        """Bring the store to where the recording was before the exchange, but for what the exchange itself does."""
        method, body = exchange["request"]["method"], exchange["response"]["body"]
        if body.get("kind", "").endswith("List"):
            self._lay_in_list(target, body)
            return
        if "name" not in body.get("metadata", {}) or body["kind"] == "PartialObjectMetadata":
            return
        created = body["metadata"].get("creationTimestamp")
        version = int(body["metadata"].get("resourceVersion") or 0)
        if exchange["response"]["status"] == 201:
            self._at(created)
            self.objects.version = max(self.objects.version, version - 1)
            return
        namespace = body["metadata"].get("namespace")
        standing = self.stored(target.kind, namespace, body["metadata"]["name"])
        if body["kind"] == "Scale":
            if standing is not None and method != "GET" and version > int(standing["metadata"]["resourceVersion"]):
                self.objects.version = version - 1
            elif standing is not None:
                standing["metadata"]["resourceVersion"] = str(version)
                self.place(standing)
            return
        if standing is None:
            assert method == "GET" or target.kind in CONTROLLERS, f"nothing stands for {exchange['request']}"
            self.place(body)
            return
        self._controllers(target, exchange, standing, body)
        if method != "GET" and version > int(standing["metadata"]["resourceVersion"]):
            self.objects.version = max(version - 1, int(standing["metadata"]["resourceVersion"]))
        self._at(body["metadata"].get("deletionTimestamp"), -body["metadata"].get("deletionGracePeriodSeconds", 0))

    def _controllers(self, target: Target, exchange: Json, standing: Json, body: Json) -> None:
        method = exchange["request"]["method"]
        changed = clone(standing)
        if "status" in body and (target.subresource != "status" or method == "GET"):
            changed["status"] = clone(body)["status"]
        theirs = {
            key: value
            for key, value in (body["metadata"].get("annotations") or {}).items()
            if key.startswith("deployment.kubernetes.io/")
        }
        if theirs:
            changed["metadata"].setdefault("annotations", {}).update(theirs)
        if target.kind in CONTROLLERS and method == "GET":
            changed = {**clone(body), "metadata": {**clone(body)["metadata"]}}
        given = exchange["request"].get("body")
        if method == "GET":
            changed["metadata"]["resourceVersion"] = body["metadata"]["resourceVersion"]
        elif isinstance(given, dict) and (given.get("metadata") or {}).get("resourceVersion"):
            changed["metadata"]["resourceVersion"] = given["metadata"]["resourceVersion"]
        elif isinstance(given, list):
            for operation in given:
                if operation.get("path") == "/metadata/resourceVersion":
                    changed["metadata"]["resourceVersion"] = operation["value"]
        self.place(changed)

    def _lay_in_list(self, target: Target, body: Json) -> None:
        kind = target.kind
        listed = set()
        for item in body["items"]:
            whole = {"kind": kind.kind, "apiVersion": kind.api_version, **clone(item)}
            metadata = whole["metadata"]
            listed.add((metadata.get("namespace", ""), metadata["name"]))
            standing = self.stored(kind, metadata.get("namespace"), metadata["name"])
            if standing is None or kind in CONTROLLERS:
                self.place(whole)
        if kind in CONTROLLERS and target.namespace is not None and not body["metadata"].get("continue"):
            for found in self.objects.all(kind, target.namespace):
                key = (found["metadata"].get("namespace", ""), found["metadata"]["name"])
                if key not in listed and kind is not EVENT:
                    self.forget(kind, *key)
        self.objects.version = max(self.objects.version, int(body["metadata"]["resourceVersion"]))

    def _take_away(self, target: Target) -> None:
        standing = self.stored(target.kind, target.namespace, target.name or "")
        if standing is not None and "deletionTimestamp" in standing["metadata"]:
            self.forget(target.kind, target.namespace or "", target.name or "")

    def _at(self, text: str | None, seconds: int = 0) -> None:
        if text:
            self.clock._now = datetime.fromisoformat(text) + timedelta(seconds=seconds)

    def _adopt(self, target: Target, exchange: Json) -> None:
        """Give what our server made the recorded uid, name and times, so that later exchanges find them."""
        body, dry = exchange["response"]["body"], "dryRun" in str(exchange["request"].get("query"))
        if (
            "name" not in body.get("metadata", {})
            or dry
            or body["kind"] in ("Scale", "PartialObjectMetadata", "Status")
        ):
            return
        metadata = body["metadata"]
        if exchange["response"]["status"] == 201:
            prefix = metadata.get("generateName")
            for made in self.objects.all(target.kind, metadata.get("namespace")):
                same = made["metadata"]["name"] == metadata["name"]
                if same or (prefix and made["metadata"]["resourceVersion"] == metadata["resourceVersion"]):
                    self.objects._stored[target.kind].pop((metadata.get("namespace", ""), made["metadata"]["name"]))
                    made["metadata"] |= {"name": metadata["name"], "uid": metadata["uid"]}
                    if "clusterIP" in body.get("spec", {}):
                        made["spec"] |= {name: body["spec"][name] for name in ("clusterIP", "clusterIPs")}
                    self.objects._stored[target.kind][metadata.get("namespace", ""), metadata["name"]] = made

    def _compare(self, exchange: Json, response: Response, managed: bool, judge: Judge | None) -> list[str]:
        recorded = exchange["response"]
        problems = []
        if response.status != recorded["status"]:
            problems.append(f"status {response.status}, recorded {recorded['status']}: {response.body[:300]!r}")
        for name in HEADERS:
            want, have = (recorded.get("headers") or {}).get(name), response.headers.get(name)
            if name == "Transfer-Encoding" and "stream" not in recorded and isinstance(response, WatchResponse):
                continue
            if want != have:
                problems.append(f"header {name}: {have!r}, recorded {want!r}")
        warning = (recorded.get("headers") or {}).get("Warning", "")
        if not response.headers.get("Warning", "").endswith(warning) or bool(warning) != (
            "Warning" in response.headers
        ):
            problems.append(f"warning {response.headers.get('Warning')!r}, recorded {warning!r}")
        have = self._body(response)
        want = [line["event"] for line in recorded["stream"]] or "" if "stream" in recorded else recorded.get("body")
        if judge is not None:
            return problems + judge(have, want)
        created = recorded["status"] == 201
        return problems + different(tidied(have, managed, created), tidied(want, managed, created))

    @staticmethod
    def _body(response: Response) -> Any:
        if isinstance(response, WatchResponse) and response.watch is not None:
            return response.watch.events() or ""
        if response.headers.get("Content-Type") != "application/json":
            return response.body.decode()
        return json.loads(response.body)
