"""What a `Workloads` port on Azure must do, whatever stands between it and the world."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from providers.errors import Conflict, Denied, Exhausted, Invalid, Throttled, Transient
from strategies.seen import GroupState
from tests.conformance.azure_doors import SETTLED_SECONDS, Door, name_of


def running(door: Door, slot: int = 0, target: str = "west", number: int = 1) -> str:
    """Make a group and wait until it is up."""
    mark = door.mark(slot, target=target, number=number)
    door.workloads(target).ensure(name_of(mark), mark)
    door.advance(SETTLED_SECONDS)
    return name_of(mark)


def test_what_does_not_exist_is_absent(door: Door) -> None:
    (seen,) = door.workloads().look(["nothing-there"])
    assert (seen.name, seen.state, seen.mark, seen.address) == ("nothing-there", GroupState.ABSENT, None, None)


def test_a_workload_is_begun_comes_up_and_shows_its_whole_mark_and_address(door: Door) -> None:
    mark = door.mark()
    workloads = door.workloads()
    workloads.ensure(name_of(mark), mark)
    (seen,) = workloads.look([name_of(mark)])
    assert seen.state in (GroupState.COMING, GroupState.RUNNING)
    door.advance(SETTLED_SECONDS)
    (seen,) = workloads.look([name_of(mark)])
    assert (seen.state, seen.mark, seen.restarts, seen.why) == (GroupState.RUNNING, mark, 0, "")
    assert seen.address == door.group(name_of(mark))["properties"]["ipAddress"]["fqdn"]
    assert seen.id == door.group(name_of(mark))["id"]
    assert seen.at <= door.now()


def test_a_look_answers_in_the_order_of_the_names_and_writes_nothing(door: Door) -> None:
    name = running(door)
    before = door.writes()
    assert [seen.name for seen in door.workloads().look(["b", name, "a"])] == ["b", name, "a"]
    assert door.writes() == before


def test_what_cannot_be_read_for_now_is_left_out_and_the_rest_is_not(door: Door) -> None:
    door.fault(method="GET", path="containerGroups/a$", status=503, times=None)
    assert [seen.name for seen in door.workloads().look(["a", "b"])] == ["b"]


def test_a_missing_permission_is_never_an_absence(door: Door) -> None:
    door.fault(method="GET", status=403)
    with pytest.raises(Denied):
        door.workloads().look(["a"])


def test_discover_finds_all_that_bears_the_mark_of_service_and_target_and_nothing_else(door: Door) -> None:
    ours = {running(door), running(door, 1)}
    running(door, target="east", number=2)
    assert {seen.name for seen in door.workloads().discover()} == ours
    assert all(seen.state is GroupState.RUNNING for seen in door.workloads().discover())


def test_retiring_ends_in_absence_and_may_be_asked_for_again_at_any_moment(door: Door) -> None:
    name = running(door)
    workloads = door.workloads()
    workloads.retire(name)
    workloads.retire(name)
    door.advance(SETTLED_SECONDS)
    workloads.retire(name)
    assert workloads.look([name])[0].state is GroupState.ABSENT
    assert door.writes().count(f"DELETE {name}") == 1


def test_what_bears_another_mark_is_refused(door: Door) -> None:
    name = running(door, target="east")
    with pytest.raises(Denied):
        door.workloads("west").retire(name)
    with pytest.raises(Denied):
        door.workloads("west").retire(name, door.now())
    assert door.workloads("east").look([name])[0].state is GroupState.RUNNING


def test_retaining_marks_the_expiry_and_leaves_the_workload_running(door: Door) -> None:
    name = running(door)
    until = door.now() + timedelta(hours=1)
    door.workloads().retire(name, until)
    (seen,) = door.workloads().discover()
    assert (seen.keep_until, seen.state, seen.mark) == (until, GroupState.RUNNING, door.mark())


def test_a_create_whose_answer_is_lost_is_transient_and_was_taken(door: Door) -> None:
    door.fault(method="PUT", status=500, afterCommit=True)
    with pytest.raises(Transient) as caught:
        door.workloads().ensure(name_of(door.mark()), door.mark())
    assert not isinstance(caught.value, Throttled | Conflict)
    door.advance(SETTLED_SECONDS)
    assert door.workloads().look([name_of(door.mark())])[0].state is GroupState.RUNNING


def test_a_throttled_create_says_when_to_come_back_and_was_not_taken(door: Door) -> None:
    door.fault(method="PUT", status=429, retryAfter=30)
    with pytest.raises(Throttled) as caught:
        door.workloads().ensure(name_of(door.mark()), door.mark())
    assert caught.value.retry_after == 30
    assert door.group(name_of(door.mark())) is None


def test_lack_of_capacity_is_exhausted_at_once_or_a_failed_workload_that_says_why(door: Door) -> None:
    mark, workloads = door.mark(), door.workloads()
    door.run(door.world.faults.add_provisioning, name_of(mark), "refused", 0.0, 1)
    with pytest.raises(Exhausted):
        workloads.ensure(name_of(mark), mark)
    door.run(door.world.faults.add_provisioning, name_of(mark), "capacity", 0.0, 1)
    workloads.ensure(name_of(mark), mark)
    door.advance(SETTLED_SECONDS)
    (seen,) = workloads.look([name_of(mark)])
    assert seen.state is GroupState.FAILED
    assert "InsufficientCapacity" in seen.why


def test_an_image_that_cannot_be_pulled_is_invalid(door: Door) -> None:
    mark = replace(door.mark(), digest="sha256:" + "0" * 64)
    with pytest.raises(Invalid):
        door.workloads().ensure(name_of(mark), mark)


def test_preflight_reads_only_and_finds_a_quota_that_is_too_small(door: Door) -> None:
    assert all(finding.ok for finding in door.workloads().preflight(2))
    door.world.settings.group_quota = 1
    assert any(not finding.ok and finding.fatal for finding in door.workloads().preflight(2))
    assert door.writes() == []
