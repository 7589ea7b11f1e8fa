"""The simulation notices faults: each of three dozen planted ones is caught within 300 worlds."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS, applied, caught
from tests.simulation.run import run

DOZEN = (
    "drain half the TTL",
    "count the drain from the new TTL only",
    "weigh before ready",
    "forget a foreign endpoint",
    "delete before leaving",
    "create twice",
    "ignore abort",
    "step backwards",
    "advance without read-back",
    "restore the TTL too early",
    "send traffic back to a sick stable side",
    "forget the poison",
    "go on blindly",
)
IN_CLUSTERS = (
    "shift the first rule only",
    "forget a foreign backend",
    "write a settled route",
    "delete the Deployment before the route has left it",
    "forget a detour on the way back",
    "count probes before their detour is in force",
    "skip the bake",
    "begin every wave at once",
    "retire at the wave's end although atEnd",
    "take back the last wave only",
    "adopt by rewriting the Service",
    "apply a Deployment that stands",
    "leave what belongs to a Deployment without an owner",
)
COUNTED = (
    "let the watermark go back",
    "keep three digits of the evidence",
    "promote without the gate",
    "let what only reports take back",
    "take a failed source for a failed release",
    "measure quiet by the clock",
    "take silence for quiet",
    "test without a control",
    "ignore what is counted",
    "wait for proof for ever",
    "pass a check that is not over",
    "go on without telemetry",
    "give up the old side while clients fail",
)


@pytest.mark.parametrize("name", DOZEN + IN_CLUSTERS + COUNTED)
def test_a_planted_fault_is_caught(name: str) -> None:
    report = caught(name)
    assert report is not None, f"300 worlds did not catch: {name}"
    assert report.violation


def test_a_world_that_caught_a_fault_is_sound_without_it() -> None:
    name = "drain half the TTL"
    report = caught(name)
    assert report is not None
    assert run(report.seed).violation is None


def test_nothing_of_a_planted_fault_stays_behind() -> None:
    before = [getattr(owner, attribute) for mutant in MUTANTS for owner, attribute, _ in mutant.patches]
    for mutant in MUTANTS:
        with applied(mutant):
            pass
    after = [getattr(owner, attribute) for mutant in MUTANTS for owner, attribute, _ in mutant.patches]
    assert before == after
