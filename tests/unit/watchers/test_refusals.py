"""What a registry's refusal says."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchers.refusals import retry_after, said
from watchers.transport import Answer

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@given(seconds=st.floats(0, 86400))
def test_seconds_and_parts_of_them_are_read(seconds: float) -> None:
    assert retry_after(f" {seconds!r} ", 0) == seconds


@given(ahead=st.integers(-1000, 86400))
def test_a_date_is_read_as_seconds_from_now_and_never_below_none(ahead: int) -> None:
    date = format_datetime(datetime.fromtimestamp(NOW.timestamp() + ahead, UTC), usegmt=True)
    assert retry_after(date, NOW.timestamp()) == max(ahead, 0)


@pytest.mark.parametrize(
    ("text", "seconds"), [("-3", 0.0), ("inf", 86400.0), ("1e9", 86400.0), ("nan", None), ("", None)]
)
def test_odd_waits_are_bounded(text: str, seconds: float | None) -> None:
    assert retry_after(text, 0) == seconds


@given(text=st.text(max_size=40))
def test_no_wait_is_negative_endless_or_an_accident(text: str) -> None:
    wait = retry_after(text, NOW.timestamp())
    assert wait is None or 0 <= wait <= 86400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"errors": [{"code": "DENIED", "message": "no\\nwell"}]}', ("DENIED", "no well")),
        (b'{"error": "invalid_grant", "error_description": "ended"}', ("invalid_grant", "ended")),
        (b'{"details": "incorrect username or password"}', ("", "incorrect username or password")),
        (b'{"errors": []}', ("", "")),
        (b'{"errors": [7]}', ("", "")),
        (b'{"errors": [{"code": 7, "message": null}]}', ("", "")),
        (b"<html>", ("", "")),
    ],
)
def test_the_words_of_a_refusal_are_found_where_they_stand(body: bytes, words: tuple[str, str]) -> None:
    assert said(Answer(403, "https://r.io", body=body)) == words


@given(body=st.binary(max_size=60))
def test_no_body_is_too_odd_to_be_read(body: bytes) -> None:
    code, words = said(Answer(403, "https://r.io", body=body))
    assert (code + words).isprintable()


def test_long_words_are_cut() -> None:
    body = b'{"errors": [{"code": "X", "message": "' + b"a" * 10_000 + b'"}]}'
    assert len(said(Answer(403, "https://r.io", body=body))[1]) == 300
