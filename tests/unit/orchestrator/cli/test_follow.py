"""Following a rollout: what is shown on the way, what is said in the end, and with which exit code."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.cli.follow import conclude, follow
from orchestrator.cli.options import Format, Options
from orchestrator.cli.output import Output
from orchestrator.cli.session import Session
from orchestrator.runner import Drive, Ending, Patience
from strategies.commands import take
from strategies.model import Reason, Rollout
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk, explained

PAUSED = replace(states.holding(), paused=Reason("pause", "pause by ana"))


@dataclass
class Engine:
    """An engine whose every tick takes the inbox and then does what the test says."""

    desk: Desk
    does: Any

    def tick(self, rollout_id: str, fence: int, _may_act: object, _between: object) -> Rollout:
        before = self.desk.store.load(rollout_id)
        after = self.does(take(before))
        events = explained(before, after, self.desk.clock.now())
        return self.desk.store.save(after, expected=before.version, fence=fence, events=events)

    def wake(self, rollout: Rollout) -> datetime:
        return self.desk.clock.now() + timedelta(seconds=1)


@dataclass
class App:
    """What `follow` needs of an app."""

    desk: Desk
    does: Any

    def engine(self) -> Engine:
        return Engine(self.desk, self.does)


def session(desk: Desk, **options: Any) -> Session:
    chosen = Options(**options)
    return Session(chosen, Output(chosen, desk.out, desk.err), desk.clock, desk.store)


def ended(rollout: Rollout) -> Rollout:
    return replace(states.promoted(), id=rollout.id, version=rollout.version, handled=rollout.handled)


@pytest.mark.parametrize(
    ("rollout", "ending", "number", "code", "outcome"),
    [
        (states.promoted(), Ending.ENDED, 0, 0, "promoted"),
        (states.rolled_back(), Ending.ENDED, 0, 3, "rolledBack"),
        (PAUSED, Ending.TIMED_OUT, 0, 4, "waiting"),
        (states.holding(), Ending.TIMED_OUT, 0, 5, "timedOut"),
        (states.stuck(), Ending.STUCK, 0, 8, "stuck"),
        (states.holding(), Ending.INTERRUPTED, signal.SIGINT, 130, "running"),
        (states.holding(), Ending.INTERRUPTED, signal.SIGTERM, 143, "running"),
    ],
)
def test_each_ending_has_the_contracts_outcome_and_exit_code(
    desk: Desk, rollout: Rollout, ending: Ending, number: int, code: int, outcome: str
) -> None:
    stored = desk.put(rollout)
    with session(desk, output=Format.JSON) as run:
        assert conclude(run, Drive(stored, ending, "none", number)) == code
    assert (desk.document["outcome"], desk.document["engine"]) == (outcome, "none")


@pytest.mark.parametrize(
    ("engine", "expected"),
    [("none", "nothing moves now: run `rollout start` again"), ("daemon", "another process goes on")],
)
def test_what_is_left_under_way_says_whether_anybody_watches_and_what_to_run(
    desk: Desk, engine: str, expected: str
) -> None:
    stored = desk.put(states.holding())
    with session(desk) as run:
        conclude(run, Drive(stored, Ending.TIMED_OUT, engine))
    assert expected in desk.told


def test_progress_is_each_new_event_once_on_standard_error(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    ticks: list[int] = []

    def second_tick_ends(before: Rollout) -> Rollout:
        ticks.append(1)
        return before if len(ticks) < 3 else ended(before)

    with session(desk) as run:
        drive = follow(run, rollout.id, Patience(), desk=App(desk, second_tick_ends), from_now=True)  # type: ignore[arg-type]
    assert drive.ending is Ending.ENDED
    kinds = [text.split()[1] for text in desk.told.splitlines()]
    assert kinds.count("rollout_ended") == 1
    assert "rollout_submitted" not in kinds
    assert desk.said == ""


def test_in_a_terminal_the_picture_is_wiped_before_the_result_is_printed(desk: Desk) -> None:
    desk.out.terminal = True
    rollout = desk.put(states.holding())
    with session(desk) as run:
        follow(run, rollout.id, Patience(), desk=App(desk, ended))  # type: ignore[arg-type]
    assert "storefront" in desk.said
    assert desk.said.endswith("\x1b[2K")
    assert desk.told == ""


def test_a_word_without_an_engine_makes_this_process_the_engine(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout = desk.put(states.holding())
    monkeypatch.setattr("orchestrator.cli.session.Session.desk", App(desk, ended))
    assert desk.type("approve", "storefront", "-o", "json") == 0
    assert desk.document["outcome"] == "promoted"
    assert "no engine runs this rollout, so this process does" in desk.told
    assert desk.store.load(rollout.id).handled == 1


def test_a_pause_without_an_engine_leaves_as_soon_as_it_took_effect(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = desk.put(states.holding())
    monkeypatch.setattr("orchestrator.cli.session.Session.desk", App(desk, lambda state: state))
    assert desk.type("pause", "storefront", "-o", "json") == 0
    assert (desk.document["outcome"], desk.document["engine"]) == ("waiting", "none")
    assert desk.store.load(rollout.id).paused is not None


def test_with_follow_the_exit_code_is_that_of_the_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def back(before: Rollout) -> Rollout:
        return replace(states.rolled_back(), id=before.id, version=before.version, handled=before.handled)

    desk.put(states.holding())
    monkeypatch.setattr("orchestrator.cli.session.Session.desk", App(desk, back))
    assert desk.type("abort", "storefront", "--follow") == 3
    assert "1.4.2 serves" in desk.said


def test_when_the_other_engine_dies_while_we_wait_this_process_takes_over(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = desk.put(states.holding())
    desk.engine_elsewhere(rollout, works=False)

    def dies() -> None:
        record = desk.store.lease_of("storefront")
        assert record is not None
        desk.store.lease_release(record)

    desk.clock.meanwhile = dies
    monkeypatch.setattr("orchestrator.cli.session.Session.desk", App(desk, ended))
    assert desk.type("promote", "storefront", "--full") == 0
    assert desk.store.load(rollout.id).handled == 1
    assert "1.5.0 serves" in desk.said
