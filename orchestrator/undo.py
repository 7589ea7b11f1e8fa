"""Back to a revision that was promoted before: while its workloads are still warm by taking the rollout under way back,
else with its own template, from the snapshot it was submitted with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from orchestrator.store.errors import EndedRollout
from orchestrator.wiring import App
from orchestrator.wish import Refused, Submission, Wish
from orchestrator.wish import Way as Answer
from strategies.model import CommandKind, Outcome, Revision, Rollout
from strategies.phases import Phase


@dataclass(frozen=True, slots=True)
class Way:
    """Where an undo goes, and the revision that it leaves."""

    wish: Wish
    leaves: Revision


_EVERYTHING = (Phase.SHIFTING, Phase.HOLDING, Phase.DRAINING, Phase.DRAINED)


def take_back(app: App, service: str, to: str | None, *, actor: str, reason: str) -> Submission | None:
    """Abort the rollout under way where that leads back to what is wanted; None where it does not.

    Without `to` that is so once the candidate has everything somewhere, and the old side is still there everywhere.
    What is left is poisoned for the watcher at once. Idempotent: sent again it finds the rollout on its way back. A
    crash half-way leaves it on its way back, and what it leaves is poisoned when it has ended.
    """
    running = app.store.active(service)
    if running is None or running.previous is None or not _leads_back(app, running, running.previous, to):
        return None
    why = reason or f"undo of {_name(running.revision)}"
    if not _on_its_way(running):
        try:
            app.store.command(running.id, CommandKind.ABORT, actor, at=app.clock.now(), reason=why)
        except EndedRollout:
            return None
    app.store.poison(service, running.revision.id, f"undone by {actor}: {why}")
    if to is not None:
        app.store.pardon(service, running.previous.id)
    message = f"{_name(running.previous)} still runs beside {_name(running.revision)}, which is taken back now"
    return Submission(Answer.RETURNING, running.previous, app.store.load(running.id), message)


def _leads_back(app: App, running: Rollout, previous: Revision, to: str | None) -> bool:
    said = {command.kind for command in running.commands}
    newer = running.superseded_by is not None or CommandKind.SUPERSEDE in said
    if running.outcome is not Outcome.RUNNING or newer:
        return False
    back = _on_its_way(running)
    if to is not None:
        return _is(previous, to) and (back or running.can_return)
    banned = app.store.poisoned(running.service.name)
    if previous.id in banned or (back and running.revision.id not in banned):
        return False
    return back or (running.can_return and _has_everything(running))


def _on_its_way(running: Rollout) -> bool:
    """Whether somebody has aborted it, though its engine may not have read that yet."""
    return running.aborted is not None or any(said.kind is CommandKind.ABORT for said in running.commands)


def _has_everything(running: Rollout) -> bool:
    """Whether the candidate has, or is about to have, everything somewhere."""
    return any(
        state.phase in _EVERYTHING and state.step == running.service.target(state.name).plan.last
        for state in running.targets
    )


def way_back(app: App, service: str, to: str | None, *, steps: bool, actor: str, reason: str) -> Way:
    """Find the wish that undoes the service's last promotion, or goes back to `to` (revision, tag or digest).

    Without `to` it never goes back to what was itself taken back or undone. Raises Refused when this store knows of no
    such revision. Reads only.
    """
    from orchestrator.manifest.loader import from_snapshot

    promoted = app.store.promoted(service)
    if not promoted:
        message = (
            f"this store knows of no promoted revision of {service}; `rollout start FILE --image REF` goes anywhere"
        )
        raise Refused("nothingToUndo", message)
    serving = promoted[-1][1]
    earlier = [(id_, known) for id_, known in promoted if known.id != serving.id]
    banned = app.store.poisoned(service) if to is None else {}
    fitting = [(id_, known) for id_, known in earlier if known.id not in banned and (to is None or _is(known, to))]
    if not fitting:
        raise _nowhere(service, to, earlier, banned)
    rollout_id, revision = fitting[-1]
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
        reason=reason or f"undo of {_name(serving)}",
        leaves=serving.id,
    )
    return Way(wish, serving)


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
