"""Back to a revision that was promoted before, with its own template, from the snapshot it was submitted with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.submit import Refused, Wish
from orchestrator.wiring import App
from strategies.model import Revision


@dataclass(frozen=True, slots=True)
class Way:
    """Where an undo goes, and the revision that it leaves."""

    wish: Wish
    leaves: Revision


def way_back(app: App, service: str, to: str | None, *, steps: bool, actor: str, reason: str) -> Way:
    """Find the wish that undoes the service's last promotion, or goes back to `to` (revision, tag or digest).

    Raises Refused when this store knows of no such revision. Reads only.
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
    fitting = [(id_, known) for id_, known in earlier if to is None or _is(known, to)]
    if not fitting:
        known = ", ".join(dict.fromkeys(_name(revision) for _, revision in reversed(earlier))) or "none"
        what = f"no earlier revision {to!r}" if to else "no earlier revision"
        raise Refused("nothingToUndo", f"{service} has {what} to go back to in this store; known: {known}")
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
    )
    return Way(wish, serving)


def _is(revision: Revision, wanted: str) -> bool:
    digest = revision.digest.removeprefix("sha256:")
    plain = wanted.removeprefix("sha256:")
    by_hash = len(plain) >= 8 and (revision.id.startswith(plain) or digest.startswith(plain))
    return revision.tag == wanted or by_hash


def _name(revision: Revision) -> str:
    return f"{revision.tag} ({revision.short})" if revision.tag else revision.short
