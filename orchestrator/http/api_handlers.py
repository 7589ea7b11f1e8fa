"""What each path of the API does: the contract's documents, made by what the command line makes them with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.http.api_asked import Asked, Document, Told, demand_known, image_of, manifest_of
from orchestrator.result import SCHEMA, blank, watch_document
from orchestrator.stamps import stamp
from orchestrator.store.records import Suspension
from orchestrator.words import demand_reason, demand_sensible
from strategies.model import CommandKind, Reason, Rollout

if TYPE_CHECKING:
    from orchestrator.wish import Submission


def services(asked: Asked) -> Told:
    """The services by name, a page at a time."""
    from orchestrator.cli.status import document

    store, session = asked.desk.store, asked.session()
    watched = {each.service: each for each in store.sightings() if watch_document(each) is not None}
    known = sorted({*store.services(), *watched})
    page = [name for name in known if name > asked.given["after"]][: asked.given["limit"]]
    shown = [
        {**document(session, name, store.latest(name)), "watch": watch_document(watched.get(name))} for name in page
    ]
    more = bool(page) and page[-1] != known[-1]
    return Told({"schema": SCHEMA, "services": shown, "next": page[-1] if more else None})


def service(asked: Asked) -> Told:
    """Where one service stands."""
    from orchestrator.cli.status import status

    demand_known(asked)
    return Told(asked.verb(status, asked.service))


def events(asked: Asked) -> Told:
    """What happened to one service, from some number on."""
    from orchestrator.cli.lines import document

    demand_known(asked)
    found = asked.desk.store.events(asked.service, after=asked.given["after"])[: asked.given["limit"]]
    last = found[-1].seq if found else asked.given["after"]
    return Told(
        {"schema": SCHEMA, "service": asked.service, "events": [document(each) for each in found], "next": last}
    )


def history(asked: Asked) -> Told:
    """Past rollouts of one service."""
    from orchestrator.cli.journal import history as verb

    demand_known(asked)
    return Told(asked.verb(verb, asked.service, limit=asked.given["limit"]))


def why(asked: Asked) -> Told:
    """Why one service's rollout is where it is."""
    from orchestrator.cli.why import why as verb

    demand_known(asked)
    return Told(asked.verb(verb, asked.service))


def watches(asked: Asked) -> Told:
    """What the watcher sees of every service, and what is wrong with the manifests."""
    found = [
        {"service": each.service, **told, "rollout": each.rollout or None}
        for each in asked.desk.store.sightings()
        if (told := watch_document(each)) is not None
    ]
    return Told({"schema": SCHEMA, "watches": found, "problems": list(asked.problems())})


def command(asked: Asked) -> Told:
    """Say a word to the rollout under way, unless it would be passed over."""
    from orchestrator.cli.status import document
    from orchestrator.sayings import pointless, without_rollout

    kind, argument = CommandKind(asked.given["kind"]), asked.given["argument"]
    demand_sensible(kind, argument, asked.given["reason"])
    demand_known(asked)
    store, session = asked.desk.store, asked.session()
    running = store.active(asked.service)
    if running is None and kind is CommandKind.RETRY:
        latest = asked.desk.pardon(asked.service, asked.actor)
        reason = Reason("pardoned", f"revision {latest.revision.short} is pardoned and may be rolled out again")
        return Told(_with_command(document(session, asked.service, latest, reason=reason), None))
    if running is None:
        reason = without_rollout(asked.service, kind)
        if kind is CommandKind.ABORT:
            return Told(_with_command(blank(asked.service, "none", reason), None))
        return Told(blank(asked.service, "refused", reason), 409)
    refusal = pointless(running, kind, argument)
    if refusal is not None:
        return Told(document(session, asked.service, running, outcome="refused", reason=refusal), 409)
    said = store.command(
        running.id, kind, asked.actor, at=asked.clock.now(), reason=asked.given["reason"], argument=argument
    )
    return Told(_with_command(document(session, asked.service, store.load(running.id)), said.seq))


def undo(asked: Asked) -> Told:
    """Take the rollout under way back, or begin a new one that leads back."""
    demand_known(asked)
    given = asked.given
    answer = asked.desk.undo(
        asked.service, given["to"], steps=given["steps"], actor=asked.actor, reason=given["reason"]
    )
    return _submitted(asked, asked.service, answer)


