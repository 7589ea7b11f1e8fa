"""Injected faults: calls that fail before or after they act, that are late, and reads that lag behind."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.faults import Fault, Faults
from providers.emulator.kube.inprocess import InProcessApi
from providers.errors import Conflict, Denied, Invalid, Missing, Throttled, Transient
from providers.kubernetes.api import APPLY, JSON_PATCH, Api
from tests.unit.providers.emulator_kube.worlds import DEPLOYMENTS, MAPS, config_map, deployment, made, patched, server

Json = dict[str, Any]


def armed(**fault: Any) -> tuple[InProcessApi, Any]:
    """A server with one fault, and the adapters' door to it."""
    faults = Faults()
    faults.add(Fault.from_json(fault))
    api = server(faults=faults)
    return InProcessApi(api), api


def test_a_call_that_fails_before_it_acts_changes_nothing() -> None:
    door, api = armed(method="POST", path="/configmaps$", status=500)
    with pytest.raises(Transient):
        door.write("creating", "POST", MAPS, config_map())
    assert api.call("GET", f"{MAPS}/settings").status == 404
    assert door.write("creating", "POST", MAPS, config_map())["metadata"]["name"] == "settings"


def test_a_call_may_act_and_still_fail() -> None:
    door, api = armed(method="POST", path="configmaps", status=503, afterCommit=True)
    with pytest.raises(Transient):
        door.write("creating", "POST", MAPS, config_map())
    assert api.call("GET", f"{MAPS}/settings").status == 200


def test_a_late_answer_has_acted_and_reads_as_a_timeout() -> None:
    door, api = armed(method="PATCH", path="deployments", delaySeconds=20)
    with pytest.raises(Transient) as late:
        door.write("applying", "PATCH", f"{DEPLOYMENTS}/web", deployment(), content_type=APPLY, query=OWNER)
    assert (type(late.value), late.value.code) == (Transient, "Timeout")
    assert api.call("GET", f"{DEPLOYMENTS}/web").status == 200


OWNER = {"fieldManager": "rollout"}


def test_a_throttled_call_says_when_to_come_back() -> None:
    door, api = armed(path="configmaps", status=429, retryAfter=7)
    with pytest.raises(Throttled) as throttled:
        door.read("listing", MAPS)
    assert throttled.value.retry_after == 7
    reply = api.call("GET", MAPS)
    assert reply.status == 200


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "Forbidden"), (404, "NotFound"), (409, "Conflict"), (500, "InternalError"), (504, "Timeout")],
)
def test_a_fault_bears_the_reason_that_belongs_to_its_status(status: int, reason: str) -> None:
    _, api = armed(path="configmaps", status=status)
    reply = api.call("GET", MAPS)
    assert (reply.status, reply.body["reason"], reply.body["code"]) == (status, reason, status)


def test_reads_may_lag_one_write_behind_or_miss_what_is_new() -> None:
    faults = Faults()
    api = server(faults=faults)
    made(api, MAPS, config_map())
    path = f"{MAPS}/settings"
    patched(api, path, {"data": {"a": "2"}})
    faults.stale_reads(path, 1)
    assert [api.call("GET", path).body["data"]["a"] for _ in range(2)] == ["1", "2"]
    faults.missing_reads(path, 1)
    assert [api.call("GET", path).status for _ in range(2)] == [404, 200]
    made(api, MAPS, config_map("new"))
    faults.stale_reads(f"{MAPS}/new", 1)
    assert [api.call("GET", f"{MAPS}/new").status for _ in range(2)] == [404, 200]


def test_every_call_is_kept_in_order_so_that_writes_can_be_counted() -> None:
    api = server()
    made(api, MAPS, config_map())
    api.call("GET", MAPS)
    api.call("DELETE", f"{MAPS}/none")
    review = {"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}
    api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {}, review)
    assert [(call.method, call.status) for call in api.calls] == [
        ("POST", 201),
        ("GET", 200),
        ("DELETE", 404),
        ("POST", 201),
    ]
    assert [call.path for call in api.writes()] == [MAPS, f"{MAPS}/none"]


def test_the_door_raises_what_the_adapters_expect() -> None:
    api = server()
    api.users.add("nobody")
    door: Api = InProcessApi(api)
    with pytest.raises(Missing):
        door.read("reading", f"{MAPS}/settings")
    door.write("creating", "POST", MAPS, config_map())
    with pytest.raises(Conflict) as taken:
        door.write("creating", "POST", MAPS, config_map())
    assert taken.value.code == "AlreadyExists"
    assert str(taken.value).startswith("AlreadyExists: creating")
    with pytest.raises(Invalid):
        door.write("scaling", "POST", DEPLOYMENTS, deployment(replicas=-1))
    stale = [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]
    with pytest.raises(Conflict) as conflict:
        door.write("patching", "PATCH", f"{MAPS}/settings", stale, content_type=JSON_PATCH)
    assert conflict.value.code == "Conflict"
    with pytest.raises(Denied):
        InProcessApi(api, "nobody").read("reading", MAPS)
    assert door.now() == api.objects.now()
    with door.act():
        assert door.status("/readyz", {}, 1.0) == (200, "ok")
    assert door.status(f"{MAPS}/none", {}, 1.0)[0] == 404


def test_a_probe_that_is_late_raises_and_any_answer_in_time_is_one() -> None:
    door, _ = armed(path="readyz", delaySeconds=3, times=2)
    with pytest.raises(Transient):
        door.status("/readyz", {}, 2.0)
    assert door.status("/readyz", {}, 4.0)[0] == 200
