"""Numbers that people are shown have their units: in the journal, in why and in reports."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.cli.lines import numbers
from orchestrator.cli.style import Style
from orchestrator.units import measured
from strategies.events import event
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (
            "drain_measured",
            {"pinned": 13.534, "hold": 99.9, "seconds": 412.8},
            "pinned=13.534% hold=99.9s seconds=412.8s",
        ),
        ("telemetry_lost", {"metric": "errors", "limit": 30.0}, "metric=errors limit=30s"),
        ("share_intended", {"share": 20.0, "ttl": 2}, "share=20% ttl=2s"),
        (
            "step_undecided",
            {"code": "tooFew", "requests": 4, "limit": 10},
            'code=tooFew requests=4 limit="10 requests"',
        ),
        (
            "verdict_unhealthy",
            {"code": "countsWorse", "e": 46720.0, "limit": 1000.0},
            "code=countsWorse e=46720 limit=1000",
        ),
        (
            "verdict_unhealthy",
            {"code": "waveDeadline", "limit": 60.0, "spent": 61},
            "code=waveDeadline limit=60s spent=61s",
        ),
        ("group_ready", {"group": "g-0", "probes": 10}, "group=g-0 probes=10"),
        ("share_intended", {"weight.a": 950}, "weight.a=950"),
    ],
)
def test_a_line_of_the_journal_has_units_where_the_names_do_not_say_them(
    kind: str, data: dict[str, Any], said: str
) -> None:
    assert numbers(event(states.NOW, kind, **data), Style()) == said


def test_why_shows_the_numbers_behind_a_reason_with_their_units(desk: Desk) -> None:
    desk.put(states.asking())
    assert desk.type("why", "storefront") == 0
    rows = [" ".join(line.split()) for line in desk.said.splitlines()]
    assert "requests 4" in rows
    assert "limit 10 requests" in rows


def test_words_and_what_counts_nothing_have_no_unit() -> None:
    assert [measured("limit", 1000.0, "countsWorse"), measured("metric", "errors", "tooFew")] == ["1000", "errors"]
    assert measured("asks", True, "tooFew") == "true"
