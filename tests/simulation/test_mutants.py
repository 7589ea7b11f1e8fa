"""The simulation notices faults: each of a dozen planted ones is caught within 300 worlds."""

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


@pytest.mark.parametrize("name", DOZEN)
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
