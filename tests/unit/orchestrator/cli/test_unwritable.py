"""The command line on streams that cannot be written, and what strangers' texts may do to a terminal or a CI's log."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.options import Format, Options
from orchestrator.cli.output import Output
from orchestrator.cli.running import run_verb
from orchestrator.cli.screen import Screen
from orchestrator.cli.session import Session
from orchestrator.cli.verbs import VERBS
from orchestrator.store.memory import MemoryStore

SCRIPT = "from orchestrator.cli.main import main; main()"
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
CLEAR = "\x1b[2J\x1b]0;mine\x07\r\x9b31m"
SHOWN = "\\x1b[2J\\x1b]0;mine\\x07\\x0d\\x9b31m"


class Terminal(io.StringIO):
    """A terminal that shows colours, and may have no room."""

    full = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def run(*words: str, shell: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", sys.executable, "-c", SCRIPT, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.defpath, **env})


@needs_full
@pytest.mark.parametrize(
    ("words", "code"),
    [(("--version",), 0), (("--help",), 0), (("schema",), 0), (("statsu",), 2), (("why", "-o", "json"), 2)],
)
def test_streams_on_a_full_disk_change_no_exit_code(words: tuple[str, ...], code: int) -> None:
    for shell in (">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full", ">&-", "2>&-"):
        done = run(*words, shell=shell)
        assert done.returncode == code, shell
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr


@needs_full
def test_a_result_that_could_not_be_written_is_told_beside_it(tmp_path: Path) -> None:
    done = run("status", "-o", "json", "--store", f"sqlite:///{tmp_path}/x.db", shell=">/dev/full")
    assert done.returncode == 0
    assert done.stderr.count("error: ") == 1
    assert "standard output cannot be written ([Errno 28] No space left on device)" in done.stderr


def test_what_cannot_be_written_ends_loops_that_only_write_and_standard_error_goes_on_when_it_can() -> None:
    out, err = Terminal(), Terminal()
    output = Output(Options(), out, err)
    out.full = err.full = True
    output.text("lost")
    output.note("lost as well")
    assert output.closed
    err.full = False
    output.text("lost, and said before")
    output.note("seen")
    assert err.getvalue() == "seen\n"


@pytest.fixture
def _a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("_a_terminal")
def test_a_picture_on_a_terminal_that_is_gone_does_not_end_what_it_shows() -> None:
    out = Terminal()
    with Screen(Output(Options(), out, io.StringIO())) as screen:
        screen.show(["promoting \x1b]8;;http://evil\x07here"])
        assert "\\x1b]8;;http://evil\\x07here" in out.getvalue()
        out.full = True
        screen.show(["promoted"])


def test_a_stream_that_was_closed_is_passed_over() -> None:
    out, err = io.StringIO(), io.StringIO()
    output = Output(Options(Format.JSON), out, err)
    out.close()
    err.close()
    output.document({"a": 1})
    output.error("nobody hears")
    output.flush()
    assert output.closed


@pytest.mark.usefixtures("_a_terminal")
def test_names_and_reasons_cannot_steer_the_terminal_and_our_own_colours_stay() -> None:
    out, err = Terminal(), Terminal()
    output = Output(Options(), out, err)
    output.text(f"{output.style.good('promoted')} {CLEAR}")
    output.note(CLEAR)
    output.error(CLEAR)
    assert out.getvalue() == f"\x1b[32mpromoted\x1b[0m {SHOWN}\n"
    assert err.getvalue() == f"{SHOWN}\n\x1b[31merror:\x1b[0m {SHOWN}\n"


def test_where_there_are_no_colours_not_even_ours_pass() -> None:
    out = io.StringIO()
    Output(Options(), out, io.StringIO()).text("\x1b[31mred")
    assert out.getvalue() == "\\x1b[31mred\n"


@given(st.text())
def test_json_keeps_its_own_escapes(reason: str) -> None:
    out = io.StringIO()
    Output(Options(Format.JSON), out, io.StringIO()).document({"reason": reason + CLEAR})
    assert json.loads(out.getvalue()) == {"reason": reason + CLEAR}
    assert not {"\x1b", "\x9b", "\x07"} & set(out.getvalue())


@pytest.mark.parametrize("words", [("##vso[task.complete result=Failed]",), ("--##vso[task.complete]", "status")])
def test_a_misspelt_command_line_is_no_command_to_the_ci_system(words: tuple[str, ...]) -> None:
    for form in ("text", "json"):
        done = run(*words, TF_BUILD="True", ROLLOUT_OUTPUT=form)
        assert done.returncode == 2
        assert "##vso" not in done.stdout + done.stderr
        assert "task.complete" in done.stderr


def test_a_traceback_is_no_command_to_the_ci_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    out, err = io.StringIO(), io.StringIO()

    class Odd(MemoryStore):
        def services(self) -> list[str]:
            raise RuntimeError("\n::set-env name=A::b\n##[group]x")

    code = run_verb(
        VERBS["status"],
        ("--debug",),
        lambda options, _out: Session(options, Output(options, out, err), store=Odd()),
    )
    assert code == 1
    assert "Traceback (most recent call last)" in err.getvalue()
    assert not [line for line in err.getvalue().splitlines() if line.startswith("::") or "##[" in line]
