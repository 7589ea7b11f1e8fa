"""The JSON result: one shape for every outcome, and one exit code for each."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank, exit_code_of, group_state, outcome_of, phase_of, reason_of, result
from strategies.advance import awaits_person
from strategies.gates import MetricKind, MetricRule
from strategies.model import Outcome, Reason, Rollout, Slot, Stage
from strategies.phases import Phase
from strategies.plan import Step, Target, shadow
from strategies.seen import CheckState
from tests.unit.orchestrator.cli import states

KEYS = [
    "schema",
    "rollout",
    "service",
    "outcome",
    "phase",
    "engine",
    "share",
    "startedAt",
    "endedAt",
    "reason",
    "stable",
    "candidate",
    "targets",
    "leftovers",
]
QUIET = MetricRule("connections", MetricKind.QUIET)
PAUSED = replace(states.holding(), paused=Reason("pause", "pause by ana: lunch", (("actor", "ana"),)))
SUPERSEDED = replace(states.rolled_back(), failure=None, superseded_by="newer1")
ALL = {
    "pending": states.fresh(),
    "holding": states.holding(),
    "paused": PAUSED,
    "promoted": states.promoted(),
    "rolledBack": states.rolled_back(),
    "first": states.rolled_back(first=True),
    "superseded": SUPERSEDED,
    "stuck": states.stuck(),
    "waves": states.two_targets(),
    "judged": states.judged(),
    "undecided": states.undecided(),
    "asking": states.asking(),
    "draining": states.draining(),
}


@pytest.mark.parametrize("rollout", ALL.values(), ids=ALL.keys())
def test_every_result_has_the_contracts_keys_in_its_order_and_survives_json(rollout: Rollout) -> None:
    document = result(rollout, engine="none")
    assert list(document) == KEYS
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert set(document["share"]) == {"intended", "confirmed", "observed"}
    assert set(document["reason"]) == {"code", "message", "evidence"}
    assert document["reason"]["message"]
    for side in ("stable", "candidate"):
        if document[side] is not None:
            assert list(document[side]) == ["revision", "digest", "image", "tag", "groups"]
            for group in document[side]["groups"]:
                assert list(group) == ["target", "name", "id", "fqdn", "url", "state"]


def test_a_result_without_a_rollout_has_the_same_keys() -> None:
    assert list(blank("storefront", "none", Reason("none", "nothing is known"))) == KEYS


@pytest.mark.parametrize(
    ("name", "outcome", "phase", "code"),
    [
        ("pending", "running", "pending", "pending"),
        ("holding", "running", "holding", "holding"),
        ("paused", "waiting", "holding", "pause"),
        ("promoted", "promoted", "promoted", "promoted"),
        ("rolledBack", "rolledBack", "rolledBack", "probesFailed"),
        ("superseded", "superseded", "rolledBack", "superseded"),
        ("stuck", "stuck", "stuck", "stableSick"),
    ],
)
def test_outcome_phase_and_reason_say_where_the_rollout_stands(name: str, outcome: str, phase: str, code: str) -> None:
    document = result(ALL[name], engine="none")
    assert (document["outcome"], document["phase"], document["reason"]["code"]) == (outcome, phase, code)


def test_the_evidence_of_a_verdict_is_in_the_reason() -> None:
    evidence = result(states.rolled_back(), engine="none")["reason"]["evidence"]
    assert evidence == {"group": "storefront-x", "failed": 3, "limit": 3}


def test_times_are_utc_and_end_in_z() -> None:
    document = result(states.promoted(), engine="none")
    assert document["startedAt"] == "2026-03-04T11:52:48.000Z"
    assert document["endedAt"] == "2026-03-04T11:57:00.000Z"
    assert result(states.holding(), engine="none")["endedAt"] is None


def test_the_top_share_is_the_mean_of_the_current_wave_and_leaves_later_waves_out() -> None:
    both = states.service(Target("westeurope", states.PLAN), Target("northeurope", states.PLAN))
    rollout = states.holding(rollout=states.fresh(both))
    assert result(rollout, engine="none")["share"] == {"intended": 5.0, "confirmed": 5.0, "observed": 9.6}
    share = result(states.two_targets(), engine="none")["share"]
    assert share == {"intended": 10.0, "confirmed": 10.0, "observed": 9.6}


def test_what_was_asked_for_and_not_read_back_yet_is_intended_and_not_confirmed() -> None:
    rollout = states.holding(10.0)
    rollout = states.on(rollout, phase=Phase.SHIFTING, asked=states.asked(rollout, 50.0, confirmed=False))
    share = result(rollout, engine="self")["share"]
    assert (share["intended"], share["confirmed"]) == (50.0, 10.0)


def test_stable_is_null_where_nothing_served_before_the_first_release() -> None:
    assert result(states.rolled_back(first=True), engine="none")["stable"] is None


def test_after_a_promotion_the_candidate_serves_and_the_old_group_is_gone() -> None:
    document = result(states.promoted(), engine="none")
    assert [group["state"] for group in document["candidate"]["groups"]] == ["ready"]
    assert [group["state"] for group in document["stable"]["groups"]] == ["gone"]


def test_what_could_not_be_deleted_is_listed_with_the_reason() -> None:
    rollout = states.promoted()
    kept = tuple(replace(s, stage=Stage.SEEN, leftover="ScopeLocked: do not delete") for s in rollout.targets[0].stable)
    document = result(states.on(rollout, stable=kept), engine="none")
    assert document["outcome"] == "promoted"
    (left,) = document["leftovers"]
    assert (left["target"], left["name"], left["why"]) == ("westeurope", kept[0].name, "ScopeLocked: do not delete")


def test_a_caller_may_say_what_the_rollout_cannot_know() -> None:
    document = result(
        states.holding(), engine="none", outcome="timedOut", reason=Reason("patience", "--timeout ran out")
    )
    assert (document["outcome"], document["reason"]["code"]) == ("timedOut", "patience")


def test_each_outcome_has_the_contracts_exit_code() -> None:
    words = ["promoted", "rolledBack", "waiting", "timedOut", "superseded", "refused", "stuck", "running", "none"]
    assert [int(exit_code_of(word)) for word in words] == [0, 3, 4, 5, 6, 7, 8, 5, 0]
    for outcome in Outcome:
        assert isinstance(exit_code_of(outcome.value), ExitCode)


@pytest.mark.parametrize("rollout", ALL.values(), ids=ALL.keys())
def test_waiting_is_said_exactly_when_the_core_awaits_a_person(rollout: Rollout) -> None:
    assert (outcome_of(rollout) == "waiting") == (rollout.outcome is Outcome.RUNNING and awaits_person(rollout))


def test_the_way_back_is_the_phase_as_long_as_any_target_is_on_it() -> None:
    rollout = states.on(states.two_targets(), phase=Phase.CLEARING)
    assert phase_of(rollout) is Phase.CLEARING
    assert phase_of(states.on(rollout, "northeurope", phase=Phase.STUCK)) is Phase.STUCK


def test_a_target_that_asks_a_person_gives_the_reason_before_the_others() -> None:
    both = states.service(Target("westeurope", states.PLAN), Target("northeurope", states.PLAN))
    rollout = states.on(states.holding(rollout=states.fresh(both)), "northeurope", asks_person=True, note="approve me")
    assert reason_of(rollout) == Reason("approval", "approve me")


@pytest.mark.parametrize(
    ("slot", "word"),
    [
        ({}, "intended"),
        ({"stage": Stage.BEGUN}, "starting"),
        ({"stage": Stage.SEEN}, "starting"),
        ({"stage": Stage.SEEN, "ready": True}, "ready"),
        ({"stage": Stage.SEEN, "ready": True, "failed": 1}, "failing"),
        ({"stage": Stage.SEEN, "fault": "crash loop"}, "faulty"),
        ({"stage": Stage.SEEN, "kept_until": states.NOW}, "retained"),
        ({"stage": Stage.SEEN, "leftover": "locked"}, "leftover"),
        ({"stage": Stage.GONE, "fault": "it was deleted"}, "gone"),
        ({"adopted": True}, "ready"),
    ],
)
def test_one_word_tells_what_became_of_a_group(slot: dict[str, object], word: str) -> None:
    assert group_state(replace(Slot(0, "g", "e"), **slot)) == word  # type: ignore[arg-type]


def test_a_group_of_the_stable_side_that_is_there_counts_as_ready() -> None:
    assert group_state(Slot(0, "g", "e", stage=Stage.SEEN), stable=True) == "ready"


def evidence(rollout: Rollout) -> dict[str, Any]:
    found: dict[str, Any] = result(rollout, engine="none")["targets"][0]["evidence"]
    return found


def test_the_evidence_of_a_target_is_that_of_its_first_deciding_source_with_both_limits() -> None:
    dry = MetricRule("mirror", dry_run=True)
    known = (states.counted("mirror", candidate=(7, 7)), states.counted())
    found = evidence(states.judged(*known, rules=(dry, states.ERRORS, states.SMOKE)))
    assert list(found) == [
        "e",
        "limit",
        "candidateRequests",
        "candidateFailures",
        "stableRequests",
        "stableFailures",
        "proof",
        "proofLimit",
        "metrics",
        "checks",
    ]
    assert [found[key] for key in list(found)[:6]] == [0.439702, 1000, 432, 0, 3870, 9]
    assert (round(found["proof"], 1), found["proofLimit"]) == (126.1, 20)


def test_each_source_stands_with_its_own_numbers_and_those_of_this_step() -> None:
    first, second = evidence(states.judged(states.counted(problem="HTTP 503"), rules=(states.ERRORS, QUIET)))["metrics"]
    assert (first["name"], first["kind"], first["when"], first["dryRun"]) == (
        "errors",
        "failures",
        ["during", "after"],
        False,
    )
    assert (first["e"], first["stepCandidateRequests"], first["stepStableRequests"]) == (0.439702, 432, 3870)
    assert (first["since"], first["candidateAt"]) == ("2026-03-04T11:59:13.000Z", "2026-03-04T11:59:58.000Z")
    assert (first["lateSeconds"], first["problem"], first["mistaken"]) == (15.0, "HTTP 503", False)
    assert (second["name"], second["e"], second["proof"], second["since"]) == ("connections", None, None, None)


def test_where_no_source_decides_nothing_is_proven_and_nothing_speaks_against_the_candidate() -> None:
    found = evidence(states.holding())
    assert (found["e"], found["proof"], found["candidateRequests"]) == (1.0, None, 0)
    assert found["metrics"] == found["checks"] == []


def test_a_check_stands_with_each_step_at_which_it_was_made_and_is_pending_before() -> None:
    made = (states.checked(CheckState.PASSED, step=0), states.checked(CheckState.RUNNING, why=""))
    found = evidence(states.judged(checks=made))["checks"]
    assert [(each["name"], each["step"], each["state"]) for each in found] == [
        ("smoke", 0, "passed"),
        ("smoke", 1, "running"),
    ]
    (pending,) = evidence(states.judged(checks=()))["checks"]
    assert (pending["step"], pending["state"], pending["at"]) == (None, "pending", None)


def test_evidence_beyond_all_numbers_is_still_a_number_in_json() -> None:
    seen = states.counted()
    beyond = replace(seen, against=(5000.0,) * len(seen.against), gate=(5000.0,) * len(seen.gate))
    document = result(states.judged(beyond), engine="none")
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def share(rollout: Rollout) -> float | None:
    return result(rollout, engine="none")["targets"][0]["share"]["observed"]


def test_the_observed_share_is_by_requests_where_enough_were_counted_and_else_by_weights() -> None:
    assert share(states.judged()) == pytest.approx(100 * 432 / 4302)
    assert share(states.judged(states.counted(step_candidate=9, step_stable=90))) == 9.6
    assert share(states.judged(states.counted(step_candidate=9, step_stable=91))) == 9.0
    assert result(states.judged(), engine="none")["share"]["observed"] == pytest.approx(100 * 432 / 4302)


@pytest.mark.parametrize("phase", [Phase.PREPARING, Phase.SHIFTING, Phase.RETURNING, Phase.CLEARING])
def test_while_the_split_is_not_the_steps_own_its_requests_say_nothing_of_it(phase: Phase) -> None:
    assert share(states.judged(phase=phase)) == 9.6


def test_our_own_probes_and_copies_of_requests_are_nobodys_share() -> None:
    assert share(states.judged(rules=(replace(states.ERRORS, own=True),))) == 9.6
    mirrored = shadow(50.0, steps=(Step(50),))
    rollout = states.judged()
    target = replace(rollout.service.targets[0], plan=mirrored)
    assert share(replace(rollout, service=replace(rollout.service, targets=(target,)))) == 9.6


def test_an_undecided_step_gives_its_own_code_message_and_numbers_as_the_reason() -> None:
    document = result(states.undecided(), engine="none")
    assert document["outcome"] == "running"
    assert document["reason"] == {
        "code": "tooFew",
        "message": "errors: 4 of 10 requests to the candidate in this step",
        "evidence": {"metric": "errors", "requests": 4, "limit": 10},
    }
    assert document["targets"][0]["decidesAt"] is None


def test_when_a_person_is_asked_about_it_the_outcome_is_waiting_which_is_exit_4_with_the_same_reason() -> None:
    document = result(states.asking(), engine="none")
    assert (document["outcome"], document["reason"]["code"]) == ("waiting", "tooFew")
    assert "`rollout approve` goes on" in document["reason"]["message"]
    assert exit_code_of(document["outcome"]) == ExitCode.WAITING


def test_what_is_not_proven_is_no_reason_while_something_else_holds_the_step() -> None:
    document = result(states.on(states.undecided(), note="the last 2 probes failed: 503"), engine="none")
    assert (document["reason"]["code"], document["reason"]["evidence"]) == ("holding", {})


def test_a_target_that_is_undecided_gives_the_reason_before_one_that_time_alone_holds() -> None:
    both = states.service(Target("westeurope", states.PLAN), Target("northeurope", states.PLAN))
    rollout = states.holding(rollout=states.fresh(both))
    doubt = Reason("metricGone", "errors: nothing newer than 15 s is known", (("metric", "errors"),))
    rollout = states.on(rollout, "northeurope", phase=Phase.HOLDING, step=1, doubt=doubt, note=doubt.message)
    assert reason_of(rollout) == doubt
