"""A real Prometheus scrapes real servers, and what is read of it is what they counted."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.metrics.http import Caller
from providers.metrics.prometheus import PrometheusMetrics
from providers.metrics.settings import Access, Prometheus
from providers.ports import Arm, Question
from providers.secrets import LocalSecrets
from strategies.gates import MetricRule
from strategies.model import Side
from strategies.seen import Reading
from tests.prometheus import needs_prometheus, running_prometheus

pytestmark = [pytest.mark.local, needs_prometheus]

RULE = MetricRule("errors", lag_seconds=0.2)
REQUESTS = 'sum(hits_total{job="$revision8"})'
FAILURES = 'sum(hits_total{job="$revision8", code="500"}) or vector(0)'
CLIENTS = 'sum by (code) (rate(hits_total{job="$revision8"}[4s]))'
SECONDS = 4.0
"""For how long requests are counted."""


class Workload:
    """A server that counts what hits it and shows that to whoever scrapes; it may stop listening, and begin anew."""

    def __init__(self) -> None:
        self.hits = {"200": 0, "500": 0}
        self._lock = threading.Lock()
        self._server: http.server.HTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        self.listen()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def hit(self, requests: int, failures: int = 0) -> None:
        with self._lock:
            self.hits["200"] += requests - failures
            self.hits["500"] += failures

    def restart(self) -> None:
        with self._lock:
            self.hits = {"200": 0, "500": 0}

    def listen(self) -> None:
        workload = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with workload._lock:
                    lines = [f'hits_total{{code="{code}"}} {number}' for code, number in workload.hits.items()]
                text = "\n".join(["# TYPE hits_total counter", *lines, ""]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = http.server.HTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def hide(self) -> None:
        """Listen no more: whoever scrapes is refused."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None


