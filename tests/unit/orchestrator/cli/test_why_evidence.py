"""`rollout why` on evidence: every source, check and drain with its rule, its numbers, its limit and since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import log
from typing import Any

import pytest

from orchestrator.cli.finding import Finding
from orchestrator.cli.findings import findings
from orchestrator.cli.remedies import remedies
from strategies.evidence import Evidence
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import Rollout
from strategies.phases import Phase
from strategies.plan import AfterMost, DrainRule, Quiet, Service, Target
from strategies.seen import CheckState
from strategies.tail import Tail
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk

SLOW = MetricRule("latency", MetricKind.LATENCY, weight=3.0)


def rules(rollout: Rollout, target: str | None = "westeurope") -> dict[str, Finding]:
    """Every rule of one target by its name; of the rollout with None."""
    return {each.rule: each for each in findings(rollout, states.NOW) if each.target == target}


def with_rule(rollout: Rollout, **changes: Any) -> Rollout:
    """The same rollout with other words in its target's manifest."""
    targets = tuple(replace(each, **changes) for each in rollout.service.targets)
    return replace(rollout, service=replace(rollout.service, targets=targets))


def test_a_source_shows_its_evidence_proof_and_counts_against_their_limits_and_since_when() -> None:
    found = rules(states.judged())
    evidence, proof = found["errors.evidence"], found["errors.proof"]
    assert (round(evidence.value or 0, 3), evidence.limit, evidence.since) == (0.44, 1000, states.ago(47))
    assert evidence.says == "0.43 against the candidate, taken back at 1,000"
    assert (round(proof.value or 0, 1), proof.limit) == (126.1, 20)
    assert found["errors.requests"].says == "candidate failed 0 of 432 requests in all, stable 9 of 3,870"
    step = found["errors.step"]
    assert (step.says, step.value, step.limit) == (
        "432 requests to the candidate, 3,870 to the stable side in this step",
        432,
        10,
    )
    assert not any(each.breached for each in found.values())


def test_a_limit_that_is_not_reached_never_looks_reached() -> None:
    almost = states.counted(gate=(log(19.99),) * 5)
    assert rules(states.judged(almost))["errors.proof"].says == "19.9 for the candidate, which gets everything at 20"


def test_a_source_that_reports_only_says_so_and_holds_nothing() -> None:
    dry = replace(states.ERRORS, dry_run=True)
    seen = states.counted(candidate=(48, 20), problem="HTTP 503", candidate_at=states.ago(90))
    found = rules(states.judged(seen, rules=(dry,)))
    assert found["errors.evidence"].says.endswith("against the candidate, reports only (dryRun)")
    named = [each for rule, each in found.items() if rule.startswith("errors.")]
    assert len(named) == 6
    assert not any(each.breached for each in named)
    assert found["errors.source"].says == "HTTP 503; reports only (dryRun)"
    assert found["errors.source"].waits and found["errors.age"].waits, "worth a look"


def test_what_decides_is_marked_at_the_sum_of_what_is_weighed_and_nowhere_else() -> None:
    bad, fine = states.counted(candidate=(48, 6)), states.counted("latency")
    alone = rules(states.judged(bad, rules=(states.ERRORS,)))
    assert alone["errors.evidence"].breached
    assert "evidence" not in alone
    both = rules(states.judged(bad, fine, rules=(states.ERRORS, SLOW)))
    assert both["evidence"].breached
    assert both["evidence"].says == "over 1,000,000 in the weighted mean of errors, latency, taken back at 1,000"
    assert (both["errors.evidence"].breached, both["errors.evidence"].waits) == (False, True)
    assert "was slow for" in both["latency.requests"].says


def test_the_evidence_of_a_rollout_over_several_targets_is_their_mean() -> None:
    west, north = (Target(name, states.PLAN, metrics=(states.ERRORS,)) for name in ("westeurope", "northeurope"))
    rollout = states.holding(rollout=states.fresh(states.service(west, north)))
    rollout = states.on(rollout, metrics=(states.counted(candidate=(48, 6)),))
    found = rules(rollout, None)["evidence"]
    assert found.says.endswith("in the mean over 2 targets, taken back at 1,000")
    assert found.breached
    assert not rules(rollout)["errors.evidence"].breached


@pytest.mark.parametrize(
    ("ages", "waits", "says"),
    [
        ((2, 2), False, "candidate known 2 s ago, stable known 2 s ago; late after 15 s"),
        ((16, 2), True, "candidate known 16 s ago, stable known 2 s ago; late after 15 s"),
        ((2, 16), True, "candidate known 2 s ago, stable known 16 s ago; late after 15 s"),
        ((45, 2), True, "candidate known 45 s ago, stable known 2 s ago; lost after 30 s"),
        ((2, 45), True, "candidate known 2 s ago, stable known 45 s ago; lost after 30 s"),
        ((None, 2), True, "candidate not known yet, stable known 2 s ago; lost after 30 s"),
    ],
)
def test_the_age_of_each_sides_newest_interval_stands_beside_its_limit(
    ages: tuple[int | None, int | None], waits: bool, says: str
) -> None:
    at = [None if age is None else states.ago(age) for age in ages]
    found = rules(states.judged(states.counted(candidate_at=at[0], stable_at=at[1])))["errors.age"]
    assert (found.says, found.waits, found.limit) == (says, waits, 15)
    assert found.value == max(age for age in ages if age is not None)


