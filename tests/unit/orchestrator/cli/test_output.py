"""The two streams: what goes where, and what happens when nobody reads any more."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.failures import Failure, code_of
from orchestrator.cli.options import Format, Options
from orchestrator.cli.output import Output
from orchestrator.cli.times import moment, seconds
from orchestrator.exit_codes import ExitCode
from orchestrator.lease import LeaseLost
from orchestrator.manifest.problems import ManifestError
from orchestrator.store.errors import ActiveRollout, StoreMisplaced, StoreUnavailable, UnknownRollout
from orchestrator.submit import Refused
from orchestrator.telemetry.log import event_log
from providers.errors import Denied
from strategies.journal import Event, event
from tests.unit.orchestrator.cli import states
from watchers.errors import NotFound


def test_a_reader_that_has_gone_costs_neither_the_work_nor_its_exit_code() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        output = Output(Options(), stream, io.StringIO())
        output.text("nobody reads this")
        output.text("nor this")
        assert output.closed


def test_a_closed_pipe_is_quiet_to_the_end_of_the_process() -> None:
    script = "from orchestrator.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_sigterm_ends_a_follower_with_its_own_exit_code(tmp_path: Path) -> None:
    script = "from orchestrator.cli.main import main; main()"
    words = ["events", "storefront", "--follow", "-o", "json", "--store", f"sqlite:///{tmp_path}/rollout.db"]
    with subprocess.Popen(
        [sys.executable, "-c", script, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        first = os.read(process.stdout.fileno(), 100)
        process.send_signal(signal.SIGTERM)
        rest, told = process.communicate()
    assert process.returncode == 143
    assert json.loads(first + rest) == {"schema": 1, "events": []}
    assert b"interrupted" in told


def test_a_stream_in_ascii_gets_ascii() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Output(Options(), stream, io.StringIO()).text("● 1.4.2 → 1.5.0 – …")
    stream.seek(0)
    assert stream.read() == "* 1.4.2 -> 1.5.0 - ...\n"


def test_text_and_document_never_stand_together_on_standard_output() -> None:
    for form, expected in ((Format.TEXT, "words\n"), (Format.JSON, '{\n  "a": 1\n}\n')):
        out, err = io.StringIO(), io.StringIO()
        output = Output(Options(form), out, err)
        output.text("words")
        output.document({"a": 1})
        output.note("progress")
        assert (out.getvalue(), err.getvalue()) == (expected, "progress\n")


EVENT = event(states.NOW, "weight_confirmed", "westeurope", share=10.0, ttl=None, event="odd")


def test_the_event_log_is_one_json_line_per_event_with_the_events_name_and_keys() -> None:
    stream = io.StringIO()
    listen = event_log(stream, "json")
    listen(states.holding(), (EVENT, event(states.NOW, "group_faulty", group="g", why="crash loop")))
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert first == {
        "event": "weight_confirmed",
        "level": "info",
        "at": "2026-03-04T12:00:00.000Z",
        "service": "storefront",
        "rollout": "7f3a09c2d1e4",
        "target": "westeurope",
        "share": 10.0,
        "event_": "odd",
    }
    assert (second["level"], second["why"]) == ("warning", "crash loop")


def test_the_event_log_in_text_is_key_equals_value_and_never_prose() -> None:
    stream = io.StringIO()
    event_log(stream, "text")(states.holding(), (EVENT,))
    assert stream.getvalue().startswith(
        "at=2026-03-04T12:00:00.000Z level=info event=weight_confirmed service=storefront rollout=7f3a09c2d1e4"
        " target=westeurope "
    )


@given(st.dictionaries(st.text(min_size=1), st.none() | st.booleans() | st.integers() | st.text()))
def test_the_event_log_takes_any_values_without_raising(data: dict[str, bool | int | str | None]) -> None:
    stream = io.StringIO()
    event_log(stream, "json")(states.holding(), (Event(states.NOW, "look_failed", None, tuple(data.items())),))
    assert json.loads(stream.getvalue())["event"] == "look_failed"


def test_the_event_log_passes_over_a_stream_that_nobody_reads() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", buffering=1)
    event_log(stream, "json")(states.holding(), (EVENT,))
    Output(Options(), io.StringIO(), stream).error("dropped as well")
    stream.close()


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30), ("1h30m", 5400), ("250ms", 0.25), ("45", 45), ("1.5m", 90), ("0", 0)]
)
def test_durations_are_read_as_people_write_them(text: str, expected: float) -> None:
    assert seconds(text, "--timeout") == expected


@given(st.text(max_size=8))
def test_any_word_is_a_duration_or_a_clear_error(text: str) -> None:
    try:
        assert 0 <= seconds(text, "--timeout") <= 366 * 86400
    except Failure as failure:
        assert str(failure).startswith("--timeout: must be a duration")


def test_a_moment_is_a_duration_from_now_or_a_time_to_come() -> None:
    assert moment("2h", "--until", states.NOW) == datetime(2026, 3, 4, 14, tzinfo=UTC)
    assert moment("2026-03-05T10:00+02:00", "--until", states.NOW) == datetime(2026, 3, 5, 8, tzinfo=UTC)
    assert moment("2026-03-05", "--until", states.NOW) == datetime(2026, 3, 5, tzinfo=UTC)
    with pytest.raises(Failure, match="must lie ahead"):
        moment("2026-03-03", "--until", states.NOW)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ManifestError([]), 2),
        (StoreMisplaced("x"), 2),
        (UnknownRollout("x"), 2),
        (ActiveRollout("s", "r"), 7),
        (StoreUnavailable("x"), 7),
        (Denied("forbidden"), 7),
        (NotFound("no such image"), 7),
        (Refused("x", "y"), 7),
        (LeaseLost("x"), 5),
        (Failure("x", ExitCode.STUCK), 8),
        (ValueError("x"), None),
    ],
)
def test_each_error_that_is_meant_for_people_has_its_exit_code(error: Exception, code: int | None) -> None:
    assert code_of(error) == code
