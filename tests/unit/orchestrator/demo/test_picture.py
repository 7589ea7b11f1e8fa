"""The demo's frames, and what it tells where there is no terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.options import Options
from orchestrator.cli.output import Output
from orchestrator.demo.chart import Look
from orchestrator.demo.picture import Telling, draw
from orchestrator.demo.stage import Scene
from providers.emulator.load_counts import LoadCounts
from strategies.journal import event
from strategies.model import Reason
from strategies.phases import Phase
from tests.unit.orchestrator.cli import states

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


def crowd(*, seconds: int = 20, failing: int = 0) -> Any:
    """Forty old and twenty new requests in each second, of which some new ones fail."""
    counts = LoadCounts()
    for second in range(seconds):
        at = NOW - timedelta(seconds=seconds - second)
        for number in range(60):
            bad = number < failing
            counts.record(at, "v2" if number < 20 else "v1", "status 500" if bad else None, retired=False)
    counts.counts = counts.since  # type: ignore[attr-defined]
    return counts


def scene(**changes: Any) -> Scene:
    """The second version's release, held at 50 %."""
    rollout = states.holding(50.0)
    values: dict[str, Any] = {"title": "v2 replaces v1", "version": "v2", "stable": "v1", "rollout": rollout}
    return Scene(**{**values, "load": crowd(), **changes})


def frame(of: Scene, size: tuple[int, int] = (100, 40), look: Look | None = None) -> str:
    return draw(of, NOW, 75.0, size, look or Look()).plain


@given(width=st.integers(60, 220), height=st.integers(12, 70), colours=st.booleans(), symbols=st.booleans())
def test_a_frame_never_exceeds_the_terminal(width, height, colours, symbols):
    journal = [event(NOW, "phase_changed", "westeurope", before="holding", after="shifting", message="x" * 300)] * 30
    lines = draw(scene(journal=journal), NOW, 75.0, (width, height), Look(colours=colours, symbols=symbols)).plain
    assert len(lines.splitlines()) < height
    assert max(map(len, lines.splitlines())) <= width


def test_the_curtain_rises_before_anything_is_known():
    drawn = frame(Scene())
    assert "setting the stage" in drawn
    assert "nobody is asking yet" in drawn


def test_a_frame_shows_the_split_as_asked_and_as_clients_have_it():
    asked, clients = (line for line in frame(scene()).splitlines() if line.strip().startswith(("asked", "clients")))
    assert "v1 50 %" in asked
    assert "v2 50 %" in asked
    assert "v1 67 %" in clients
    assert "v2 33 %" in clients


def test_a_split_that_was_not_read_back_yet_is_told_apart():
    rollout = states.on(states.holding(10.0), asked=states.asked(states.fresh(), 50.0, confirmed=False))
    assert "10 % read back" in frame(scene(rollout=rollout))
    assert "read back" not in frame(scene())


def test_a_frame_counts_requests_and_failures_by_version_per_second_and_in_all():
    words = [line.split() for line in frame(scene(load=crowd(failing=5))).splitlines() if line.strip()]
    rows = {first: rest for first, *rest in words}
    assert rows["v1"] == ["40", "–", "800", "–"]
    assert rows["v2"] == ["20", "5.0", "400", "100"]
    assert rows["v3"] == ["–", "–", "–", "–"]


def test_a_frame_says_phase_step_and_what_is_awaited():
    drawn = frame(scene())
    assert "holding, step 1 of 3" in drawn
    assert "holds at 10 % for another 18 s" in drawn


def test_a_frame_says_both_kinds_of_evidence_and_after_the_verdict_its_reason():
    rollout = scene().rollout
    assert rollout is not None
    slots = states.candidate(rollout.targets[0], failed=2, failing_why="status 500")
    assert "failed probes 2 of 3" in frame(scene(rollout=states.on(rollout, candidate=slots)))
    assert "clients' counts 1 of 1,000   failed" in frame(scene())
    judged = frame(scene(rollout=states.judged(states.counted())), (80, 24))
    assert "clients' counts 0.43 of 1,000, proof 126 of 20   failed probes 0 of 3" in judged
    turned = states.on(rollout, phase=Phase.RETURNING)
    probes = Reason("probesFailed", "web failed 5 probes in a row")
    assert "web failed 5 probes in a row" in frame(scene(rollout=replace(turned, failure=probes)))
    numbers = (("e", 1943.2), ("limit", 1000.0), ("candidateRequests", 54), ("candidateFailures", 7))
    counts = Reason("countsWorse", "candidate failed 7 of 54 requests", numbers)
    told = "turned back: 7 of 54 requests failed, evidence 1,943 of 1,000"
    assert told in frame(scene(rollout=replace(turned, failure=counts)), (80, 24))


def test_the_last_lines_of_the_journal_stand_at_the_bottom():
    journal = [event(NOW + timedelta(seconds=n), "weight_confirmed", "westeurope", share=n) for n in range(30)]
    lines = [line for line in frame(scene(journal=journal)).splitlines() if "weight_confirmed" in line]
    assert "share=29" in lines[-1]
    assert len(lines) >= 5


def test_without_a_terminal_each_scene_and_each_event_is_told_once_on_standard_error():
    out, err = io.StringIO(), io.StringIO()
    telling, played = Telling(Output(Options(), out, err)), scene(title="the first act")
    for number in range(3):
        played.journal.append(event(NOW, "weight_confirmed", "westeurope", share=number))
        telling(played)
        telling(played)
    assert out.getvalue() == ""
    lines = err.getvalue().splitlines()
    assert lines[0] == "the first act"
    assert [line.split("share=")[1] for line in lines[1:]] == ["0%", "1%", "2%"]
