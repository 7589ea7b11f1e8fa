"""A group's state is read from its body alone: running only when everything in it runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.azure.group_views import group_seen
from providers.azure.marks import to_tags
from strategies.seen import GroupSeen, GroupState
from tests.unit.providers.azure.values import MARK, examples

AT = datetime(2026, 1, 1, tzinfo=UTC)


def seen(provisioning: str | None, *containers: Any, **more: Any) -> GroupSeen:
    items = [{"name": f"c{i}", "properties": {"instanceView": view}} for i, view in enumerate(containers)]
    properties = {"provisioningState": provisioning, "containers": items, **more}
    return group_seen("g", {"id": "/g", "tags": to_tags(MARK), "properties": properties}, AT)


def view(state: str, restarts: int = 0, **more: Any) -> dict[str, Any]:
    return {"restartCount": restarts, "currentState": {"state": state, **more}}


def test_a_group_runs_when_it_is_provisioned_and_every_container_runs() -> None:
    found = seen("Succeeded", view("Running", 1), view("Running", 2), ipAddress={"fqdn": "x.azurecontainer.io"})
    assert found == GroupSeen("g", GroupState.RUNNING, AT, "x.azurecontainer.io", 3, "", "/g", MARK)


@pytest.mark.parametrize(
    ("provisioning", "states", "state"),
    [
        ("Succeeded", ["Running", "Waiting"], GroupState.COMING),
        ("Succeeded", ["Terminated"], GroupState.COMING),
        ("Succeeded", [], GroupState.COMING),
        ("Pending", ["Running"], GroupState.COMING),
        ("Creating", [], GroupState.COMING),
        ("Unhealthy", ["Running"], GroupState.COMING),
        ("Repairing", ["Running"], GroupState.COMING),
        (None, [], GroupState.COMING),
        ("Failed", ["Running"], GroupState.FAILED),
        ("Canceled", [], GroupState.FAILED),
        ("Deleting", ["Running"], GroupState.GOING),
    ],
)
def test_every_provisioning_state_means_one_thing(
    provisioning: str | None, states: list[str], state: GroupState
) -> None:
    assert seen(provisioning, *map(view, states)).state is state


@pytest.mark.parametrize("whole", ["Failed", "Stopped", "Succeeded"])
def test_a_group_whose_containers_have_ended_for_good_has_failed(whole: str) -> None:
    assert seen("Succeeded", view("Terminated"), instanceView={"state": whole}).state is GroupState.FAILED


def test_why_holds_the_containers_end_and_the_last_warnings() -> None:
    events = [
        {"name": "Pulled", "message": "ok", "type": "Normal", "lastTimestamp": "2026-01-01T00:00:09Z"},
        {"name": "InsufficientCapacity.", "message": "no room", "lastTimestamp": "2026-01-01T00:00:03Z", "count": 2},
    ]
    crashed = {**view("Waiting", detailStatus="CrashLoopBackOff", exitCode=137), "events": events}
    found = seen("Failed", crashed, instanceView={"state": "Pending", "events": []})
    assert found.why == (
        "provisioning Failed; group Pending; container c0 Waiting (CrashLoopBackOff), exit code 137; "
        "InsufficientCapacity: no room (2 times)"
    )


def test_a_list_entry_without_any_view_is_coming_and_crashes_nothing() -> None:
    assert group_seen("g", {}, AT).state is GroupState.COMING


@pytest.mark.parametrize("path", examples("containerinstance/2023-05-01/examples/ContainerGroupsGet_*.json"), ids=str)
def test_official_answers_are_understood(path: Path) -> None:
    body = json.loads(path.read_text())["responses"]["200"]["body"]
    found = group_seen("demo1", body, AT)
    assert found.state is (GroupState.FAILED if "Failed" in path.stem else GroupState.COMING)
    assert found.mark is None
    if "Failed" in path.stem:
        assert "FailedMount: Output: mount error(2): Permission denied" in found.why or "Pulled" in found.why
