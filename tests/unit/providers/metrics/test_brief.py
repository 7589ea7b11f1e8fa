"""What a source says goes into state, journal and messages: never more of it than a person reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.metrics.adapters import counting
from providers.metrics.brief import MOST, MOST_OF_A_NAME, Brief, cut
from providers.metrics.settings import Access, AzureMonitor, LogAnalytics, PlatformMetric, Prometheus, Source, Webhook
from providers.secrets import LocalSecrets
from strategies.gates import MetricRule
from strategies.model import Side
from tests.unit.providers.metrics import azure_stage, servers
from tests.unit.providers.metrics.azure_stage import question, refusal, table

LONG = "A" * 3_000_000
STRANGE = "\x1b[2J\x1b[31mall is well\r\n\ud800\u202e"
PROFILE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/trafficManagerProfiles/shop"


@contextmanager
def made(source: Callable[[str], Source], answer: Any, status: int = 200) -> Iterator[Brief]:
    """A source as a manifest makes it, whose server gives this answer to everything."""
    with (
        azure_stage.serving(lambda _: (status, answer)) as (_, azure),
        servers.serving(lambda _: servers.Say(status, json.dumps(answer))) as server,
    ):
        rule = MetricRule("m", interval_seconds=60.0)
        yield counting(rule, source(server.url), secrets=LocalSecrets({}), token=str, azure=lambda: azure)


def prometheus(url: str) -> Source:
    return Prometheus(Access(url), "x$side", clients="y$side")


def webhook(url: str) -> Source:
    return Webhook(Access(url))


def platform(_: str) -> Source:
    return AzureMonitor(PROFILE, PlatformMetric("R", "S eq '$side'"))


def logs(_: str) -> Source:
    return LogAnalytics("T$side", workspace="w", clients="C$side")


SAID: dict[Callable[[str], Source], Callable[[str], Any]] = {
    prometheus: lambda text: {"status": "error", "errorType": "bad_data", "error": text},
    webhook: lambda text: {"intervals": [], text: 1},
    platform: lambda text: refusal("Bad", text),
    logs: lambda text: refusal("Bad", text),
}


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("text", [LONG, STRANGE], ids=["long", "strange"])
@pytest.mark.parametrize("source", SAID, ids=lambda source: source.__name__)
def test_no_more_of_a_problem_is_kept_than_a_person_reads(
    source: Callable[[str], Source], text: str, status: int
) -> None:
    with made(source, SAID[source](text), status) as asked:
        read, (found, *_) = asked.read(question()), asked.preflight(question())
    for said in (read.problem, found.message, found.remedy):
        assert said is not None
        assert len(said) <= MOST
        assert said.isprintable() or not said
    assert read.problem
    assert not found.ok


@pytest.mark.parametrize("name", [LONG, STRANGE], ids=["long", "strange"])
@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (webhook, lambda name: {"intervals": [], "clients": {name: 1.5}}),
        (
            prometheus,
            lambda name: {
                "status": "success",
                "data": {"resultType": "vector", "result": [{"metric": {"ip": name}, "value": [1, "1.5"]}]},
            },
        ),
        (logs, lambda name: table([name, 90], columns=(("who", "string"), ("requests", "long")))),
    ],
    ids=["webhook", "prometheus", "logs"],
)
def test_no_more_of_a_clients_name_is_kept_than_a_person_reads(
    source: Callable[[str], Source], answer: Callable[[str], Any], name: str
) -> None:
    with made(source, answer(name)) as asked:
        ((kept, rate),) = asked.read(question(leaving=Side.STABLE)).talkers
    assert rate == 1.5
    assert 0 < len(kept) <= MOST_OF_A_NAME
    assert kept.isprintable()


@given(st.text(), st.integers(4, 30))
def test_a_text_is_cut_in_its_middle_and_what_can_be_printed_stays(text: str, most: int) -> None:
    short = cut(text, most)
    assert len(short) == min(len(text), most)
    assert short.isprintable()
    if text.isprintable() and len(text) <= most:
        assert short == text
    elif text.isprintable():
        begin, end = short.split("…", 1) if "…" not in text else (short[:1], short[-1:])
        assert text.startswith(begin)
        assert text.endswith(end)
