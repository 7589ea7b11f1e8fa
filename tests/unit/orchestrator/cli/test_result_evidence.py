"""The evidence in the JSON result: of each source and check, the share that clients see, and what is undecided."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.exit_codes import ExitCode
from orchestrator.result import exit_code_of, reason_of, result
from strategies.gates import MetricKind, MetricRule
from strategies.model import Reason, Rollout
from strategies.phases import Phase
from strategies.plan import Step, Target, shadow
from strategies.seen import CheckState
from tests.unit.orchestrator.cli import states

QUIET = MetricRule("connections", MetricKind.QUIET)


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
