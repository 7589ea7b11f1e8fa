"""What emulated applications tell at `/metrics`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from providers.emulator.exposition import Served, scrape_targets
from providers.emulator.values import Workload

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
ENVIRONMENT = [{"name": "ROLLOUT_REVISION", "value": "1a2b"}]


def lines(served: Served, since: datetime) -> list[str]:
    return [line for line in served.text(since, ENVIRONMENT).splitlines() if not line.startswith("#")]


def test_answers_are_counted_by_status_health_checks_apart_and_series_that_may_come_are_there_from_the_start() -> None:
    served = Served()
    for status, path in ((200, "/a"), (200, "/b?c=1"), (404, "/"), (200, "/healthz?deep=1")):
        served.count(BEGUN, status, path)
    assert lines(served, BEGUN) == [
        'http_requests_total{code="200",path="/",revision="1a2b"} 2',
        'http_requests_total{code="404",path="/",revision="1a2b"} 1',
        'http_requests_total{code="500",path="/",revision="1a2b"} 0',
        'http_requests_total{code="200",path="/healthz",revision="1a2b"} 1',
    ]


def test_a_container_that_starts_anew_begins_at_zero() -> None:
    served = Served()
    served.count(BEGUN, 200)
    assert lines(served, BEGUN + timedelta(seconds=9))[0].endswith(" 0")


def test_only_what_runs_and_serves_is_a_target() -> None:
    found = scrape_targets(
        [
            Workload("a", "web-1", "127.20.0.1", None, (8080, 9090), listening=True, deleting=False),
            Workload("b", "web-2", "127.20.0.2", None, (8080,), listening=False, deleting=False),
            Workload("c", "edge", "127.20.0.3", None, (80,), listening=True, deleting=False, kind="gateway"),
        ]
    )
    assert found == [{"targets": ["127.20.0.1:8080"], "labels": {"workload": "web-1"}}]
