"""Runs that have ended, each in one of the ways a run can end, with the journal that leads there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

from orchestrator.ci.story import Ended
from orchestrator.result import blank, result
from strategies.journal import Event, event, submitted
from strategies.model import Reason, Rollout, TargetState
from strategies.phases import Phase
from strategies.seen import CheckState
from tests.unit.orchestrator.cli import states

REFUSED = Reason("rolledBackBefore", "1.5.0 was rolled back before; `rollout retry storefront` lets it in again")
ERROR = {"schema": 1, "error": {"code": 2, "message": "rollout.yaml:3: image: must be a repository; got 7"}}
LINK = "https://github.com/contoso/shop/actions/runs/41"
_FORWARD = (
    (Phase.PENDING, Phase.PREPARING, 0.0),
    (Phase.PREPARING, Phase.HOLDING, 0.0),
    (Phase.HOLDING, Phase.SHIFTING, 10.0),
    (Phase.SHIFTING, Phase.HOLDING, 10.0),
)
_HOME = (Phase.RETURNING, Phase.CLEARING, Phase.REMOVING, Phase.ROLLED_BACK)
_ON = (
    (Phase.HOLDING, Phase.DRAINING, 100.0),
    (Phase.DRAINING, Phase.DRAINED, 100.0),
    (Phase.DRAINED, Phase.RETIRING, 100.0),
    (Phase.RETIRING, Phase.PROMOTED, 100.0),
)


def journal(rollout: Rollout) -> list[Event]:
    """A journal in which every target takes the steps to where it stands, four seconds each."""
    requested = event(rollout.created_at, "rollout_requested", actor="ana", reason="a fix", emergency=False)
    return [requested, submitted(rollout), *(each for state in rollout.targets for each in _steps(rollout, state))]


def _steps(rollout: Rollout, state: TargetState) -> list[Event]:
    steps = [*_FORWARD]
    if state.phase in (Phase.ROLLED_BACK, Phase.REMOVING, Phase.STUCK):
        way = [Phase.HOLDING, *_HOME] if state.phase is not Phase.STUCK else [Phase.HOLDING, Phase.STUCK]
        steps += [(a, b, 0.0) for a, b in pairwise(way)]
    elif state.phase is Phase.PROMOTED:
        steps += _ON
    ends = next((i for i, step in enumerate(steps, 1) if step[1] is state.phase and i >= len(_FORWARD)), 0)
    found, at = [], rollout.created_at
    for before, after, share in steps[: ends if state.phase is not Phase.PENDING else 0]:
        at += timedelta(seconds=4)
        found.append(event(at, "share_intended", state.name, share=share, ttl=10))
        found.append(event(at, "phase_changed", state.name, before=before.value, after=after.value, step=0, e=1))
    return found


def ended(
    document: Mapping[str, Any] | Rollout,
    code: int = 0,
    *,
    outcome: str | None = None,
    engine: str = "self",
    **more: Any,
) -> Ended:
    """A run of `start` that ended with this document, or with this rollout as it stands."""
    if isinstance(document, Rollout):
        more = {"journal": journal(document), **more}
        document = result(document, engine=engine, outcome=outcome)
    return Ended("start", document, code, states.NOW, **{"link": LINK, **more})


def refused() -> Ended:
    """A run that was refused before anything began."""
    return ended(blank("storefront", "refused", REFUSED), 7)


def superseded() -> Rollout:
    """A rollout that a newer one replaced."""
    return replace(states.rolled_back(), failure=None, superseded_by="c" * 64)


def judged() -> Rollout:
    """A release that its counts took back, with a check that reports only."""
    dry = replace(states.SMOKE, dry_run=True)
    found = (states.checked(CheckState.FAILED, why="page | 3:\n500"),)
    rollout = states.judged(states.counted(candidate=(48, 6)), rules=(states.ERRORS, dry), checks=found)
    failure = Reason("countsWorse", "errors: candidate failed 54 of 432 requests", (("metric", "errors"), ("e", 1e9)))
    rollout = states.on(rollout, phase=Phase.ROLLED_BACK, share=0.0, failure=failure)
    return replace(rollout, failure=failure, ended_at=states.NOW)


def every() -> dict[str, Ended]:
    """One run for each way to end, by its name."""
    paused = replace(states.holding(), paused=Reason("pause", "pause by ana"))
    return {
        "promoted": ended(states.promoted()),
        "none": ended(blank("storefront", "none", Reason("alreadyServing", "it serves already"))),
        "rolledBack": ended(states.rolled_back(), 3),
        "waiting": ended(paused, 4, engine="none"),
        "timedOut": ended(states.holding(), 5, outcome="timedOut", engine="none"),
        "superseded": ended(superseded(), 6),
        "refused": refused(),
        "stuck": ended(states.stuck(), 8),
        "running": ended(states.two_targets(), 0, engine="daemon"),
        "interrupted": ended(states.two_targets(), 130, engine="none"),
        "terminated": ended(states.holding(), 143, engine="none"),
        "error": ended(ERROR, 2),
        "judged": ended(judged(), 3),
        "undecided": ended(states.asking(), 4, engine="none"),
        "undone": ended(states.rolled_back(), 0),
        "without a journal": ended(states.rolled_back(), 3, journal=()),
    }
