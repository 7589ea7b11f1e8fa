"""What becomes of a wish while another rollout of the service is under way: attach, wait, take its place, or refused.

Whatever can be known to refuse the wish is asked before the rollout under way is told to give way: a good release must
not be taken back for one that then never begins.
"""

from __future__ import annotations

from orchestrator.refusals import refuse_downgrade, refuse_history, refuse_unfit
from orchestrator.wiring import App
from orchestrator.wish import Refused, Submission, Way, Wish
from strategies.commands import FAILED, may_supersede
from strategies.model import CommandKind, Outcome, Revision, Rollout
from strategies.names import revision
from strategies.plan import WhileRunning

OVERTAKEN = "superseded"
"""The code of a refusal because something newer began while the wish waited."""


def beside(app: App, wish: Wish, running: Rollout) -> Submission:
    """Attach to the rollout under way if it is of the wanted revision, else say what becomes of the two."""
    digest, tag = (wish.digest, wish.tag) if wish.digest else (running.revision.digest, running.revision.tag)
    wanted = revision(digest, wish.loaded.template_hash, image=wish.loaded.manifest.image, tag=tag)
    stuck, leaving = running.outcome is Outcome.STUCK, _leaving(running)
    if wanted.id == running.revision.id and (stuck or not leaving or wish.digest is None):
        if wish.emergency and not (stuck or leaving or _full(running)):
            app.store.command(running.id, CommandKind.PROMOTE_FULL, wish.actor, at=app.clock.now(), reason=wish.reason)
        return Submission(Way.ATTACHED, running.revision, running)
    if stuck:
        raise Refused("stuck", f"rollout {running.id} is stuck; settle it first: rollout settle {running.service.name}")
    rule = running.service.while_running
    if rule is WhileRunning.REFUSE:
        message = f"rollout {running.id} is under way; wait for it or abort it (whileRunning: refuse)"
        raise Refused("activeRollout", message)
    _refuse_known(app, wish, wanted, running, leaving=leaving)
    first = f"{running.revision.tag or running.revision.short} must end first"
    if rule is WhileRunning.REPLACE and not leaving:
        _refuse_overtaken(wish, running)
        why = _meant_by_a_person(app, running) if wish.by_watcher else ""
        if why:
            first = f"{first}: {why}"
        elif may_supersede(running):
            refuse_unfit(wish, app.hands(wish.loaded))
            _supersede(app, wish, wanted, running)
    return Submission(Way.AFTER, wanted, running, first)


def _leaving(running: Rollout) -> bool:
    """Whether it is on its way back, or will be as soon as its engine has read what was said."""
    said = {each.kind for each in running.commands}
    return running.aborted is not None or bool(said & {CommandKind.ABORT, CommandKind.SUPERSEDE})


def _full(running: Rollout) -> bool:
    return running.full or any(said.kind is CommandKind.PROMOTE_FULL for said in running.commands)


def _refuse_known(app: App, wish: Wish, wanted: Revision, running: Rollout, *, leaving: bool) -> None:
    """What is refused whoever serves when the rollout under way has ended."""
    # What is being taken back will not be there to be compared with.
    refuse_downgrade(wish, wanted, None if leaving else running.revision, "is under way")
    refuse_downgrade(wish, wanted, running.previous, "serves")
    present = [running.revision, *([running.previous] if running.previous else [])]
    refuse_history(app, wish, wanted, present)


def _refuse_overtaken(wish: Wish, running: Rollout) -> None:
    """A wish that waited for another rollout does not take the place of one that began meanwhile."""
    if wish.behind is None or wish.behind == running.id:
        return
    tag = running.revision.tag or running.revision.short
    message = f"rollout {running.id} of {tag} began while this one waited for {wish.behind}, and takes its place"
    raise Refused(OVERTAKEN, message)


def _meant_by_a_person(app: App, running: Rollout) -> str:
    """Say why the watcher leaves a rollout alone that a person wanted just so; empty where it need not."""
    name = running.service.name
    if running.paused is not None and running.paused.code != FAILED:
        return f"a person has paused it; `rollout resume {name}` or `rollout abort {name}` lets the newer one come"
    if running.previous is not None and app.store.is_poisoned(name, running.previous.id):
        return "it leads away from a version that is held to be bad"
    for stored in app.store.events(rollout=running.id):
        if stored.event.kind == "rollout_requested" and dict(stored.event.data).get("emergency"):
            return "it is an emergency"
    return ""


def _supersede(app: App, wish: Wish, wanted: Revision, running: Rollout) -> None:
    newer = f"newer revision {wanted.short}" + (f" ({wanted.tag})" if wanted.tag else "")
    app.store.command(
        running.id,
        CommandKind.SUPERSEDE,
        wish.actor,
        at=app.clock.now(),
        reason=f"superseded by {newer}",
        argument=wanted.id,
    )
