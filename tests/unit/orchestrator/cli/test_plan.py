"""`rollout plan`: what it says is what `start` does, and it changes nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.exit_codes import ExitCode
from orchestrator.store.records import Suspension
from providers.azure import marks
from strategies.seen import Mark
from tests.unit.orchestrator.cli.branch import Branch, branch
from tests.unit.orchestrator.cli.desk import Desk


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Iterator[Branch]:
    """A branch office with nothing in it yet."""
    with branch(tmp_path, monkeypatch, lambda: desk) as opened:
        yield opened


def _plan(office: Branch, *words: str) -> Any:
    with office.untouched():
        assert office.desk.type("plan", office.manifest, "--output", "json", *words) == 0
    (plan,) = office.desk.document["plans"]
    return plan


def _weights(change: Any) -> dict[str, int]:
    return {each["name"]: each["weight"] for each in change["weights"]}


def _remember(office: Branch) -> None:
    """Let the default store's file be there, so that the desk's store is asked."""
    (office.folder / "state" / "rollout").mkdir(parents=True)
    (office.folder / "state" / "rollout" / "rollout.db").touch()


def test_what_start_does_is_what_plan_said(office: Branch) -> None:
    office.serve("v1")
    plan = _plan(office, "--tag", "v2")
    assert not (office.folder / "state").exists()
    before = office.writes()
    assert office.desk.type("start", office.manifest, "--tag", "v2", "-q") == 0
    assert office.writes() - before == plan["writes"]["total"]
    rollout = office.desk.store.latest("shop")
    assert rollout is not None
    groups = [group["name"] for group in plan["targets"][0]["candidate"]]
    assert [slot.name for slot in rollout.targets[0].candidate] == groups
    assert [_weights(change) for change in plan["changes"] if change["weights"]] == _asked(office, rollout.id)


def _asked(office: Branch, rollout: str) -> list[dict[str, int]]:
    """The splits of a rollout by group, in the order in which the journal has them."""
    state = office.desk.store.load(rollout).targets[0]
    named = {slot.endpoint: slot.name for slot in (*state.candidate, *state.stable)}
    events = [each.event for each in office.desk.store.events(rollout=rollout)]
    return [
        {named[key.removeprefix("weight.")]: int(str(v)) for key, v in event.data if key.startswith("weight.")}
        for event in events
        if event.kind == "share_intended"
    ]


def test_a_revision_that_serves_is_nothing_to_do(office: Branch) -> None:
    office.serve("v1")
    plan = _plan(office)
    assert plan["nothingToDo"]
    assert plan["changes"] == []
    assert plan["candidate"]["tag"] == "v1"


def test_text_tells_groups_splits_times_writes_and_what_the_gates_catch(office: Branch) -> None:
    assert office.desk.type("plan", office.manifest, "--tag", "v1") == 0
    said = office.desk.said
    for words in ("nothing → v1", "create", "100 %: candidate 500 + 500", "4 of Azure's", "fails 10 %"):
        assert words in said
    assert "there is nothing to go back to" in said
    assert max(map(len, said.splitlines())) < 200


def test_without_an_image_the_plan_says_that_its_names_hold_zeros(office: Branch) -> None:
    plan = _plan(office)
    assert any("no image is named" in note for note in plan["notes"])
    assert plan["candidate"]["digest"].endswith("0" * 64)


def test_an_azure_that_cannot_be_read_is_planned_as_a_first_release(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_AZURE_ENDPOINT", "http://127.0.0.1:9")
    plan = _plan(office, "--tag", "v1")
    assert not plan["read"]
    assert plan["stable"] is None
    assert plan["notes"][0].startswith("Azure could not be read, so this is planned as a first release: ")
    assert plan["outcome"] == "promoted"


def test_what_the_store_knows_against_a_start_is_said(office: Branch) -> None:
    revision = _plan(office, "--tag", "v1")["candidate"]["revision"]
    _remember(office)
    store, now = office.desk.store, office.desk.clock.now()
    store.poison("shop", revision, "it was bad")
    store.suspend(Suspension("shop", "operator", "the fair is on", now, None))
    notes = " ".join(_plan(office, "--tag", "v1")["notes"])
    assert "`rollout retry shop` lifts that" in notes
    assert "suspended by operator: the fair is on" in notes


def test_retained_groups_over_their_time_are_told_and_left_alone(office: Branch) -> None:
    image = f"{office.emulator.registry_host}/shop/web"
    mark = Mark("shop", "west", "a" * 64, 1, 0, "r1", "sha256:" + "b" * 64, "t" * 64, image, "v0")
    tags = marks.with_keep_until(marks.to_tags(mark), datetime.now(UTC) - timedelta(hours=1))
    container = {"image": f"{image}:v1", "resources": {"requests": {"cpu": 0.1, "memoryInGB": 0.1}}}
    properties = {"osType": "Linux", "containers": [{"name": "web", "properties": container}]}
    body = {"location": "westeurope", "tags": tags, "properties": properties}
    office.arm("PUT", "containerGroups", "shop-aaaaaaaa-1-0", body)
    assert any("shop-aaaaaaaa-1-0 was retained" in note for note in _plan(office, "--tag", "v1")["notes"])
    assert office.arm("GET", "containerGroups", "shop-aaaaaaaa-1-0")


def test_a_tag_is_refused_for_several_services_at_once(office: Branch) -> None:
    other = office.folder / "other.yaml"
    other.write_text((office.folder / "rollout.yaml").read_text().replace("service: shop", "service: stall"))
    assert office.desk.type("plan", office.manifest, str(other), "--tag", "v1") == ExitCode.USAGE
    assert "shop, stall: add --service" in office.desk.told
    assert office.desk.type("plan", office.manifest, str(other), "-o", "json") == 0
    assert [plan["service"] for plan in office.desk.document["plans"]] == ["shop", "stall"]


def test_a_service_that_is_in_no_file_is_a_usage_error(office: Branch) -> None:
    assert office.desk.type("plan", office.manifest, "--service", "stall") == ExitCode.USAGE
    assert "--service: must be one of shop; got stall" in office.desk.told


def test_a_drain_that_nobody_can_measure_is_said(office: Branch) -> None:
    office.serve("v1")
    office.edit("rollout.yaml", {"margin: 100ms": "margin: 100ms, quiet: required, most: 1m, then: ask"})
    assert office.desk.type("plan", office.manifest, "--tag", "v2") == 0
    assert "drain.quiet is required, but no source counts its requests, so after 1 m: ask" in office.desk.said
    assert "approval" in office.desk.said
