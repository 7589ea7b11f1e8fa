"""The demo's closing proof: what it says, and that it holds nothing for true that is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from orchestrator.cli.style import Style
from orchestrator.demo import scenery_cluster
from orchestrator.demo.fronts import Observed, Part
from orchestrator.demo.proof import Detection, Proof, Release, detection
from providers.emulator.load_counts import Counts
from strategies.journal import event
from strategies.model import Reason, Rollout
from tests.unit.orchestrator.cli import states

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
FOUND = Detection(7.5, 3.1, "countsWorse", "candidate failed", 9243.0, 1000.0, 63, 8, 4, 5)


def release(version: str, stable: str, rollout: Rollout, requests: int, failed: int, **changes: Any) -> Release:
    made = Release(version, stable, rollout, NOW, 24.0, 0, **changes)
    made.by_version = {stable: Counts(requests - failed, 0), version: Counts(failed, failed)}
    return made


def good(**changes: Any) -> Release:
    values: dict[str, Any] = {"rollout": states.promoted(), "requests": 1600, "failed": 0}
    return release("v2", "v1", **{**values, **changes})


def bad(**changes: Any) -> Release:
    values: dict[str, Any] = {"rollout": states.rolled_back(), "requests": 1300, "failed": 18, "detection": FOUND}
    return release("v3", "v2", **{**values, **changes})


def retired(of: Release) -> Release:
    of.to_retired = 1
    return of


BROKEN = {
    "v2 had to be promoted": Proof(good(rollout=states.rolled_back()), bad(), (), 60.0),
    "v3 had to be rolled back": Proof(good(), bad(rollout=states.promoted()), (), 60.0),
    "no request may fail while v2 goes live; 1 failed": Proof(good(failed=1), bad(), (), 60.0),
    "1 requests during v2 went to a group that was being deleted": Proof(retired(good()), bad(), (), 60.0),
    "1 requests during v3 went to a group that was being deleted": Proof(good(), retired(bad()), (), 60.0),
    "499 requests during v2": Proof(good(requests=499), bad(), (), 60.0),
    "199 requests during v3": Proof(good(), bad(requests=199), (), 60.0),
    "no verdict fell on it": Proof(good(), bad(detection=None), (), 60.0),
    "within 30 s; took 30.0 s": Proof(good(), bad(detection=replace(FOUND, seconds=30.0)), (), 60.0),
    "found container group x": Proof(good(), bad(), ("container group x",), 60.0),
}


def test_a_good_and_a_bad_release_that_went_as_promised_break_nothing():
    proof = Proof(good(), bad(), (), 60.0)
    assert proof.broken() == []
    assert "✓ every promise held" in proof.lines(Style())


@pytest.mark.parametrize(("says", "proof"), BROKEN.items(), ids=list(BROKEN))
def test_each_promise_is_missed_by_itself_and_said_so(says: str, proof: Proof):
    (sentence,) = proof.broken()
    assert says in sentence
    assert proof.lines(Style())[-1] == f"■ not kept: {sentence}"


def test_the_document_is_exactly_that_of_the_contract():
    assert Proof(good(), bad(), ("tag x",), 60.0).document() == {
        "good": {
            "outcome": "promoted",
            "requests": 1600,
            "failed": 0,
            "seconds": 24.0,
            "requestsToRetiredGroup": 0,
        },
        "bad": {
            "outcome": "rolledBack",
            "requests": 1300,
            "failed": 18,
            "detectionSeconds": 7.5,
            "requestsToRetiredGroup": 0,
        },
        "leftovers": ["tag x"],
    }


def test_the_proof_for_people_says_how_the_bad_version_was_found_out_by_both_sources():
    told = "\n".join(Proof(good(), bad(), (), 60.0).lines(Style()))
    assert "7.5 s after its first request, 3.1 s after its first error" in told
    assert "8 of its 63 requests failed: evidence 9,243, limit 1,000" in told
    assert "4 failed by then; 5 in a row would have been enough" in told
    assert "18 (1.4 %), all by v3" in told


def test_what_was_sent_after_a_release_is_not_counted_to_it():
    made = good()
    since = {"v1": Counts(100, 1), "v2": Counts(900, 4), "v3": Counts(50, 20)}
    made.count(since, {"v2": Counts(600, 3), "v3": Counts(50, 20)}, retired=7)
    assert made.total == Counts(400, 2)
    assert made.to_retired == 7


def decided(**changes: Any) -> Rollout:
    """The rollout as it was saved when the verdict fell."""
    rollout = states.judged(states.counted(stable=(30, 0), candidate=(7, 1)), rules=(states.ERRORS,))
    slots = states.candidate(rollout.targets[0], failed=2)
    rollout = states.on(rollout, candidate=slots)
    return replace(rollout, failure=Reason("countsWorse", "candidate failed 8 of 63"), **changes)


def journal(rollout: Rollout) -> list[Any]:
    name, other = rollout.targets[0].candidate[0].name, rollout.targets[0].stable[0].name
    at = [NOW + timedelta(seconds=second) for second in range(12)]
    return [
        event(at[3], "probe_clean", "westeurope", group=other, failures=9),
        event(at[5], "probe_failing", "westeurope", group=name),
        event(at[6], "probe_clean", "westeurope", group=name, failures=3),
        event(at[9], "verdict_unhealthy", code="countsWorse", message="candidate failed 8 of 63"),
        event(at[10], "probe_clean", "westeurope", group=name, failures=5),
    ]


def test_detection_is_counted_from_the_first_request_or_the_first_failed_probe_whichever_came_first():
    rollout = decided()
    found = detection(journal(rollout), rollout, NOW + timedelta(seconds=1), NOW + timedelta(seconds=7))
    assert found is not None
    assert (found.seconds, found.after_fault_seconds) == (8.0, 2.0)
    late = detection(journal(rollout), rollout, NOW + timedelta(seconds=8), None)
    assert late is not None
    assert (late.seconds, late.after_fault_seconds) == (4.0, None)


def test_detection_counts_the_candidates_failed_probes_up_to_the_verdict_and_no_others():
    rollout = decided()
    found = detection(journal(rollout), rollout, NOW, NOW)
    assert found is not None
    slots = len(rollout.targets[0].candidate)
    assert found.probes_failed == 3 + 2 * slots
    assert (found.requests, found.failed, found.limit) == (63, 9, 1000)
    assert found.evidence > found.limit / 2


def test_without_a_verdict_nothing_was_detected():
    rollout = decided()
    assert detection(journal(rollout)[:3], rollout, NOW, NOW) is None
    assert detection(journal(rollout), None, NOW, NOW) is None


def parted(of: Release, outcome: str, *steps: Observed) -> Release:
    """A release that went through two front doors."""
    west, aks = scenery_cluster.fronts(envoy=True)
    of.parts = (Part(west, outcome, Counts(700, 0), 0), Part(aks, outcome, Counts(900, 0), 0, steps))
    return of


def test_with_two_front_doors_each_result_says_what_became_of_each():
    step = Observed(20.0, 18.5, 540)
    proof = Proof(parted(good(), "promoted", step), parted(bad(), "rolledBack"), (), 60.0)
    assert proof.broken() == []
    (west, aks) = proof.document()["good"]["targets"]
    assert west == {
        "name": "westeurope",
        "outcome": "promoted",
        "requests": 700,
        "failed": 0,
        "requestsToRetiredGroup": 0,
    }
    assert (aks["dataPlane"], aks["steps"]) == ("envoy", [{"share": 20.0, "observed": 18.5, "requests": 540}])
    told = "\n".join(proof.lines(Style()))
    assert "20 % → 18.5 %" in told
    assert "Envoy" in told


@pytest.mark.parametrize(
    ("observed", "requests", "broken"), [(28.0, 600, True), (26.0, 600, False), (30.0, 400, False)]
)
def test_a_share_that_clients_did_not_see_is_a_promise_that_was_not_kept(observed: float, requests: int, broken: bool):
    proof = Proof(parted(good(), "promoted", Observed(20.0, observed, requests)), parted(bad(), "rolledBack"), (), 60.0)
    assert [each for each in proof.broken() if "had to give 20 %" in each] == ([ANY] if broken else [])


def test_a_target_that_ended_otherwise_is_named():
    proof = Proof(parted(good(), "promoted"), parted(bad(), "promoted"), (), 60.0)
    assert "v3 had to be rolledBack at aks; it is promoted there" in proof.broken()