def test_a_source_that_fails_speaks_in_its_own_words_and_one_that_is_mistaken_names_the_way_out() -> None:
    failing = rules(states.judged(states.counted(problem="HTTP 503 from prometheus:\n no answer")))["errors.source"]
    assert (failing.says, failing.waits) == ("HTTP 503 from prometheus: no answer", True)
    wrong = rules(states.judged(states.counted(problem="unknown label", mistaken=True)))["errors.source"]
    assert wrong.says == "unknown label (asking again cannot help: mend gates.metrics)"
    assert "errors.source" not in rules(states.judged())


def test_a_source_that_was_never_asked_says_nothing() -> None:
    found = rules(states.judged(Evidence("errors")))
    assert not any(rule.startswith("errors") for rule in found)


def test_an_undecided_step_says_since_when_and_when_a_person_is_asked() -> None:
    found = rules(states.undecided())["undecided"]
    assert found.says == "errors proves nothing either way; a person is asked in 26 m 40 s"
    assert (found.since, found.value, found.limit, found.waits) == (states.ago(140), 200, 1800, True)
    asked = rules(states.asking())["undecided"]
    assert asked.says == "errors proved nothing either way within 30 m: a person decides"


def test_within_its_time_a_step_need_not_be_decided() -> None:
    rollout = states.undecided()
    assert "undecided" not in rules(states.on(rollout, since=states.ago(30)))


def test_the_remedies_of_an_undecided_step_say_what_is_given_up() -> None:
    ways = {way.command: way.does for way in remedies(states.undecided(), engine_runs=True)}
    assert ways["rollout promote storefront"] == "go on to the next step without proof"
    ways = {way.command: way.does for way in remedies(states.asking(), engine_runs=True)}
    assert ways == {
        "rollout approve storefront": "go on without proof",
        "rollout abort storefront": "everything back to the old side",
    }


def test_the_share_that_clients_got_stands_beside_the_one_that_was_asked_for() -> None:
    found = rules(states.judged())["share"]
    assert (round(found.value or 0, 1), found.limit, found.waits) == (10.0, 10, False)
    assert found.says == "10 % of 4,302 requests in this step (errors), 10 % asked for"


@pytest.mark.parametrize(
    ("by_resolver", "why"),
    [(True, "a few resolvers carry many clients"), (False, "something else routes clients to it")],
)
def test_a_share_of_over_three_times_the_intent_is_a_warning_with_its_likely_cause(by_resolver: bool, why: str) -> None:
    rollout = states.judged(states.counted(stable=(70, 0), candidate=(48, 0)))
    found = rules(with_rule(rollout, by_resolver=by_resolver))["share"]
    assert found.waits
    assert found.says.endswith(f"over 3 times the 10 % asked for: {why}")


@pytest.mark.parametrize("few", [{"step_candidate": 4, "step_stable": 6}, {"step_candidate": 9, "step_stable": 1000}])
def test_a_few_requests_more_than_expected_are_no_warning(few: dict[str, int]) -> None:
    found = rules(with_rule(states.judged(states.counted(**few)), by_resolver=True))
    assert "share" not in found or not found["share"].waits


def checked(state: CheckState, step: int = 1, **more: Any) -> Finding:
    return rules(states.judged(checks=(states.checked(state, step=step, **more),)))["smoke"]


def test_a_check_says_how_it_stands_and_what_it_said() -> None:
    passed = checked(CheckState.PASSED, 0)
    assert (passed.says, passed.since, passed.waits) == (
        "passed at step 0: 12 of 12 pages answered",
        states.ago(30),
        False,
    )
    running = checked(CheckState.RUNNING, why="")
    assert (running.says, running.waits, running.since) == ("runs at step 1", True, states.ago(30))
    failed = checked(CheckState.FAILED, why="page 3:\n500")
    assert (failed.says, failed.breached) == ("failed at step 1: page 3: 500", True)
    unknown = checked(CheckState.UNKNOWN, why="timed out", attempt=2)
    assert (unknown.says, unknown.waits, unknown.breached) == (
        "no result at step 1 after 3 tries: timed out",
        True,
        False,
    )


def test_a_check_that_was_not_begun_says_when_it_runs() -> None:
    found = rules(states.judged(checks=()))["smoke"]
    assert (found.says, found.waits) == ("not begun; runs before any traffic and while both sides serve", True)
    later = replace(states.SMOKE, when=(When.AFTER,))
    found = rules(states.judged(checks=(), rules=(later,)))["smoke"]
    assert (found.says, found.waits) == ("not begun; runs while the old side is still there", False)


def test_a_check_that_reports_only_breaks_nothing_and_is_worth_a_look() -> None:
    dry = replace(states.SMOKE, dry_run=True)
    rollout = states.judged(rules=(dry,), checks=(states.checked(CheckState.FAILED, why="500"),))
    found = rules(rollout)["smoke"]
    assert (found.says, found.breached, found.waits) == (
        "failed at step 1: 500; reports only (dryRun)",
        False,
        True,
    )


