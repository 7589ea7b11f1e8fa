"""What each source and each check says of a target, with numbers, limits and since when: a part of `rollout why`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from orchestrator.cli.evidence_lines import LEAVE_OUT, telling_checks
from orchestrator.cli.finding import Finding
from orchestrator.cli.style import flat, percent, span
from orchestrator.counted import E_LIMIT, PROOF_LIMIT, TOO_MANY_TIMES, observed
from orchestrator.outlook import asks_at
from strategies.alone import asks_after, urgent
from strategies.counting import evidence_of, late_seconds
from strategies.evidence import Evidence, e_value, proof
from strategies.figures import amount
from strategies.gates import MetricKind, MetricRule, When
from strategies.lateness import is_late, is_lost, known_at, lost_seconds, needed
from strategies.model import Outcome, Rollout, Side, TargetState
from strategies.phases import TERMINAL, Phase
from strategies.plan import Target
from strategies.proof import LEAST_REQUESTS, deciding, e_of, e_of_rollout
from strategies.seen import CheckSeen, CheckState
from strategies.telling import doubted, open_doubt

_JUDGED = (Phase.HOLDING, Phase.SHIFTING, Phase.DRAINING, Phase.DRAINED)
_RUNS = {
    When.BEFORE: "before any traffic",
    When.DURING: "while both sides serve",
    When.AFTER: "while the old side is still there",
}


def of_rollout(rollout: Rollout) -> Iterator[Finding]:
    """The evidence against the candidate over all targets, where there are several."""
    named = [s.name for s in rollout.targets if s.stable and deciding(rollout.service.target(s.name))]
    if len(named) > 1:
        e = e_of_rollout(rollout)
        says = f"{amount(e)} in the mean over {len(named)} targets, taken back at {E_LIMIT:,}"
        yield Finding("evidence", says, value=e, limit=E_LIMIT, breached=e >= E_LIMIT)


def of_target(rollout: Rollout, state: TargetState) -> Iterator[Finding]:
    """Every source and check of one target, what is undecided, and how clients were really split.

    Ages are those at the last look: where no engine runs nobody asks a source, which is not its fault.
    """
    target = rollout.service.target(state.name)
    yield from _undecided(rollout, state, target)
    yield from _share(state, target)
    several = len(deciding(target)) > 1
    if several and any(evidence_of(state, rule.name).since for rule in deciding(target)):
        e = e_of(state, target)
        names = ", ".join(rule.name for rule in deciding(target))
        says = f"{amount(e)} in the weighted mean of {names}, taken back at {E_LIMIT:,}"
        breached = e >= E_LIMIT and len(rollout.targets) == 1
        yield Finding("evidence", says, state.name, value=e, limit=E_LIMIT, breached=breached)
    for rule in target.metrics:
        if rule.kind is MetricKind.CHECK:
            yield from _check(rollout, state, target, rule)
        else:
            alone = not several and len(rollout.targets) == 1 and not rule.dry_run
            yield from _metric(state, target, rule, alone=alone)
            yield from _probed(state, rule)
            if rollout.outcome is Outcome.RUNNING:
                yield from _source(state, target, rule, rollout.ticked_at)


def _undecided(rollout: Rollout, state: TargetState, target: Target) -> Iterator[Finding]:
    doubt = open_doubt(rollout, state)
    if doubt is None and asks_at(rollout, state) is None:
        return
    over = state.since + timedelta(seconds=target.plan.steps[state.step].hold_seconds)
    held, limit = (rollout.ticked_at - state.since).total_seconds(), asks_after(target, state.step, doubt)
    if urgent(doubt):
        says = "clients are failing, and nothing beside the candidate tells why: a person decides"
    elif held < limit:
        what = f"{doubted(doubt)} proves nothing either way" if doubt else "the candidate or its routing is in doubt"
        says = f"{what}; a person is asked in {span(limit - held)}"
    else:
        what = f"{doubted(doubt)} proved nothing either way" if doubt else "nothing was decided"
        says = f"{what} within {span(limit)}: a person decides"
    yield Finding("undecided", says, state.name, over, round(held, 3), limit, waits=True)


def _share(state: TargetState, target: Target) -> Iterator[Finding]:
    seen = observed(state, target)
    if seen is None:
        return
    step = target.plan.steps[state.step]
    says = f"{percent(seen.share)} of {seen.requests:,} requests in this step ({seen.metric}), "
    if seen.excessive:
        why = "a few resolvers carry many clients" if target.by_resolver else "something else routes clients to it"
        says += f"over {TOO_MANY_TIMES:g} times the {percent(step.share)} asked for: {why}"
    else:
        says += f"{percent(step.share)} asked for"
    yield Finding("share", says, state.name, value=seen.share, limit=step.share, waits=seen.excessive)


def _metric(state: TargetState, target: Target, rule: MetricRule, *, alone: bool) -> Iterator[Finding]:
    """What one source's counts have said; `alone` when nothing else is weighed against the limit."""
    seen, name = evidence_of(state, rule.name), state.name
    if seen.since is None:
        return
    if rule.counts:
        e, shown = e_value(seen, len(target.plan.steps)), proof(seen)
        against = "reports only (dryRun)" if rule.dry_run else f"taken back at {E_LIMIT:,}"
        says = f"{amount(e)} against the candidate, {against}"
        breached = alone and e >= E_LIMIT
        yield Finding(f"{rule.name}.evidence", says, name, seen.since, e, E_LIMIT, not breached and e >= 10, breached)
        if When.DURING in rule.when:
            says = f"{amount(shown)} for the candidate, which gets everything at {PROOF_LIMIT}"
            doubt = state.doubt
            waits = doubt is not None and doubt.code == "notProven" and doubted(doubt) == rule.name
            yield Finding(f"{rule.name}.proof", says, name, None, shown, PROOF_LIMIT, waits)
    yield Finding(f"{rule.name}.requests", _totals(seen, rule), name)
    if state.phase in _JUDGED:
        yield _step(state, target, rule, seen)


