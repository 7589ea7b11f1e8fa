"""Queries in KQL over a workspace or a resource as `providers.ports.Metrics`: one POST per side, asked at a data plane.

The API has a host of its own in each cloud (`Endpoint.logs`), and its tokens another audience than Resource Manager's.
Source: "Azure Monitor Log Analytics API": request format, timeouts, errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from providers.azure.clients import Clients
from providers.errors import Invalid, ProviderError
from providers.metrics import kql_answers, words
from providers.metrics.grid import Grid, complete, reading, stamp
from providers.metrics.kql_answers import Rows
from providers.metrics.settings import LogAnalytics
from providers.metrics.sources import alike, checked, failed
from providers.ports import Arm, Finding, Question
from strategies.gates import MetricRule
from strategies.model import Side
from strategies.seen import Reading

MOST = 20_000
"""How many intervals one query may span: only a side with a row among them counts as silent where it has none."""
_CHECKED_SECONDS = 3600.0
_TALKED_SECONDS = 60.0
_BEFORE_SECONDS = 7 * 86400.0
"""How far one looks back for requests of a side that leaves and has none: longer than a drain is quiet."""
_ROLE = "give this identity the role Log Analytics Reader (Monitoring Reader on a resource), and check id and query"
_SAME = "filter by $revision, $groups or another word that differs between the sides"
Asked = tuple[str, Mapping[str, str]]
"""A path, and the body that is sent there."""


class LogQueries:
    """One query over logs, counted as `rule` says; `azure` is this process's clients."""

    def __init__(self, rule: MetricRule, source: LogAnalytics, azure: Clients) -> None:
        self._rule, self._source, self._azure = rule, source, azure
        self._before: dict[tuple[str, str], bool] = {}
        """Whether a query, word for word, has found requests: a fact of the past, so that it is looked up once."""

    def read(self, question: Question) -> Reading:
        """Return the complete intervals since `question.since`; sends nothing while there are none. Never raises."""
        grid = self._grid(question)
        if not grid.count:
            return Reading(self._rule.name, question.now)
        try:
            asked = self._requests(question, grid)
            with self._azure.within(self._source.timeout_seconds):
                stable, candidate = self._sides(question, asked, grid)
                talkers = self._talkers(question, grid)
        except ProviderError as error:
            return failed(self._rule.name, question, error)
        found = kql_answers.both(grid, stable, candidate)
        if isinstance(talkers, str):
            return reading(self._rule.name, question.now, *found, beside=f"clients: {talkers}")
        return reading(self._rule.name, question.now, *found, talkers=talkers)

    def preflight(self, question: Question) -> tuple[Finding, ...]:
        """Ask for the stable side's last hour, and say what can never be answered; reads only."""
        earlier = question.now - timedelta(seconds=self._rule.lag_seconds + _CHECKED_SECONDS)
        wider = replace(question, since=min(question.since, earlier))
        grid = self._grid(wider)

        def ask() -> Any:
            stable = self._requests(wider, grid)[0]
            with self._azure.within(self._source.timeout_seconds):
                side = self._rows(stable, grid)
            return kql_answers.both(grid, side, Rows())[0]

        return (checked(self._rule, "logAnalytics", ask, grid, _ROLE),)

    def _grid(self, question: Question) -> Grid:
        step = max(question.step_seconds, self._rule.interval_seconds)
        lag = self._rule.lag_seconds
        return complete(question.since, question.now, step_seconds=step, lag_seconds=lag, most=MOST)

    def _requests(self, question: Question, grid: Grid) -> list[Asked]:
        """What is asked of either side, the stable one first. Raises Invalid where it is the same, or a word is bad."""
        timespan = _timespan(grid)
        sides = (question.stable, question.candidate)
        asked = [self._request(self._source.query, question, arm, grid, timespan) for arm in sides]
        if asked[0] == asked[1]:
            raise alike(_SAME)
        return asked

    def _request(self, query: str, question: Question, arm: Arm, grid: Grid, timespan: str) -> Asked:
        known = words.words_of(question, arm, self._source.stable, grid.seconds)
        return self._path(known), {"query": words.fill(query, known), "timespan": timespan}

    def _path(self, known: Mapping[str, str]) -> str:
        if self._source.workspace is not None:
            return f"/v1/workspaces/{quote(words.fill(self._source.workspace, known), safe='')}/query"
        resource = words.fill(self._source.resource or "", known).strip("/")
        if not resource:
            raise Invalid("logAnalytics: expected a workspace or a resource; got neither")
        return f"/v1/{quote(resource, safe='/')}/query"

    def _rows(self, asked: Asked, grid: Grid) -> Rows:
        try:
            return kql_answers.rows(self._post(asked), grid, self._rule.kind)
        except Invalid as error:
            return Rows(problem=str(error), mistaken=True)

    def _sides(self, question: Question, asked: list[Asked], grid: Grid) -> tuple[Rows, Rows]:
        """Both sides' rows; one that leaves and has none may have fallen silent, if the query knew of it before."""
        stable, candidate = (self._rows(each, grid) for each in asked)
        for (path, body), rows in zip(asked, (stable, candidate), strict=True):
            if rows.counted:
                self._before[path, body["query"]] = True
        if question.leaving is Side.STABLE and stable.silent and candidate.counts:
            stable = self._silent(asked[0], grid)
        if question.leaving is Side.CANDIDATE and candidate.silent and stable.counts:
            candidate = self._silent(asked[1], grid)
        return stable, candidate

    def _silent(self, asked: Asked, grid: Grid) -> Rows:
        """What a side without a row says: none if the same query found requests of it before, else nothing."""
        path, body = asked
        known = self._before.get((path, body["query"]))
        if known is None:
            count = min(MOST, round(_BEFORE_SECONDS / grid.seconds))
            past = Grid(grid.first - count * grid.step, grid.step, count)
            try:
                rows = self._rows((path, {**body, "timespan": _timespan(past)}), past)
            except ProviderError as error:
                return Rows(problem=str(error))
            if rows.problem is not None and not rows.counted:
                return Rows(problem=rows.problem)
            known = self._before[path, body["query"]] = rows.counted
        return Rows(before=known)

    def _talkers(self, question: Question, grid: Grid) -> tuple[tuple[str, float], ...] | str:
        """Who still talks to the leaving side; a text says why that is not known, which keeps nothing from counting."""
        if self._source.clients is None or question.leaving is None:
            return ()
        arm = question.stable if question.leaving is Side.STABLE else question.candidate
        seconds = max(_TALKED_SECONDS, float(grid.seconds))
        timespan = f"{stamp(grid.until - timedelta(seconds=seconds))}/{stamp(grid.until)}"
        try:
            body = self._post(self._request(self._source.clients, question, arm, grid, timespan))
        except ProviderError as error:
            return str(error)
        return kql_answers.talkers(body, seconds)

    def _post(self, asked: Asked) -> Any:
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        path, body = asked
        client, doing = self._azure.logs(), "querying logs"
        # Without it a query that nobody waits for any more would go on for minutes.
        headers = {"Prefer": f"wait={max(1, int(self._source.timeout_seconds))}", "Content-Type": "application/json"}

        def ask(**options: Any) -> Any:
            sent = HttpRequest("POST", client.format_url(path), headers=headers, content=json.dumps(body))
            response = client.send_request(sent, **options)
            if response.status_code == 400:
                code, said = kql_answers.refusal(response.text())
                raise Invalid(f"{doing}: {said or 'the query was refused'}", code=code or "Http400")
            if response.status_code != 200:
                raise HttpResponseError(response=response)
            return response.json()

        return self._azure.read(doing, ask)


def _timespan(grid: Grid) -> str:
    return f"{stamp(grid.first)}/{stamp(grid.until)}"
