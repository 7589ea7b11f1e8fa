"""What people see of a rollout, character by character where it is short."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from orchestrator.cli.findings import findings
from orchestrator.cli.remedies import remedies
from orchestrator.cli.render import View, block, table
from orchestrator.cli.style import Style, width
from strategies.commands import FAILED
from strategies.evidence import Evidence
from strategies.model import Reason, Rollout, Stage
from strategies.phases import Phase
from strategies.plan import Target
from strategies.seen import CheckState
from tests.unit.orchestrator.cli import states

PLAIN, COLOURED = Style(), Style(colours=True)


def drawn(rollout: Rollout, **more: str) -> str:
    return "\n".join(block(View(rollout, states.NOW, **more), PLAIN))


def golden(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_a_rollout_under_way_is_one_calm_block() -> None:
    assert drawn(states.holding(), engine="process 4711 on build-7") == golden(
        """
        ● storefront  1.4.2 → 1.5.0   holding, step 1 of 3
          share      ██░░░░░░░░░░░░░░░░░░░░░░  10 % confirmed, 10 % intended, 9.6 % observed
          now        holds at 10 % for another 18 s
          next       decides in 18 s at the earliest
          running    for 4 m 12 s; rollout 7f3a09c2d1e4
          engine     process 4711 on build-7

          westeurope  holding · step 1 of 3 · for 42 s
            candidate  storefront-e9112b87-3-0  ready  weight 100  new.westeurope.azurecontainer.io
            stable     storefront-1da3a277-2-0  ready  weight 900  old.westeurope.azurecontainer.io
        """
    )


def test_after_a_promotion_it_is_said_what_serves_and_the_old_group_is_not_shown() -> None:
    assert drawn(states.promoted()) == golden(
        f"""
        ✓ storefront  1.5.0 serves
          last       promoted 3 m ago, took 4 m 12 s; rollout 7f3a09c2d1e4
          image      contoso.azurecr.io/shop/storefront@sha256:{"b2" * 32}
          revision   e9112b87
          address    contoso-shop.trafficmanager.net

          westeurope
            storefront-e9112b87-3-0  ready  weight 1000  new.westeurope.azurecontainer.io
        """
    )


def test_after_a_rollback_it_is_said_what_serves_and_why_the_other_does_not() -> None:
    text = drawn(states.rolled_back())
    assert text.startswith("↩ storefront  1.4.2 serves\n")
    assert "1.5.0 was rolled back 3 m ago" in text
    assert "because    storefront-x failed 3 probes in a row (limit 3): status 500" in text


def test_a_first_release_that_failed_leaves_nothing_that_serves() -> None:
    assert drawn(states.rolled_back(first=True)).startswith("↩ storefront  nothing of ours serves\n")


def test_two_waves_show_a_line_for_each_target_with_what_it_waits_for() -> None:
    text = drawn(states.two_targets())
    assert "  westeurope  wave 1 · holding · step 1 of 3 · for 42 s · 10 % confirmed, 9.6 % observed" in text
    assert "  northeurope  wave 2 · pending · for 4 m 12 s · 0 % confirmed, – observed\n    waits for wave 1" in text


def test_where_a_person_is_needed_the_block_says_where_to_read_more() -> None:
    rollout = states.holding(asks_person=True, note="waits for `rollout approve` at 10 %")
    assert "`rollout why storefront` says what can be done" in drawn(rollout)
    assert "`rollout why storefront` says what can be done" in drawn(states.stuck())


def test_drift_a_failed_look_and_a_suspension_are_shown() -> None:
    rollout = states.holding(drift_since=states.ago(60), problem="routing: 503")
    text = drawn(rollout, held_back="by ana: freeze")
    assert "suspended  by ana: freeze" in text
    assert "the last look failed: routing: 503" in text
    assert "somebody else changed our split, since 11:59:00 UTC" in text


def test_a_routing_that_is_not_as_asked_is_shown_as_that_and_not_as_a_failed_look() -> None:
    text = drawn(states.holding(lags="Gateway edge has not answered"))
    assert "the routing is not as asked: Gateway edge has not answered" in text
    assert "failed" not in text


def test_what_is_retained_or_left_over_is_shown_beside_what_serves() -> None:
    rollout = states.promoted()
    (old,) = rollout.targets[0].stable
    left = replace(old, stage=Stage.SEEN, leftover="ScopeLocked")
    assert f"{old.name}  leftover: ScopeLocked" in drawn(states.on(rollout, stable=(left,)))
    kept = replace(old, stage=Stage.SEEN, kept_until=states.NOW)
    assert f"{old.name}  retained until 12:00:00 UTC" in drawn(states.on(rollout, stable=(kept,)))


def test_several_services_are_one_table_with_aligned_columns() -> None:
    views = [View(each, states.NOW) for each in (states.holding(), states.promoted(), states.rolled_back())]
    assert [line.rstrip() for line in table(views, PLAIN)] == [
        "   SERVICE     VERSION        STATE                 SHARE  SINCE     NOTE",
        "●  storefront  1.4.2 → 1.5.0  holding, step 1 of 3  10 %   4 m 12 s  holds at 10 % for another 18 s",
        "✓  storefront  1.5.0          promoted              100 %  3 m",
        "↩  storefront  1.4.2          rolled back           100 %  3 m       "
        "1.5.0: storefront-x failed 3 probes in a row (limit 3): status 500",
    ]


@pytest.mark.parametrize("rollout", [states.fresh(), states.holding(), states.promoted(), states.stuck()])
def test_colours_change_nothing_but_colours(rollout: Rollout) -> None:
    coloured = block(View(rollout, states.NOW), COLOURED)
    assert any("\x1b[" in line for line in coloured)
    assert [width(line) for line in coloured] == [len(line) for line in block(View(rollout, states.NOW), PLAIN)]


def test_a_stream_that_knows_no_symbols_gets_ascii() -> None:
    PLAIN.ascii("\n".join(block(View(states.holding(), states.NOW), PLAIN))).encode("ascii")
    PLAIN.ascii(drawn(states.two_targets()) + drawn(states.promoted()) + drawn(states.rolled_back())).encode("ascii")


def test_why_names_each_rule_with_its_number_and_its_limit() -> None:
    slots = states.candidate(states.fresh().targets[0], failed=2, failing_why="status 503", failing_since=states.ago(4))
    rollout = states.on(states.holding(), candidate=slots)
    (found,) = [each for each in findings(rollout, states.NOW) if each.rule == "gates.probe"]
    assert (found.value, found.limit, found.breached) == (2, 3, False)
    assert found.says.endswith("failed 2 in a row, limit 3: status 503")
    rules = {each.rule for each in findings(rollout, states.NOW)}
    assert {"phase", "deadline.wave", "deadline.total"} <= rules


def commands(rollout: Rollout, **known: bool) -> list[str]:
    return [way.command for way in remedies(rollout, **{"engine_runs": True, **known})]


def test_the_remedies_fit_the_state() -> None:
    assert commands(states.stuck())[0].startswith("rollout settle storefront --serving candidate")
    assert commands(replace(states.holding(), paused=Reason("pause", "x"))) == [
        "rollout resume storefront",
        "rollout abort storefront",
    ]
    assert commands(replace(states.holding(), paused=Reason(FAILED, "x")))[0] == "rollout retry storefront"
    resumed = states.holding(failure=Reason("probesFailed", "x"), asks_person=True)
    assert commands(resumed)[0] == "rollout retry storefront"
    assert commands(states.holding(asks_person=True, step=2))[0] == "rollout approve storefront"
    assert commands(states.holding(asks_person=True)) == ["rollout abort storefront"]
    assert commands(states.holding(), engine_runs=False)[0] == "rollout start FILE"
    assert commands(states.rolled_back(), poisoned=True)[0] == "rollout retry storefront"
    assert "rollout retry storefront" not in commands(states.rolled_back())
    assert commands(states.promoted()) == ["rollout undo storefront"]
    assert "rollout abort storefront" not in commands(states.on(states.holding(), phase=Phase.RETIRING))


def within(columns: int, rollout: Rollout) -> list[str]:
    """The block of a rollout as it stands in a terminal of this width."""
    return block(View(rollout, states.NOW, "process 4711 on build-7"), Style(columns=columns))


def test_evidence_proof_checks_and_counts_stand_in_one_line_each() -> None:
    checks = (states.checked(CheckState.RUNNING, why=""),)
    text = drawn(states.judged(checks=checks))
    assert "  evidence   0.43 of 1,000, proof 126 of 20; failed 0 of 432 requests, stable 9 of 3,870\n" in text
    assert "  checks     smoke running\n" in text


def test_without_a_source_that_decides_or_before_it_has_counted_no_evidence_is_shown() -> None:
    dry = replace(states.ERRORS, dry_run=True)
    assert "evidence" not in drawn(states.judged(rules=(dry,)))
    assert "evidence" not in drawn(states.judged(Evidence("errors")))
    assert "evidence" not in drawn(states.holding())


def test_an_undecided_step_says_what_is_missing_and_when_a_person_is_asked() -> None:
    text = drawn(states.undecided())
    assert "  now        errors: 4 of 10 requests to the candidate in this step\n" in text
    assert "  next       a person is asked in 26 m 40 s, unless it is proven before\n" in text
    text = drawn(states.asking())
    assert "waits for a person" in text.splitlines()[0]
    assert "`rollout why storefront` says what can be done" in text
    assert "  next " not in text


def test_a_drain_says_who_is_quiet_and_who_still_talks_and_promises_no_time() -> None:
    text = drawn(states.draining())
    assert "  quiet      errors quiet for 30 s of 1 m; still talks: 10.4.0.7 0.4, 10.4.0.9 0.1 requests/s\n" in text
    assert "decides" not in text


def test_a_source_that_does_not_answer_and_a_split_that_is_far_off_are_shown_below_their_target() -> None:
    seen = states.counted(stable=(48, 0), candidate=(48, 0), problem="HTTP 503:\n  no answer")
    lines = drawn(states.judged(seen)).splitlines()
    below = lines[next(i for i, line in enumerate(lines) if line.startswith("  westeurope")) + 1 :]
    assert below[:2] == [
        "    source errors: HTTP 503: no answer",
        "    50 % of its requests go to the candidate, far more than the 10 % asked for",
    ]


def test_of_several_targets_each_says_its_own_evidence_and_the_head_the_mean() -> None:
    west, north = (Target(name, states.PLAN, metrics=(states.ERRORS,)) for name in ("westeurope", "northeurope"))
    rollout = states.holding(rollout=states.fresh(states.service(west, north)))
    text = drawn(states.on(rollout, metrics=(states.counted(),)))
    assert "  evidence   0.71 of 1,000, proof 126 of 20\n" in text
    assert "    evidence 0.43 of 1,000, proof 126 of 20; failed 0 of 432 requests, stable 9 of 3,870\n" in text


@pytest.mark.parametrize(
    "rollout",
    [states.judged(), states.undecided(), states.asking(), states.draining(), states.promoted(), states.rolled_back()],
    ids=["judged", "undecided", "asking", "draining", "promoted", "rolledBack"],
)
@pytest.mark.parametrize("columns", [80, 100, 120])
def test_a_block_fits_its_terminal_and_loses_no_word_in_it(columns: int, rollout: Rollout) -> None:
    lines = within(columns, rollout)
    # An image with its digest is a word of its own, which nobody can break.
    assert max(len(line) for line in lines if "sha256:" not in line) <= columns

    def words(text: list[str]) -> list[str]:
        return sorted(" ".join(text).replace("█", "").replace("░", "").split())

    assert words(lines) == words(within(1000, rollout))
