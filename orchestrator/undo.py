"""Back to what served before the last release: while its workloads are still warm by taking the rollout under way back,
else with its own template, from the snapshot it was submitted with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from orchestrator.store.errors import EndedRollout
from orchestrator.wiring import App
from orchestrator.wish import Refused, Submission, Wish
from orchestrator.wish import Way as Answer
from strategies.commands import may_supersede
from strategies.model import CommandKind, Outcome, Revision, Rollout
from strategies.phases import FORWARD, RETURNING_HOME, Phase


@dataclass(frozen=True, slots=True)
class Way:
    """Where an undo goes, and the revision that it leaves; None where it leaves nothing of its own."""

    wish: Wish
    leaves: Revision | None


_WARM = FORWARD | RETURNING_HOME | {Phase.STUCK}
"""Phases in which nothing of the old side has been given up."""


def take_back(app: App, service: str, to: str | None, *, steps: bool, actor: str, reason: str) -> Submission | None:
    """Abort the rollout under way where that leads back to what is wanted; None where it does not.

    Without `to` it does as long as the old side is there everywhere; with `steps` only until the candidate has
    everything. What is left is poisoned for the watcher at once. Idempotent: sent again it finds the rollout on its way
    back, whoever turned it. A crash half-way leaves it so, and what it leaves is poisoned when it has ended.
    """
    running = app.store.active(service)
    if running is None or not _leads_back(app, running, to, steps=steps):
        return None
    try:
        _turn(app, running, actor, reason)
    except EndedRollout:
        return None
    _hold_back(app, running, actor, reason)
    if to is not None and running.previous is not None:
        app.store.pardon(service, running.previous.id)
    before = _name(running.previous) if running.previous is not None else "what was adopted"
    message = f"{before} still runs beside {_name(running.revision)}, which is taken back now"
    return Submission(Answer.RETURNING, running.previous, app.store.load(running.id), message)


def _leads_back(app: App, running: Rollout, to: str | None, *, steps: bool) -> bool:
    warm = any(state.stable for state in running.targets) and all(state.phase in _WARM for state in running.targets)
    if running.outcome is not Outcome.RUNNING or _gives_way(running) or not warm:
        return False
    if steps and not (may_supersede(running) or _turned(running)):
        return False
    if running.previous is None:
        return to is None
    return _is(running.previous, to) if to is not None else not _leads_away(app, running)


def _gives_way(running: Rollout) -> bool:
    """Whether a newer one takes its place, though its engine may not have read that yet."""
    return running.superseded_by is not None or any(said.kind is CommandKind.SUPERSEDE for said in running.commands)


def _turned(running: Rollout) -> bool:
    """Whether it is on its way back somewhere, or somebody has aborted it, which its engine may not have read yet."""
    return _aborted(running) or any(state.phase in RETURNING_HOME for state in running.targets)


def _aborted(running: Rollout) -> bool:
    return running.aborted is not None or any(said.kind is CommandKind.ABORT for said in running.commands)


def _leads_away(app: App, running: Rollout) -> bool:
    """Whether it leaves a version that is held to be bad, so that it is an undo itself."""
    return running.previous is not None and app.store.is_poisoned(running.service.name, running.previous.id)


def _turn(app: App, running: Rollout, actor: str, reason: str) -> None:
    """Abort it, unless that is done or changes nothing; raises EndedRollout."""
    if running.may_turn and not _aborted(running):
        app.store.command(running.id, CommandKind.ABORT, actor, at=app.clock.now(), reason=_why(running, reason))


def _hold_back(app: App, running: Rollout, actor: str, reason: str) -> None:
    """Poison what is taken back, unless it is only new groups of what serves."""
    if running.previous is None or running.previous.id != running.revision.id:
        why = f"undone by {actor}: {_why(running, reason)}"
        app.store.poison(running.service.name, running.revision.id, why)


def _why(running: Rollout, reason: str) -> str:
    return reason or f"undo of {_name(running.revision)}"


def go_no_further(app: App, answer: Submission, *, actor: str, reason: str) -> None:
    """Keep the rollout that an undo waits for from moving on where only a part of it can still be taken back.

    The rest is what the undo's own rollout is for. What does not stay is poisoned at once. Idempotent.
    """
    if answer.way is not Answer.AFTER or answer.rollout is None:
        return
    running = app.store.load(answer.rollout.id)
    if answer.revision is None or answer.revision.id == running.revision.id:
        return
    partly = running.may_turn and not all(state.phase in _WARM for state in running.targets)
    if partly:
        _turn(app, running, actor, reason)
    if partly or _gives_way(running) or _turned(running):
        _hold_back(app, running, actor, reason)


def way_back(app: App, service: str, to: str | None, *, steps: bool, actor: str, reason: str) -> Way:
    """Find the wish that undoes the service's last release, or goes back to `to` (revision, tag or digest).

    The last release is the rollout under way, unless that is an undo itself, else the last promotion. Without `to` it
    never goes back to what was itself taken back or undone. Raises Refused when this store knows of no such revision.
    Reads only.
    """
    from orchestrator.manifest.loader import from_snapshot

    promoted = app.store.promoted(service)
    running = app.store.active(service)
    if not promoted:
        raise _never(service, running)
    serving = last = promoted[-1][1]
    if running is not None and not _leads_away(app, running) and (to is None or not _spares(running)):
        last = running.revision
    earlier = [(id_, known) for id_, known in promoted if known.id != last.id]
    banned = app.store.poisoned(service) if to is None else {}
    fitting = [(id_, known) for id_, known in earlier if known.id not in banned and (to is None or _is(known, to))]
    if not fitting and to is not None and _is(serving, to):
        fitting = promoted[-1:]
    if not fitting:
        raise _nowhere(service, to, earlier, banned)
    rollout_id, revision = fitting[-1]
    left = last if last.id != revision.id else None
    loaded = from_snapshot(app.store.snapshot(rollout_id))
    if loaded.template_hash != revision.template:
        loaded = replace(loaded, template_hash=revision.template)
    wish = Wish(
        loaded,
        revision.digest,
        revision.tag,
        allow_older=True,
        retry=True,
        steps=steps,
        actor=actor,
        reason=reason or f"undo of {_name(last)}",
        leaves=left.id if left is not None else None,
    )
    return Way(wish, left)


def _spares(running: Rollout) -> bool:
    """Whether what served before it serves again when it has ended."""
    return _gives_way(running) or _turned(running) or may_supersede(running)


def _never(service: str, running: Rollout | None) -> Refused:
    ways = "`rollout start FILE --image REF` goes anywhere"
    if running is not None:
        ways = f"`rollout abort {service}` takes away what is under way, {ways}"
    return Refused("nothingToUndo", f"this store knows of no promoted revision of {service}; {ways}")


def _nowhere(service: str, to: str | None, earlier: list[tuple[str, Revision]], banned: Collection[str]) -> Refused:
    known = ", ".join(
        dict.fromkeys(
            _name(revision) + (" (taken back or undone before: --to goes there)" if revision.id in banned else "")
            for _, revision in reversed(earlier)
        )
    )
    what = f"no earlier revision {to!r}" if to else "no earlier revision"
    message = f"{service} has {what} to go back to in this store; known: {known or 'none'}"
    return Refused("nothingToUndo", message)


def _is(revision: Revision, wanted: str) -> bool:
    digest = revision.digest.removeprefix("sha256:")
    plain = wanted.removeprefix("sha256:")
    by_hash = len(plain) >= 8 and (revision.id.startswith(plain) or digest.startswith(plain))
    return revision.tag == wanted or by_hash


def _name(revision: Revision) -> str:
    return f"{revision.tag} ({revision.short})" if revision.tag else revision.short
