"""What becomes of what was seen: a rollout, a reason why not, or nothing because it was dealt with before.

Only a find that has changed acts. A version that a person chose meanwhile is not fought, what was rolled back is not
tried again, and what cannot begin now is asked for again until it can.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.daemon.watched import watched_of
from orchestrator.manifest.problems import ManifestError
from orchestrator.store.errors import StoreError, UnknownRollout
from orchestrator.store.records import Sighting
from orchestrator.submit import submit
from orchestrator.wish import Refused, Submission, Way, Wish
from providers.errors import ProviderError
from strategies.names import revision

if TYPE_CHECKING:
    from orchestrator.daemon.watched import Watched
    from orchestrator.manifest.loader import Loaded
    from orchestrator.store.ports import Store
    from orchestrator.store.records import Suspension
    from orchestrator.wiring import App
    from watchers.watch import Sight

ACTOR = "watcher"
_POISONED, _OLDER, _DOWNGRADE = "rolledBackBefore", "olderRevision", "downgrade"
_ROLLED_OUT = frozenset({Way.BEGUN.value, Way.ATTACHED.value})
LASTING = frozenset({_POISONED, _OLDER, _DOWNGRADE})
"""Refusals that waiting does not change: the find is dealt with until another one comes, or a person says otherwise."""


@dataclass(frozen=True, slots=True)
class Heeded:
    """What is remembered now, the answer to what was submitted if anything was, and whether to try again later."""

    sighting: Sighting
    submission: Submission | None = None
    retry: bool = False


def heed(app: App, watched: Watched, load: Callable[[], Loaded], sight: Sight, before: Sighting | None) -> Heeded:
    """Act on a find unless it was dealt with, and remember what became of it; `before` is what the store remembers.

    Idempotent: the same find again, after a crash at any point or by two daemons at once, attaches to the one rollout
    that there is. Writes nothing when nothing changed. Raises StoreUnavailable when the outcome could not be
    remembered; then too the same call again is right.
    """
    noticed = _taken_back(app.store, notice(watched, sight, before, app.clock.now()))
    if _is_lifted(app.store, watched, noticed):
        noticed = replace(noticed, handled="", outcome="", message="", revision="")
    if sight.digest is None or not is_new(noticed):
        return _remembered(app.store, before, Heeded(_well(noticed)))
    held = app.store.suspended(watched.service, app.clock.now())
    if held is not None:
        # Asked here already: `submit` would let a find take the place of a rollout that is under way.
        return _remembered(app.store, before, _delayed(noticed, _held_back(held), app.clock.now()))
    return _remembered(app.store, before, _acted(app, watched, load, noticed))


def notice(watched: Watched, sight: Sight, before: Sighting | None, now: datetime) -> Sighting:
    """Put what is seen now over what was remembered, which counts only as far as it answered the same question.

    Pure. An empty answer leaves the last good one where it is.
    """
    rule = "" if watched.policy is None else watched.policy.text
    if before is None or (before.image, before.rule) != (watched.image, rule):
        before = Sighting(watched.service, watched.image, rule)
    since = before.manifest_problem_at if before.manifest_problem == watched.problem else now
    known = replace(before, manifest_problem=watched.problem, manifest_problem_at=since if watched.problem else None)
    if sight.digest is None or (sight.tag, sight.digest) == (known.tag, known.digest):
        return known
    return replace(known, tag=sight.tag, digest=sight.digest, seen_at=now)


def is_new(sighting: Sighting) -> bool:
    """Whether what was seen has not been dealt with; another tag of the same image is nothing new. Pure."""
    return sighting.digest is not None and sighting.digest != sighting.handled


def answered(noticed: Sighting, answer: Submission | Exception, now: datetime) -> Heeded:
    """Say what a submission's answer means for the find. Pure."""
    if isinstance(answer, Refused) and answer.code in LASTING:
        return Heeded(_handled(noticed, answer.code, answer.message))
    if isinstance(answer, Exception):
        return _delayed(noticed, str(answer), now)
    rollout = "" if answer.rollout is None else answer.rollout.id
    if answer.way is Way.AFTER:
        return Heeded(_waits(noticed, answer.message, rollout), answer, retry=True)
    said = {
        Way.BEGUN: f"rollout {rollout} was begun",
        Way.ATTACHED: f"rollout {rollout} of the same revision is under way",
    }
    message = said.get(answer.way, answer.message)
    return Heeded(_handled(noticed, answer.way.value, message, rollout), answer)