def test_a_drain_says_what_time_asks_for_who_is_quiet_since_when_and_who_still_talks() -> None:
    found = rules(states.draining())
    time = found["drain.time"]
    assert (time.value, time.limit, time.waits) == (88, 80, False)
    assert time.says == "the last answer that names the stable side expires 11:58:42 UTC; it may go 11:59:52 UTC"
    quiet = found["errors.quiet"]
    assert (quiet.value, quiet.limit, quiet.since, quiet.waits) == (30, 60, states.ago(32), True)
    assert quiet.says == "quiet for 30 s of the 1 m wanted; it had 86 requests/s"
    assert found["drain.talkers"].says == "still talks to it: 10.4.0.7 0.4, 10.4.0.9 0.1 requests/s"
    assert found["drain.talkers"].value == 0.5
    most = found["drain.most"]
    assert (most.says, most.value, most.limit) == (
        "a person is asked when it is still not quiet after 30 m, 12:28:32 UTC",
        88,
        1800,
    )


def test_a_drain_that_time_still_holds_says_for_how_long() -> None:
    rollout = states.draining(expires_at=states.ago(10))
    found = rules(rollout)
    assert found["drain.time"].waits
    assert found["drain.time"].says.endswith("it may go 12:01:00 UTC, in 1 m")
    assert "drain.most" not in found


def test_a_side_that_is_not_quiet_says_from_what_rate_it_has_to_fall() -> None:
    loud = replace(states.draining().targets[0].metrics[0], quiet_since=None)
    found = rules(states.on(states.draining(), metrics=(loud,)))["errors.quiet"]
    assert found.says == "not quiet 2 s ago; it had 86 requests/s, 0.001 of that is quiet"
    assert (found.value, found.waits) == (0, True)
    silent = replace(loud, quiet_until=None)
    found = rules(states.on(states.draining(), metrics=(silent,)))["errors.quiet"]
    assert found.says == "not known yet whether it is quiet; it had 86 requests/s"


def drained_by(**rule: Any) -> dict[str, Finding]:
    return rules(with_rule(states.draining(), drain=DrainRule(**rule)))


def test_the_rule_of_the_drain_says_what_comes_of_a_side_that_never_is_quiet() -> None:
    assert drained_by(then=AfterMost.FORCE)["drain.most"].says.startswith("it goes all the same when")
    assert drained_by(then=AfterMost.EXTEND)["drain.most"].says.startswith("it goes on waiting when")
    assert "errors.quiet" not in drained_by(quiet=Quiet.NONE)
    unknown = states.on(states.draining(), metrics=())
    required = rules(with_rule(unknown, drain=DrainRule(quiet=Quiet.REQUIRED)))
    assert required["drain.quiet"].waits


def test_the_measured_tail_says_when_a_thousandth_is_left() -> None:
    tail = Tail("errors", 86.0, until=900.0, requests=1161, moments=1161 * 99.9)
    found = rules(states.draining(tail=tail))["drain.tail"]
    assert found.says == "13.5 % of its requests are pinned, 1 m 40 s in the mean: 0.1 % of them still come in 6 m 52 s"
    assert found.value == pytest.approx(412.5, abs=0.5)
    later = states.on(states.draining(tail=tail), expires_at=states.NOW - timedelta(hours=1))
    assert rules(later)["drain.tail"].says.endswith("no more than 0.1 % of them should come by now")


@pytest.mark.parametrize("phase", [Phase.HOLDING, Phase.RETIRING, Phase.PROMOTED])
def test_nothing_is_said_of_a_drain_where_no_side_leaves(phase: Phase) -> None:
    found = rules(states.draining(phase=phase))
    assert not any(rule.startswith("drain.") or rule.endswith(".quiet") for rule in found)


def test_of_a_rollout_that_has_ended_the_evidence_stays_and_no_age_is_told() -> None:
    rollout = states.on(states.rolled_back(), metrics=(states.counted(candidate=(48, 6)),))
    service: Service = replace(
        rollout.service, targets=(Target("westeurope", states.PLAN, metrics=(states.ERRORS, states.SMOKE)),)
    )
    found = rules(replace(rollout, service=service))
    assert found["errors.evidence"].breached
    assert "errors.age" not in found and "smoke" not in found


def test_why_prints_all_of_it_and_its_document_holds_the_same_numbers(desk: Desk) -> None:
    desk.put(states.asking())
    assert desk.type("why", "storefront") == 0
    assert "● errors.step      4 requests to the candidate, 40 to the stable side in this step;" in desk.said
    assert desk.type("why", "storefront", "-o", "json") == 0
    reason = desk.document["reason"]
    assert (reason["code"], reason["evidence"]) == ("tooFew", {"metric": "errors", "requests": 4, "limit": 10})
    step = next(each for each in desk.document["rules"] if each["rule"] == "errors.step")
    assert (step["target"], step["value"], step["limit"]) == ("westeurope", 4, 10)
    assert desk.type("status", "storefront", "--exit-code") == 4
