"""What tests of queries over logs ask of a server that answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.metrics.log_analytics import LogQueries
from providers.metrics.settings import LogAnalytics
from strategies.gates import MetricRule
from strategies.seen import Reading
from tests.unit.providers.metrics.azure_stage import Answer, Call, question, serving

QUERY = "AppRequests | where Revision == '$revision8' | summarize requests=count() by bin(TimeGenerated, $interval)"
SOURCE = LogAnalytics(QUERY, workspace="w-1")
RULE = MetricRule("errors", interval_seconds=60.0, lag_seconds=120.0)
COMPONENT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/components/shop"


def sides(stable: dict[str, Any], candidate: dict[str, Any]) -> Callable[[Call], Answer]:
    """Answer each side with its table."""
    return lambda call: (200, stable if "aaaaaaaa" in call.body["query"] else candidate)


def read(answer: Callable[[Call], Answer], source: LogAnalytics = SOURCE, rule: MetricRule = RULE) -> Reading:
    """Read once what a server answers, three minutes of it complete."""
    with serving(answer) as (_, clients):
        return LogQueries(rule, source, clients).read(question())
