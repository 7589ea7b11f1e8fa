"""From a wish (this manifest, this image) to a rollout in the store: new, attached to, or refused with the reason.

Who serves is read from the world each time, not remembered: an empty store and a full one take the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.manifest.problems import ManifestError, Problem
from orchestrator.ports import TargetPorts
from orchestrator.store.errors import ActiveRollout, UnknownRollout
from orchestrator.wiring import App, new_id
from providers.errors import ProviderError
from strategies.begin import Survey, begin, unfit
from strategies.journal import event
from strategies.model import CommandKind, Outcome, Revision, Rollout
from strategies.names import revision
from strategies.plan import WhileRunning, at_once
from strategies.rebuild import survey
from strategies.seen import GroupSeen, TargetSeen

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded


class Way(StrEnum):
    """What became of a wish."""

    BEGUN = "begun"
    ATTACHED = "attached"
    AFTER = "after"
    """Another revision's rollout must end first; `rollout` is that one."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person, a pipeline or the watcher wants; `digest` None means the stable side's, with today's template."""

    loaded: Loaded
    digest: str | None = None
    tag: str | None = None
    redeploy: bool = False
    allow_older: bool = False
    emergency: bool = False
    retry: bool = False
    steps: bool = True
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer to a wish."""

    way: Way
    revision: Revision | None
    rollout: Rollout | None = None
    message: str = ""


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The wish is refused (exit 7) and nothing was touched; the message names the way out."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def submit(app: App, wish: Wish) -> Submission:
    """Begin, attach or refuse. Idempotent: the same wish again attaches to the rollout that the first one began.

    A crash half-way leaves either no rollout or one that the next call attaches to.
    """
    loaded = wish.loaded
    name = loaded.manifest.service
    running = app.store.active(name)
    found: Survey | None = None
    if running is None:
        found = look_around(app, loaded)
        running = _resumed(app, wish, found)
    if running is not None:
        return _beside(app, wish, running)
    if found is None:
        raise AssertionError("a service with no active rollout was not surveyed")
    wanted = _wanted(wish, found)
    nothing = _nothing_to_do(wish, wanted, found)
    if nothing is not None:
        return nothing
    _refuse_known(app, wish, wanted, found)
    hands = app.hands(loaded)
    _refuse_unfit(wish, hands)
    return _begin(app, wish, wanted, found)


def look_around(app: App, loaded: Loaded) -> Survey:
    """Read every mark of the service: who serves, and what was under way. Raises `providers.errors`."""
    looks = []
    for name, ports in app.hands(loaded).items():
        groups = sweep(app, loaded.manifest.service, name, ports)
        looks.append(TargetSeen(name, groups=groups, traffic=ports.traffic.look()))
    return survey(loaded.service(), looks, app.clock.now())


def sweep(app: App, service: str, target: str, ports: TargetPorts) -> tuple[GroupSeen, ...]:
    """Delete the retained workloads whose time is over, and return the marked ones that stay.

    Idempotent; a crash leaves them for whoever looks next.
    """
    kept = {entry.name: entry for entry in app.store.retained(service) if entry.target == target}
    staying = []
    for group in ports.workloads.discover():
        if group.keep_until is None or group.keep_until > app.clock.now():
            staying.append(group)
            continue
        ports.workloads.retire(group.name)
    for name, entry in kept.items():
        if not any(group.name == name and group.keep_until is not None for group in staying):
            app.store.forget_retained(entry)
    return tuple(staying)


def _resumed(app: App, wish: Wish, found: Survey) -> Rollout | None:
    """Take over a rollout that the marks show under way and this store has never heard of."""
    if found.resumed is None:
        return None
    try:
        app.store.load(found.resumed.id)
    except UnknownRollout:
        snapshot = replace(wish.loaded.snapshot, image=found.resumed.revision.digest)
        said = event(app.clock.now(), "rollout_rebuilt", number=found.resumed.number)
        return app.store.submit(found.resumed, snapshot, (said,))
    return None


def _beside(app: App, wish: Wish, running: Rollout) -> Submission:
    wanted = None if wish.digest is None else revision(wish.digest, wish.loaded.template_hash)
    lasting = running.aborted is None or running.outcome is Outcome.STUCK
    if wanted is None or (wanted.id == running.revision.id and lasting):
        return Submission(Way.ATTACHED, running.revision, running)
    if running.outcome is Outcome.STUCK:
        raise Refused("stuck", f"rollout {running.id} is stuck; settle it first: rollout settle {running.service.name}")
    rule = running.service.while_running
    if rule is WhileRunning.REFUSE:
        message = f"rollout {running.id} is under way; wait for it or abort it (whileRunning: refuse)"
        raise Refused("activeRollout", message)
    if rule is WhileRunning.REPLACE and running.aborted is None:
        app.store.command(
            running.id,
            CommandKind.SUPERSEDE,
            wish.actor,
            at=app.clock.now(),
            reason=f"superseded by {wish.tag or wish.digest}",
            argument=wanted.id,
        )
    return Submission(Way.AFTER, wanted, running, f"{running.revision.tag or running.revision.short} must end first")


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


def _refuse_known(app: App, wish: Wish, wanted: Revision, found: Survey) -> None:
    """A revision that was taken back, or an older one, is not rolled out again by accident."""
    name = wish.loaded.manifest.service
    if wish.retry:
        app.store.pardon(name, wanted.id)
    elif not wish.emergency:
        marked = found.rolled_back == wanted.short and not app.store.history(name, limit=1)
        if marked or app.store.is_poisoned(name, wanted.id):
            lift = f"`rollout retry {name}` or start --retry lifts it"
            raise Refused("rolledBackBefore", f"revision {wanted.short} was rolled back before; {lift}")
    promoted = [known.id for _, known in app.store.promoted(name)]
    # The one promoted last is not older, though somebody may have deleted all of it since.
    newest = {promoted[-1] if promoted else None, found.revision.id if found.revision is not None else None}
    older = wanted.id in promoted and wanted.id not in newest
    if older and not (wish.allow_older or wish.emergency or wish.retry):
        message = f"revision {wanted.short} was promoted before; --allow-older or `rollout undo {name}` goes back to it"
        raise Refused("olderRevision", message)
    held = app.store.suspended(name, app.clock.now())
    if held is not None and not wish.emergency:
        raise Refused("suspended", f"{name} is suspended by {held.actor}: {held.reason}; `rollout unsuspend {name}`")


def _refuse_unfit(wish: Wish, hands: Mapping[str, TargetPorts]) -> None:
    """Everything that would make the rollout fail later is said now, all of it at once.

    What the manifest names and can never be used is bad input (ManifestError); the rest is a precondition (Refused).
    """
    wrong: list[Problem] = []
    problems: list[str] = []
    for number, target in enumerate(wish.loaded.service().targets):
        ports = hands[target.name]
        try:
            findings = (*ports.traffic.preflight(), *ports.workloads.preflight(target.replicas))
        except ProviderError as error:
            problems.append(f"{target.name}: {error}")
            continue
        for finding in findings:
            if finding.ok or not finding.fatal:
                continue
            said = f"{finding.subject} {finding.message}" + (f"; {finding.remedy}" if finding.remedy else "")
            problems.append(f"{target.name}: {said}")
            if finding.key:
                wrong.append(wish.loaded.problem(("targets", number, *finding.key.split(".")), said))
    if wrong:
        raise ManifestError(wrong)
    if problems:
        raise Refused("precondition", "\n".join(problems))


def _begin(app: App, wish: Wish, wanted: Revision, found: Survey) -> Submission:
    loaded = wish.loaded
    service = loaded.service(at_once if wish.emergency or not wish.steps else None)
    number = app.store.next_number(service.name, above=found.number)
    rollout = begin(new_id(), service, wanted, replace(found, number=number - 1), app.clock.now(), steps=wish.steps)
    if problems := unfit(rollout):
        raise Refused("weights", "\n".join(problems))
    said = event(app.clock.now(), "rollout_requested", actor=wish.actor, reason=wish.reason, emergency=wish.emergency)
    try:
        stored = app.store.submit(rollout, replace(loaded.snapshot, image=wanted.digest), (said,))
    except ActiveRollout as error:
        return Submission(Way.ATTACHED, wanted, app.store.load(error.rollout))
    return Submission(Way.BEGUN, wanted, stored)
