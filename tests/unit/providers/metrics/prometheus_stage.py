"""What tests of the Prometheus adapter ask, and of whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.metrics.http import Caller
from providers.metrics.prometheus import PrometheusMetrics
from providers.metrics.settings import Access, Prometheus
from providers.ports import Arm, Question
from providers.secrets import LocalSecrets
from strategies.gates import MetricRule
from strategies.model import Side
from strategies.seen import Reading, Tally
from tests.unit.providers.metrics.servers import Data, Got, Say, Server, serving

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
STABLE = Arm(Side.STABLE, "aaaaaaaa11111111", "sha256:a", ("shop-aaaaaaaa-1-0",), ("e-a",))
CANDIDATE = Arm(Side.CANDIDATE, "bbbbbbbb22222222", "sha256:b", ("shop-bbbbbbbb-2-0",))
RULE = MetricRule("errors")

REQUESTS = 'sum(hits{r="$revision8"})'
FAILURES = 'sum(hits{r="$revision8", code=~"5.."}) or vector(0)'
CLIENTS = 'sum by (client) (rate(hits{r="$revision8"}[1m]))'


def of(query: str, arm: Arm) -> str:
    """A query as it is asked for one side."""
    return query.replace("$revision8", arm.revision[:8]).replace("$interval", "5s").replace("$side", arm.side.value)


def question(seconds: float = 20, *, since: datetime = START, step: float = 5.0, **more: Any) -> Question:
    """A question that is put so many seconds after `since`."""
    known = {"stable": STABLE, "candidate": CANDIDATE, **more}
    return Question("shop", "west", since, since + timedelta(seconds=seconds), step, **known)


def growing(per_second: float, base: float = 1_000_000) -> Callable[[float], float]:
    """A counter that grows evenly from `START` on."""
    return lambda at: base + per_second * (at - START.timestamp())


def healthy() -> Data:
    """Both sides get requests (100 and 10 a second), and one in fifty fails."""
    data = Data()
    for arm, rate in ((STABLE, 100), (CANDIDATE, 10)):
        data.one(of(REQUESTS, arm), growing(rate))
        data.one(of(FAILURES, arm), growing(rate / 50))
    return data


@contextmanager
def metrics(
    decide: Callable[[Got], Say], *, rule: MetricRule = RULE, access: dict[str, Any] | None = None, **source: Any
) -> Iterator[tuple[PrometheusMetrics, Server]]:
    """The adapter of a server that decides so; `source` are the queries where they differ."""
    with serving(decide) as server:
        settings = Prometheus(Access(server.url), **{"requests": REQUESTS, "failed": FAILURES, **source})
        settings = replace(settings, access=replace(settings.access, **(access or {})))
        made = PrometheusMetrics(rule, settings, Caller(settings.access, LocalSecrets({})))
        try:
            yield made, server
        finally:
            made.close()


def read(decide: Callable[[Got], Say], asked: Question | None = None, **more: Any) -> Reading:
    """Read once."""
    with metrics(decide, **more) as (source, _):
        return source.read(asked or question())


def counts(tallies: tuple[Tally, ...]) -> list[tuple[int, int]]:
    """Requests and failures of each interval."""
    return [(tally.requests, tally.failures) for tally in tallies]


def holds(reading: Reading, *reason: str, mistaken: bool = False) -> None:
    """Assert that nothing was counted, why, and whether asking again can help."""
    assert reading.stable == reading.candidate == ()
    assert reading.problem is not None
    assert all(part in reading.problem for part in reason), reading.problem
    assert reading.mistaken is mistaken
    assert reading.at == question().now
