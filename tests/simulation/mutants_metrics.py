"""Faults planted in what counts and decides upon counts: one real function each, turned into a wrong one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from orchestrator import look
from orchestrator.store import rules
from strategies import counting, drain, leaving, observe, pairing, proof, steps
from strategies.evidence import Evidence
from strategies.lately import broken
from strategies.model import Reason
from strategies.seen import CheckState, Tally
from tests.simulation.mutants_cluster import Mutant, Real, always


def _fills_in(real: Real) -> Any:
    """Where one side is missing, whatever it had in the interval before is taken."""

    def pair(stable: Any, candidate: Any, *rest: Any, **more: Any) -> Any:
        return real(_filled(stable, candidate), _filled(candidate, stable), *rest, **more)

    return pair


def _filled(side: tuple[Tally, ...], other: tuple[Tally, ...]) -> tuple[Tally, ...]:
    known = {tally.since: tally for tally in side}
    last = side[0] if side else None
    found = []
    for tally in other:
        last = known.get(tally.since, last)
        if last is not None:
            found.append(replace(last, since=tally.since, until=tally.until))
    return tuple(found)


def _zero_if_missing(real: Real) -> Any:
    def pair(stable: Any, candidate: Any, *rest: Any, **more: Any) -> Any:
        there = {tally.since for tally in candidate}
        added = [Tally(tally.since, tally.until, 0) for tally in stable if tally.since not in there]
        present = {tally.since for tally in stable}
        more_stable = [Tally(tally.since, tally.until, 0) for tally in candidate if tally.since not in present]
        return real((*stable, *more_stable), (*candidate, *added), *rest, **more)

    return pair


def _watermark_in_memory(real: Real) -> Any:
    """Whoever takes over counts the last half minute again."""

    def to_ask(state: Any, target: Any, now: Any) -> Any:
        back = timedelta(seconds=30)
        return tuple(replace(asking, since=asking.since - back) for asking in real(state, target, now))

    return to_ask


def _pairs_all(real: Real) -> Any:
    return lambda stable, candidate, _after, settled, **more: real(stable, candidate, None, settled, **more)


def _without_guard(real: Real) -> Any:
    def update(seen: Evidence, batch: Any, *rest: Any, **more: Any) -> Any:
        return real(replace(seen, until=None), batch, *rest, **more)

    return update


def _backwards(real: Real) -> Any:
    """The watermark follows the newest answer, whichever way."""

    def counted(state: Any, target: Any, rule: Any, reading: Any, known: Any) -> Any:
        after = real(state, target, rule, reading, known)
        return after if reading.stable else replace(after, until=known.until and known.until - timedelta(seconds=10))

    return counted


def _ungated(real: Real) -> Any:
    def untried(state: Any, target: Any, rule: Any) -> Any:
        found = real(state, target, rule)
        return None if found is not None and found.code == "notProven" else found

    return untried


def _all_decide(_real: Real) -> Any:
    return lambda target: tuple(rule for rule in target.metrics if rule.counts)


def _reports_hold(real: Real) -> Any:
    def doubts(state: Any, target: Any, now: Any) -> Any:
        return real(state, replace(target, metrics=tuple(replace(r, dry_run=False) for r in target.metrics)), now)

    return doubts


def _gone_is_bad(real: Real) -> Any:
    def condemned(rollout: Any, state: Any, now: Any) -> Any:
        for seen in state.metrics if state.exposed else ():
            if seen.problem:
                return Reason("metricFailed", seen.problem, (("metric", seen.metric),))
        return real(rollout, state, now)

    return condemned


def _by_clock(real: Real) -> Any:
    """Nobody was heard for a while, so everybody must have gone."""

    def judged(state: Any, rule: Any, now: Any, **more: Any) -> Any:
        metrics = tuple(replace(seen, quiet_until=now) if seen.quiet_since else seen for seen in state.metrics)
        return real(replace(state, metrics=metrics), rule, now, **more)

    return judged


def _silence_is_quiet(real: Real) -> Any:
    def turned_quiet(seen: Any, tallies: Any) -> Any:
        if tallies or not seen.rate_before or seen.quiet_until is None or seen.asked_at is None:
            return real(seen, tallies)
        return replace(seen, quiet_since=seen.quiet_since or seen.quiet_until, quiet_until=seen.asked_at)

    return turned_quiet


def _begun_anew_is_quiet(real: Real) -> Any:
    def turned_quiet(seen: Any, tallies: Any) -> Any:
        return real(seen, tuple(replace(t, requests=0, reset=False) if t.reset else t for t in tallies))

    return turned_quiet


def _counts_resets(real: Real) -> Any:
    return lambda known, stable, candidate: real(known, replace(stable, reset=False), replace(candidate, reset=False))


def _no_control(real: Real) -> Any:
    """The candidate against what the stable side usually does."""

    def update(seen: Any, batch: Any, *rest: Any, **more: Any) -> Any:
        return real(seen, replace(batch, stable_failures=0), *rest, **more)

    return update


def _broken_alone(_real: Real) -> Any:
    """Most of its requests fail: what more is there to know?"""

    def found(state: Any, target: Any, _now: Any) -> Any:
        for rule in proof.deciding(target):
            seen = counting.evidence_of(state, rule.name)
            if broken(seen.recent, (seen.stable_requests, seen.stable_failures)) is not None:
                return Reason("broken", "most of its requests fail", (("metric", rule.name),))
        return None

    return found


def _never_asks(_real: Real) -> Any:
    return lambda state, _target, why, _now: replace(state, note=why.message)


def _unsure_is_failed(real: Real) -> Any:
    def failed(state: Any, target: Any) -> Any:
        checks = tuple(
            replace(check, state=CheckState.FAILED) if check.state is CheckState.UNKNOWN else check
            for check in state.checks
        )
        return real(replace(state, checks=checks), target)

    return failed


def _rounds(real: Real) -> Any:
    """A store that keeps three digits."""

    def following(rollout: Any, expected: int) -> Any:
        def rounded(seen: Evidence) -> Evidence:
            return replace(seen, against=tuple(round(capital, 3) for capital in seen.against))

        found = real(rollout, expected)
        return replace(found, targets=tuple(replace(t, metrics=tuple(map(rounded, t.metrics))) for t in found.targets))

    return following


def _forgets_what_it_counted(real: Real) -> Any:
    """Evidence that lives in the process: whoever loads a rollout begins anew."""

    def fold(state: Any, target: Any, seen: Any, now: Any) -> Any:
        after = real(state, target, seen, now)
        return replace(after, metrics=tuple(replace(each, until=None, stable_at=None) for each in after.metrics))

    return fold


_MUTANTS = (
    Mutant("pair what only one side has", ((counting, "pair", _fills_in),)),
    Mutant("take a missing side for no requests", ((counting, "pair", _zero_if_missing),)),
    Mutant(
        "count an interval again",
        (
            (look, "to_ask", _watermark_in_memory),
            (counting, "pair", _pairs_all),
            (counting, "update", _without_guard),
        ),
    ),
    Mutant("let the watermark go back", ((counting, "_counted", _backwards),)),
    Mutant("keep three digits of the evidence", ((rules, "following", _rounds),)),
    Mutant("keep evidence in the process", ((observe, "fold", _forgets_what_it_counted),)),
    Mutant("promote without the gate", ((proof, "_untried", _ungated),)),
    Mutant("let what only reports take back", ((proof, "deciding", _all_decide),)),
    Mutant("let what only reports hold", ((proof, "_unproven", _reports_hold),)),
    Mutant("take a failed source for a failed release", ((proof, "condemned", _gone_is_bad),)),
    Mutant("measure quiet by the clock", ((leaving, "drain", _by_clock),)),
    Mutant("take silence for quiet", ((counting, "turned_quiet", _silence_is_quiet),)),
    Mutant("take a restart for quiet", ((counting, "turned_quiet", _begun_anew_is_quiet),)),
    Mutant("count what began anew", ((pairing, "_joined", _counts_resets),)),
    Mutant("do not wait for quiet", ((drain, "_quiet_matters", always(False)),)),
    Mutant("test without a control", ((counting, "update", _no_control),)),
    Mutant("take back without a witness", ((proof, "_broken", _broken_alone),)),
    Mutant("ignore what is counted", ((proof, "_worse", always(None)), (proof, "_broken", always(None)))),
    Mutant("wait for proof for ever", ((steps, "undecided", _never_asks),)),
    Mutant(
        "give up the old side while clients fail",
        ((steps, "fails_alone", always(None)), (proof, "fails_alone", always(None))),
    ),
    Mutant("pass a check that is not over", ((proof, "_unfinished", always(None)),)),
    Mutant("take an unsure check for a failed one", ((proof, "_check_failed", _unsure_is_failed),)),
    Mutant("go on without telemetry", ((proof, "_unknown", always(None)),)),
)
METRIC_MUTANTS = tuple(replace(mutant, counted=True) for mutant in _MUTANTS)
