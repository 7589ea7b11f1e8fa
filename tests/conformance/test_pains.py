"""What users of other tools suffered on clusters, shown not to happen here: downtime (pains 1 to 10).

The real engine over the real adapters, in an emulated cluster under clients' requests.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from providers.emulator.kube import kinds
from providers.kubernetes.marks import WORKLOAD
from strategies.model import CommandKind, Outcome
from strategies.plan import Step, blue_green, canary
from tests.conformance.kubernetes_stage import (
    INSIDE,
    LIVE,
    MARGIN_SECONDS,
    PROPAGATION_SECONDS,
    Stage,
    at_share,
    candidate,
)


def test_pain_1_the_stable_service_never_points_at_pods_that_are_being_scaled_away() -> None:
    """argo-rollouts#2235: the stable selector switched minutes after the old pods were gone."""
    lowest: list[int] = []
    stage = Stage()
    for tag in ("v2", "v3"):
        stage.witnesses[:] = [lambda s: lowest.append(s.ready(INSIDE) if s.door.get(kinds.SERVICE, INSIDE) else 1)]
        assert stage.release(tag).outcome is Outcome.PROMOTED
    assert min(lowest) > 0
    assert stage.door.get(kinds.SERVICE, INSIDE)["spec"]["selector"] == {WORKLOAD: list(stage.weights())[1]}


def test_pain_2_nothing_falls_back_to_the_old_version_at_promotion() -> None:
    """argo-rollouts#1826: two speeds of propagation sent traffic back to the old version for half a minute."""
    stage = Stage()
    rollout = stage.run(stage.start("v2"), lambda r: r.targets[0].share == 100)
    stage.rest(PROPAGATION_SECONDS)
    begun = len(stage.answers)
    rollout = stage.run(rollout)
    stage.rest()
    assert rollout.outcome is Outcome.PROMOTED
    assert {answer.version for answer in stage.answers[begun:]} == {"v2"}


@pytest.mark.parametrize("plan", [canary((Step(50, 3.0),)), blue_green()], ids=["canary", "blue-green"])
def test_pains_3_4_and_5_no_request_fails_at_the_last_step_for_the_old_side_goes_only_after_confirmation(
    plan: Any,
) -> None:
    """argo-rollouts#4710, #4433, #4772: 503s because the old side went a second after its weight did."""
    stage = Stage(plan)
    stage.release("v1.5")
    gone_at: list[datetime] = []

    def watch(stage: Stage) -> None:
        going = [each for each in stage.deployments().values() if "deletionTimestamp" in each["metadata"]]
        if going and not gone_at:
            gone_at.append(stage.clock.now())

    stage.witnesses.append(watch)
    rollout = stage.run(stage.start("v2"), lambda r: r.targets[0].share == 100)
    whole_at = stage.clock.now()
    assert stage.run(rollout).outcome is Outcome.PROMOTED
    stage.rest()
    assert stage.failed() == []
    assert (gone_at[0] - whole_at).total_seconds() >= PROPAGATION_SECONDS + MARGIN_SECONDS - 1


def test_pain_6_a_new_image_in_mid_canary_does_not_kill_the_candidate_that_has_traffic() -> None:
    """argo-rollouts#4534: the superseded candidate with most of the traffic died at once."""
    stage = Stage()
    stage.release("v1.5")
    rollout = stage.run(stage.start("v2"), at_share(50))
    first = candidate(rollout)
    killed: list[int] = []

    def watch(stage: Stage) -> None:
        found = stage.deployments().get(first)
        if found is None or "deletionTimestamp" in found["metadata"]:
            killed.append(stage.weights().get(first, 0))

    stage.witnesses.append(watch)
    stage.say(rollout, CommandKind.SUPERSEDE, "r9")
    assert stage.run(rollout).outcome is Outcome.SUPERSEDED
    assert stage.release("v3").outcome is Outcome.PROMOTED
    assert killed and set(killed) == {0}
    assert stage.failed() == []


def test_pain_7_the_old_side_keeps_its_scale_as_long_as_anything_may_go_back_to_it() -> None:
    """argo-rollouts#4926: with a dynamic stable scale the delay before scaling down is ignored."""
    stage = Stage()
    stage.release("v1.5")
    (old,) = (name for name in stage.deployments() if name != LIVE)
    seen: set[int] = set()

    def watch(stage: Stage) -> None:
        found = stage.deployments().get(old)
        if found is not None and "deletionTimestamp" not in found["metadata"]:
            seen.add(found["spec"]["replicas"])

    stage.witnesses.append(watch)
    assert stage.release("v2").outcome is Outcome.PROMOTED
    assert seen == {1}


def test_pain_8_adopting_a_live_workload_fails_no_request_and_changes_nothing_of_it() -> None:
    """argo-rollouts#1731: adopting a live workload causes downtime by design."""
    stage = Stage()
    before = [stage.door.get(kind, LIVE) for kind in (kinds.DEPLOYMENT, kinds.SERVICE)]
    nobody = []
    stage.witnesses.append(lambda s: nobody.append(sum(s.ready(n) for n, w in s.weights().items() if w) == 0))
    assert stage.release("v2").outcome is Outcome.PROMOTED
    assert stage.failed() == []
    assert not any(nobody)
    for kind, old in zip((kinds.DEPLOYMENT, kinds.SERVICE), before, strict=True):
        assert stage.door.get(kind, LIVE)["spec"] == old["spec"]
        assert stage.door.get(kind, LIVE)["metadata"]["uid"] == old["metadata"]["uid"]


def test_pain_9_a_side_gets_traffic_only_once_it_is_ready_there_and_back() -> None:
    """flagger#1202, #773: 503s at both hand-overs, because the other side was not ready yet."""
    stage = Stage()
    stage.release("v1.5")
    unready: list[str] = []
    stage.witnesses.append(lambda s: unready.extend(n for n, w in s.weights().items() if w and not s.ready(n)))
    assert stage.release("v2", start_seconds=8.0).outcome is Outcome.PROMOTED
    rollout = stage.run(stage.start("v3", start_seconds=8.0), at_share(50))
    stage.say(rollout, CommandKind.ABORT)
    assert stage.run(rollout).outcome is Outcome.ROLLED_BACK
    stage.rest()
    assert unready == []
    assert stage.failed() == []


def test_pain_10_nothing_goes_back_to_a_broken_stable_side_and_the_healthy_one_is_not_deleted() -> None:
    """flagger#1931, #1932: the rollback sent everything to the broken primary and deleted the healthy pods."""
    stage = Stage()
    stage.release("v1.5", unhealthy_after_seconds=200.0)
    rollout = stage.run(stage.start("v2"), at_share(50))
    name = candidate(rollout)
    stage.rest(max(0.0, 215.0 - stage.clock.monotonic()))
    rollout = stage.run(rollout, lambda r: any(slot.failed >= 2 for slot in r.targets[0].stable))
    stage.say(rollout, CommandKind.ABORT)
    ends = stage.clock.monotonic() + 60
    rollout = stage.run(rollout, lambda r: stage.clock.monotonic() > ends)
    assert rollout.outcome is not Outcome.ROLLED_BACK
    assert stage.weights()[name] > 0
    assert "deletionTimestamp" not in stage.deployments()[name]["metadata"]
    assert stage.ready(name) == 1


def test_the_stage_itself_has_a_gateway_that_fails_where_nobody_is_behind_a_backend() -> None:
    """Without this, all that was shown above would show nothing."""
    stage = Stage()
    stage.door.merge(kinds.DEPLOYMENT, LIVE, spec={"replicas": 0})
    stage.rest()
    assert stage.failed() != []
