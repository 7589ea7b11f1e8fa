"""The demo's frames with two front doors: side by side, each with its own counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.demo import scenery, scenery_cluster
from orchestrator.demo.chart import Look
from orchestrator.demo.picture import draw
from orchestrator.demo.stage import Scene
from strategies.journal import event
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.demo.test_picture import NOW, crowd

FRONTS = scenery_cluster.fronts(envoy=False)


def scene(**changes: Any) -> Scene:
    """The second version's release: all of it in the first world, half of it in the second."""
    first, second = states.holding(100.0), states.holding(50.0)
    target = replace(second.service.targets[0], name="aks", wave=2)
    service = replace(first.service, targets=(first.service.targets[0], target))
    rollout = replace(first, service=service, targets=(first.targets[0], replace(second.targets[0], name="aks")))
    crowds = {"westeurope": crowd(), "aks": crowd(failing=5)}
    values: dict[str, Any] = {"title": "v2 replaces v1", "version": "v2", "stable": "v1", "rollout": rollout}
    return Scene(**{**values, "fronts": FRONTS, "crowds": crowds, **changes})


def frame(of: Scene, size: tuple[int, int] = (100, 40), look: Look | None = None) -> str:
    return draw(of, NOW, 75.0, size, look or Look()).plain


@given(width=st.integers(60, 220), height=st.integers(20, 70), colours=st.booleans(), symbols=st.booleans())
def test_two_panels_never_exceed_the_terminal(width: int, height: int, colours: bool, symbols: bool):
    journal = [event(NOW, "phase_changed", "aks", before="holding", after="shifting", message="x" * 300)] * 30
    lines = draw(scene(journal=journal), NOW, 75.0, (width, height), Look(colours=colours, symbols=symbols)).plain
    assert len(lines.splitlines()) < height
    assert max(map(len, lines.splitlines())) <= width


def test_each_panel_shows_its_own_split_and_its_own_counts():
    lines = frame(scene()).splitlines()
    asked = next(line for line in lines if line.strip().startswith("asked"))
    assert "v2 100 %" in asked[:50]
    assert "v1 50 %" in asked[50:]
    failed = next(line for line in lines if line.strip().startswith("v2"))
    assert failed.split() == ["v2", "20", "–", "400", "–", "v2", "20", "5.0", "400", "100"]


def test_the_curtain_rises_over_both_panels_before_anything_is_known():
    drawn = frame(Scene(fronts=FRONTS))
    assert drawn.count("nobody is asking yet") == 2
    assert drawn.count("not begun") == 2


def test_the_journal_says_in_which_world_each_event_was():
    journal = [event(NOW + timedelta(seconds=n), "weight_confirmed", "aks", share=n) for n in range(30)]
    lines = [line for line in frame(scene(journal=journal)).splitlines() if "weight_confirmed" in line]
    assert lines
    assert all("aks" in line for line in lines)


def test_one_front_door_is_drawn_as_ever():
    alone = scene(fronts=(scenery.FRONT,), load=crowd())
    assert "evidence" in frame(alone)
