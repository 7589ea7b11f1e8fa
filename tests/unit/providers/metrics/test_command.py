"""Commands as checks: begun at one look, read at later ones, and what their end means."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from providers.secrets import LocalSecrets, SecretRef
from strategies.seen import CheckSeen, CheckState
from tests.unit.providers.metrics.azure_stage import START
from tests.unit.providers.metrics.command_stage import ERRAND, Checks, settled, written


@pytest.fixture
def check() -> Iterator[Checks]:
    """Makes checks that end with the test."""
    checks = Checks()
    yield checks
    checks.stop()


def test_a_look_begins_the_program_and_does_not_wait_for_it(check: Checks) -> None:
    slow = check("sleep 30")
    began = time.monotonic()
    assert slow.look(ERRAND) == CheckSeen("smoke", 2, CheckState.RUNNING, START, "has begun")
    assert slow.look(ERRAND).why.startswith("has run for 0 s")
    slow.stop()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("script", "state", "why", "output"),
    [
        ("echo 3 of 4 pages; exit 3", CheckState.FAILED, "exit status 3", "3 of 4 pages"),
        ("echo down >&2; exit 1", CheckState.FAILED, "exit status 1", "down"),
        ("exit 1", CheckState.FAILED, "exit status 1", ""),
        ("echo busy; exit 75", CheckState.UNKNOWN, "exit status 75: it cannot tell now", "busy"),
        ("kill -SEGV $$", CheckState.UNKNOWN, "ended by SIGSEGV, so that it came to no result", ""),
    ],
)
def test_the_exit_status_says_how_it_went_and_the_output_why(
    check: Checks, script: str, state: CheckState, why: str, output: str
) -> None:
    assert settled(check(script)) == CheckSeen("smoke", 2, state, START, why, output=output)


def test_a_program_that_passes_says_how_long_it_took_beside_its_output(check: Checks) -> None:
    seen = settled(check("echo fine"))
    assert (seen.state, seen.output) == (CheckState.PASSED, "fine")
    assert re.fullmatch(r"passed in \d+\.\d s", seen.why)


def test_what_a_program_could_not_run_is_told_as_no_result(check: Checks) -> None:
    seen = settled(check("exec no-such-program-at-all"))
    assert (seen.state, seen.why) == (CheckState.UNKNOWN, "exit status 127: something that it runs was not found")
    assert "no-such-program-at-all" in seen.output


def test_a_result_is_remembered_for_its_errand_and_no_other(check: Checks, tmp_path: Path) -> None:
    count = tmp_path / "count"
    counting = check(f"echo x >> {count}; exit 1")
    first = settled(counting)
    assert [counting.look(ERRAND) for _ in range(3)] == [first] * 3
    assert count.read_text() == "x\n"
    settled(counting, replace(ERRAND, key="k2", step=3))
    assert count.read_text() == "x\nx\n"


def test_a_program_is_told_its_errand_and_the_manifests_own_variables(check: Checks) -> None:
    secrets = LocalSecrets({"TOKEN": "s3cret"})
    own = {"GREETING": "hello", "AUTH": ("Bearer ", SecretRef("env", "TOKEN")), "ROLLOUT_STEP": "99"}
    words = "$ROLLOUT_SERVICE $ROLLOUT_TARGET $ROLLOUT_STEP $ROLLOUT_WHEN $ROLLOUT_ADDRESSES $GREETING"
    told = settled(
        check(f'echo {words}; test "$AUTH" = "Bearer s3cret" && echo authorised', secrets=secrets, environment=own)
    )
    assert told.output == "shop west 2 before a.example.com,b.example.com hello | authorised"
    digest = settled(check("echo $ROLLOUT_REVISION $ROLLOUT_DIGEST"))
    assert digest.output == f"{'b' * 64} sha256:bb"


def test_what_this_process_knows_is_not_for_every_program(check: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "hunter2")
    assert settled(check("env")).output.count("AZURE") == 0


def test_what_came_to_no_result_is_run_again_for_the_next_attempt_alone(check: Checks, tmp_path: Path) -> None:
    marker = tmp_path / "ready"
    moody = check(f"test -e {marker} || {{ echo not yet; exit 75; }}")
    first = settled(moody)
    assert (first.state, first.output) == (CheckState.UNKNOWN, "not yet")
    marker.touch()
    assert moody.look(ERRAND) == first
    assert settled(moody, replace(ERRAND, key="k1-1")).state is CheckState.PASSED


def test_of_a_step_only_the_newest_run_is_kept_and_of_another_step_its_own(check: Checks, tmp_path: Path) -> None:
    count = tmp_path / "count"
    counting = check(f"echo x >> {count}; exit 75")
    other = replace(ERRAND, key="r1-west-smoke-3-0", step=3)
    settled(counting, other)
    for attempt in range(5):
        settled(counting, replace(ERRAND, key=f"r1-west-smoke-2-{attempt}"))
        assert len(counting._begun) <= 2
    assert counting.look(other).state is CheckState.UNKNOWN
    assert count.read_text() == "x\n" * 6


def test_a_run_of_an_older_attempt_is_ended_before_the_next_one_begins(check: Checks, tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = (
        f"trap 'sleep 0.2; echo ended >> {order}; exit 0' TERM; echo begun >> {order}; while :; do sleep 0.02; done"
    )
    slow, newer = check(script), replace(ERRAND, key="r1-west-smoke-2-1")
    slow.look(replace(ERRAND, key="r1-west-smoke-2-0"))
    written(order)
    began = time.monotonic()
    seen = slow.look(newer)
    assert time.monotonic() - began < 0.2
    assert (seen.state, seen.why) == (CheckState.RUNNING, "waits for the end of the run before")
    end = time.monotonic() + 10
    while order.read_text().count("begun") < 2 and time.monotonic() < end:
        assert slow.look(newer).state is CheckState.RUNNING
        time.sleep(0.005)
    assert order.read_text().split() == ["begun", "ended", "begun"]


def test_a_secret_that_is_not_there_makes_the_check_wait_and_nothing_is_run(check: Checks, tmp_path: Path) -> None:
    ran, known = tmp_path / "ran", dict[str, str]()
    waiting = check(f"touch {ran}", secrets=LocalSecrets(known), environment={"T": SecretRef("env", "TOKEN")})
    seen = waiting.look(ERRAND)
    assert seen.state is CheckState.UNKNOWN
    assert "waits" in seen.why
    assert "${env:TOKEN}" in seen.why
    assert not ran.exists()
    known["TOKEN"] = "there"
    assert settled(waiting).state is CheckState.PASSED


def no_program(tmp_path: Path) -> tuple[str, dict[str, object], str]:
    return "no-such-program-at-all", {}, "no-such-program-at-all is not found in PATH"


def no_file(tmp_path: Path) -> tuple[str, dict[str, object], str]:
    return f"{tmp_path}/smoke", {}, f"{tmp_path}/smoke does not exist"


def no_right(tmp_path: Path) -> tuple[str, dict[str, object], str]:
    (tmp_path / "smoke").write_text("#!/bin/sh\n")
    return "./smoke", {"directory": str(tmp_path)}, f"{tmp_path}/smoke is not executable"


def no_directory(tmp_path: Path) -> tuple[str, dict[str, object], str]:
    return "sh", {"directory": f"{tmp_path}/none"}, f"{tmp_path}/none is no directory"


@pytest.mark.parametrize("case", [no_program, no_file, no_right, no_directory], ids=lambda case: case.__name__)
def test_what_cannot_be_run_is_unknown_with_the_remedy_and_doctor_says_so_before(
    check: Checks, tmp_path: Path, case: Callable[[Path], tuple[str, dict[str, object], str]]
) -> None:
    name, more, why = case(tmp_path)
    broken = check(argv=(name,), **more)
    seen = broken.look(ERRAND)
    assert seen.state is CheckState.UNKNOWN
    assert seen.why.startswith(f"could not be run: {why}; check `command` in the manifest")
    (finding,) = broken.preflight(ERRAND)
    assert (finding.ok, finding.message, finding.fatal) == (False, why, True)


def test_a_file_that_is_no_program_is_unknown(check: Checks, tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"\x7fELF nothing")
    (tmp_path / "junk").chmod(0o755)
    seen = check(argv=(str(tmp_path / "junk"),)).look(ERRAND)
    assert seen.state is CheckState.UNKNOWN
    assert "Exec format error" in seen.why


def test_doctor_begins_nothing_and_names_the_secret_that_is_not_there(check: Checks, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (finding,) = check(f"touch {ran}").preflight(ERRAND)
    assert (finding.ok, finding.message) == (True, "touch can be run")
    (missing,) = check("true", environment={"T": SecretRef("env", "TOKEN")}).preflight(ERRAND)
    assert not missing.ok
    assert "${env:TOKEN}" in missing.message
    assert not ran.exists()