def _acted(app: App, watched: Watched, load: Callable[[], Loaded], noticed: Sighting) -> Heeded:
    wish: Wish | None = None
    answer: Submission | Exception
    try:
        wish = _wish(watched, load(), noticed)
        answer = submit(app, wish)
    except (Refused, ManifestError, ProviderError, StoreError) as error:
        answer = error
    if isinstance(answer, Refused) and answer.code == _DOWNGRADE and (running := app.store.active(watched.service)):
        # It ranks below what is under way, and may yet rank above what serves when that has been taken back.
        return Heeded(_waits(noticed, answer.message, running.id), retry=True)
    heeded = answered(noticed, answer, app.clock.now())
    if wish is None or heeded.sighting.outcome != _POISONED:
        return heeded
    wanted = revision(str(wish.digest), wish.loaded.template_hash, image=wish.loaded.manifest.image, tag=wish.tag).id
    # A mark in the routing refuses it as well, and no pardon in this store takes that away.
    if not app.store.is_poisoned(watched.service, wanted):
        return heeded
    return replace(heeded, sighting=replace(heeded.sighting, revision=wanted))


def _wish(watched: Watched, loaded: Loaded, noticed: Sighting) -> Wish:
    """What the watcher wants; raises Refused when the manifest is not the one by which the find was made."""
    policy, current = watched.policy, watched_of(loaded)
    if policy is None or (current.service, current.image, current.policy) != (watched.service, watched.image, policy):
        raise Refused("manifestChanged", "the manifest has changed since the registry was asked; it is asked again")
    return Wish(
        loaded,
        noticed.digest,
        noticed.tag,
        allow_older=policy.allow_downgrade,
        older=policy.older,
        actor=ACTOR,
        reason=f"{watched.image}:{noticed.tag} by {policy.text}",
    )


def _taken_back(store: Store, sighting: Sighting) -> Sighting:
    """Tell what was rolled out for the find, and has been taken back or undone since, as the refusal that it is now."""
    if not sighting.rollout or sighting.handled != sighting.digest or sighting.outcome not in _ROLLED_OUT:
        return sighting
    try:
        revision = store.load(sighting.rollout).revision
    except UnknownRollout:  # its store is another one by now
        return sighting
    if not store.is_poisoned(sighting.service, revision.id):
        return sighting
    name = revision.tag or revision.short
    message = f"{name} was taken back; `rollout retry {sighting.service}` lets the watcher try it again"
    return replace(sighting, outcome=_POISONED, message=message, revision=revision.id)


def _is_lifted(store: Store, watched: Watched, sighting: Sighting) -> bool:
    """Whether what the find was refused for is so no more: a person lifted the ban, or the rule allows going back."""
    if sighting.outcome in (_OLDER, _DOWNGRADE):
        return watched.policy is not None and watched.policy.allow_downgrade
    refused = sighting.outcome == _POISONED and sighting.revision
    return bool(refused) and not store.is_poisoned(sighting.service, sighting.revision)


def _held_back(held: Suspension) -> str:
    lift = f"rollout unsuspend {'--all' if held.service is None else held.service}"
    until = f" until {held.until:%Y-%m-%d %H:%M} UTC" if held.until else ""
    return f"suspended by {held.actor}{until}: {held.reason}; `{lift}` lifts it"


def _well(sighting: Sighting) -> Sighting:
    return replace(sighting, problem="", problem_at=None)


def _handled(noticed: Sighting, outcome: str, message: str, rollout: str = "") -> Sighting:
    return replace(
        _well(noticed),
        handled=noticed.digest or "",
        outcome=outcome,
        message=message,
        rollout=rollout,
        revision="",
    )


def _waits(noticed: Sighting, message: str, rollout: str) -> Sighting:
    return replace(_well(noticed), outcome=Way.AFTER.value, message=message, rollout=rollout)


def _delayed(noticed: Sighting, problem: str, now: datetime) -> Heeded:
    """The same find again later; the trouble counts from when it began, whatever its words are by now."""
    since = noticed.problem_at if noticed.problem else now
    return Heeded(replace(noticed, problem=problem, problem_at=since), retry=True)


def _remembered(store: Store, before: Sighting | None, heeded: Heeded) -> Heeded:
    if heeded.sighting != before:
        store.keep_sighting(heeded.sighting)
    return heeded
