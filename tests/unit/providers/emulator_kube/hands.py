"""What people and controllers did between the recorded exchanges."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from providers.emulator.kube.kinds import CONFIG_MAP, DEPLOYMENT
from providers.emulator.kube.objects import clone
from providers.emulator.kube.patch import merge
from tests.unit.providers.emulator_kube.judges import JUDGES
from tests.unit.providers.emulator_kube.people import DEPLOYER, USERS, VIEW
from tests.unit.providers.emulator_kube.recordings import transcript
from tests.unit.providers.emulator_kube.replay import Exchange, Json, Replay

Hand = Callable[[Replay], None]


def lay_hands_on(replay: Replay) -> None:
    """Tell a replay all that is below."""
    replay.api.users.grant("viewer", VIEW)
    replay.api.users.grant("deployer", DEPLOYER)
    replay.before_exchange = BEFORE
    replay.during_watch = DURING
    replay.users = USERS
    replay.judges = JUDGES


def answered(scenario: str, number: int) -> Json:
    """The recorded body of one answer."""
    exchange = next(one for one in transcript(scenario)["exchanges"] if one["n"] == number)
    found: Json = clone(exchange["response"]["body"])
    return found


def stood(scenario: str, number: int, undo: Json, version: int | None = None) -> Hand:
    """Lay in what a recorded answer shows, as it was before: `undo` is a merge patch."""

    def hand(replay: Replay) -> None:
        body = answered(scenario, number)
        before = merge(body, undo)
        before["metadata"]["resourceVersion"] = str(version or int(body["metadata"]["resourceVersion"]) - 1)
        replay.place(before)

    return hand


def changed(kind: Any, namespace: str, name: str, patch: Json) -> Hand:
    """Write something that the recording did not keep, by a merge patch of the stored object."""

    def hand(replay: Replay) -> None:
        found = replay.stored(kind, namespace, name)
        assert found is not None
        replay.place(merge(found, patch))

    return hand


def deployment(namespace: str, name: str, color: str, **metadata: Any) -> Hand:
    """Lay in a Deployment like all those of the recording."""

    def hand(replay: Replay) -> None:
        body = answered("deployment-create", 1)
        text = json.dumps(body).replace('"color": "blue"', f'"color": "{color}"')
        made = merge(json.loads(text), {"metadata": {"name": name, "namespace": namespace, "managedFields": None}})
        made["metadata"] |= metadata
        replay.place(made)

    return hand


def config_map(namespace: str, name: str, version: int, **more: Any) -> Hand:
    """Lay in a ConfigMap."""

    def hand(replay: Replay) -> None:
        metadata = {"uid": f"{namespace}-{name}", "resourceVersion": str(version), **more.pop("metadata", {})}
        made = CONFIG_MAP.new(namespace, name, **more)
        made["metadata"] |= {"creationTimestamp": "2026-11-20T13:55:23Z", **metadata}
        replay.place(made)

    return hand


def together(*hands: Hand) -> Hand:
    """Do several things in order."""

    def hand(replay: Replay) -> None:
        for one in hands:
            one(replay)

    return hand


def pages(scenario: str) -> Hand:
    """Lay in what all pages of a scenario show, before the first one is asked for."""

    def hand(replay: Replay) -> None:
        for exchange in transcript(scenario)["exchanges"]:
            body = exchange["response"].get("body")
            for item in body.get("items", []) if isinstance(body, dict) and exchange["n"] < 5 else []:
                found = {"kind": body["kind"].removesuffix("List"), "apiVersion": body["apiVersion"], **clone(item)}
                kind = {"ConfigMap": CONFIG_MAP}[found["kind"]]
                if replay.stored(kind, item["metadata"]["namespace"], item["metadata"]["name"]) is None:
                    replay.place(found)

    return hand


def one_more_pod(replay: Replay) -> None:
    """A third pod makes the recorded list's first page of two not the last one."""
    item = answered("pods", 1)["items"][1]
    made = {"kind": "Pod", "apiVersion": "v1", **clone(item)}
    made["metadata"] |= {"name": "web-green-599fdf4bd5-mkfl5", "uid": "green"}
    made["metadata"]["labels"] = {**made["metadata"]["labels"], "color": "green"}
    replay.place(made)


