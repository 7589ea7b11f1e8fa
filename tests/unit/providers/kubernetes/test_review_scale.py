"""While two revisions are live an autoscaler makes neither smaller, for either may get all of the traffic next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from providers.errors import Denied, Transient
from providers.kubernetes import marks
from strategies.seen import GroupState, Mark
from tests.unit.providers.kubernetes.cluster_lab import Lab, a_lab
from tests.unit.providers.kubernetes.workload_values import MARK, NAME, scaled, settings

OLDER = replace(MARK, number=2, revision="c" * 64)
OLD = marks.backend_name(OLDER)
NEWER = replace(MARK, number=4, revision="e" * 64, rollout="r-2")
NEW = marks.backend_name(NEWER)
HPA = "HorizontalPodAutoscaler"


@pytest.fixture
def lab() -> Lab:
    """A cluster in which an older revision runs with six pods, where its autoscaler's least is two."""
    lab = a_lab()
    make(lab, OLD, OLDER)
    wish(lab, OLD, 6)
    return lab


def make(lab: Lab, name: str, mark: Mark) -> None:
    lab.workloads(settings(scaled())).ensure(name, mark)
    lab.pass_time(60)


def retire(lab: Lab, name: str, keep: bool = False) -> None:
    until = lab.clock.now() + timedelta(hours=1) if keep else None
    lab.workloads(settings(scaled())).retire(name, until)
    lab.pass_time(60)


def wish(lab: Lab, name: str, replicas: int) -> None:
    """Let the metrics of a Deployment ask for so many pods, and see what comes of it."""
    lab.cluster.autoscaler.wish("shop", name, replicas)
    lab.pass_time(60)


def sizes(lab: Lab, *names: str) -> list[int]:
    return [lab.get("Deployment", name)["spec"]["replicas"] for name in names]


def least(lab: Lab, name: str) -> tuple[int, bool]:
    """An autoscaler's least, and whether any note of ours about it is left."""
    body = lab.get(HPA, name)
    return body["spec"]["minReplicas"], "rollout/min-replicas" in body["metadata"]["annotations"]


def test_a_small_share_makes_neither_side_smaller_than_it_was(lab: Lab) -> None:
    make(lab, NAME, MARK)
    wish(lab, NAME, 1)
    wish(lab, OLD, 1)
    assert sizes(lab, OLD, NAME) == [6, 6]
    wish(lab, NAME, 8)
    assert sizes(lab, NAME) == [8]


@pytest.mark.parametrize("keep", [False, True])
def test_once_the_old_side_has_gone_the_autoscaler_is_free_again(lab: Lab, keep: bool) -> None:
    make(lab, NAME, MARK)
    retire(lab, OLD, keep)
    wish(lab, NAME, 1)
    assert (least(lab, NAME), sizes(lab, NAME)) == ((2, False), [2])


def test_once_the_candidate_was_taken_back_the_old_sides_autoscaler_is_free_again(lab: Lab) -> None:
    make(lab, NAME, MARK)
    retire(lab, NAME)
    wish(lab, OLD, 3)
    assert (least(lab, OLD), sizes(lab, OLD)) == ((2, False), [3])


def test_a_newer_candidate_keeps_the_old_side_large_when_the_one_before_it_goes(lab: Lab) -> None:
    make(lab, NAME, MARK)
    make(lab, NEW, NEWER)
    retire(lab, NAME)
    wish(lab, OLD, 1)
    wish(lab, NEW, 1)
    assert sizes(lab, OLD, NEW) == [6, 6]
    retire(lab, OLD)
    assert least(lab, NEW) == (2, False)


def test_a_retained_side_that_is_used_again_keeps_the_other_one_large(lab: Lab) -> None:
    make(lab, NAME, MARK)
    retire(lab, OLD, keep=True)
    make(lab, OLD, replace(OLDER, number=4))
    wish(lab, NAME, 1)
    assert sizes(lab, NAME) == [6]
    retire(lab, NAME)
    assert least(lab, OLD) == (2, False)


def test_what_is_adopted_is_not_ours_to_scale_and_binds_nobody() -> None:
    lab = a_lab()
    make(lab, NAME, MARK)
    assert least(lab, NAME) == (2, False)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(8))
def test_a_crash_at_any_write_leaves_the_same_in_the_end(lab: Lab, number: int, after: bool) -> None:
    """Each write in turn is broken off once, before or after it was taken; the act is asked for again."""
    workloads = lab.workloads(settings(scaled()))
    crashes = _Crash(lab, number, after)
    while True:
        try:
            if workloads.look([NAME])[0].address is None:
                workloads.ensure(NAME, MARK)
        except Transient:
            continue
        break
    assert (least(lab, OLD), least(lab, NAME)) == ((6, True), (6, True))
    while workloads.look([OLD])[0].state not in (GroupState.GOING, GroupState.ABSENT):
        try:
            workloads.retire(OLD)
        except Transient:
            continue
    assert least(lab, NAME) == (2, False)
    assert crashes.done or number >= 8


def test_a_forbidden_autoscaler_does_not_keep_the_old_side_alive(lab: Lab) -> None:
    make(lab, NAME, MARK)
    lab.api.fail("PATCH", "/horizontalpodautoscalers/", Denied("no"), times=9)
    retire(lab, OLD)
    assert lab.names("Deployment") == [NAME]


class _Crash:
    """Breaks the write with this number off, once."""

    def __init__(self, lab: Lab, number: int, after: bool) -> None:
        self.done = False
        inner, left = lab.api.inner.write, [number]

        def write(doing: str, method: str, path: str, *args: object, **more: object) -> object:
            left[0] -= 1
            if left[0] == -1:
                self.done = True
                answer = inner(doing, method, path, *args, **more) if after else None  # type: ignore[arg-type]
                raise Transient(f"the answer was lost: {answer is not None}")
            return inner(doing, method, path, *args, **more)  # type: ignore[arg-type]

        lab.api.inner.write = write  # type: ignore[method-assign]
