"""Logs on streams that are full, gone or closed, and texts that would steer a terminal: nothing stops, nothing acts."""

from __future__ import annotations

import errno
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.telemetry.log import Lines, event_log
from orchestrator.telemetry.writing import Unfailing, put, silence, visible, visible_json
from strategies.journal import event
from tests.unit.orchestrator.cli import states

NOW = datetime(2026, 1, 2, tzinfo=UTC)
COLOURS = ("\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[36m")
NASTY = st.text(st.sampled_from("ab \n\t\r\x07\x1b[]0;31m\x7f\x9b\u202e\u2067é"), max_size=40) | st.text(max_size=40)


class Disk(io.StringIO):
    """A stream whose disk may be full or gone."""

    trouble: OSError | None = None

    def write(self, text: str) -> int:
        if self.trouble is not None:
            raise self.trouble
        return super().write(text)


def acts(text: str) -> bool:
    """Whether a terminal would do something else than show a text."""
    turns = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return any((ord(sign) < 32 and sign not in "\n\t") or 0x7F <= ord(sign) < 0xA0 or sign in turns for sign in text)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EPIPE, errno.EBADF])
def test_a_log_that_cannot_be_written_counts_its_lines_and_goes_on_when_it_can_be_again(form: str, number: int) -> None:
    disk = Disk()
    stream = Unfailing(disk)
    log, listen = Lines(stream, form, lambda: NOW), event_log(stream, form)
    disk.trouble = OSError(number, os.strerror(number))
    log.warning("job_failed", job="tick")
    listen(states.holding(), (event(NOW, "look_failed", why="x"), event(NOW, "look_failed", why="y")))
    assert (stream.dropped, disk.getvalue()) == (3, "")
    disk.trouble = None
    log.info("store_back")
    assert stream.dropped == 3
    (line,) = disk.getvalue().splitlines()
    assert "store_back" in line


def test_a_log_whose_stream_was_closed_goes_on_without_it() -> None:
    stream = io.StringIO()
    stream.close()
    Lines(stream, "text", lambda: NOW).info("daemon_stopped")
    event_log(stream, "json")(states.holding(), (event(NOW, "look_failed"),))


def test_a_log_on_a_full_device_goes_on_and_is_quiet_at_the_end() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("w") as stream:
        sink = Unfailing(stream)
        Lines(sink, "text", lambda: NOW).info("daemon_started")
        assert sink.dropped == 1
        silence(stream)


def test_what_an_encoding_does_not_have_is_written_as_escapes() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert put(stream, "caf\u00e9 \ud800\n") is None
    stream.seek(0)
    assert stream.read() == "caf\\xe9 \\ud800\n"


@given(NASTY)
def test_no_text_from_outside_acts_on_a_terminal_and_ordinary_words_stay_as_they_are(text: str) -> None:
    shown = visible(text)
    assert not acts(shown)
    assert shown == text or acts(text)


@given(st.lists(NASTY | st.sampled_from(COLOURS)).map("".join))
def test_where_colours_are_wanted_our_own_stay_and_nothing_else_does(text: str) -> None:
    shown = visible(text, colours=True)
    for colour in COLOURS:
        assert shown.count(colour) == text.count(colour)
    for code in (0, 1, 2, 31, 32, 33, 36):
        shown = shown.replace(f"\x1b[{code}m", "")
    assert not acts(shown)


@given(st.dictionaries(NASTY, NASTY, max_size=3), st.sampled_from([None, 2]))
def test_json_says_the_same_with_nothing_in_it_that_acts(values: dict[str, str], indent: int | None) -> None:
    text = visible_json(json.dumps(values, ensure_ascii=False, indent=indent))
    assert json.loads(text) == values
    assert not acts(text)


@given(NASTY)
def test_an_event_is_one_line_of_text_that_does_nothing_to_a_terminal(reason: str) -> None:
    stream = io.StringIO()
    event_log(stream, "text")(states.holding(), (event(NOW, "rollout_aborted", why=reason),))
    assert stream.getvalue().count("\n") == 1
    assert not acts(stream.getvalue())
