"""Faults planted in the real code, one at a time: the simulation is only worth what it catches.

Each mutant replaces real functions by wrong ones for as long as `applied` holds; nothing else knows of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest import mock

import orchestrator.engine
from orchestrator.lease import Lease
from orchestrator.store import rules
from providers.azure import profile_requests
from strategies import advance, commands, drain, leaving, missing, observe, steps, traffic, verdict
from strategies.model import CommandKind, Slot, Stage
from strategies.phases import Phase
from tests.simulation.mutants_cluster import CLUSTER_MUTANTS, Mutant, Real, always
from tests.simulation.mutants_metrics import METRIC_MUTANTS
from tests.simulation.run import Report, run
from tests.simulation.scenario import scenario


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """Run with the fault planted."""
    with ExitStack() as stack:
        for owner, attribute, makes in mutant.patches:
            stack.enter_context(mock.patch.object(owner, attribute, makes(getattr(owner, attribute))))
        yield


def _half_ttl(real: Real) -> Any:
    return lambda at, ttl, lowered, before: real(at, ttl // 2, lowered, before and before // 2)


def _from_intent(real: Real) -> Any:
    def shown(state: Any, asked: Any, seen: Any) -> Any:
        after = real(state, asked, seen)
        early = drain.expiry(asked.at, seen.ttl_chain, after.ttl_lowered_at, after.ttl_before)
        return replace(after, expires_at=early) if after.asked.confirmed_at else after

    return shown


def _new_ttl_only(real: Real) -> Any:
    return lambda at, ttl, _lowered, _before: real(at, ttl, None, None)


def _ready_at_once(_real: Real) -> Any:
    def readiness(slot: Slot, *_rest: Any) -> Slot:
        return replace(slot, ready=slot.address is not None, clean=99)

    return readiness


def _forgets_foreign(real: Real) -> Any:
    def split_patch(*args: Any, **kwargs: Any) -> Any:
        patch = real(*args, **kwargs)
        listed = patch["properties"]["endpoints"]
        strange = [e for e in listed if e["name"].startswith(("foreign", "new"))]
        patch["properties"]["endpoints"] = [e for e in listed if e not in strange[-1:]]
        return patch

    return split_patch


def _not_in_leaving(real: Real) -> Any:
    def shift(rollout: Any, state: Any, target: Any, seen: Any) -> Any:
        return None if state.phase in (Phase.RETIRING, Phase.REMOVING) else real(rollout, state, target, seen)

    return shift


def _if_asked(_real: Real) -> Any:
    return lambda state: state.asked is not None


def _settled_at_once(_real: Real) -> Any:
    return lambda state, _now, _seconds: state.asked is not None


def _never_acked(real: Real) -> Any:
    return lambda slot, ack: slot if ack.act == "ensure" else real(slot, ack)


def _deaf_to_abort(real: Real) -> Any:
    return lambda rollout, command: rollout if command.kind is CommandKind.ABORT else real(rollout, command)


def _backwards(real: Real) -> Any:
    def draining(rollout: Any, state: Any, target: Any, now: datetime) -> Any:
        if state.spent_seconds > 5:
            return replace(state, phase=Phase.HOLDING, since=now)
        return real(rollout, state, target, now)

    return draining


def _restores_early(real: Real) -> Any:
    def at_step(state: Any, target: Any, step: Any, *ids: Any) -> Any:
        intent = real(state, target, step, *ids)
        early = step.share == 100 and intent.ttl_original is not None
        return replace(intent, ttl_seconds=intent.ttl_original, ttl_original=None) if early else intent

    return at_step


def _restores_for_all(real: Real) -> Any:
    return lambda *args, **kwargs: real(*args, **{**kwargs, "others_active": False})


def _never_restores(real: Real) -> Any:
    return lambda *args, **kwargs: replace(real(*args, **kwargs), ttl_seconds=None)


def _no_propagation(real: Real) -> Any:
    def judged(state: Any, rule: Any, now: datetime, **kwargs: Any) -> Any:
        return real(state, replace(rule, propagation_seconds=0.0), now, **kwargs)

    return judged


def _zero_on_return(real: Real) -> Any:
    def at_step(state: Any, target: Any, step: Any, *ids: Any) -> Any:
        intent = real(state, target, step, *ids)
        members = tuple(replace(m, weight=0) for m in intent.members)
        return replace(intent, members=members) if step.share == 0 and state.exposed else intent

    return at_step


def _more_weight(real: Real) -> Any:
    def at_step(state: Any, target: Any, step: Any, *ids: Any) -> Any:
        intent = real(state, target, step, *ids)
        new = {slot.endpoint for slot in state.candidate}
        members = tuple(replace(m, weight=min(m.weight + 1, 1000)) if m.endpoint in new else m for m in intent.members)
        return replace(intent, members=members) if 0 < step.share < 100 else intent

    return at_step


def _leaves_groups(real: Real) -> Any:
    return lambda slot: real(slot) or slot.stage is Stage.SEEN


def _skips_steps(real: Real) -> Any:
    def holding(rollout: Any, state: Any, target: Any, now: datetime) -> Any:
        return real(replace(rollout, full=True), state, target, now)

    return holding


def _sees_no_problem(real: Real) -> Any:
    return lambda rollout, state, now: real(rollout, replace(state, problem=None), now)


def _keeps_mark(real: Real) -> Any:
    def left(state: Any, *args: Any, **kwargs: Any) -> Any:
        active = state.asked.intent.active if state.asked else None
        return replace(real(state, *args, **kwargs), active=active)

    return left


def _no_rest(_real: Real) -> Any:
    return lambda lease: 1e9 if lease._held is not None else 0.0


def _impatient(real: Real) -> Any:
    def absent(slot: Slot, now: datetime) -> Slot:
        slot = real(slot, now)
        return replace(slot, stage=Stage.INTENDED, absences=2) if slot.stage is Stage.BEGUN else slot

    return absent


def _margin_of_one(_real: Real) -> Any:
    return lambda _rule, _ttl: 1.0


def _drained_at_once(real: Real) -> Any:
    return lambda *args: replace(real(*args), done=True)


_MUTANTS = (
    Mutant("drain half the TTL", ((observe, "expiry", _half_ttl),)),
    Mutant("drain from intent instead of read-back", ((observe, "_shown", _from_intent),)),
    Mutant("count the drain from the new TTL only", ((observe, "expiry", _new_ttl_only),)),
    Mutant("drain without the margin", ((drain, "margin_seconds", _margin_of_one),)),
    Mutant("drain without propagation", ((leaving, "drain", _no_propagation),)),
    Mutant("do not drain", ((steps, "drain_of", _drained_at_once),)),
    Mutant("weigh before ready", ((observe, "_readiness", _ready_at_once),)),
    Mutant("forget a foreign endpoint", ((profile_requests, "split_patch", _forgets_foreign),)),
    Mutant(
        "delete before leaving",
        ((missing, "_shift", _not_in_leaving), (missing, "confirmed", always(True)), (steps, "confirmed", _if_asked)),
    ),
    Mutant("create twice", ((observe, "_acked", _never_acked), (missing, "_may_create", always(True)))),
    Mutant("do not wait for a create to show", ((observe, "_absent", _impatient),)),
    Mutant("ignore abort", ((commands, "_apply", _deaf_to_abort),)),
    Mutant("step backwards", ((steps, "_draining", _backwards),)),
    Mutant("skip the steps", ((steps, "_holding", _skips_steps),)),
    Mutant("advance without read-back", ((steps, "confirmed", _if_asked), (steps, "settled", _settled_at_once))),
    Mutant("restore the TTL too early", ((traffic, "at_step", _restores_early),)),
    Mutant("restore the TTL under another rollout", ((traffic, "left", _restores_for_all),)),
    Mutant("never restore the TTL", ((traffic, "left", _never_restores),)),
    Mutant("send traffic back to a sick stable side", ((advance, "stable_sick", always(False)),)),
    Mutant("ignore failing probes", ((verdict, "_probes", always(None)), (verdict, "_doubts", always(None)))),
    Mutant("act without a lease", ((Lease, "rest", _no_rest), (Lease, "keep", always(None)))),
    Mutant("forget the poison", ((rules, "poison_of", always(None)),)),
    Mutant("write every weight zero on the way back", ((traffic, "at_step", _zero_on_return),)),
    Mutant("give the candidate more than its share", ((traffic, "at_step", _more_weight),)),
    Mutant("leave groups behind", ((steps, "retired", _leaves_groups),)),
    Mutant("go on blindly", ((steps, "decide", _sees_no_problem),)),
    Mutant("leave our mark in the profile", ((traffic, "left", _keeps_mark),)),
    Mutant("change state without an event", ((orchestrator.engine, "explain", always(())),)),
)
MUTANTS = (*_MUTANTS, *CLUSTER_MUTANTS, *METRIC_MUTANTS)
WORLDS = range(1, 301)


def caught(name: str) -> Report | None:
    """Run worlds with the mutant of this name until one guarantee breaks; None when none does in 300."""
    mutant = next(m for m in MUTANTS if m.name == name)
    with applied(mutant):
        for seed in WORLDS:
            if (mutant.clustered and not scenario(seed).clustered) or (mutant.counted and not scenario(seed).counted):
                continue
            report = run(seed)
            # A fault that no world survives was planted wrongly, and tells nothing.
            if report.violation and report.rule != "ERROR":
                return report
    return None
