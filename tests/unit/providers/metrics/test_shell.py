"""A text for the shell is looked at before it is run: whether it can be read, and whether its program is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.metrics.shell import first_program, script_of
from providers.ports import Finding
from strategies.seen import CheckState
from tests.unit.providers.metrics.command_stage import ERRAND, Checks, settled


@pytest.fixture
def check() -> Iterator[Checks]:
    """Makes checks that end with the test."""
    checks = Checks()
    yield checks
    checks.stop()


def only(findings: tuple[Finding, ...]) -> Finding:
    (finding,) = findings
    return finding


@pytest.mark.parametrize(
    ("script", "program"),
    [
        ("no-such-program-at-all --fast", "no-such-program-at-all"),
        ("/opt/shop/smoke --url 'http://a b' | tee log", "/opt/shop/smoke"),
        ("A=1 B='x y' ./smoke && echo done", "./smoke"),
        ("# what it does\n'./smoke' --fast\n", "./smoke"),
        ("set -e; ./smoke", "set"),
        ('"$TOOL" --fast', None),
        ("${TOOL} --fast", None),
        ("~/bin/smoke", None),
        ("(cd /srv && ./smoke)", None),
        ("smoke() { true; }; smoke", None),
        ("> log ./smoke", None),
        ("PATH=/opt/shop/bin smoke", None),
        ("A=$(date) ./smoke", None),
        ("'unclosed", None),
        ("A=1", None),
        ("", None),
    ],
)
def test_the_program_that_a_text_begins_with_is_known_or_left_alone(script: str, program: str | None) -> None:
    assert first_program(script) == program


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_be_looked_at(script: str) -> None:
    found = first_program(script)
    assert found is None or found in script.replace("\\", "").replace("'", "").replace('"', "")


@pytest.mark.parametrize("argv", [("sh",), ("sh", "smoke.sh", "x"), ("smoke", "-c", "x"), ("sh", "-e", "x")])
def test_a_program_with_arguments_is_no_text_for_the_shell(argv: tuple[str, ...]) -> None:
    assert script_of(argv) is None


def test_doctor_finds_that_the_program_of_a_text_is_not_there_as_it_does_of_a_list(check: Checks) -> None:
    text = only(check("no-such-program-at-all --fast").preflight(ERRAND))
    listed = only(check(argv=("no-such-program-at-all", "--fast")).preflight(ERRAND))
    assert text == listed
    assert (text.ok, text.fatal, text.message) == (False, True, "no-such-program-at-all is not found in PATH")


def test_doctor_finds_that_the_file_of_a_text_is_not_there_or_no_program(check: Checks, tmp_path: Path) -> None:
    gone = only(check("./smoke --fast", directory=str(tmp_path)).preflight(ERRAND))
    assert (gone.ok, gone.message) == (False, f"{tmp_path}/smoke does not exist")
    (tmp_path / "smoke").write_text("#!/bin/sh\n")
    plain = only(check("./smoke --fast", directory=str(tmp_path)).preflight(ERRAND))
    assert (plain.ok, plain.message) == (False, f"{tmp_path}/smoke is not executable")
    (tmp_path / "smoke").chmod(0o755)
    assert only(check("./smoke --fast", directory=str(tmp_path)).preflight(ERRAND)).message == "./smoke can be run"


def test_a_shell_that_is_not_there_knows_nothing(check: Checks, tmp_path: Path) -> None:
    found = only(check("true", environment={"PATH": str(tmp_path)}).preflight(ERRAND))
    assert (found.ok, found.message) == (False, "sh is not found in PATH")


def test_doctor_finds_a_text_that_the_shell_cannot_read(check: Checks) -> None:
    found = only(check("if true; then echo well").preflight(ERRAND))
    assert (found.ok, found.fatal) == (False, True)
    assert "the shell cannot read its text: " in found.message


@pytest.mark.parametrize(
    "script", ["test -e /", "if true; then true; fi", "! false", "cd / && ls", '"$TOOL" x', "while false; do :; done"]
)
def test_what_the_shell_knows_itself_or_finds_out_only_when_it_runs_is_no_finding(check: Checks, script: str) -> None:
    assert only(check(script).preflight(ERRAND)).ok


def test_looking_at_a_text_runs_nothing_of_it(check: Checks, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    looked = check(f"touch {ran} $(touch {ran}); touch {ran}", environment={"ENV": f"{tmp_path}/none"})
    assert only(looked.preflight(ERRAND)).message == "touch can be run"
    assert not ran.exists()


def test_the_path_that_a_program_gets_is_the_one_that_is_searched(check: Checks, tmp_path: Path) -> None:
    (tmp_path / "smoke").write_text("#!/bin/sh\n")
    (tmp_path / "smoke").chmod(0o755)
    own = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert only(check("smoke --fast", environment=own).preflight(ERRAND)).ok
    assert settled(check("smoke --fast", environment=own)).state is CheckState.PASSED
    assert not only(check("smoke --fast").preflight(ERRAND)).ok
