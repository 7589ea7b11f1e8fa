"""A server that speaks Prometheus' HTTP API as `providers.ports.Metrics`: one range query per number and side.

Azure Monitor managed Prometheus is one that wants an Entra token. A look is four questions at most, and one more while
a side drains and its clients are asked for; all of them share one limit of time.
Sources: "HTTP API" of Prometheus; "Query Prometheus metrics using the API and PromQL" of Azure Monitor.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from providers.errors import Invalid, NotSent, ProviderError
from providers.metrics.counters import paired
from providers.metrics.grid import Found, Grid, complete, reading
from providers.metrics.http import Caller
from providers.metrics.prometheus_answers import Points, clients, lived, missing, points, steps
from providers.metrics.prometheus_checks import checks
from providers.metrics.prometheus_requests import (
    Queries,
    Query,
    instant_request,
    never_counts,
    points_before,
    queries,
    range_request,
)
from providers.metrics.settings import Prometheus
from providers.metrics.sources import is_final
from providers.metrics.words import fill, words_of
from providers.ports import Arm, Finding, Question
from strategies.gates import MetricRule
from strategies.model import Side
from strategies.seen import Reading

SCOPE = "https://prometheus.monitor.azure.com/.default"
"""What an Entra token for Azure Monitor managed Prometheus is for."""


class PrometheusMetrics:
    """One source of a manifest, counted as `rule` says; `caller` asks its server."""

    def __init__(self, rule: MetricRule, source: Prometheus, caller: Caller) -> None:
        self._rule, self._source, self._caller = rule, source, caller

    def read(self, question: Question) -> Reading:
        """Return each side's complete intervals from `question.since` on, the newest `grid.MOST`; never raises.

        Nothing is asked while there is no complete one, but for the clients of a side that leaves.
        """
        rule = self._rule
        grid = complete(question.since, question.now, step_seconds=question.step_seconds, lag_seconds=rule.lag_seconds)
        look = Look(rule, self._source, self._caller, question, grid, queries(self._source, rule))
        with self._caller.look():
            stable = look.side(question.stable)
            candidate = look.side(question.candidate)
            talkers, problem = look.talkers()
        beside = problem or look.skew
        return reading(rule.name, question.now, stable, candidate, talkers=talkers, beside=beside)

    def preflight(self, question: Question) -> tuple[Finding, ...]:
        """Ask each query once for a side that runs, and say what can never be counted; reads only."""
        return checks(self._rule, self._source, self._caller, question)

    def close(self) -> None:
        """Close the connections to the server."""
        self._caller.close()


@dataclass(slots=True)
class Look:
    """One look at the server. After an error that is about the server and not about a query, nothing more is asked."""

    rule: MetricRule
    source: Prometheus
    caller: Caller
    question: Question
    grid: Grid
    queries: Queries
    skew: str | None = None
    """What is odd about the server's clock."""
    _broken: ProviderError | None = field(default=None, init=False)

    def side(self, arm: Arm) -> Found:
        """Ask for one side's numbers."""
        if not self.grid.count:
            return Found()
        if self._broken is not None:
            return Found(problem=self._broken.message)
        try:
            return self._side(arm)
        except ProviderError as error:
            about_side = isinstance(error, NotSent) and error.code == "NoNames"
            self._broken = None if about_side or is_final(error) else error
            return Found(problem=error.message, mistaken=is_final(error))

    def talkers(self) -> tuple[tuple[tuple[str, float], ...], str | None]:
        """Ask who still reaches the side that leaves, where one does; what went wrong is no fault of the counts."""
        leaving, query = self.question.leaving, self.queries.clients
        if leaving is None or query is None or self._broken is not None:
            return (), None
        arm = self.question.stable if leaving is Side.STABLE else self.question.candidate
        try:
            asked = instant_request(self._text(query, arm), self.question.now, self._seconds)
            return clients(self.caller.ask(asked, query.quoted), query.quoted), None
        except ProviderError as error:
            return (), error.message

    def _side(self, arm: Arm) -> Found:
        all_of, bad = self.queries.requests, self.queries.failed
        requests, grid = self._points(all_of, arm, self.grid)
        problem = missing(all_of.quoted, requests, grid.count)
        if bad is None or not requests.series:
            return _with(problem, paired(grid, steps(all_of, requests)))
        failed, grid = self._points(bad, arm, grid)
        if not failed.series:
            said = f"{bad.quoted} finds no series where {all_of.quoted} does: `… or vector(0)` says that none failed"
            return Found(problem=said)
        problem = problem or missing(bad.quoted, failed, grid.count)
        counted = steps(bad, failed, returns=False)
        return _with(problem, paired(grid, steps(all_of, requests), counted))

    def _points(self, query: Query, arm: Arm, grid: Grid) -> tuple[Points, Grid]:
        """Ask for one query's values; the grid that comes back ends where the server's own clock does."""
        before = points_before(query.text, self.grid)
        answer = self.caller.ask(range_request(self._text(query, arm), self.grid, before, self._seconds), query.quoted)
        read = points(answer, query.quoted, self.grid, before)
        shorter, skew = lived(grid, answer.at, self.question.now, self.rule.lag_seconds)
        self.skew = skew or self.skew
        return read, shorter

    def _text(self, query: Query, arm: Arm) -> str:
        wrong = never_counts(query)
        if wrong is not None:
            raise Invalid(f"{query.quoted} {wrong}", code="Query")
        return fill(query.text, words_of(self.question, arm, self.source.stable, self.grid.seconds))

    @property
    def _seconds(self) -> float:
        return self.source.access.timeout_seconds


def _with(problem: str | None, found: Found) -> Found:
    return Found(found.tallies, found.problem or problem)