def compacted(version: int) -> Hand:
    """Forget history up to a version."""

    def hand(replay: Replay) -> None:
        replay.objects.compacted = 0
        replay.objects.compact(version)

    return hand


def written(replay: Replay, method: str, path: str, body: Json, content_type: str = "application/json") -> None:
    """Write through the server as an administrator."""
    reply = replay.api.call(method, path, {}, body or None, content_type=content_type)
    assert reply.status < 300, reply.body


def adopted(replay: Replay, name: str, uid: str, created: str) -> None:
    """Give a ConfigMap of namespace w, and what is remembered of it, the recorded uid and time."""
    for change in replay.objects.history:
        for obj in (change.object, change.before):
            if obj is not None and obj["metadata"]["name"] == name and change.kind is CONFIG_MAP:
                obj["metadata"] |= {"uid": uid, "creationTimestamp": created}


def watched_maps(replay: Replay) -> None:
    """Create one, change it, change nothing, relabel another one and back, delete one."""
    path, patch = "/api/v1/namespaces/w/configmaps", "application/merge-patch+json"
    replay.objects.version = 2020
    written(replay, "POST", path, CONFIG_MAP.new("w", "one", data={"v": "1"}) | {"metadata": LABELLED})
    for value in ("2", "2"):
        written(replay, "PATCH", f"{path}/one", {"data": {"v": value}}, patch)
    for label in ("other", "w"):
        written(replay, "PATCH", f"{path}/old", {"metadata": {"labels": {"set": label}}}, patch)
    written(replay, "DELETE", f"{path}/one", {})
    adopted(replay, "one", "d3417ca0-61fc-44e0-b4d3-48ea6b75c5a3", "2026-11-20T13:54:01Z")
    for change in replay.objects.history:
        for obj in (change.object, change.before or {"metadata": {}}):
            obj["metadata"].pop("managedFields", None)


RULES = [
    {
        "backendRefs": [
            {"group": "", "kind": "Service", "name": "web-blue", "port": 80, "weight": 100},
            {"group": "", "kind": "Service", "name": "web-green", "port": 80, "weight": 0},
        ],
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
    }
]
LABELLED = {"name": "one", "labels": {"set": "w"}}


def bookmarked(replay: Replay) -> None:
    """Create one, then come near the end of the watch."""
    replay.objects.version = 2026
    body = CONFIG_MAP.new("w", "bm", data={"v": "1"}) | {"metadata": {"name": "bm", "labels": {"set": "w"}}}
    written(replay, "POST", "/api/v1/namespaces/w/configmaps", body)
    adopted(replay, "bm", "2471fbc3-ecf7-4f05-bc82-b84c7477c574", "2026-11-20T13:54:08Z")
    replay.objects.version = 2029
    replay.clock.advance(3)


def later(replay: Replay) -> None:
    """Come near the end of a watch that saw nothing."""
    replay.objects.version = 2030
    replay.clock.advance(2)


def rolled(replay: Replay) -> None:
    """Change the image as the recording did, then let the controller write what it wrote."""
    events = transcript("watch-deployment-rollout")["exchanges"][0]["response"]["stream"]
    first = events[0]["event"]["object"]
    image = first["spec"]["template"]["spec"]["containers"][0]["image"]
    before = clone(first)
    before["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.test/team/web:1.0.0"
    before["metadata"] |= {"generation": 1, "resourceVersion": "2040"}
    replay.objects.version = 2039
    replay.place(before)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}}
    path = "/apis/apps/v1/namespaces/w/deployments/web-blue"
    written(replay, "PATCH", path, patch, "application/strategic-merge-patch+json")
    for event in events[1:]:
        replay.place(event["event"]["object"])


