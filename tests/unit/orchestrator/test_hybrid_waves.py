"""One rollout over a region of Azure and a cluster: barriers, bake, one verdict, one abort, overrides, the way back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.manifest.problems import ManifestError
from providers.emulator.kube.kinds import DEPLOYMENT, HTTP_ROUTE
from strategies.model import CommandKind, Outcome, Rollout
from strategies.phases import Phase
from tests.unit.orchestrator.hybrid import BACKWARDS, CLUSTER, HYBRID, HybridYard

BAKE = timedelta(seconds=15)
ORDERS = {"Azure first": (HYBRID, "west", "onprem"), "the cluster first": (BACKWARDS, "onprem", "west")}


def entered(yard: HybridYard, rollout: str, target: str, phase: Phase) -> datetime | None:
    """When a target entered a phase, None where it never did."""
    for stored in yard.store.events("shop", rollout=rollout):
        found = stored.event
        if (found.kind, found.target) == ("phase_changed", target) and dict(found.data)["after"] == phase.value:
            return found.at
    return None


def first(yard: HybridYard, rollout: str, target: str, kind: str) -> datetime:
    """When something of a kind first happened to a target."""
    return next(
        each.event.at
        for each in yard.store.events("shop", rollout=rollout)
        if (each.event.kind, each.event.target) == (kind, target)
    )


def until(yard: HybridYard, rollout: str, target: str, *phases: Phase) -> Rollout:
    """Drive in short pieces until a target is in one of these phases."""
    for _ in range(400):
        seen = yard.drive(rollout, timeout_seconds=1.0).rollout
        if seen.target(target).phase in phases:
            return seen
    raise AssertionError(f"{target} never came to {phases}")


def begun(yard: HybridYard, version: str, **more: Any) -> str:
    """Serve v1, then begin another version."""
    assert yard.release("v1").rollout.outcome is Outcome.PROMOTED
    answer = yard.submit(version, **more)
    assert answer.rollout is not None
    return answer.rollout.id


def break_candidate(yard: HybridYard, rollout: Rollout) -> None:
    """Delete the cluster's candidate by hand, which condemns it."""
    (slot,) = rollout.target("onprem").candidate
    yard.cluster.objects.remove(DEPLOYMENT, "shop", slot.name)


@pytest.mark.parametrize("order", ORDERS)
def test_the_second_wave_begins_when_the_first_is_drained_and_has_baked(order: str) -> None:
    manifest, one, two = ORDERS[order]
    yard = HybridYard(manifest=manifest)
    assert yard.release("v1").rollout.outcome is Outcome.PROMOTED
    ended = yard.release("v2").rollout
    assert ended.outcome is Outcome.PROMOTED
    drained, began = entered(yard, ended.id, one, Phase.DRAINED), entered(yard, ended.id, two, Phase.PREPARING)
    assert drained is not None
    assert began is not None
    assert began >= drained + BAKE
    assert first(yard, ended.id, two, "group_seen") >= began


@pytest.mark.parametrize("order", ORDERS)
def test_old_workloads_of_all_waves_stay_until_the_last_one_has_baked(order: str) -> None:
    manifest, one, two = ORDERS[order]
    yard = HybridYard(manifest=manifest)
    yard.release("v1")
    ended = yard.release("v2").rollout
    last = entered(yard, ended.id, two, Phase.DRAINED)
    assert last is not None
    for name in (one, two):
        retiring = entered(yard, ended.id, name, Phase.RETIRING)
        assert retiring is not None
        assert retiring >= last + BAKE
    assert yard.deployments() == [ended.target("onprem").candidate[0].name]
    assert list(yard.route().values()) == [1000]


def test_with_perwave_the_first_waves_old_side_goes_before_the_second_begins() -> None:
    yard = HybridYard(manifest=HYBRID.replace("{bake: 15s}", "{bake: 15s, retire: perWave}"))
    yard.release("v1")
    ended = yard.release("v2").rollout
    assert ended.outcome is Outcome.PROMOTED
    gone, began = entered(yard, ended.id, "west", Phase.RETIRING), entered(yard, ended.id, "onprem", Phase.PREPARING)
    assert gone is not None
    assert began is not None
    assert gone <= began