@dataclass
class Past:
    """What happened: when counting began and ended, and what each workload counted within."""

    url: str
    since: datetime
    until: datetime
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Some seconds of six workloads: two are well, one is gone, one restarts, and one of a pair is not scraped."""
    names = ("stable", "canary", "gone", "restart", "steady", "blink")
    workloads = {name: Workload() for name in names}
    jobs = {name: [workloads[name].address] for name in names[:4]}
    jobs["pair"] = [workloads["steady"].address, workloads["blink"].address]
    try:
        for each in workloads.values():
            each.hit(1000, 100)
        with running_prometheus(tmp_path_factory.mktemp("prometheus"), jobs) as running:
            running.wait("hits_total", series=12)
            # From here on every counter has a sample before the first interval.
            since = datetime.now(UTC)
            time.sleep(1.05)
            counted = _drive(workloads)
            until = datetime.now(UTC)
            shown = sum(sum(each.hits.values()) for name, each in workloads.items() if name != "gone")
            running.reaches('sum(hits_total{job!="gone"})', shown)
            # Until the interval in which that was scraped is complete.
            time.sleep(1.3)
            yield Past(running.url, since, until, counted)
    finally:
        for each in workloads.values():
            each.hide()


def _drive(workloads: dict[str, Workload]) -> dict[str, tuple[int, int]]:
    """Let requests come for `SECONDS` and accidents happen among them; return requests and failures of each."""
    totals = {name: [0, 0] for name in workloads}
    accidents = [
        (1.1, workloads["gone"].hide),
        (1.1, workloads["blink"].hide),
        (2.0, workloads["restart"].restart),
        (2.7, workloads["blink"].listen),
    ]
    began = time.monotonic()
    turn = 0
    while time.monotonic() - began < SECONDS:
        while accidents and time.monotonic() - began > accidents[0][0]:
            accidents.pop(0)[1]()
        for number, (name, workload) in enumerate(workloads.items()):
            requests, failures = number + 1 + turn % 3, int(turn % 7 == number)
            workload.hit(requests, failures)
            totals[name][0] += requests
            totals[name][1] += failures
        turn += 1
        time.sleep(0.02)
    assert not accidents
    return {name: (requests, failures) for name, (requests, failures) in totals.items()}


def arm(side: Side, job: str) -> Arm:
    return Arm(side, job, f"sha256:{job}", (job,))


def read(past: Past, candidate: str = "canary", stable: str = "stable", **source: Any) -> Reading:
    """Read all that is settled, with jobs in place of revisions."""
    leaving, step = source.pop("leaving", None), source.pop("step", 1.0)
    settings = Prometheus(Access(past.url), **{"requests": REQUESTS, "failed": FAILURES, **source})
    metrics = PrometheusMetrics(RULE, settings, Caller(settings.access, LocalSecrets({})))
    asked = Question(
        "shop",
        "west",
        past.since,
        datetime.now(UTC) if leaving is None else past.until,
        step,
        arm(Side.STABLE, stable),
        arm(Side.CANDIDATE, candidate),
        leaving,
    )
    try:
        return metrics.read(asked)
    finally:
        metrics.close()


def test_what_is_read_is_exactly_what_the_servers_counted(past: Past) -> None:
    reading = read(past)
    assert reading.problem is None
    for name, tallies in (("stable", reading.stable), ("canary", reading.candidate)):
        sums = (sum(tally.requests for tally in tallies), sum(tally.failures for tally in tallies))
        assert sums == past.counted[name]
        assert sum(tally.requests > 0 for tally in tallies) >= 4
    assert [tally.since for tally in reading.stable] == [tally.since for tally in reading.candidate]


def test_a_workload_that_is_gone_is_missing_and_not_silent(past: Past) -> None:
    reading = read(past, "gone")
    assert reading.candidate
    assert all(tally.until < past.since + timedelta(seconds=4) for tally in reading.candidate)
    assert sum(tally.requests for tally in reading.stable) == past.counted["stable"][0]
    assert "candidate: `requests` has no number any more" in str(reading.problem)
    assert not reading.mistaken


def test_a_restart_makes_one_interval_unknown_and_no_other(past: Past) -> None:
    tallies = read(past, "restart").candidate
    assert sum(tally.reset for tally in tallies) == 1
    counted = sum(tally.requests for tally in tallies)
    assert 0.5 * past.counted["restart"][0] < counted < past.counted["restart"][0]


def test_a_workload_that_was_not_scraped_for_a_moment_is_not_counted_twice(past: Past) -> None:
    tallies = read(past, "pair").candidate
    assert sum(tally.reset for tally in tallies) == 2
    assert 0 < sum(tally.requests for tally in tallies) <= past.counted["steady"][0] + past.counted["blink"][0]
    assert sum(tally.failures for tally in tallies) <= past.counted["steady"][1] + past.counted["blink"][1]


def test_a_query_that_counts_each_interval_itself_knows_of_restarts(past: Past) -> None:
    query = 'sum(increase(hits_total{job="$revision8"}[$interval]))'
    tallies = read(past, "restart", step=3.0, requests=query, failed=None).candidate
    assert tallies
    assert not any(tally.reset for tally in tallies)
    assert 0.3 * past.counted["restart"][0] < sum(tally.requests for tally in tallies) < 2 * past.counted["restart"][0]


def test_an_error_in_the_promql_is_a_mistake(past: Past) -> None:
    reading = read(past, requests='sum(hits_total{job="$revision8"}')
    assert reading.mistaken
    assert "says 400: " in str(reading.problem)
    assert "parse error" in str(reading.problem)
    assert reading.stable == reading.candidate == ()


@pytest.mark.parametrize(
    "query",
    [
        'hits_total{job="$revision8"}[5s]',
        '"$revision8"',
        'hits_total{job="$revision8"} + on(job) hits_total{job="$revision8"}',
        'hits_total{job="$revision8"}',
    ],
)
def test_a_query_that_can_never_be_one_number_is_a_mistake(past: Past, query: str) -> None:
    reading = read(past, requests=query, failed=None)
    assert reading.mistaken
    assert reading.stable == reading.candidate == ()


def test_a_mistyped_label_is_missing_and_not_zero(past: Past) -> None:
    reading = read(past, requests='sum(hits_total{jbo="$revision8"})')
    assert reading.stable == reading.candidate == ()
    assert "`requests` finds no series: check the metric's name and labels" in str(reading.problem)


def test_failures_that_no_series_tells_of_are_missing_and_not_zero(past: Past) -> None:
    reading = read(past, failed='sum(hits_total{job="$revision8", code="599"})')
    assert reading.stable == reading.candidate == ()
    assert "`… or vector(0)` says that none failed" in str(reading.problem)


@pytest.mark.parametrize(("number", "value"), [("0 * hits_total", "NaN"), ("hits_total", "+Inf")])
def test_a_division_by_zero_is_no_number(past: Past, number: str, value: str) -> None:
    reading = read(past, requests=f'sum({number}) / sum(0 * hits_total{{job="$revision8"}})', failed=None)
    assert reading.stable == reading.candidate == ()
    assert f"`requests` is {value}, as a division by zero gives it" in str(reading.problem)


def test_clients_are_told_with_their_requests_per_second(past: Past) -> None:
    reading = read(past, clients=CLIENTS, leaving=Side.STABLE)
    assert [name for name, _ in reading.talkers] == ["200", "500"]
    rate = past.counted["stable"][0] / SECONDS
    assert 0.5 * rate < sum(rate for _, rate in reading.talkers) < 2 * rate


def test_before_a_rollout_all_queries_are_found_fine(past: Past) -> None:
    settings = Prometheus(Access(past.url), REQUESTS, FAILURES, CLIENTS)
    metrics = PrometheusMetrics(RULE, settings, Caller(settings.access, LocalSecrets({})))
    now = datetime.now(UTC)
    asked = Question("shop", "west", now, now, 1.0, arm(Side.STABLE, "stable"), arm(Side.CANDIDATE, "canary"))
    findings = metrics.preflight(asked)
    metrics.close()
    assert len(findings) == 3
    assert all(finding.ok for finding in findings), findings


def test_a_server_that_has_ended_holds_with_its_reason(past: Past, tmp_path: Path) -> None:
    with running_prometheus(tmp_path / "short", {}) as running:
        url = running.url
    reading = read(Past(url, past.since, past.until))
    assert reading.stable == reading.candidate == ()
    assert "cannot be reached: Connection refused" in str(reading.problem)
