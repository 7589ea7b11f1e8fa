"""What tests of Azure Monitor ask of a server that answers as it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.metrics.azure_monitor import AzureMonitorMetrics
from providers.metrics.settings import AzureMonitor, PlatformMetric
from strategies.gates import MetricRule
from strategies.seen import Reading
from tests.unit.providers.metrics.azure_stage import (
    Answer,
    Call,
    metric,
    minutes,
    question,
    serving,
)

PROFILE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/trafficManagerProfiles/shop"
REQUESTS = PlatformMetric("Requests", "Revision eq '$revision8'")
FAILED = PlatformMetric("Requests", "Revision eq '$revision8' and Status eq '5xx'")
SOURCE = AzureMonitor(PROFILE, REQUESTS, FAILED)
RULE = MetricRule("errors", lag_seconds=120.0)


def side_of(call: Call) -> str:
    """Which side a call is about."""
    return "stable" if "aaaaaaaa" in call.query["$filter"] else "candidate"


def counts(stable: Any, candidate: Any, failed: Any = None) -> Callable[[Call], Answer]:
    """Answer with these requests for each side, and the same failures for both."""

    def answer(call: Call) -> Answer:
        if "5xx" in call.query["$filter"]:
            return 200, metric(minutes(*(failed if failed is not None else [0] * 9)))
        return 200, metric(minutes(*(stable if side_of(call) == "stable" else candidate)))

    return answer


def read(
    answer: Callable[[Call], Answer], source: AzureMonitor = SOURCE, minutes_later: float = 5, **more: Any
) -> Reading:
    """Read once what a server answers."""
    with serving(answer) as (_, clients):
        return AzureMonitorMetrics(RULE, source, clients).read(question(minutes_later, **more))
