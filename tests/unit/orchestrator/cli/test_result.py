"""The JSON result: one shape for every outcome, and one exit code for each."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank, exit_code_of, group_state, outcome_of, phase_of, reason_of, result
from strategies.advance import awaits_person
from strategies.model import Outcome, Reason, Rollout, Slot, Stage
from strategies.phases import Phase
from strategies.plan import Target
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
