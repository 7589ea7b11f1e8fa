"""The pieces of the benchmark of decisions: peers as documented, tapes, bounds, and two ways to decide that agree."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("numpy", reason="numpy draws the traffic; it comes with the extra `test`")

from tests.benchmarks import decisions
from tests.benchmarks.__main__ import main
from tests.benchmarks.decisions import flow, hindsight, limits, measures, peers, quick, runs, stage, table, validity
from tests.benchmarks.decisions.peers import Peer
from tests.benchmarks.decisions.stage import Setting
from tests.benchmarks.decisions.traffic import STEPS, Cell, bad, by_dns, good, tape

TINY = 0.0002
FIVE, MINUTE = good(50.0, 0.01), bad(50.0, 0.01, None)


@pytest.mark.parametrize(
    ("peer", "seconds"),
    [
        (peers.FLAGGER_1, 120),
        (peers.FLAGGER_5, 360),
        (peers.FLAGGER_10, 660),
        (peers.ARGO_DOCS, 1200),
        (peers.ARGO_MINUTE, 240),
    ],
    ids=lambda value: value.name if isinstance(value, Peer) else "",
)
def test_a_version_that_always_fails_is_taken_back_when_the_peers_documentation_says(peer: Peer, seconds: int) -> None:
    ends = peers.play(peer, MINUTE, 50)
    assert ends.rate == 1.0
    assert ends.median_seconds == seconds


def test_flagger_counts_failed_checks_over_the_whole_analysis_so_good_versions_at_the_threshold_go_back() -> None:
    assert 0.2 < peers.play(peers.FLAGGER_5, FIVE, 2000).rate < 0.4
    assert peers.play(peers.FLAGGER_10, FIVE, 2000).rate < 0.06


def test_a_tape_tells_the_same_whatever_was_read_from_it_before() -> None:
    for cell in (FIVE, by_dns(50.0, 10)):
        one, other = tape(cell, 7), tape(cell, 7)
        whole = one.between(0.25, 30, 150)
        other.between(0.5, 0, 600)
        parts = [other.between(0.25, since, since + 10) for since in range(140, 20, -10)]
        assert whole == tuple(map(sum, zip(*parts, strict=True)))
        assert tape(cell, 8).between(0.25, 30, 150) != whole


def test_a_tape_has_as_many_requests_and_failures_as_its_cell_says() -> None:
    seconds, cell = 6000, good(50.0, 0.05)
    n_b, x_b, n_c, x_c = tape(cell, 1).between(0.25, 0, seconds)
    assert n_b + n_c == pytest.approx(50 * seconds, rel=0.02)
    assert n_c == pytest.approx(0.25 * 50 * seconds, rel=0.02)
    assert (x_b + x_c) / (n_b + n_c) == pytest.approx(0.05, rel=0.05)


def test_in_an_incident_both_sides_fail_ten_times_as_often_for_three_minutes() -> None:
    one = tape(good(500.0, 0.01, incident=True), 1)
    before, during, after = (one.between(0.5, *span) for span in ((0, 50), (60, 230), (240, 400)))
    for n_b, x_b, n_c, x_c in (before, after):
        assert x_b / n_b == pytest.approx(0.01, rel=0.3)
        assert x_c / n_c == pytest.approx(0.01, rel=0.3)
    assert during[1] / during[0] == pytest.approx(0.1, rel=0.1)
    assert during[3] / during[2] == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(
    ("setting", "cell"),
    [
        (table.RESTARTED, good(50.0, 0.01)),
        (table.SHIPPED, bad(50.0, 0.01, 5.0)),
        (table.SHIPPED, bad(5.0, 0.001, None)),
        (table.SHIPPED_THREE, bad(500.0, 0.01, 5.0)),
        (measures.BY_DNS, by_dns(50.0, 10, rate=0.2)),
    ],
    ids=lambda value: value.name if isinstance(value, Setting | Cell) else "",
)
def test_the_counts_alone_decide_as_the_whole_tick_loop_does_at_the_same_look(setting: Setting, cell: Cell) -> None:
    for run in range(2):
        assert quick.decided(setting, runs.tapes(setting, cell, run)) == stage.decided(
            setting, runs.tapes(setting, cell, run)
        )


def test_the_bet_from_the_start_alone_finds_a_broken_version_at_the_first_look() -> None:
    ends = [quick.decided(table.GATED, runs.tapes(table.GATED, MINUTE, run)) for run in range(5)]
    assert {(end.outcome, end.seconds) for end in ends} == {("rolledBack", 5.0)}


def test_what_no_rule_can_beat_is_what_wald_says() -> None:
    assert limits.wald_excess(MINUTE) == pytest.approx(1.485, abs=0.01)
    assert limits.wald_excess(bad(50.0, 0.01, 5.0)) == pytest.approx(6.69, abs=0.01)
    assert limits.wald_seconds(MINUTE) == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize(("hits", "runs_", "bound"), [(0, 10_000, 2.995e-4), (1, 10_000, 4.743e-4), (3, 20, 0.3437)])
def test_the_upper_bound_of_a_rate_is_clopper_and_pearsons(hits: int, runs_: int, bound: float) -> None:
    assert limits.upper_bound(hits, runs_) == pytest.approx(bound, rel=1e-3)


def test_of_all_thresholds_only_those_that_hardly_ever_err_are_compared_with() -> None:
    peer = peers.ARGO_MINUTE
    careless = hindsight.Tuned(peer, 0.01, 0.0, 1.0, 10.0, 1.0)
    blind = hindsight.Tuned(peer, 0.0, 0.0, 0.5, 10.0, 2.0)
    shaken = hindsight.Tuned(peer, 0.0, 1.0, 1.0, 10.0, 3.0)
    steady = hindsight.Tuned(peer, 0.0, 0.01, 1.0, 10.0, 4.0)
    assert hindsight.best((careless, blind, shaken, steady)) is shaken
    assert hindsight.best((careless, blind, shaken, steady), through_incidents=True) is steady
    assert hindsight.best((careless, blind)) is None


def test_the_numpy_twin_bets_as_the_products_own_test_does() -> None:
    found = validity.check(validity.regimes()[4], 3, looks=70, compared=3)
    assert found.compared == 3
    assert found.apart < 1e-9


def test_the_time_of_a_good_version_is_attributed_without_a_gap() -> None:
    visits = flow.stretches(flow.CASES[0])
    assert [visit.phase for visit in visits][-1] == "retiring"
    assert all(visit.idle >= 0 for visit in visits)
    assert sum(visit.took for visit in visits) == pytest.approx(flow.goals()[0].ours)


def test_the_table_has_a_row_for_each_rule_and_the_picture_a_point(tmp_path: Path) -> None:
    measured = (measures.broken, measures.regressions, measures.tails, measures.promoted)
    report = decisions.run(plot=tmp_path / "plot.svg", scale=TINY, jobs=0, measured=measured)
    rules = [row["rule"] for row in report.table]
    assert {rule for rule, *_ in table.EXPECTED} | {table.LIMIT, table.SHIPPED.name} <= set(rules)
    columns = ["falseSteady", "falseShared", "brokenSeconds", "brokenRequests", "regressionSeconds"]
    assert all(list(row) == ["rule", *columns, "regressionRequests"] for row in report.table)
    assert {goal.goal for goal in report.goals} >= {"G1", "G1b", "G1d", "G2b", "G3"}
    assert json.loads(json.dumps(report.document(), allow_nan=False))["table"] == report.table
    drawn = ElementTree.parse(tmp_path / "plot.svg").getroot()
    titles = [element.text for element in drawn.iter() if element.tag.endswith("title")]
    assert {rule for rule in rules if rule != table.LIMIT} == set(titles)


def test_every_goal_of_good_versions_says_how_many_runs_it_rests_on() -> None:
    with runs.Work(0) as work:
        measure = measures.falsely(work, TINY)
        next(measure)
        goals = next(measure)
    assert all(goal.goal == "G2" and " of " in goal.case for goal in goals)
    assert len(goals) == 2 * len(measures.LOADS) * len(measures.RATES) + 1 + 3 + 1


def test_a_plot_is_refused_of_a_benchmark_that_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["decision", "--plot", "x.svg"])
    assert "decision draws nothing" in capsys.readouterr().err


def test_the_steps_of_the_table_are_those_of_the_plan() -> None:
    shares = [step.share for step in stage.service(table.SHIPPED).targets[0].plan.steps]
    assert shares == [0, *(100 * share for share in STEPS), 100]
