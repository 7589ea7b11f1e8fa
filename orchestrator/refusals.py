"""What is refused before anything is touched: a revision known to be bad or older, a held service, an unfit world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from orchestrator.inquiry import Asked
from orchestrator.manifest.problems import ManifestError, Problem
from orchestrator.ports import TargetPorts
from orchestrator.store.ports import Store
from orchestrator.wiring import App
from orchestrator.wish import Refused, Wish
from providers.errors import ProviderError
from providers.ports import Finding
from strategies.begin import Survey
from strategies.model import Outcome, Revision


def refuse_downgrade(wish: Wish, wanted: Revision, present: Revision | None, doing: str) -> None:
    """What the watcher found is not rolled out when it ranks below what is there already; raises Refused.

    `doing` says what `present` does, as in `serves`. The same digest under another tag is no downgrade.
    """
    if wish.older is None or wish.allow_older or present is None or present.digest == wanted.digest:
        return
    if wanted.tag and present.tag and wish.older(wanted.tag, present.tag):
        lift = "`allowDowngrade: true` in the manifest's `follow` lets the watcher go back"
        message = f"{wanted.tag} ranks below {present.tag}, which {doing}; {lift}, `rollout start --tag` does it once"
        raise Refused("downgrade", message)


def refuse_known(app: App, wish: Wish, wanted: Revision, found: Survey) -> None:
    """A revision that was taken back, or an older one, is not rolled out again by accident; raises Refused."""
    name = wish.loaded.manifest.service
    marked = found.rolled_back == wanted.short and not (wish.retry or wish.emergency)
    if marked and not _lifted(app.store, name, wanted):
        raise _rolled_back_before(name, wanted)
    refuse_downgrade(wish, wanted, found.revision, "serves")
    refuse_history(app, wish, wanted, [found.revision] if found.revision is not None else [])


def refuse_history(app: App, wish: Wish, wanted: Revision, present: Sequence[Revision]) -> None:
    """What the store alone can refuse: a revision held back, one of the past, a service held back; raises Refused.

    `present` are the revisions that serve or are about to, and so are not of the past.
    """
    name = wish.loaded.manifest.service
    if not (wish.retry or wish.emergency) and app.store.is_poisoned(name, wanted.id):
        raise _rolled_back_before(name, wanted)
    promoted = [known.id for _, known in app.store.promoted(name)]
    # The one promoted last is not older, though somebody may have deleted all of it since.
    newest = {promoted[-1] if promoted else None, *(revision.id for revision in present)}
    older = wanted.id in promoted and wanted.id not in newest
    if older and not (wish.allow_older or wish.emergency or wish.retry):
        message = f"revision {wanted.short} was promoted before; --allow-older or `rollout undo {name}` goes back to it"
        raise Refused("olderRevision", message)
    held = app.store.suspended(name, app.clock.now())
    if held is not None and not wish.emergency:
        lift = f"`rollout unsuspend {'--all' if held.service is None else name}`"
        raise Refused("suspended", f"{name} is suspended by {held.actor}: {held.reason}; {lift}")


def _rolled_back_before(name: str, wanted: Revision) -> Refused:
    lift = f"`rollout retry {name}` or start --retry lifts it"
    return Refused("rolledBackBefore", f"revision {wanted.short} was rolled back before; {lift}")


def _lifted(store: Store, service: str, wanted: Revision) -> bool:
    """Whether a person has pardoned the revision, or it was promoted after all, since this store saw it taken back.

    The mark in the routing has no date, so a promotion outweighs it only where the store saw the taking back before.
    """
    of_it: set[str] = set()
    taken_back = lifted = False
    for stored in store.events(service):
        data = dict(stored.event.data)
        if stored.event.kind == "rollout_submitted" and data.get("revision") == wanted.id:
            of_it.add(stored.rollout)
        elif stored.event.kind == "revision_pardoned" and data.get("revision") == wanted.id:
            lifted = True
        elif stored.event.kind == "rollout_ended" and stored.rollout in of_it:
            if data.get("outcome") == Outcome.ROLLED_BACK:
                taken_back, lifted = True, False
            elif data.get("outcome") == Outcome.PROMOTED:
                lifted = lifted or taken_back
    return lifted


def refuse_unfit(wish: Wish, hands: Mapping[str, TargetPorts], asked: Iterable[Asked] = ()) -> tuple[str, ...]:
    """Everything that would make the rollout fail later is said now, all of it at once.

    What the manifest names and can never be used is bad input (ManifestError); the rest is a precondition (Refused).
    `asked` are the answers of its sources of evidence; what of them keeps nothing from beginning is returned.
    """
    wrong: list[Problem] = []
    problems: list[str] = []
    for number, target in enumerate(wish.loaded.service().targets):
        ports = hands[target.name]
        for preflight in (ports.traffic.preflight, partial(ports.workloads.preflight, target.replicas)):
            for said, key in _unfit(preflight):
                problems.append(f"{target.name}: {said}")
                if key:
                    wrong.append(wish.loaded.problem(("targets", number, *key.split(".")), said))
    notes: list[str] = []
    for each in asked:
        if each.finding.ok:
            continue
        said = f"{each.target}: {_sentence(each.finding)}"
        if not each.finding.fatal:
            notes.append(said)
            continue
        problems.append(said)
        if each.finding.key:
            # A source knows itself by its name, not by where it stands: `gates.metrics[errors].prometheus.url`.
            below = each.finding.key.rpartition("].")[2].split(".")
            wrong.append(wish.loaded.problem((*each.path, *below), _sentence(each.finding)))
    if wrong:
        raise ManifestError(wrong)
    if problems:
        raise Refused("precondition", "\n".join(dict.fromkeys(problems)))
    return tuple(dict.fromkeys(notes))


def _unfit(preflight: Callable[[], tuple[Finding, ...]]) -> Iterator[tuple[str, str]]:
    """What is fatal of one preflight, with the way out, and the manifest's key that it is about (may be empty)."""
    try:
        findings = preflight()
    except ProviderError as error:
        yield str(error), ""
        return
    for finding in findings:
        if not finding.ok and finding.fatal:
            yield _sentence(finding), finding.key


def _sentence(finding: Finding) -> str:
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    return f"{finding.subject} {finding.message}{remedy}"
