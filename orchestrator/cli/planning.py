"""What `plan` and `doctor` look at before anything begins: the manifest's wish beside what serves; reads only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.cli.measuring import loads
from orchestrator.cli.naming import version
from orchestrator.forecast_drain import last_pinned
from orchestrator.forecast_traffic import Demand
from orchestrator.sites import site_of
from orchestrator.wiring import App
from providers.errors import ProviderError
from strategies.begin import Survey, begin
from strategies.model import Revision, Rollout
from strategies.names import revision
from strategies.rebuild import survey
from strategies.seen import TargetSeen, TrafficSeen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from orchestrator.forecast_world import Place
    from orchestrator.manifest.loader import Loaded
    from orchestrator.ports import TargetPorts
    from orchestrator.store.ports import Store

UNKNOWN_DIGEST = "sha256:" + "0" * 64


@dataclass(slots=True)
class Prospect:
    """A rollout as `start` would begin it now, without being begun; `read` says whether the world could be read.

    `notes` are what a person should know before relying on it. `nothing` is true when that revision serves already.
    """

    loaded: Loaded
    rollout: Rollout
    places: dict[str, Place]
    read: bool
    nothing: bool = False
    notes: list[str] = field(default_factory=list)


def prospect(app: App, loaded: Loaded, digest: str | None, tag: str | None, store: Store | None) -> Prospect:
    """Look around and begin the wanted rollout in thought; what cannot be read is said in the notes, never raised.

    `store` is what is remembered of the service, None where nothing is; it is only read.
    """
    notes: list[str] = []
    found, places, hands = _world(app, loaded, notes)
    wanted = _wanted(loaded, found, digest, tag, notes)
    if store is not None:
        number = _with_memory(app, store, found, wanted, loaded.manifest.service, notes=notes)
        found = replace(found, number=max(found.number, number))
    if found.resumed is not None:
        notes.append(_comes_after(found.resumed, "its marks show it under way"))
    rollout = begin("plan", loaded.service(), wanted, found, app.clock.now())
    whole = all(found.slots(target.name) for target in rollout.service.targets)
    nothing = whole and found.revision is not None and found.revision.id == wanted.id
    places = _with_demand(rollout, places, hands or {}, store, app)
    return Prospect(loaded, rollout, places, hands is not None, nothing, notes)


def _with_demand(
    rollout: Rollout, places: dict[str, Place], hands: Mapping[str, TargetPorts], store: Store | None, app: App
) -> dict[str, Place]:
    """What the sources count now, and for how long clients stayed in the last drain, as far as it is remembered."""
    counted = loads(hands, rollout, app.clock.now(), app.log)
    history = store.history(rollout.service.name) if store is not None else []
    return {
        name: replace(place, demand=Demand(counted.get(name, ()), last_pinned(history, name)))
        for name, place in places.items()
    }


def _world(
    app: App, loaded: Loaded, notes: list[str]
) -> tuple[Survey, dict[str, Place], Mapping[str, TargetPorts] | None]:
    """Read every mark, as a submission does, but leave alone what it would sweep away; no hands where none can read."""
    sites = {target.name: site_of(target) for target in loaded.targets}
    now = app.clock.now()
    nobody, name = TrafficSeen(now, exists=False), ""
    try:
        looks: list[TargetSeen] = []
        hands = app.hands(loaded)
        for name, ports in hands.items():
            looks.append(_look(name, ports, now, notes))
    except ProviderError as error:
        owner = sites[name].owner if name else "Azure"
        notes.append(f"{owner} could not be read, so this is planned as a first release: {error}")
        return Survey(None, ()), {each: site.place(nobody) for each, site in sites.items()}, None
    places = {}
    for look in looks:
        routing, site = look.traffic or nobody, sites[look.name]
        retained = tuple(group.name for group in look.groups if group.keep_until is not None)
        places[look.name] = site.place(routing, retained)
        if (said := site.absent(routing)) is not None:
            notes.append(f"{look.name}: {said}")
    return survey(loaded.service(), looks, now), places, hands


def _look(name: str, ports: TargetPorts, now: datetime, notes: list[str]) -> TargetSeen:
    groups = ports.workloads.discover()
    over = [group.name for group in groups if group.keep_until is not None and group.keep_until <= now]
    if over:
        notes.append(f"{name}: {', '.join(over)} was retained and is over its time: the next `start` deletes it first")
    return TargetSeen(name, tuple(g for g in groups if g.name not in over), ports.traffic.look())


def _wanted(loaded: Loaded, found: Survey, digest: str | None, tag: str | None, notes: list[str]) -> Revision:
    """The revision that `start` would roll out; without a word about the image the one that serves."""
    if digest is None and found.revision is not None:
        digest, tag = found.revision.digest, found.revision.tag
    if digest is None:
        notes.append("no image is named and none is known to serve: names below hold zeros; say --tag TAG")
        digest = UNKNOWN_DIGEST
    return revision(digest, loaded.template_hash, image=loaded.manifest.image, tag=tag)


def _with_memory(app: App, store: Store, found: Survey, wanted: Revision, service: str, *, notes: list[str]) -> int:
    """The last number the store knows of; what would make `start` refuse or wait goes to the notes."""
    running, latest = store.active(service), store.latest(service)
    if running is not None and running.revision.id == wanted.id:
        notes.append(f"rollout {running.id} of this revision is under way: `start` attaches to it")
    elif running is not None:
        notes.append(_comes_after(running, "it is under way"))
    if store.is_poisoned(service, wanted.id):
        notes.append(f"`start` refuses it: it was rolled back before; `rollout retry {service}` lifts that")
    serves = found.revision is not None and found.revision.id == wanted.id
    if not serves and running is None and any(known.id == wanted.id for _, known in store.promoted(service)):
        notes.append(f"it was promoted before: `start` wants --allow-older, or use `rollout undo {service}`")
    held = store.suspended(service, app.clock.now())
    if held is not None:
        notes.append(f"`start` refuses it: {service} is suspended by {held.actor}: {held.reason}")
    return latest.number if latest is not None else 0


def _comes_after(running: Rollout, why: str) -> str:
    rule = running.service.while_running.value
    return f"rollout {running.id} ({version(running.revision)}) comes first: {why} (whileRunning: {rule})"
