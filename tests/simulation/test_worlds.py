"""Generated worlds: every guarantee holds in each of them, and every edge of the phase table is taken in some."""

from __future__ import annotations

import pytest

from strategies.gates import MetricKind, When
from strategies.phases import Phase
from tests.simulation.__main__ import missing_edges
from tests.simulation.run import run
from tests.simulation.scenario import scenario
from tests.simulation.scenario_metrics import METRIC_KINDS

CHUNK = 10
WORLDS = 300
MOST_FOR_EDGES = 600


@pytest.mark.parametrize("first", range(1, WORLDS + 1, CHUNK))
def test_every_guarantee_holds_in_every_world(first: int) -> None:
    for seed in range(first, first + CHUNK):
        report = run(seed)
        if report.violation:
            pytest.fail("\n".join((*report.journal[-60:], f"{report.line}: {report.violation}")), pytrace=False)


def test_every_edge_of_the_phase_table_is_taken_in_some_world() -> None:
    taken: set[tuple[Phase, Phase]] = set()
    # Worlds with accidents first: that is where the rare ones are taken.
    seeds = sorted(range(1, MOST_FOR_EDGES + 1), key=lambda seed: -len(scenario(seed).accidents))
    for seed in seeds:
        taken |= run(seed).edges
        if not missing_edges(taken):
            return
    pytest.fail(f"never taken in {MOST_FOR_EDGES} worlds: {', '.join(missing_edges(taken))}", pytrace=False)


def test_a_seed_gives_the_same_world_every_time() -> None:
    for seed in (3, 7, 20):
        first, second = run(seed, keep_journal=True), run(seed, keep_journal=True)
        assert first == second
        assert first.ticks > 0
        assert first.journal


def test_about_a_third_of_the_worlds_has_clusters_and_some_of_them_waves_in_both_orders() -> None:
    worlds = [scenario(seed) for seed in range(1, WORLDS + 1)]
    orders = set()
    for world in worlds:
        for wanted in world.services:
            in_waves = sorted((target.wave, target.name) for target in wanted.service.targets)
            orders.add(tuple(wanted.places[name].cluster is not None for _, name in in_waves))
    assert WORLDS / 4 < sum(world.clustered for world in worlds) < WORLDS / 2
    assert {(True,), (False,), (True, False), (False, True), (True, True)} <= orders


def test_requests_are_counted_in_every_way_and_some_images_fail_though_no_probe_shows_it() -> None:
    worlds = [scenario(seed) for seed in range(1, WORLDS + 1)]
    counted = [world for world in worlds if world.counted]
    places = [place for world in counted for wanted in world.services for place in wanted.places.values()]
    rules = [r for world in counted for wanted in world.services for t in wanted.service.targets for r in t.metrics]
    defects = [r.defect for world in counted for wanted in world.services for r in wanted.releases if r.defect]
    assert WORLDS / 2 < len(counted) < WORLDS
    assert {rule.kind for rule in rules} == set(MetricKind)
    assert {rule.own for rule in rules} == {rule.dry_run for rule in rules} == {True, False}
    assert {when for rule in rules for when in rule.when} == set(When)
    assert any(len(place.sources) > 2 for place in places)
    assert {trial.outcome for place in places for trial in place.trials} == {"passes", "fails", "unsure", "never"}
    assert {defect.from_share for defect in defects} == {0.0, 50.0, 100.0}
    assert set(METRIC_KINDS) <= {accident.kind for world in counted for accident in world.accidents}
    assert any(world.pinned for world in counted)


def test_the_worlds_end_in_every_way_a_release_can_end() -> None:
    outcomes = {outcome for seed in range(1, 60) for outcome in run(seed).outcomes}
    assert {"promoted", "rolledBack", "superseded"} <= outcomes
