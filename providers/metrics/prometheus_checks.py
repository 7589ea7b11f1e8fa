"""What of a Prometheus source can never be counted, asked before a rollout begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from providers.errors import Denied, Missing, ProviderError
from providers.metrics.counters import Step, paired
from providers.metrics.grid import Grid, complete
from providers.metrics.http import UNRESOLVED, Caller
from providers.metrics.prometheus_answers import Points, clients, missing, points, steps
from providers.metrics.prometheus_requests import (
    Query,
    counts_intervals,
    doubtful,
    instant_request,
    never_counts,
    queries,
    range_request,
)
from providers.metrics.settings import Prometheus
from providers.metrics.sources import impossible, is_final
from providers.metrics.words import WORDS, fill, words_of
from providers.ports import Arm, Finding, Question
from strategies.gates import MetricRule
from strategies.model import Side

_CHECKED_STEPS = 60
_FALLS = 3
"""So many falls are no restarts: what goes up and down counts nothing."""
_WAITS = "nothing is decided by this metric until it answers"
_INTRODUCES = "if it is this release that brings the metric, give it `dryRun: true` for now"


@dataclass(frozen=True, slots=True)
class Checked:
    """What is checked: one source, and the side that its queries are asked for."""

    rule: MetricRule
    source: Prometheus
    caller: Caller
    question: Question
    arm: Arm
    grid: Grid

    @property
    def runs(self) -> bool:
        """Whether the side serves, so that its requests should be counted."""
        return self.question.serving is not None

    def bad(self, message: str, remedy: str = "", *, key: str = "", fatal: bool = True) -> Finding:
        """A finding about the source, or about one of its keys; a metric that only reports keeps nothing back."""
        name = self.rule.name
        place = f"gates.metrics[{name}].prometheus.{key}" if key else ""
        return Finding(False, f"metric {name}", message, remedy, fatal and not self.rule.dry_run, place)

    def good(self, message: str) -> Finding:
        """Something that is as it should be."""
        return Finding(True, f"metric {self.rule.name}", message)


def checks(rule: MetricRule, source: Prometheus, caller: Caller, question: Question) -> tuple[Finding, ...]:
    """Ask each query of a source once, for the stable side or else for the candidate, and say what came of it.

    What can never be answered names its key and is fatal; so is a query that knows nothing of what serves. A refused
    identity and a secret that is not there are fatal. That the server does not answer is a warning: it holds a rollout,
    no more.
    """
    step = timedelta(seconds=max(question.step_seconds, 1.0))
    since = question.now - timedelta(seconds=rule.lag_seconds) - _CHECKED_STEPS * step
    grid = complete(since, question.now, step_seconds=question.step_seconds, lag_seconds=rule.lag_seconds)
    arm = question.serving or question.candidate
    with caller.look():
        return tuple(_findings(Checked(rule, source, caller, question, arm, grid)))


def _findings(checked: Checked) -> Iterator[Finding]:
    counted: dict[str, tuple[Step | None, ...]] = {}
    asked = queries(checked.source, checked.rule)
    for query in asked:
        wrong = never_counts(query)
        if wrong is not None:
            yield checked.bad(f"{query.quoted} {wrong}", key=query.name)
            continue
        doubt = doubtful(query)
        if doubt is not None:
            yield checked.bad(f"{query.quoted} {doubt}", fatal=False)
        try:
            yield _asked(checked, query, counted)
        except ProviderError as error:
            yield _refused(checked, query, error)
            if not is_final(error) or isinstance(error, Missing):
                return
    if asked.failed is not None and {asked.requests.name, asked.failed.name} <= counted.keys():
        both = paired(checked.grid, counted[asked.requests.name], counted[asked.failed.name])
        odd = impossible(checked.rule, both.tallies, f"prometheus.{asked.failed.name}")
        yield from (odd,) if odd is not None else ()


def _refused(checked: Checked, query: Query, error: ProviderError) -> Finding:
    if isinstance(error, Missing):
        return checked.bad(error.message, "name the server in `url`, without /api/v1", key="url")
    if is_final(error):
        return checked.bad(error.message, key=query.name)
    if isinstance(error, Denied):
        azure = "give this identity the role Monitoring Data Reader on the Azure Monitor workspace"
        return checked.bad(error.message, azure if checked.source.access.scope else "put `headers` right")
    return checked.bad(error.message, _WAITS, fatal=error.code in UNRESOLVED)


def _asked(checked: Checked, query: Query, counted: dict[str, tuple[Step | None, ...]]) -> Finding:
    """Ask one query, and keep in `counted` what it counted of what serves."""
    question, grid, access = checked.question, checked.grid, checked.source.access
    known = words_of(question, checked.arm, checked.source.stable, grid.seconds)
    if not checked.runs:
        # Nothing runs yet that a word could name, but whether the server understands the query shows all the same.
        known = {**dict.fromkeys(WORDS, "none"), **known}
    text = fill(query.text, known)
    if query.rate:
        answer = checked.caller.ask(instant_request(text, question.now, access.timeout_seconds), query.quoted)
        return checked.good(f"{query.quoted} finds {len(clients(answer, query.quoted))} clients")
    answer = checked.caller.ask(range_request(text, grid, 0, access.timeout_seconds), query.quoted)
    read = points(answer, query.quoted, grid, 0)
    found = _judged(checked, query, read)
    if found.ok and checked.runs:
        counted[query.name] = steps(query, read, returns=False)
    return found


def _judged(checked: Checked, query: Query, read: Points) -> Finding:
    side = f"the {checked.arm.side.value} side"
    if not checked.runs:
        return checked.good(f"{query.quoted} is understood; {side} does not run yet")
    gap = missing(query.quoted, read, checked.grid.count)
    if gap is not None and not read.series and checked.arm.side is Side.STABLE:
        # What serves is counted, or nobody counts: a mistyped label must not first be found out in mid-rollout.
        named = "" if checked.arm.revision else f"`stable: {checked.source.stable}` must be what its label holds; "
        short = f"[$interval], here {checked.grid.seconds} s, must hold two scrapes at least; "
        ranged = short if counts_intervals(query.text) else ""
        return checked.bad(f"{gap} (asked for {side})", f"{named}{ranged}{_INTRODUCES}", key=query.name)
    if gap is not None:
        return checked.bad(f"{gap} (asked for {side})", _WAITS, fatal=False)
    counted = [step for step in steps(query, read, returns=False) if step is not None]
    if sum(step.reset for step in counted) >= _FALLS:
        remedy = "give a counter that only grows, or increase(…[$interval])"
        return checked.bad(f"{query.quoted} goes up and down for {side}, so it is no counter", remedy, fatal=False)
    number = sum(step.count for step in counted)
    return checked.good(f"{query.quoted} counts {number} for {side} in {checked.grid.count * checked.grid.seconds} s")
