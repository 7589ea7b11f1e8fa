"""What stands in the world for a service before a rollout begins: who serves, what is kept, what was left over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.ports import TargetPorts
from orchestrator.sites import site_of
from orchestrator.store.errors import UnknownRollout
from orchestrator.store.rules import ENDS
from orchestrator.wiring import App
from orchestrator.wish import Spare
from providers.errors import ProviderError
from strategies.begin import Survey
from strategies.names import holder
from strategies.rebuild import survey
from strategies.seen import GroupSeen, GroupState, TargetSeen

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One look around: the survey, what a person should know, and workloads of ours that nobody needs.

    `over` were drained by rollouts that this store saw end, so they may be deleted; of `unknown` it cannot tell.
    """

    survey: Survey
    notes: tuple[str, ...] = ()
    over: tuple[Spare, ...] = ()
    unknown: tuple[Spare, ...] = ()
    unrouted: bool = False
    """Whether a profile or route does not exist, so that it cannot say who serves."""


def look_around(app: App, loaded: Loaded) -> Surroundings:
    """Read every mark of the service: who serves, and what was under way. Raises `providers.errors`."""
    service = loaded.manifest.service
    looks: list[TargetSeen] = []
    notes: list[str] = []
    over: list[Spare] = []
    groups: dict[tuple[str, str], GroupSeen] = {}
    for name, ports in app.hands(loaded).items():
        found, said = sweep(app, service, name, ports)
        notes += said
        look = TargetSeen(name, groups=found, traffic=ports.traffic.look())
        ended = _over(app, service, look)
        why = "its rollout has ended and it serves nobody"
        over += [_spare(loaded, name, group, why) for group in ended if group.state is not GroupState.GOING]
        # What is over would read as a rollout under way, or as an older stable side.
        looks.append(replace(look, groups=tuple(group for group in found if group not in ended)))
        groups.update({(name, group.name): group for group in found})
    read = survey(loaded.service(), looks, app.clock.now())
    why = "this store does not know the rollout that made it"
    unknown = [_spare(loaded, target, groups[target, name], why) for target, name in read.spare]
    unrouted = any(look.traffic is not None and not look.traffic.exists for look in looks)
    return Surroundings(read, tuple(notes), tuple(over), tuple(unknown), unrouted)


def sweep(app: App, service: str, target: str, ports: TargetPorts) -> tuple[tuple[GroupSeen, ...], tuple[str, ...]]:
    """Delete the retained workloads whose time is over; return the marked ones that stay, and what was refused.

    Idempotent; a crash, or a provider that refuses, leaves them for whoever looks next.
    """
    kept = {entry.name: entry for entry in app.store.retained(service) if entry.target == target}
    staying: list[GroupSeen] = []
    notes: list[str] = []
    for group in ports.workloads.discover():
        if group.keep_until is None or group.keep_until > app.clock.now():
            staying.append(group)
            continue
        try:
            ports.workloads.retire(group.name)
        except ProviderError as error:
            staying.append(group)
            notes.append(f"{target}: {group.name} was retained, its time is over, and it cannot be deleted: {error}")
    for name, entry in kept.items():
        if not any(group.name == name and group.keep_until is not None for group in staying):
            app.store.forget_retained(entry)
    return tuple(staying), tuple(notes)


def clear(app: App, loaded: Loaded, over: Iterable[Spare]) -> tuple[Spare, ...]:
    """Delete what earlier rollouts could not; return what still cannot be deleted, with the provider's words."""
    hands = app.hands(loaded)
    left = []
    for spare in over:
        try:
            hands[spare.target].workloads.retire(spare.name)
        except ProviderError as error:
            left.append(replace(spare, why=str(error)))
    return tuple(left)


def _over(app: App, service: str, look: TargetSeen) -> list[GroupSeen]:
    """Workloads that have left the routing, of rollouts that this store saw end: those drain before they end.

    Where nothing of ours is routed somebody has taken it out by hand, and where a rollout moves weights it may yet
    need them: then nothing is over.
    """
    seen = look.traffic
    if seen is None or holder(service, look.name) in dict(seen.active):
        return []
    marks = [endpoint.mark for endpoint in seen.endpoints if endpoint.mark is not None]
    routed = {mark.number for mark in marks if (mark.service, mark.target) == (service, look.name)}
    if not routed:
        return []
    return [
        group
        for group in look.groups
        if group.mark is not None
        and group.keep_until is None
        and group.mark.number not in routed
        and _ended(app, group.mark.rollout)
    ]


def _ended(app: App, rollout_id: str) -> bool:
    try:
        return app.store.load(rollout_id).outcome in ENDS
    except UnknownRollout:
        return False


def _spare(loaded: Loaded, target: str, group: GroupSeen, why: str) -> Spare:
    return Spare(target, group.name, group.id, why, site_of(loaded.target(target)).removal(group.name))
