"""What probes can catch, against the definition, against a simulation, and against the design's own table."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.forecast_gates import catches, clean_needed, detection_seconds, mean_probes, ruled_out
from strategies.plan import ProbeRule

_EVIDENCE = Path(__file__).resolve().parents[5] / "shared" / "design" / "evidence.md"
_PARTS = st.floats(0.001, 0.9)
_CONFIDENCES = st.floats(0.5, 0.999)


@given(_PARTS, _CONFIDENCES)
def test_the_clean_probes_needed_are_the_fewest_that_rule_it_out(failing: float, confidence: float) -> None:
    clean = clean_needed(failing, confidence)
    assert (1 - failing) ** clean <= (1 - confidence) * (1 + 1e-9)
    assert (1 - failing) ** (clean - 1) > (1 - confidence) * (1 - 1e-9)


@given(st.integers(1, 500), _CONFIDENCES)
def test_what_clean_probes_rule_out_needs_that_many_clean_probes(clean: int, confidence: float) -> None:
    failing = ruled_out(clean, confidence)
    assert clean_needed(min(failing * (1 + 1e-9), 1 - 1e-12), confidence) <= clean


def test_the_table_of_the_design_comes_out_of_the_formula() -> None:
    if not _EVIDENCE.exists():
        pytest.skip(f"the design's table is not here: {_EVIDENCE}")
    rows = re.findall(r"(?:q = )?(\d+) %: (\d+) / (\d+)", _EVIDENCE.read_text())
    assert len(rows) >= 3
    for part, low, high in rows:
        assert [clean_needed(int(part) / 100, c) for c in (0.95, 0.99)] == [int(low), int(high)]


def test_the_mean_time_to_a_run_of_failures_is_what_dice_show() -> None:
    rng, taken, runs = random.Random(5), 0, 4000
    for _ in range(runs):
        row = 0
        while row < 3:
            row = row + 1 if rng.random() < 0.5 else 0
            taken += 1
    assert mean_probes(0.5, 3) == 14
    assert abs(taken / runs - 14) < 0.6


def test_a_dead_version_is_condemned_after_the_failures_that_the_rule_wants() -> None:
    assert mean_probes(1.0, 3) == 3
    assert detection_seconds(ProbeRule(2.0, 10, 3), 1.5) == 7.5


def test_a_version_that_seldom_fails_is_said_to_pass() -> None:
    seldom = catches(ProbeRule(2.0, 10, 3))[-1]
    assert seldom.failing == 0.01
    assert 0.90 < seldom.passes < 0.91
    assert seldom.mean_seconds > 1_000_000