def suspend(asked: Asked) -> Told:
    """Hold back one service, or all where none is named."""
    until, reason = asked.given["until"], asked.given["reason"]
    name = asked.service or None
    known = asked.desk.suspend(Suspension(name, asked.actor, reason, asked.clock.now(), until))
    told = {"schema": SCHEMA, "service": name, "suspended": True, "until": stamp(until), "reason": reason}
    return Told({**told, "known": known})


def unsuspend(asked: Asked) -> Told:
    """Let one service, or all, be rolled out again; one may stay held back by the suspension of all."""
    name = asked.service or None
    known = asked.desk.unsuspend(name, actor=asked.actor, reason=asked.given["reason"])
    still = asked.desk.store.suspended(name, asked.clock.now()) if name else None
    return Told(
        {
            "schema": SCHEMA,
            "service": name,
            "suspended": still is not None,
            "until": stamp(still.until) if still else None,
            "reason": still.reason if still else None,
            "known": known,
        }
    )


def start(asked: Asked) -> Told:
    """Submit a manifest and an image."""
    from orchestrator.wish import Wish

    given = asked.given
    demand_reason(emergency=given["emergency"], reason=given["reason"])
    loaded = manifest_of(asked)
    digest, tag = image_of(asked, loaded)
    wish = Wish(
        loaded,
        digest,
        tag,
        redeploy=given["redeploy"],
        allow_older=given["allowOlder"],
        emergency=given["emergency"],
        retry=given["retry"],
        actor=asked.actor,
        reason=given["reason"],
    )
    return _submitted(asked, loaded.manifest.service, asked.desk.submit(wish))


def resolve(asked: Asked) -> Told:
    """Ask the registry which digest an image stands for."""
    from watchers.reference import parse

    wanted = parse(asked.given["image"])
    return Told({"schema": SCHEMA, "image": str(wanted), "digest": wanted.digest or asked.desk.digest(wanted)})


def tags(asked: Asked) -> Told:
    """Ask the registry for every tag of a repository."""
    from watchers.reference import parse

    wanted = parse(asked.given["image"])
    return Told({"schema": SCHEMA, "image": wanted.name, "tags": list(asked.desk.tags(wanted))})


def plan(asked: Asked) -> Told:
    """Show what a rollout would do."""
    from orchestrator.cli.plan_json import plan_document
    from orchestrator.cli.planned import planned

    loaded = manifest_of(asked)
    digest, tag = image_of(asked, loaded)
    rps, failing = asked.given["rps"], asked.given["failing"]
    part = None if failing is None else failing / 100
    found = planned(asked.desk.prospect(loaded, digest, tag), rps=rps, failing=part)
    return Told({"schema": SCHEMA, "plans": [plan_document(found)]})


def doctor(asked: Asked) -> Told:
    """Check what a rollout would stumble over."""
    from orchestrator.cli.doctor import doctor_document

    loaded = manifest_of(asked)
    image_of(asked, loaded, ask=False)
    found = list(asked.desk.checkup(loaded, asked.given["image"], asked.given["tag"]))
    return Told(doctor_document(loaded.manifest.service, found))


def _with_command(document: Document, seq: int | None) -> Document:
    return {**document, "command": seq}


def _submitted(asked: Asked, name: str, answer: Submission) -> Told:
    """An answer to a wish: begun 201, to be asked again after another one's end 202, else 200."""
    from orchestrator.cli.status import document
    from orchestrator.wish import Way

    status = {Way.BEGUN: 201, Way.AFTER: 202}.get(answer.way, 200)
    rollout: Rollout | None = answer.rollout
    if rollout is None:
        found = answer.revision
        which = () if found is None else (("revision", found.id), ("digest", found.digest))
        shown = blank(name, "none", Reason("alreadyServing", answer.message, which))
    else:
        shown = document(asked.session(), name, rollout)
    shown["leftovers"] = [*shown["leftovers"], *(spare.document() for spare in answer.spare)]
    return Told({**shown, "way": answer.way.value, "message": answer.message, "notes": list(answer.notes)}, status)
