"""How programs run as checks: all of them end, nothing of them is left, and no secret is shown."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.metrics import program
from providers.secrets import LocalSecrets, SecretRef
from strategies.seen import CheckSeen, CheckState
from tests.unit.providers.metrics.azure_stage import START
from tests.unit.providers.metrics.command_stage import ERRAND, Checks, alive, gone, settled, written


@pytest.fixture
def check() -> Iterator[Checks]:
    """Makes checks that end with the test."""
    checks = Checks()
    yield checks
    checks.stop()


def test_no_secret_is_shown_however_it_is_written(check: Checks) -> None:
    secrets = LocalSecrets({"TOKEN": "tok3n-value", "KEY": "first-line-of-it\nsecond-line-of-it"})
    own = {"TOKEN": SecretRef("env", "TOKEN"), "KEY": SecretRef("env", "KEY")}
    script = 'echo "a${TOKEN}b"; echo "$KEY"; echo $KEY; echo second-line-of-it >&2; exit 1'
    said = settled(check(script, secrets=secrets, environment=own)).output
    assert said == "a***b | *** | *** *** | ***"


def test_only_the_end_of_a_long_output_is_kept_and_no_part_of_a_secret_with_it(check: Checks) -> None:
    secrets = LocalSecrets({"TOKEN": "0123456789" * 20})
    own = {"TOKEN": SecretRef("env", "TOKEN")}
    flood = 'i=0; while [ $i -lt 600 ]; do printf "%s" "$TOKEN"; i=$((i+1)); done; echo; echo last; exit 1'
    said = settled(check(flood, secrets=secrets, environment=own)).output
    assert "01" not in said
    assert said.endswith("last")
    assert len(said) < 4000


def test_output_that_would_move_a_cursor_or_is_no_text_does_nothing(check: Checks) -> None:
    said = settled(check(r"printf '\033[2Jred\033]0;title\007 \000\377\r50%%\r100%%\n'; exit 1")).output
    assert said == "red � | 50% | 100%"
    assert said.isprintable()


def test_a_program_that_takes_too_long_is_ended_with_all_it_started_and_tells_nothing(
    check: Checks, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    seen = settled(check(f"sleep 60 & echo $$ $! > {pids}; echo waiting; wait", timeout_seconds=0.3))
    assert (seen.state, seen.why, seen.output) == (CheckState.UNKNOWN, "timed out after 0.3 s", "waiting")
    assert all(gone(int(pid)) for pid in written(pids).split())


def test_a_program_that_does_not_want_to_end_is_killed(
    check: Checks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "GRACE_SECONDS", 0.2)
    pids = tmp_path / "pids"
    stubborn = check(f"trap '' TERM; echo $$ > {pids}; while :; do sleep 0.05; done", timeout_seconds=0.3)
    assert settled(stubborn).why == "timed out after 0.3 s"
    assert gone(int(written(pids)))


def test_a_program_may_clean_up_before_it_ends(check: Checks, tmp_path: Path) -> None:
    cleaned = tmp_path / "cleaned"
    script = f"trap 'echo done > {cleaned}; exit 0' TERM; while :; do sleep 0.02; done"
    assert settled(check(script, timeout_seconds=0.3)).state is CheckState.UNKNOWN
    assert written(cleaned) == "done"


def test_stop_ends_what_runs_and_decides_nothing(check: Checks, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    running = check(f"sleep 60 & echo $$ $! > {pids}; wait")
    running.look(ERRAND)
    found = [int(pid) for pid in written(pids).split()]
    running.stop()
    assert all(gone(pid) for pid in found)
    assert running.look(ERRAND) == CheckSeen("smoke", 2, CheckState.UNKNOWN, START, "was stopped")
    running.stop()


def test_what_a_program_leaves_behind_in_its_group_ends_with_it(check: Checks, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    assert settled(check(f"sleep 60 & echo $! > {pids}")).state is CheckState.PASSED
    assert gone(int(written(pids)))


@pytest.mark.skipif(shutil.which("setsid") is None, reason="there is no setsid here")
def test_a_program_that_hands_its_output_to_others_ends_when_it_ends(check: Checks, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    escaped = check(
        f"setsid sh -c 'echo $$ > {pids}; exec sleep 60' & while [ ! -s {pids} ]; do sleep 0.01; done; echo ok"
    )
    began = time.monotonic()
    try:
        assert settled(escaped).state is CheckState.PASSED
        assert time.monotonic() - began < 5
    finally:
        os.kill(int(written(pids)), signal.SIGKILL)


def test_no_zombie_is_left_though_nobody_looks_again(check: Checks, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    check(f"echo $$ > {pids}").look(ERRAND)
    pid = int(written(pids))
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.005)
    assert not alive(pid)


def test_no_thread_is_left_when_a_program_is_over(check: Checks) -> None:
    settled(check("exit 0"))
    end = time.monotonic() + 5
    while any(thread.name.startswith("watches ") for thread in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.005)
    assert not any(thread.name.startswith("watches ") for thread in threading.enumerate())


def test_a_status_that_somebody_else_took_is_no_pass(check: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object) -> None:
        raise ChildProcessError

    monkeypatch.setattr(os, "waitid", taken)
    assert settled(check("exit 0")) == CheckSeen("smoke", 2, CheckState.UNKNOWN, START, "its exit status was lost")
