"""From a wish (this manifest, this image) to a rollout in the store: new, attached to, or refused with the reason.

Who serves is read from the world each time, not remembered: an empty store and a full one take the same way.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.inquiry import Asked, inquire
from orchestrator.refusals import refuse_known, refuse_unfit
from orchestrator.rivals import beside
from orchestrator.store.errors import ActiveRollout, EndedRollout, UnknownRollout
from orchestrator.surroundings import Surroundings, clear, look_around
from orchestrator.wiring import App, new_id
from orchestrator.wish import Refused, Submission, Way, Wish
from providers.errors import ProviderError
from strategies.begin import Survey, begin, unfit
from strategies.journal import event
from strategies.model import CommandKind, Revision, Rollout, Stage
from strategies.names import revision
from strategies.phases import FORWARD
from strategies.plan import at_once

__all__ = ["Refused", "Submission", "Way", "Wish", "submit"]

_GRANTED = (Way.BEGUN, Way.ATTACHED)


def submit(app: App, wish: Wish) -> Submission:
    """Begin, attach or refuse. Idempotent: the same wish again attaches to the rollout that the first one began.

    A crash half-way leaves either no rollout or one that the next call attaches to. Only a wish that is granted lifts
    or lays the ban on a revision; one that must wait, or is refused, changes nothing of that.
    """
    try:
        answer = _answer(app, wish)
    except EndedRollout:  # what stood in the way ended while we were about to speak to it
        answer = _answer(app, wish)
    if answer.way in _GRANTED and answer.revision is not None:
        name = wish.loaded.manifest.service
        if wish.retry:
            app.store.pardon(name, answer.revision.id)
        if wish.leaves is not None:
            app.store.poison(name, wish.leaves, f"undone by {wish.actor}: {wish.reason}")
    return answer


def _answer(app: App, wish: Wish) -> Submission:
    loaded = wish.loaded
    running = app.store.active(loaded.manifest.service)
    if running is not None:
        return beside(app, wish, running)
    around = _around(app, wish)
    found = around.survey
    if found.resumed is not None and around.unrouted:
        # Without its routing what serves looks like a rollout that has not got that far: nobody shall take it back.
        refuse_unfit(wish, app.hands(loaded))
    running = _resumed(app, wish, found)
    if running is not None:
        return _told(beside(app, wish, running), around)
    wanted = _wanted(wish, found)
    nothing = _nothing_to_do(wish, wanted, found)
    if nothing is not None:
        return _told(nothing, around)
    refuse_known(app, wish, wanted, found)
    notes = _fit(app, wish, wanted, found)
    return _begin(app, wish, wanted, replace(around, notes=around.notes + notes))


def _fit(app: App, wish: Wish, wanted: Revision, found: Survey) -> tuple[str, ...]:
    """Refuse what would fail later, and say what stands in nobody's way; sources are asked where they decide."""
    loaded, hands = wish.loaded, app.hands(wish.loaded)
    asked: tuple[Asked, ...] = ()
    if wish.by_evidence:
        now = app.clock.now()
        asked = inquire(loaded, hands, begin("thought", loaded.service(), wanted, found, now), now, app.log)
    return refuse_unfit(wish, hands, asked)


def _around(app: App, wish: Wish) -> Surroundings:
    """Look around; where the world does not answer as it must, say all that is wrong with it, with the way out."""
    try:
        return look_around(app, wish.loaded)
    except ProviderError:
        refuse_unfit(wish, app.hands(wish.loaded))
        raise


def _told(answer: Submission, around: Surroundings) -> Submission:
    """The answer with what was seen on the way; nothing of it is deleted where no rollout begins."""
    return replace(answer, notes=around.notes, spare=around.over + around.unknown)


def _resumed(app: App, wish: Wish, found: Survey) -> Rollout | None:
    """Take over a rollout that the marks show under way and this store has never heard of."""
    if found.resumed is None:
        return None
    try:
        app.store.load(found.resumed.id)
    except UnknownRollout:
        pass
    else:
        return None
    snapshot = replace(wish.loaded.snapshot, image=found.resumed.revision.digest)
    said = event(app.clock.now(), "rollout_rebuilt", number=found.resumed.number)
    try:
        stored = app.store.submit(found.resumed, snapshot, (said,))
        if _template_lost(stored, wish):
            why = "its template is lost with its store, the manifest names another one by now, and not all of it stands"
            app.store.command(stored.id, CommandKind.ABORT, wish.actor, at=app.clock.now(), reason=why)
    except ActiveRollout as error:
        return app.store.load(error.rollout)
    return app.store.load(stored.id)


def _template_lost(resumed: Rollout, wish: Wish) -> bool:
    """Whether a slot would have to be made from a template that is not the revision's."""
    unmade = any(
        slot.stage is not Stage.SEEN for state in resumed.targets if state.phase in FORWARD for slot in state.candidate
    )
    return unmade and resumed.revision.template != wish.loaded.template_hash


def _wanted(wish: Wish, found: Survey) -> Revision:
    digest = wish.digest or (found.revision.digest if found.revision else None)
    if digest is None:
        raise Refused("noImage", "nothing serves yet, so there is no image to keep: say --tag TAG or --image REF")
    tag = wish.tag if wish.digest else (found.revision.tag if found.revision else None)
    return revision(digest, wish.loaded.template_hash, image=wish.loaded.manifest.image, tag=tag)


def _nothing_to_do(wish: Wish, wanted: Revision, found: Survey) -> Submission | None:
    serving = found.revision is not None and found.revision.id == wanted.id
    whole = all(found.slots(target.name) for target in wish.loaded.service().targets)
    if not (serving and whole) or wish.redeploy:
        return None
    return Submission(Way.NOTHING, wanted, message=f"revision {wanted.short} serves already; nothing to do")


def _begin(app: App, wish: Wish, wanted: Revision, around: Surroundings) -> Submission:
    loaded, found = wish.loaded, around.survey
    service = loaded.service(at_once if wish.emergency or not wish.steps else None)
    number = app.store.next_number(service.name, above=found.number)
    rollout = begin(new_id(), service, wanted, replace(found, number=number - 1), app.clock.now(), steps=wish.steps)
    if problems := unfit(rollout):
        raise Refused("weights", "\n".join(problems))
    now = app.clock.now()
    said = [event(now, "rollout_requested", actor=wish.actor, reason=wish.reason, emergency=wish.emergency)]
    if wish.retry:
        said.append(event(now, "revision_pardoned", revision=wanted.id, actor=wish.actor))
    try:
        stored = app.store.submit(rollout, replace(loaded.snapshot, image=wanted.digest), said)
    except ActiveRollout as error:
        return _told(beside(app, wish, app.store.load(error.rollout)), around)
    left = clear(app, loaded, around.over)
    return Submission(Way.BEGUN, wanted, stored, notes=around.notes, spare=left + around.unknown)
