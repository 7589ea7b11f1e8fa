"""Back to a revision that was promoted before, with its own template, from the snapshot it was submitted with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from orchestrator.wiring import App
from orchestrator.wish import Refused, Wish
from strategies.model import Revision


@dataclass(frozen=True, slots=True)
class Way:
    """Where an undo goes, and the revision that it leaves."""

    wish: Wish
    leaves: Revision


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