def test_a_failure_in_the_cluster_brings_back_the_region_that_had_moved_already() -> None:
    yard = HybridYard()
    rollout = begun(yard, "v2")
    seen = until(yard, rollout, "onprem", Phase.HOLDING)
    assert seen.target("west").phase is Phase.DRAINED
    break_candidate(yard, seen)
    ended = yard.drive(rollout).rollout
    assert ended.outcome is Outcome.ROLLED_BACK
    assert ended.failure is not None
    assert {state.name: state.share for state in ended.targets} == {"west": 0.0, "onprem": 0.0}
    assert {state.phase for state in ended.targets} == {Phase.ROLLED_BACK}
    (old,) = ended.target("onprem").stable
    assert yard.route() == {old.name: 1000}
    assert yard.deployments() == [old.name]


def test_a_failure_that_reaches_no_further_than_its_wave_leaves_the_region_on_the_new_version() -> None:
    yard = HybridYard(manifest=HYBRID.replace("{bake: 15s}", "{bake: 15s, onFailure: wave}"))
    rollout = begun(yard, "v2")
    break_candidate(yard, until(yard, rollout, "onprem", Phase.HOLDING))
    ended = yard.drive(rollout).rollout
    assert {state.name: state.phase for state in ended.targets} == {
        "west": Phase.PROMOTED,
        "onprem": Phase.ROLLED_BACK,
    }
    assert ended.outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize("order", ORDERS)
def test_one_abort_takes_back_all_that_moved_and_what_waits_never_begins(order: str) -> None:
    manifest, one, two = ORDERS[order]
    yard = HybridYard(manifest=manifest)
    rollout = begun(yard, "v2")
    until(yard, rollout, one, Phase.DRAINED)
    yard.store.command(rollout, CommandKind.ABORT, "ana", at=yard.clock.now(), reason="no")
    ended = yard.drive(rollout).rollout
    assert ended.outcome is Outcome.ROLLED_BACK
    assert entered(yard, rollout, two, Phase.PREPARING) is None
    assert [state.share for state in ended.targets] == [0.0, 0.0]


def test_a_version_that_is_bad_from_the_start_reaches_no_client_anywhere() -> None:
    yard = HybridYard()
    rollout = begun(yard, "v2", behaviour={"crash_after_seconds": 1.0})
    ended = yard.drive(rollout).rollout
    assert ended.outcome is Outcome.ROLLED_BACK
    assert not any(state.exposed for state in ended.targets)
    assert entered(yard, rollout, "onprem", Phase.PREPARING) is None


def test_a_target_goes_by_its_own_steps_and_its_own_gates() -> None:
    own = "    gates: {probe: {port: 80, before: 4}}\n    strategy: {canary: {steps: [5, 25], hold: 1s}}\n"
    yard = HybridYard(manifest=HYBRID.replace("waves:", f"{own}waves:"))
    yard.release("v1")
    ended = yard.release("v2").rollout
    assert ended.outcome is Outcome.PROMOTED
    shares: dict[str, list[float]] = {"west": [], "onprem": []}
    for stored in yard.store.events("shop", rollout=ended.id):
        if stored.event.kind == "weight_confirmed":
            shares[str(stored.event.target)].append(float(str(dict(stored.event.data)["share"])))
    assert shares["west"] == [50, 100, 100]
    assert shares["onprem"] == [5, 25, 100, 100]
    west, onprem = ended.service.targets
    assert (west.probe.before, onprem.probe.before) == (2, 4)


def test_a_lost_store_in_the_middle_of_the_second_wave_is_made_up_from_the_marks() -> None:
    yard = HybridYard()
    rollout = begun(yard, "v2")
    until(yard, rollout, "onprem", Phase.HOLDING)
    yard.lose_store()
    answer = yard.submit("v2")
    assert answer.rollout is not None
    assert answer.rollout.id == rollout
    ended = yard.drive(rollout).rollout
    assert ended.outcome is Outcome.PROMOTED
    assert list(yard.route().values()) == [1000]
    assert len(yard.deployments()) == 1


def test_without_its_route_and_the_store_what_serves_is_not_taken_for_a_rollout_and_taken_back() -> None:
    yard = HybridYard(manifest=CLUSTER)
    yard.release("v1")
    stands = yard.deployments()
    yard.cluster.objects.remove(HTTP_ROUTE, "shop", "shop")
    yard.lose_store()
    with pytest.raises(ManifestError, match="HTTPRoute shop/shop does not exist"):
        yard.submit("v2")
    assert yard.store.active("shop") is None
    assert yard.deployments() == stands
