"""What the daemon's log says in text: only keys that have a value, and words for yes and no."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

from orchestrator.telemetry.log import Lines


def test_a_line_of_text_has_no_empty_keys_and_says_yes_and_no_in_words() -> None:
    stream = StringIO()
    log = Lines(stream, "text", lambda: datetime(2026, 1, 2, tzinfo=UTC))
    log.info("daemon_stopped", in_time=True, service=None)
    assert stream.getvalue() == "at=2026-01-02T00:00:00.000Z level=info event=daemon_stopped in_time=true\n"