def _probed(state: TargetState, rule: MetricRule) -> Iterator[Finding]:
    """That the source counts our own probes, which prove nothing and never stop."""
    echo = evidence_of(state, rule.name).echo
    if echo is None or not echo.heard:
        return
    side, when = ("stable side", "after it had left") if echo.leaving else ("candidate", "before any traffic")
    says = f"it counts our own probes: {echo.requests:,} requests of the {side} in {span(echo.seconds)} {when}, and "
    says += f"{echo.expected:,.0f} were our probes; {LEAVE_OUT}{_dry(rule)}"
    yield Finding(f"{rule.name}.probes", says, state.name, None, echo.requests, round(echo.expected), waits=True)


def _totals(seen: Evidence, rule: MetricRule) -> str:
    if not rule.counts:
        return (
            f"{seen.candidate_requests:,} requests to the candidate, {seen.stable_requests:,} to the stable side in all"
        )
    word = "was slow for" if rule.kind is MetricKind.LATENCY else "failed"
    return (
        f"candidate {word} {seen.candidate_failures:,} of {seen.candidate_requests:,} requests in all,"
        f" stable {seen.stable_failures:,} of {seen.stable_requests:,}"
    )


def _step(state: TargetState, target: Target, rule: MetricRule, seen: Evidence) -> Finding:
    says = f"{seen.step_candidate:,} requests to the candidate, {seen.step_stable:,} to the stable side in this step"
    stretch = target.plan.steps[state.step].stretch
    tried = rule in deciding(target) and stretch is When.DURING and stretch in rule.when
    few = tried and seen.step_candidate < LEAST_REQUESTS
    if few:
        says += f"; {LEAST_REQUESTS} to the candidate are wanted"
    limit = LEAST_REQUESTS if tried else None
    return Finding(f"{rule.name}.step", says, state.name, None, seen.step_candidate, limit, few)


def _source(state: TargetState, target: Target, rule: MetricRule, now: datetime) -> Iterator[Finding]:
    """Whether the source answers, and how old the newest that it knows of each side is."""
    seen = evidence_of(state, rule.name)
    if state.phase in TERMINAL or seen.asked_at is None:
        return
    if seen.problem is not None or seen.mistaken:
        says = flat(seen.problem or "the question is wrong")
        if seen.mistaken:
            says += " (asking again cannot help: mend gates.metrics)"
        yield Finding(f"{rule.name}.source", says + _dry(rule), state.name, waits=True)
    if state.phase in _JUDGED and state.stable:
        yield _age(state, target, rule, now)


def _age(state: TargetState, target: Target, rule: MetricRule, now: datetime) -> Finding:
    stretch, limit = target.plan.steps[state.step].stretch, late_seconds(rule, target)
    wanted, ages = needed(stretch), {side: _aged(state, rule, side, now) for side in (Side.CANDIDATE, Side.STABLE)}
    told = [f"{side.value} {_known(age)}" for side, age in ages.items() if side in wanted or age is not None]
    late = [side for side in wanted if is_late(state, target, rule, side, now)]
    lost = any(is_lost(state, target, rule, side, now) for side in late)
    limits = f"lost after {span(lost_seconds(target, rule))}" if lost else f"late after {span(limit)}"
    says = f"{', '.join(told)}; {limits}"
    oldest = max((age for side in wanted if (age := ages[side]) is not None), default=None)
    waits = bool(late) and stretch in rule.when
    return Finding(f"{rule.name}.age", says + (_dry(rule) if waits else ""), state.name, None, oldest, limit, waits)


def _aged(state: TargetState, rule: MetricRule, side: Side, now: datetime) -> float | None:
    at = known_at(state, rule, side)
    return None if at is None else max((now - at).total_seconds(), 0.0)


def _known(age: float | None) -> str:
    return "not known yet" if age is None else f"known {span(age)} ago"


def _check(rollout: Rollout, state: TargetState, target: Target, rule: MetricRule) -> Iterator[Finding]:
    live = rollout.outcome is Outcome.RUNNING and state.phase not in TERMINAL
    shown = telling_checks(state, rule)
    if not shown and live:
        due = target.plan.steps[state.step].stretch in rule.when and state.phase is Phase.HOLDING
        says = f"not begun; runs {' and '.join(_RUNS[when] for when in rule.when)}{_dry(rule)}"
        yield Finding(rule.name, says, state.name, waits=due and not rule.dry_run)
    for found in shown:
        failed, passed = (found.state is each for each in (CheckState.FAILED, CheckState.PASSED))
        holds = live and found.step == state.step and not passed
        worth = rule.dry_run and found.state in (CheckState.FAILED, CheckState.UNKNOWN)
        waits = worth if rule.dry_run or failed else holds
        says = _checked(found, live=live) + _dry(rule)
        breached = failed and not rule.dry_run
        yield Finding(rule.name, says, state.name, found.at, waits=waits, breached=breached)


def _dry(rule: MetricRule) -> str:
    return "; reports only (dryRun)" if rule.dry_run else ""


def _checked(found: CheckSeen, *, live: bool) -> str:
    tries = f" after {found.attempt + 1} tries" if found.attempt else ""
    words = {
        CheckState.RUNNING: f"{'runs' if live else 'had not ended'} at step {found.step}",
        CheckState.PASSED: f"passed at step {found.step}",
        CheckState.FAILED: f"failed at step {found.step}",
        CheckState.UNKNOWN: f"no result at step {found.step}{tries}",
    }
    return words[found.state] + (f": {found.told}" if found.told else "")
