"""Wishes as they cross the wire: the manifest as text, its templates and variables, and secrets as references only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.forecast_world import Place
from orchestrator.sites import site_of
from orchestrator.store.records import Snapshot, WishRecord
from orchestrator.wish import recorded, wished
from strategies.model import Rollout

if TYPE_CHECKING:
    from orchestrator.cli.planning import Prospect
    from orchestrator.manifest.loader import Loaded
    from orchestrator.manifest.problems import Problem
    from orchestrator.wish import Wish


_NO_COMMAND = (
    "must not be given in a manifest that is sent to a daemon, on whose machine it would run: use a `job`, or keep the "
    "manifest in the daemon's own folder"
)
_NO_IDENTITY = (
    "must not be azure in a manifest that is sent to a daemon, whose identity is its own: give the token as a secret "
    "in `headers`, or keep the manifest in the daemon's own folder"
)


@dataclass(frozen=True, slots=True)
class ProspectSent:
    """A prospect without the manifest that the asker has already; see `orchestrator.cli.planning.Prospect`."""

    rollout: Rollout
    places: dict[str, Place]
    read: bool
    nothing: bool
    notes: list[str]


def sent(wish: Wish) -> WishRecord:
    """Take a wish apart; raises ManifestError where its template holds a secret that would have to stay behind."""
    refuse_written(wish.loaded)
    return recorded(wish)


def received(sent: WishRecord, actor: str) -> Wish:
    """Put a wish together again on the other side, spoken by `actor`.

    Raises ManifestError with everything that is wrong with the manifest, ReferenceProblem for a digest or tag that is
    none.
    """
    from watchers.reference import check_digest, check_tag

    if sent.digest is not None:
        check_digest(sent.digest)
    if sent.tag is not None:
        check_tag(sent.tag)
    # What an undo holds back is for the daemon's own store to say.
    return wished(replace(sent, actor=actor, leaves=None), reread(sent.snapshot))


def reread(snapshot: Snapshot) -> Loaded:
    """Check a manifest that came from elsewhere as strictly as one on disk; raises ManifestError with every problem.

    Beyond that its secrets may neither be written out nor be the daemon's own.
    """
    from orchestrator.manifest.loader import from_snapshot
    from orchestrator.manifest.problems import ManifestError

    loaded = from_snapshot(snapshot, strict=True)
    problems = [*_written(loaded), *_reserved(loaded)]
    if problems:
        raise ManifestError(problems)
    return loaded


def refuse_written(loaded: Loaded) -> None:
    """A secret written out in a template stays in its file, which only the machine that has the file can read.

    Raises ManifestError naming each place. On the daemon's side this also keeps a sent template from naming files of
    the daemon's own as if they were its templates.
    """
    from orchestrator.manifest.problems import ManifestError

    problems = list(_written(loaded))
    if problems:
        raise ManifestError(problems)


def prospect_sent(found: Prospect) -> ProspectSent:
    """Take a prospect apart."""
    return ProspectSent(found.rollout, found.places, found.read, found.nothing, found.notes)


def prospect_received(found: ProspectSent, loaded: Loaded) -> Prospect:
    """Put a prospect together again."""
    from orchestrator.cli.planning import Prospect

    return Prospect(loaded, found.rollout, found.places, found.read, found.nothing, found.notes)


def _written(loaded: Loaded) -> Iterator[Problem]:
    from orchestrator.manifest.template import WrittenSecret

    for number, target in enumerate(loaded.targets):
        secrets = site_of(target).secrets()
        for name in sorted({each.name for each in secrets if isinstance(each, WrittenSecret)}):
            place = name.partition("#")[2] or name
            yield loaded.problem(
                ("targets", number, *site_of(target).template),
                f"{place} is written out in the template, and a daemon cannot read it there: expected a reference such "
                "as ${env:NAME}, ${file:/run/secrets/x} or ${keyVault:vault/secret}, which the daemon resolves",
            )


def _reserved(loaded: Loaded) -> Iterator[Problem]:
    from orchestrator.remote.reserved import reserved

    for number, target in enumerate(loaded.targets):
        named = {(each.kind, each.name) for each in site_of(target).secrets()}
        for kind, name in sorted(named):
            why = reserved(kind, name)
            if why is not None:
                yield loaded.problem(("targets", number, *site_of(target).template), why)
        yield from _reserved_sources(loaded, number)


def _reserved_sources(loaded: Loaded, number: int) -> Iterator[Problem]:
    """A sender decides where a source is and what is run, so neither may reach what is the daemon's own."""
    from orchestrator.manifest.metric_build import kind_of, metrics_at
    from orchestrator.manifest.secret_places import named_by, references
    from orchestrator.remote.reserved import reserved

    metrics, path = metrics_at(loaded.manifest, number)
    for place, (metric, named) in enumerate(zip(metrics, loaded.targets[number].sources, strict=True)):
        where = (*path, place, kind_of(metric) or "")
        if metric.command is not None:
            yield loaded.problem(where, _NO_COMMAND)
        if metric.webhook is not None and metric.webhook.auth == "azure":
            yield loaded.problem((*where, "auth"), _NO_IDENTITY)
        for (key, name), header in named_by(named.source).items():
            for secret in references(header):
                why = reserved(secret.kind, secret.name)
                if why is not None:
                    yield loaded.problem((*where, key, name), why)
