"""What may be written into a request: whatever passes can be kept and shown, and what is refused says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.store.records import Snapshot, Suspension
from orchestrator.words import (
    BadInput,
    check_service,
    check_text,
    cleaned,
    demand_fit,
    demand_hold,
    demand_reason,
    demand_sensible,
)
from strategies.model import CommandKind

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def paths(given_: dict[str, Any]) -> list[str]:
    with pytest.raises(BadInput) as caught:
        demand_fit(given_)
    return [path for path, _ in caught.value.problems]


@given(st.text(max_size=40))
def test_a_text_that_passes_can_be_kept_and_moves_no_cursor(text: str) -> None:
    try:
        check_text(text)
    except ValueError as error:
        assert "control characters" in str(error)
    else:
        assert text.encode().decode() == text
        assert not any((ord(each) < 32 and each not in "\t\n\r") or 127 <= ord(each) < 160 for each in text)


@given(st.text(max_size=400))
def test_what_is_cleaned_always_passes_on_one_line(text: str) -> None:
    left = cleaned(text)
    assert check_text(left, 200) == left
    assert "\n" not in left


@pytest.mark.parametrize("name", ["", "Bad Name!", "1st", "a" * 41, "*", "/daemon", "x\x1b[2J", "shop\n", "schön"])
def test_a_name_that_no_manifest_takes_is_no_services_name(name: str) -> None:
    with pytest.raises(ValueError, match="must be a service's name"):
        check_service(name)
    assert check_service("a" * 40)
    assert paths({"service": name}) == ["service"]


def test_every_unfit_value_of_a_request_is_named_by_its_path_however_deep_it_stands() -> None:
    naive = datetime(2030, 1, 1)  # noqa: DTZ001 - that is what is wrong with it
    held = Suspension("Bad Name!", "a" * 201, "two\x00", NOW, naive)
    expected = ["suspension.service", "suspension.actor", "suspension.reason", "suspension.until"]
    assert paths({"suspension": held}) == expected
    snapshot = Snapshot("service: x", "f", (("t.yaml", "a\x1b"),))
    assert paths({"snapshot": snapshot, "service": None}) == ["snapshot.templates[0][1]"]
    beyond = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12)))
    assert paths({"now": beyond}) == ["now"]
    demand_fit({"service": None, "reason": "two\nlines é", "limit": 3, "manifest": "x" * 100_000, "at": NOW})


def test_an_emergency_and_a_settlement_have_to_be_explained() -> None:
    for reason in ("", " \n"):
        with pytest.raises(BadInput, match="emergency"):
            demand_reason(emergency=True, reason=reason)
        with pytest.raises(BadInput, match="settling"):
            demand_sensible(CommandKind.SETTLE, "stable", reason)
    demand_reason(emergency=False, reason="")
    demand_sensible(CommandKind.SETTLE, "candidate", "it is fine")


@pytest.mark.parametrize(
    ("kind", "argument"),
    [(CommandKind.SUPERSEDE, ""), (CommandKind.SETTLE, "both"), (CommandKind.SETTLE, ""), (CommandKind.ABORT, "x")],
)
def test_a_word_that_people_do_not_say_or_with_an_argument_it_does_not_take_is_refused(
    kind: CommandKind, argument: str
) -> None:
    with pytest.raises(BadInput):
        demand_sensible(kind, argument, "because")


def test_a_suspension_says_why_and_ends_in_times_to_come() -> None:
    with pytest.raises(BadInput) as caught:
        demand_hold(" ", NOW, NOW)
    assert [path for path, _ in caught.value.problems] == ["reason", "until"]
    demand_hold("freeze", NOW + timedelta(seconds=1), NOW)
    demand_hold("freeze", None, NOW)
