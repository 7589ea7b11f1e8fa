"""What the sources say, in the few words that a block of `status` has room for. Pure: states in, words out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestrator.cli.findings_drain import talking
from orchestrator.cli.style import Style, flat, span
from orchestrator.counted import E_LIMIT, PROOF_LIMIT, observed
from orchestrator.outlook import asks_at
from providers.probes.settings import AGENT
from strategies.counting import LEAVING, evidence_of
from strategies.drain import quiet_seconds
from strategies.evidence import e_value
from strategies.figures import amount
from strategies.gates import MetricKind, MetricRule
from strategies.model import Rollout, TargetState
from strategies.phases import TERMINAL
from strategies.plan import Quiet, Target
from strategies.proof import deciding, e_of, e_of_rollout
from strategies.seen import CheckSeen, CheckState
from strategies.telling import proof_of

_SUSPICIOUS = 10.0
_PAINT = {CheckState.PASSED: "good", CheckState.FAILED: "bad", CheckState.UNKNOWN: "warn", CheckState.RUNNING: "busy"}
_WORDS = {CheckState.UNKNOWN: "without result"}
LEAVE_OUT = f"leave health checks out of its query, by path or User-Agent ({AGENT})"


def evidence_words(rollout: Rollout, style: Style) -> str:
    """The evidence of the whole rollout against its limit; empty where no source decides, or none has counted yet."""
    judged = [s for s in rollout.targets if deciding(rollout.service.target(s.name)) and _has_counted(rollout, s)]
    if not judged:
        return ""
    shown = [proof_of(state, rollout.service.target(state.name)) or 0.0 for state in judged]
    told = _weighed(e_of_rollout(rollout), min(shown), style)
    return f"{told}; {_failed(rollout, judged[0])}" if len(rollout.targets) == 1 else told


def target_words(rollout: Rollout, state: TargetState, style: Style) -> str:
    """The evidence of one target; empty as above."""
    target = rollout.service.target(state.name)
    if not deciding(target) or not _has_counted(rollout, state):
        return ""
    told = _weighed(e_of(state, target), proof_of(state, target) or 0.0, style)
    return f"{told}; {_failed(rollout, state)}"


def check_words(rollout: Rollout, state: TargetState, style: Style) -> str:
    """The newest of every check and what failed before it, with what became of them; empty where none has begun."""
    return ", ".join(
        _check_words(found, rule, style, step=state.step)
        for rule in rollout.service.target(state.name).metrics
        for found in telling_checks(state, rule)
    )


def reported(rollout: Rollout, style: Style) -> str:
    """The checks of all targets that only report and did not pass: nothing else of how a rollout ended shows it."""
    several = len(rollout.targets) > 1
    return ", ".join(
        (f"{state.name}: " if several else "") + _check_words(found, rule, style)
        for state in rollout.targets
        for rule in rollout.service.target(state.name).metrics
        for found in (telling_checks(state, rule) if rule.dry_run else ())
        if found.state in (CheckState.FAILED, CheckState.UNKNOWN)
    )


def telling_checks(state: TargetState, rule: MetricRule) -> list[CheckSeen]:
    """Of what was made of a check, the newest, and what failed before."""
    made = [each for each in state.checks if each.metric == rule.name]
    return [each for each in made if each is made[-1] or each.state is CheckState.FAILED]


def _check_words(found: CheckSeen, rule: MetricRule, style: Style, *, step: int | None = None) -> str:
    paint = _PAINT[found.state]
    if rule.dry_run and paint == "bad":
        paint = "warn"
    when = "" if found.step == step else f" at step {found.step}"
    dry = " (dryRun, reports only)" if rule.dry_run else ""
    return f"{rule.name} {getattr(style, paint)(_WORDS.get(found.state, found.state.value))}{when}{dry}"


def quiet_words(rollout: Rollout, state: TargetState) -> str:
    """How quiet the leaving side is, by each source that counted it before; empty where none did, or none leaves."""
    rule = rollout.service.target(state.name).drain
    if LEAVING.get(state.phase) is None or rule.quiet is Quiet.NONE or state.expires_at is None:
        return ""
    wanted, said = quiet_seconds(rule, state.ttl_shift or 0), []
    for seen in state.metrics:
        if not seen.rate_before:
            continue
        quiet = 0.0
        if seen.quiet_since is not None and seen.quiet_until is not None:
            quiet = (seen.quiet_until - seen.quiet_since).total_seconds()
        said.append(f"{seen.metric} quiet for {span(quiet)} of {span(wanted)}" if quiet else f"{seen.metric} not quiet")
    return "; ".join([*said, *([f"still talks: {talking(state)}"] if state.talkers else [])])


def asked_in(rollout: Rollout, now: datetime) -> float | None:
    """Seconds until a person is asked about an undecided step; None where nothing is undecided, or one is asked."""
    soonest = min((at for state in rollout.targets if (at := asks_at(rollout, state)) is not None), default=None)
    return None if soonest is None else (soonest - now).total_seconds()


def troubles(rollout: Rollout, state: TargetState) -> Iterator[str]:
    """Which sources do not answer, in their own words, and a split that is far from what was asked for."""
    target = rollout.service.target(state.name)
    for rule in target.metrics if state.phase not in TERMINAL else ():
        seen = evidence_of(state, rule.name)
        if seen.problem is not None or seen.mistaken:
            dry = " (dryRun)" if rule.dry_run else ""
            yield f"source {rule.name}{dry}: {flat(seen.problem or 'the question is wrong')}"
        if seen.echo is not None and seen.echo.heard:
            yield f"source {rule.name} counts our own probes: {LEAVE_OUT}"
    split = observed(state, target)
    if split is not None and split.excessive:
        share = target.plan.steps[state.step].share
        yield f"{split.share:.3g} % of its requests go to the candidate, far more than the {share:g} % asked for"


def _has_counted(rollout: Rollout, state: TargetState) -> bool:
    rules = deciding(rollout.service.target(state.name))
    return any(evidence_of(state, rule.name).since is not None for rule in rules)


def _weighed(e: float, shown: float, style: Style) -> str:
    against, proven = f"{amount(e)} of {E_LIMIT:,}", f"proof {amount(shown)} of {PROOF_LIMIT}"
    if e >= _SUSPICIOUS:
        against = style.bad(against) if e >= E_LIMIT else style.warn(against)
    return f"{against}, {style.good(proven) if shown >= PROOF_LIMIT else proven}"


def _failed(rollout: Rollout, state: TargetState) -> str:
    """The counts of the source that says the most against the candidate."""
    target: Target = rollout.service.target(state.name)
    steps = len(target.plan.steps)
    worst = max(deciding(target), key=lambda rule: e_value(evidence_of(state, rule.name), steps))
    seen, word = evidence_of(state, worst.name), "slow" if worst.kind is MetricKind.LATENCY else "failed"
    return (
        f"{word} {seen.candidate_failures:,} of {seen.candidate_requests:,} requests,"
        f" stable {seen.stable_failures:,} of {seen.stable_requests:,}"
    )
