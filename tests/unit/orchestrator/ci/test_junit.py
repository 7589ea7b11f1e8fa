"""The JUnit report: what every reader demands of one, and what each way to end is in it."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ci.junit import junit
from orchestrator.ci.story import Ended
from strategies.gates import MetricKind, MetricRule
from strategies.journal import event
from strategies.model import Reason
from strategies.phases import Phase
from tests.unit.orchestrator.ci import runs
from tests.unit.orchestrator.cli import states

REQUIRED = {
    "testsuite": {"name", "package", "id", "hostname", "timestamp", "tests", "failures", "errors", "time"},
    "testcase": {"name", "classname", "time"},
    "property": {"name", "value"},
    "failure": {"type"},
    "error": {"type"},
}
ALLOWED = {**REQUIRED, "testsuite": {*REQUIRED["testsuite"], "skipped"}, "skipped": {"message"}}
ALLOWED |= {kind: {"type", "message"} for kind in ("failure", "error")}
SLOW = MetricRule("slow", MetricKind.LATENCY, dry_run=True)
KINDS = ("failure", "error", "skipped")


def check(text: str) -> ElementTree.Element:
    """Check a report against what the schemas of Ant and of Jenkins have in common; answers its one suite."""
    root = ElementTree.fromstring(text)
    assert (root.tag, root.attrib, [each.tag for each in root]) == ("testsuites", {}, ["testsuite"])
    suite = root[0]
    tags = [each.tag for each in suite]
    cases = suite.findall("testcase")
    assert tags == ["properties", *["testcase"] * len(cases), "system-out", "system-err"]
    for element in suite.iter():
        assert REQUIRED.get(element.tag, set()) <= set(element.attrib) <= ALLOWED.get(element.tag, set()), element.tag
        for name in ("name", "classname", "package", "hostname", "type"):
            token = element.get(name, "x")
            assert token == " ".join(token.split()) != "", (element.tag, name)
    for case in cases:
        assert [each.tag for each in case] in [[], *([kind] for kind in KINDS)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
    assert all(re.fullmatch(r"\d+\.\d{3}", each.get("time", "")) for each in (suite, *cases))
    counted = [str(len(cases)), *(str(len(suite.findall(f"testcase/{kind}"))) for kind in KINDS)]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == counted
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names) > 0
    return suite


def cases_of(ended: Ended) -> dict[str, str]:
    """Each case of the report with what it is."""
    return {
        f"{case.get('classname')}: {case.get('name')}": case[0].tag if len(case) else "passed"
        for case in check(junit(ended)).findall("testcase")
    }


@pytest.mark.parametrize("name", runs.every())
def test_the_report_of_every_way_to_end_is_valid_and_says_which_it_was(name: str) -> None:
    ended = runs.every()[name]
    suite = check(junit(ended))
    told = [kind for kind in KINDS if suite.find(f"testcase/{kind}") is not None]
    expected = {
        "promoted": [],
        "none": [],
        "rolledBack": ["failure"],
        "without a journal": ["failure"],
        "judged": ["failure"],
        "undone": [],
        "undecided": ["skipped"],
        "waiting": ["skipped"],
        "superseded": ["skipped"],
        "running": ["skipped"],
        "interrupted": ["error", "skipped"],
    }
    assert told == expected.get(name, ["error"])
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert (properties["outcome"], properties["exitCode"], properties["run"]) == (
        ended.outcome,
        str(ended.code),
        runs.LINK,
    )


def test_each_phase_that_a_target_went_through_is_a_case_with_its_time() -> None:
    suite = check(junit(runs.ended(states.promoted())))
    told = [(case.get("name"), case.get("time")) for case in suite.iter("testcase")]
    assert told == [
        ("coming up and being probed", "4.000"),
        ("holding at 0 %", "4.000"),
        ("shifting to 10 %", "4.000"),
        ("holding at 10 %", "4.000"),
        ("draining the old side", "4.000"),
        ("waiting for the other targets", "4.000"),
        ("retiring the old side", "4.000"),
    ]
    assert suite.get("time") == "252.000"


def test_a_rollback_is_a_failure_of_the_phase_it_happened_in_with_reason_and_numbers() -> None:
    ended = runs.ended(states.rolled_back(), 3)
    assert cases_of(ended) == {
        "storefront.westeurope: coming up and being probed": "passed",
        "storefront.westeurope: holding at 0 %": "passed",
        "storefront.westeurope: shifting to 10 %": "passed",
        "storefront.westeurope: holding at 10 %": "failure",
        "storefront.westeurope: going back to the old side": "passed",
        "storefront.westeurope: draining the new side": "passed",
        "storefront.westeurope: removing the new side": "passed",
    }
    failure = check(junit(ended)).find("testcase/failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == (
        "probesFailed",
        "storefront-x failed 3 probes in a row (limit 3): status 500",
    )
    assert (failure.text or "").splitlines()[1:] == ["group: storefront-x", "failed: 3 probes", "limit: 3 probes"]


def test_what_waits_says_for_whom_and_what_ran_out_of_time_says_where() -> None:
    waiting, late = (check(junit(runs.every()[name])) for name in ("waiting", "timedOut"))
    skipped, error = waiting.find("testcase/skipped"), late.find("testcase/error")
    assert skipped is not None and error is not None
    assert skipped.get("message") == "waits for a person: pause by ana"
    assert error.get("message") == "still under way when the time was up: holds at 10 % for another 18 s"
    assert error.get("type") == "timedOut"


def test_a_target_whose_wave_never_came_is_skipped_and_does_not_fail() -> None:
    rollout = states.two_targets()
    failure = Reason("probesFailed", "it answers 500")
    rollout = states.on(rollout, phase=Phase.ROLLED_BACK, failure=failure)
    rollout = replace(states.on(rollout, "northeurope", phase=Phase.ROLLED_BACK), failure=failure, ended_at=states.NOW)
    turned = event(states.NOW, "phase_changed", "northeurope", before="pending", after="rolledBack", step=0, e=1)
    first = [each for each in runs.journal(rollout) if each.target != "northeurope"]
    found = cases_of(runs.ended(rollout, 3, journal=[*first, turned]))
    assert found["storefront.northeurope: waiting for its wave"] == "skipped"
    assert list(found.values()).count("failure") == 1


def test_a_phase_that_comes_again_is_told_from_the_first_time() -> None:
    rollout = states.holding()
    steps = [
        event(states.ago(9 - i), "phase_changed", "westeurope", before=a, after=b, step=0, e=1)
        for i, (a, b) in enumerate([("holding", "shifting"), ("shifting", "holding")] * 2)
    ]
    names = list(cases_of(runs.ended(rollout, 5, outcome="timedOut", journal=steps)))
    assert [name.partition(": ")[2] for name in names] == [
        "holding at 0 %",
        "shifting to 0 %",
        "holding at 0 % (2)",
        "shifting to 0 % (2)",
        "holding at 0 % (3)",
    ]


@given(st.text(), st.text(), st.text(min_size=1))
def test_no_text_from_outside_breaks_the_report(message: str, note: str, host: str) -> None:
    rollout = states.on(states.rolled_back(), note=note, failure=Reason("x", message, (("said", message),)))
    suite = check(junit(replace(runs.ended(replace(rollout, failure=None), 3), host=host)))
    failure = suite.find("testcase/failure")
    assert failure is not None
    clean = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", message)
    assert failure.get("message") == clean


def test_a_release_that_its_counts_took_back_is_told_with_evidence_proof_limits_and_checks() -> None:
    suite = check(junit(runs.ended(runs.judged(), 3)))
    failure = suite.find("testcase/failure")
    assert failure is not None
    told = (failure.text or "").splitlines()
    assert told[1:3] == ["metric: errors", "e: 1e+09"]
    for line in (
        "requests to the new side: 432",
        "at which it is taken back: 1000",
        "at which it may have everything: 20",
    ):
        assert line in told
    proof = next(line for line in told if line.startswith("proof for the new side: "))
    assert 0 <= float(proof.rpartition(": ")[2]) < 0.05
    assert told[-2:] == ["smoke: failed at step 1: page | 3:", "500; reports only"]


def test_each_of_several_sources_is_told_apart() -> None:
    rollout = states.judged(states.counted(), states.counted("slow"), rules=(states.ERRORS, SLOW))
    out = check(junit(runs.ended(rollout, 5, outcome="timedOut"))).findtext("system-out") or ""
    assert "errors: new 0 of 432 requests failed, old 9 of 3870; evidence 0.439702 of 1000, proof 126.113 of 20" in out
    assert (
        "slow: new 0 of 432 requests slow, old 9 of 3870; evidence 0.439702 of 1000, proof 126.113 of 20; reports"
        in out
    )


def test_an_undo_that_took_a_rollout_back_failed_nowhere() -> None:
    found = cases_of(runs.every()["undone"])
    assert set(found.values()) == {"passed"}