UNDELETED = {
    "metadata": {"deletionTimestamp": None, "deletionGracePeriodSeconds": None, "finalizers": None, "generation": 1}
}
BEFORE: dict[Exchange, Hand] = {
    ("list-selector-limit-continue", 1): pages("list-selector-limit-continue"),
    ("patch-stale-resourceversion-409", 4): changed(
        DEPLOYMENT,
        "shop",
        "web-blue",
        {"metadata": {"annotations": {"t": "1795182507.6584868"}, "generation": 8}},
    ),
    ("put-optimistic-concurrency", 2): changed(
        DEPLOYMENT,
        "shop",
        "web-blue",
        {"metadata": {"annotations": {"t": "1795182509.2425175"}, "generation": 10}},
    ),
    ("put-optimistic-concurrency", 10): config_map(
        "shop",
        "plain",
        921,
        metadata={"uid": "3b7c279b-dcd3-4c7d-81aa-4f8853d20d87", "creationTimestamp": "2026-11-20T13:48:29Z"},
        data={"k": "old"},
    ),
    ("list-continue-expired-410", 1): pages("list-continue-expired-410"),
    ("list-continue-expired-410", 2): compacted(2309),
    ("watch-too-old-410", 1): compacted(2309),
    ("watch-too-old-410", 2): compacted(2319),
    ("watch-too-old-410", 3): compacted(2309),
    ("watch-too-old-410", 4): together(
        changed(CONFIG_MAP, "old", "c-0", {"data": {"a": "2"}, "metadata": {"resourceVersion": "2270"}}),
        changed(CONFIG_MAP, "old", "c-1", {"data": {"a": "29"}, "metadata": {"resourceVersion": "2300"}}),
    ),
    ("scale-subresource", 1): together(
        stood("scale-subresource", 3, {"metadata": {"generation": 1}, "spec": {"replicas": 2}}, 2433),
    ),
    ("scale-subresource", 5): changed(
        DEPLOYMENT, "ops", "web-blue", {"metadata": {"resourceVersion": "2445"}, "status": {"replicas": 4}}
    ),
    ("dry-run", 5): changed(DEPLOYMENT, "ops", "web-blue", {"metadata": {"generation": 5}}),
    ("delete-options", 1): together(
        deployment(
            "ops", "del-a", "a", uid="83cfeb73-35cb-44f3-8d93-43575e5b9d34", resourceVersion="2562", generation=1
        ),
        deployment(
            "ops", "del-d", "d", uid="b5d0df63-e484-446a-83b3-32a5d8036af2", resourceVersion="2563", generation=1
        ),
    ),
    ("delete-options", 6): stood("delete-options", 6, UNDELETED),
    ("delete-options", 7): changed(
        DEPLOYMENT, "ops", "del-b", {"metadata": {"resourceVersion": "2586"}, "status": {"observedGeneration": 2}}
    ),
    ("delete-options", 9): stood("delete-options", 9, UNDELETED),
    ("delete-options", 15): config_map(
        "ops",
        "held",
        2605,
        metadata={"uid": "bdd71e35-83cb-48fa-913d-b80dcffed4e5", "finalizers": ["bluegreen.example/hold"]},
    ),
    ("delete-options", 20): together(
        config_map(
            "ops",
            "many-0",
            2608,
            metadata={"uid": "87ca8cfc-33ab-401c-9a53-e97ffca2dfcd", "labels": {"set": "many"}},
        ),
        config_map(
            "ops",
            "many-1",
            2609,
            metadata={"uid": "a630cb85-2a4a-4ead-8a43-a81c22052c9a", "labels": {"set": "many"}},
        ),
    ),
    ("rbac-forbidden-403", 11): stood(
        "rbac-forbidden-403", 11, {"metadata": {"generation": 1}, "spec": {"rules": RULES}}
    ),
    ("deployment-paused", 1): stood("deployment-paused", 1, {"metadata": {"generation": 1}, "spec": {"paused": None}}),
    ("pods", 1): one_more_pod,
}
DURING: dict[Exchange, Hand] = {
    ("watch-add-modify-delete", 2): watched_maps,
    ("watch-bookmarks", 2): bookmarked,
    ("watch-bookmarks", 3): later,
    ("watch-deployment-rollout", 1): rolled,
}
