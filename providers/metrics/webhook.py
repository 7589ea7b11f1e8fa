"""An address that is told the question as JSON and answers with both sides' counts, as `providers.ports.Metrics`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from providers.errors import Denied, ProviderError
from providers.metrics.grid import Found, Grid, complete, reading, stamp
from providers.metrics.http import UNRESOLVED, Caller, Request
from providers.metrics.http_answers import json_of, refusal
from providers.metrics.settings import Webhook
from providers.metrics.sources import impossible, is_final
from providers.metrics.webhook_answers import Counted, counted
from providers.ports import Arm, Finding, Question
from strategies.gates import MetricKind, MetricRule
from strategies.model import Side
from strategies.seen import Reading

_DOING = "asking the webhook"
_CHECKED_STEPS = 60
_BESIDE = {MetricKind.FAILURES: "failures", MetricKind.LATENCY: "slow"}
_WAITS = "nothing is decided by this metric until it does"


class WebhookMetrics:
    """One source of a manifest, counted as `rule` says; `caller` asks its address."""

    def __init__(self, rule: MetricRule, source: Webhook, caller: Caller) -> None:
        self._rule, self._source, self._caller = rule, source, caller

    def read(self, question: Question) -> Reading:
        """Return the intervals that were answered and begin at `question.since` or later; never raises.

        Nothing is asked while no interval is complete and no side leaves.
        """
        rule = self._rule
        grid = _grid(question, rule)
        if not grid.count and question.leaving is None:
            return Reading(rule.name, question.now)
        try:
            read = self._ask(question, grid)
        except ProviderError as error:
            return Reading(rule.name, question.now, problem=error.message, mistaken=is_final(error))
        stable, candidate = Found(read.stable), Found(read.candidate)
        return reading(rule.name, question.now, stable, candidate, talkers=read.clients, beside=read.problem)

    def preflight(self, question: Question) -> tuple[Finding, ...]:
        """Put the question once for the last minutes, and say what of the answer can never be used; reads only."""
        rule, subject = self._rule, f"metric {self._rule.name}"
        earlier = timedelta(seconds=rule.lag_seconds + _CHECKED_STEPS * max(question.step_seconds, 1.0))
        wider = replace(question, since=min(question.since, question.now - earlier))
        try:
            read = self._ask(wider, _grid(wider, rule))
        except ProviderError as error:
            return (self._refused(error),)
        problem = f"the webhook's answer cannot be used: {read.problem}" if read.problem is not None else None
        if problem is None and question.serving and not read.stable:
            problem = "the webhook counts nothing of the stable side"
        if problem is not None:
            return (Finding(False, subject, problem, _WAITS, fatal=False),)
        if (wrong := impossible(rule, read.stable, "webhook")) is not None:
            return (wrong,)
        requests = sum(tally.requests for tally in read.stable)
        said = f"the webhook counts {requests} requests to the stable side in {len(read.stable)} intervals"
        return (Finding(True, subject, said),)

    def close(self) -> None:
        """Close the connections to the address."""
        self._caller.close()

    def _refused(self, error: ProviderError) -> Finding:
        rule, subject = self._rule, f"metric {self._rule.name}"
        if is_final(error):
            remedy, key = "it must take a POST of the question as JSON", f"gates.metrics[{rule.name}].webhook.url"
            return Finding(False, subject, error.message, remedy, not rule.dry_run, key)
        fatal = isinstance(error, Denied) or error.code in UNRESOLVED
        remedy = "put `headers` or `auth` right" if fatal else _WAITS
        return Finding(False, subject, error.message, remedy, fatal and not rule.dry_run)

    def _ask(self, question: Question, grid: Grid) -> Counted:
        body = json.dumps(told(question, grid, self._source.stable, _BESIDE.get(self._rule.kind))).encode()
        answer = self._caller.ask(Request("POST", body=body, content_type="application/json"), _DOING)
        if not 200 <= answer.status < 300:
            raise refusal(answer, _DOING)
        beside = _BESIDE.get(self._rule.kind)
        return counted(json_of(answer, _DOING), question.since, question.now, beside, answer.hidden)


def told(question: Question, grid: Grid, stable: str | None, beside: str | None) -> dict[str, Any]:
    """The question as JSON: for whom, from when to when in intervals of how many seconds, and what each side is.

    `stable` is what a stable side that we did not make is called, `beside` what is counted beside requests. `leaving`
    is the side whose clients are asked for.
    """
    return {
        "service": question.service,
        "target": question.target,
        "since": stamp(grid.first),
        "until": stamp(grid.until),
        "step": grid.seconds,
        "counts": beside,
        "stable": _arm(question.stable, stable),
        "candidate": _arm(question.candidate),
        "leaving": question.leaving.value if question.leaving is not None else None,
    }


def _arm(arm: Arm, named: str | None = None) -> Mapping[str, Any]:
    revision = arm.revision or (named if arm.side is Side.STABLE else None)
    return {
        "revision": revision or None,
        "digest": arm.digest or None,
        "groups": list(arm.groups),
        "endpoints": list(arm.endpoints),
    }


def _grid(question: Question, rule: MetricRule) -> Grid:
    return complete(question.since, question.now, step_seconds=question.step_seconds, lag_seconds=rule.lag_seconds)
