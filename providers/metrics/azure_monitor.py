"""Platform metrics of an Azure resource as `providers.ports.Metrics`: one GET of Resource Manager per metric and side.

Azure Monitor counts by the minute, so a look that comes before the next minute is complete sends nothing. Traffic
Manager's `QpsByEndpoint` is, despite its name, no rate: it counts how often an endpoint was returned (unit Count,
aggregation Total, dimension EndpointName), so all it needs is the filter `EndpointName eq '$endpoints'`. Metrics that
are rates (unit CountPerSecond) are averaged over the minute and multiplied by its seconds.
Source: "Metrics - List" and "Supported metrics for Microsoft.Network/trafficManagerProfiles".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from providers.azure.clients import Clients
from providers.errors import Invalid, ProviderError
from providers.metrics import platform_answers, words
from providers.metrics.grid import Grid, complete, reading
from providers.metrics.platform_answers import Series, SideSeries
from providers.metrics.platform_requests import MINUTE_SECONDS, expanded, subscription, url
from providers.metrics.settings import AzureMonitor, PlatformMetric
from providers.metrics.sources import alike, checked, failed
from providers.ports import Arm, Finding, Question
from strategies.gates import MetricRule
from strategies.seen import Reading

_CHECKED_SECONDS = 3600.0
_ROLE = "give this identity the role Monitoring Reader on the resource, and check the resource id and metric names"
_SAME = "compare a dimension with $revision, $groups, $endpoints or another word that differs between the sides"
_NOTHING = Series()


class AzureMonitorMetrics:
    """The metrics of one resource, counted as `rule` says; `azure` is this process's clients."""

    def __init__(self, rule: MetricRule, source: AzureMonitor, azure: Clients) -> None:
        self._rule, self._source, self._azure = rule, source, azure

    def read(self, question: Question) -> Reading:
        """Return the complete minutes since `question.since`; sends nothing while there are none. Never raises."""
        grid = self._grid(question)
        if not grid.count:
            return Reading(self._rule.name, question.now)
        try:
            asked = self._requests(question, grid)
            with self._azure.within(self._source.timeout_seconds):
                stable, candidate = (self._side(each, grid) for each in asked)
        except ProviderError as error:
            return failed(self._rule.name, question, error)
        return reading(self._rule.name, question.now, *platform_answers.both(self._source, grid, stable, candidate))

    def preflight(self, question: Question) -> tuple[Finding, ...]:
        """Ask for the stable side's last hour, and say what can never be answered; reads only."""
        earlier = question.now - timedelta(seconds=self._rule.lag_seconds + _CHECKED_SECONDS)
        wider = replace(question, since=min(question.since, earlier))
        grid = self._grid(wider)

        def ask() -> Any:
            stable = self._requests(wider, grid)[0]
            with self._azure.within(self._source.timeout_seconds):
                side = self._side(stable, grid)
            return platform_answers.both(self._source, grid, side, SideSeries(_NOTHING))[0]

        return (checked(self._rule, "azureMonitor", ask, grid, _ROLE),)

    def _grid(self, question: Question) -> Grid:
        lag = self._rule.lag_seconds
        return complete(question.since, question.now, step_seconds=MINUTE_SECONDS, lag_seconds=lag)

    def _requests(self, question: Question, grid: Grid) -> list[list[tuple[PlatformMetric, str]]]:
        """What is asked of either side, the stable one first. Raises Invalid where it is the same, or a word is bad."""
        asked = [list(self._of(question, arm, grid)) for arm in (question.stable, question.candidate)]
        if asked[0] == asked[1]:
            raise alike(_SAME)
        return asked

    def _of(self, question: Question, arm: Arm, grid: Grid) -> Iterator[tuple[PlatformMetric, str]]:
        known = words.words_of(question, arm, self._source.stable, grid.seconds)

        def fill(text: str) -> str:
            return words.fill(text, known)

        source = replace(self._source, resource=fill(self._source.resource))
        for metric in (source.requests, source.failed):
            if metric is not None:
                condition = None if metric.filter is None else fill(expanded(metric.filter, arm))
                yield metric, url(source, metric, condition, grid)

    def _side(self, asked: list[tuple[PlatformMetric, str]], grid: Grid) -> SideSeries:
        return SideSeries(*(self._series(metric, where, grid) for metric, where in asked))

    def _series(self, metric: PlatformMetric, where: str, grid: Grid) -> Series:
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        client = self._azure.metrics(subscription(where.partition("/providers/Microsoft.Insights/")[0]))

        def ask(**options: Any) -> Any:
            response = client.send_request(HttpRequest("GET", client.format_url(where)), **options)
            if response.status_code != 200:
                raise HttpResponseError(response=response)
            return response.json()

        try:
            body = self._azure.read(f"reading {metric.name} from Azure Monitor", ask)
        except Invalid as error:
            return Series(problem=str(error), mistaken=True)
        return platform_answers.series(body, metric, grid)
