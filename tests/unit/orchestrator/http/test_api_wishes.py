"""Rollouts begun, planned and refused over the API, in an emulated Azure without sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.desk import LocalDesk
from orchestrator.http.api import Api
from orchestrator.http.credentials import tokens_of
from orchestrator.http.guard import Guard
from tests.unit.orchestrator.remote.far import ACTS, TOKENS, Answered, ask, serving
from tests.unit.orchestrator.yard import IMAGE, MANIFEST, TEMPLATE, Yard


@pytest.fixture
def yard() -> Iterator[tuple[Yard, str]]:
    """An emulated Azure, and the API of a daemon that works on it."""
    yard = Yard()
    guard = Guard(tokens_of(TOKENS))
    with serving(Api(LocalDesk(yard.app), guard, yard.clock)) as url:
        yield yard, url


def start(yard: Yard, url: str, version: str, **more: Any) -> Answered:
    """Submit a version as a tool does, by digest."""
    digest = yard.wish(version).digest
    body = {"manifest": MANIFEST, "templates": {"t.yaml": TEMPLATE}, "image": f"{IMAGE}:{version}@{digest}", **more}
    return ask(url, "POST", "/api/v1/rollouts", body, token=ACTS)


def test_a_rollout_is_begun_attached_to_waited_for_and_found_to_serve(yard: tuple[Yard, str]) -> None:
    world, url = yard
    begun = start(world, url, "v1", actor="ana", reason="first")
    assert (begun.status, begun.document["way"]) == (201, "begun")
    again = start(world, url, "v1")
    assert (again.status, again.document["way"], again.document["rollout"]) == (
        200,
        "attached",
        begun.document["rollout"],
    )
    world.drive(begun.document["rollout"])
    serves = start(world, url, "v1")
    assert (serves.status, serves.document["way"], serves.document["reason"]["code"]) == (
        200,
        "nothing",
        "alreadyServing",
    )
    second = start(world, url, "v2")
    third = start(world, url, "v3")
    assert (third.status, third.document["way"], third.document["rollout"]) == (
        202,
        "after",
        second.document["rollout"],
    )
    requested = next(e.event for e in world.store.events("shop") if e.event.kind == "rollout_requested")
    assert dict(requested.data)["actor"] == "ana via ci"


def test_a_refused_rollout_is_409_with_the_contracts_document(yard: tuple[Yard, str]) -> None:
    world, url = yard
    hold = ask(url, "PUT", "/api/v1/services/shop/suspension", {"reason": "freeze", "actor": "bo"}, token=ACTS)
    assert hold.status == 200
    answer = start(world, url, "v1")
    assert (answer.status, answer.document["outcome"]) == (409, "refused")
    assert (answer.document["service"], answer.document["reason"]["code"]) == ("shop", "suspended")
    assert "suspended by bo via ci" in answer.document["reason"]["message"]
    assert start(world, url, "v1", emergency=True, reason="fire").status == 201


def test_an_undo_goes_back_to_what_was_promoted_before(yard: tuple[Yard, str]) -> None:
    world, url = yard
    for version in ("v1", "v2"):
        world.drive(start(world, url, version).document["rollout"])
    answer = ask(url, "POST", "/api/v1/services/shop/undo", {"reason": "odd"}, token=ACTS)
    assert (answer.status, answer.document["candidate"]["tag"]) == (201, "v1")


def test_an_undo_while_the_old_side_is_warm_takes_the_rollout_under_way_back(yard: tuple[Yard, str]) -> None:
    world, url = yard
    world.drive(start(world, url, "v1").document["rollout"])
    slow = MANIFEST.replace("margin: 1s", "margin: 300s")
    under_way = start(world, url, "v2", manifest=slow).document["rollout"]
    world.drive(under_way, timeout_seconds=120.0)
    assert world.store.load(under_way).target("west").phase.value == "draining"
    answer = ask(url, "POST", "/api/v1/services/shop/undo", {"reason": "odd"}, token=ACTS)
    assert (answer.status, answer.document["way"], answer.document["rollout"]) == (200, "returning", under_way)
    assert "v1" in answer.document["message"]
    assert world.said(under_way) == ["abort"]


def test_an_undo_while_a_step_holds_takes_the_rollout_under_way_back(yard: tuple[Yard, str]) -> None:
    world, url = yard
    world.drive(start(world, url, "v1").document["rollout"])
    under_way = start(world, url, "v2").document["rollout"]
    world.drive(under_way, timeout_seconds=20.0)
    assert world.store.load(under_way).target("west").phase.value == "holding"
    answer = ask(url, "POST", "/api/v1/services/shop/undo", {"reason": "odd"}, token=ACTS)
    assert (answer.status, answer.document["way"], answer.document["rollout"]) == (200, "returning", under_way)
    assert world.said(under_way) == ["abort"]


def test_a_plan_over_the_api_changes_nothing(yard: tuple[Yard, str]) -> None:
    world, url = yard
    digest = world.wish("v1").digest
    body = {"manifest": MANIFEST, "templates": {"t.yaml": TEMPLATE}, "image": f"{IMAGE}@{digest}"}
    answer = ask(url, "POST", "/api/v1/plan", body, token=ACTS)
    assert answer.status == 200, answer.body
    assert answer.document["plans"][0]["outcome"] == "promoted"
    assert world.store.services() == []


SOURCED = MANIFEST.replace(
    "gates: {probe: {port: 80, interval: 1s, before: 2}}",
    "gates: {probe: {port: 80, interval: 1s, before: 2}, longestHold: 10m, metrics: [{name: errors, webhook: {url: "
    "'http://127.0.0.1:1/'}}]}",
)


def traffic(world: Yard, url: str, **more: Any) -> dict[str, Any]:
    """What a plan takes the traffic for."""
    body = {"manifest": SOURCED, "templates": {"t.yaml": TEMPLATE}, "image": f"{IMAGE}@{world.wish('v2').digest}"}
    answer = ask(url, "POST", "/api/v1/plan", {**body, **more}, token=ACTS)
    assert answer.status == 200, answer.body
    (counts,) = answer.document["plans"][0]["gates"][0]["counts"]
    found: dict[str, Any] = counts["traffic"]
    return found


def test_a_plan_over_the_api_takes_what_is_assumed_of_the_traffic(yard: tuple[Yard, str]) -> None:
    world, url = yard
    world.drive(start(world, url, "v1").document["rollout"])
    assert traffic(world, url)["requestsPerSecond"] is None
    found = traffic(world, url, rps=40, failing=0.5)
    assert (found["origin"], found["requestsPerSecond"], found["failing"]) == ("assumed", 40, 0.005)


@pytest.mark.parametrize("wrong", [{"rps": -1}, {"rps": "many"}, {"failing": 101}, {"failing": True}])
def test_what_cannot_be_assumed_is_refused_by_its_name(yard: tuple[Yard, str], wrong: dict[str, Any]) -> None:
    body = {"manifest": MANIFEST, "templates": {"t.yaml": TEMPLATE}, **wrong}
    answer = ask(yard[1], "POST", "/api/v1/plan", body, token=ACTS)
    assert (answer.status, [each["path"] for each in answer.document["error"]["problems"]]) == (400, list(wrong))


@pytest.mark.parametrize("field", ["rps", "failing"])
@pytest.mark.parametrize("word", ["1e999", "-1e999", "NaN", "Infinity"])
def test_what_is_no_finite_number_cannot_be_assumed(yard: tuple[Yard, str], field: str, word: str) -> None:
    body = json.dumps({"manifest": MANIFEST, "templates": {"t.yaml": TEMPLATE}, field: 7}).replace(
        ": 7}", f": {word}}}"
    )
    answer = ask(yard[1], "POST", "/api/v1/plan", body.encode(), token=ACTS)
    assert answer.status == 400, answer.body


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"templates": {}}, "targets[0].containerInstances.template"),
        ({"manifest": MANIFEST.replace("wave", "wove").replace("shop\nimage", "Shop!\nimage")}, "service"),
        ({"manifest": "a: [1"}, ""),
        ({"image": "other.io/x@sha256:" + "a" * 64}, "image"),
        ({"image": None, "tag": "no good tag"}, "tag"),
        ({"tag": "v1"}, "tag"),
        ({"emergency": True}, "reason"),
        ({"manifest": MANIFEST + "---\n" + MANIFEST}, ""),
        ({"variables": {"a": 1}}, "variables"),
    ],
)
def test_what_is_wrong_with_a_manifest_or_an_image_is_named_by_its_path(
    yard: tuple[Yard, str], change: dict[str, Any], path: str
) -> None:
    world, url = yard
    answer = start(world, url, "v1", **change)
    assert answer.status == 400, answer.body
    assert path in [each["path"] for each in answer.document["error"]["problems"]], answer.body
    assert world.store.services() == []


def test_a_template_cannot_name_the_daemons_files_as_its_own(yard: tuple[Yard, str]) -> None:
    world, url = yard
    stolen = "${template:/etc/rollout/settings.yaml#properties.diagnostics.logAnalytics.workspaceKey}"
    for value in (stolen, "pa55-in-the-clear"):
        secure = f"environmentVariables: [{{name: K, secureValue: '{value}'}}]"
        text = TEMPLATE.replace("environmentVariables: [{name: FLAVOUR, value: FLAVOUR_OF_TODAY}]", secure)
        answer = start(world, url, "v1", templates={"t.yaml": text})
        assert answer.status == 400
        assert "written out in the template" in answer.document["error"]["message"]
        assert b"pa55" not in answer.body


@pytest.mark.parametrize("reference", ["${env:ROLLOUT_OPERATE_TOKEN}", "${file:/proc/self/environ}"])
def test_a_manifest_cannot_carry_the_daemons_own_secrets_away(yard: tuple[Yard, str], reference: str) -> None:
    world, url = yard
    secure = f"environmentVariables: [{{name: K, secureValue: '{reference}'}}]"
    text = TEMPLATE.replace("environmentVariables: [{name: FLAVOUR, value: FLAVOUR_OF_TODAY}]", secure)
    answer = start(world, url, "v1", templates={"t.yaml": text})
    assert answer.status == 400
    assert reference in answer.document["error"]["message"]
    assert world.store.services() == []
