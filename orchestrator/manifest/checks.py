"""What a typed manifest must hold that no single key shows: counts, orders, pairs, weights, what does not run yet."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from orchestrator.manifest.follow import follow_mistakes
from orchestrator.manifest.hosts import CreateProfile, Monitor, TrafficManager
from orchestrator.manifest.problems import Path, shown, within
from orchestrator.manifest.schema import Canary, Deadline, Gates, Manifest, Strategy, Target
from orchestrator.manifest.typed import MOST_MISTAKES, Typed

DEFAULT_WEIGHT = 1000
HIGHEST_WEIGHT = 1000
_SLACK = 1e-6
"""Shares are floats: what they miss by their last digit is not held against them."""
_STRATEGY: Path = ("strategy",)
_HOSTS = ("containerInstances", "kubernetes")
_TRAFFICS = ("trafficManager", "gatewayApi")
_TRAFFICS_LATER = ("applicationGateway", "frontDoor", "traffic")
_NOT_YET = "must not be given yet: this version does not run {}; {}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A finding of a check: where, what, and the other paths it was judged by."""

    path: Path
    message: str
    needs: tuple[Path, ...] = field(default=())
    as_written: bool = False
    """Judged on what was written, not on what was mended."""


def checked(result: Typed, raw: Any) -> list[tuple[Path, str]]:
    """Judge a typed manifest, `raw` being what it was made of; what rests on a broken path is left out."""
    if result.manifest is None:
        return []
    filled = result.broken | result.mended
    sound = (
        (mistake.path, mistake.message)
        for mistake in _all(result.manifest, raw)
        if not any(
            within(path, result.broken if mistake.as_written else filled) for path in (mistake.path, *mistake.needs)
        )
    )
    return list(islice(sound, MOST_MISTAKES))


def _all(manifest: Manifest, raw: Any) -> Iterator[Mistake]:
    if manifest.follow is not None:
        for path, message in follow_mistakes(manifest.follow):
            yield Mistake(("follow", *path), message)
    yield from _strategy(manifest.strategy, _STRATEGY, raw)
    yield from _gates(manifest.gates, ("gates",))
    yield from _deadlines(manifest.deadline)
    if manifest.hooks:
        yield Mistake(("hooks",), _NOT_YET.format("hooks", "remove them"))
    names: dict[str, int] = {}
    for number, target in enumerate(manifest.targets):
        place: Path = ("targets", number)
        first = names.setdefault(target.name, number)
        if first != number:
            needs: tuple[Path, ...] = (("targets", first, "name"), ("targets", first))
            message = f"must be unique in the service; got {shown(target.name)}, which targets[{first}] has already"
            yield Mistake((*place, "name"), message, needs)
        yield from _target(manifest, target, place, raw)


def _target(manifest: Manifest, target: Target, path: Path, raw: Any) -> Iterator[Mistake]:
    hosts = [name for name, part in zip(_HOSTS, (target.container_instances, target.kubernetes), strict=True) if part]
    traffics = [
        name for name, part in zip(_TRAFFICS, (target.traffic_manager, target.gateway_api), strict=True) if part
    ]
    yield from _exactly_one(path, "workload host", _HOSTS, hosts)
    yield from _exactly_one(path, "traffic", _TRAFFICS, traffics, _TRAFFICS_LATER)
    if target.kubernetes is not None:
        out = "keep to targets with containerInstances and trafficManager"
        yield Mistake((*path, "kubernetes"), _NOT_YET.format("targets in a cluster", out))
    elif target.gateway_api is not None:
        yield Mistake((*path, "gatewayApi"), _NOT_YET.format("Gateway API routes", "use trafficManager"))
    strategy, place = manifest.strategy, _STRATEGY
    if target.strategy is not None:
        strategy, place = target.strategy, (*path, "strategy")
        yield from _strategy(strategy, place, raw)
    if target.gates is not None:
        yield from _gates(target.gates, (*path, "gates"))
        if target.kubernetes is None and target.gates.probe.via not in (None, "direct"):
            message = f"must be direct for containerInstances; got {shown(target.gates.probe.via)}"
            yield Mistake((*path, "gates", "probe", "via"), message)
    if target.traffic_manager is not None:
        yield from _traffic_manager(target, target.traffic_manager, (*path, "trafficManager"))
        if target.container_instances is not None and strategy.canary is not None:
            yield from _weights(target, strategy.canary, path, (*place, "canary", "steps"))


def _exactly_one(
    path: Path, what: str, words: tuple[str, ...], given: list[str], more: tuple[str, ...] = ()
) -> Iterator[Mistake]:
    if len(given) != 1:
        needs = tuple((*path, word) for word in (*words, *more))
        got = " and ".join(given) or "none"
        yield Mistake(path, f"must have exactly one {what} ({' or '.join(words)}); got {got}", needs)


def _strategy(strategy: Strategy, path: Path, raw: Any) -> Iterator[Mistake]:
    given = [name for name, part in (("canary", strategy.canary), ("blueGreen", strategy.blue_green)) if part]
    if len(given) != 1:
        needs: tuple[Path, ...] = tuple((*path, word) for word in ("canary", "blueGreen", "abTest", "shadow"))
        got = " and ".join(given) or "none"
        yield Mistake(path, f"must be exactly one of canary and blueGreen; got {got}", needs)
    # The order is judged on what was written: one wrong step must not hide that two others are the wrong way round.
    steps = _at(raw, (*path, "canary", "steps"))
    shares = [_share(step) for step in steps] if isinstance(steps, list) else []
    for number, (before, after) in enumerate(pairwise(shares), start=1):
        if before is not None and after is not None and after <= before:
            place = (*path, "canary", "steps", number)
            yield Mistake(place, f"must exceed {before:g} (steps[{number - 1}]); got {after:g}", as_written=True)


def _at(raw: Any, path: Path) -> Any:
    for part in path:
        if isinstance(raw, dict) and isinstance(part, str):
            raw = raw.get(part)
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            return None
    return raw


def _share(step: Any) -> float | None:
    share = step.get("share") if isinstance(step, dict) else step
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 100:
        return None
    return float(share)


def _gates(gates: Gates, path: Path) -> Iterator[Mistake]:
    if gates.metrics:
        yield Mistake((*path, "metrics"), _NOT_YET.format("gates on metrics", "leave the list empty"))
    for key, value in (("interval", gates.probe.interval), ("timeout", gates.probe.timeout)):
        if value <= 0:
            yield Mistake((*path, "probe", key), "must exceed 0s; got 0s")


def _deadlines(deadline: Deadline) -> Iterator[Mistake]:
    for key, value in (("ready", deadline.ready), ("wave", deadline.wave), ("total", deadline.total)):
        if value <= 0:
            yield Mistake(("deadline", key), "must exceed 0s; got 0s")


def _traffic_manager(target: Target, traffic: TrafficManager, path: Path) -> Iterator[Mistake]:
    replicas = target.container_instances.replicas if target.container_instances else 1
    most = replicas * HIGHEST_WEIGHT
    if traffic.weight is not None and not replicas <= traffic.weight <= most:
        needs = ((*path[:-1], "containerInstances", "replicas"),)
        message = f"must be from {replicas} to {most}, so that each of {replicas} endpoints gets a weight of 1 to 1000"
        yield Mistake((*path, "weight"), f"{message}; got {traffic.weight}", needs)
    if traffic.address is not None and target.kubernetes is None:
        yield Mistake((*path, "address"), f"must stand beside kubernetes only; got {shown(traffic.address)}")
    if traffic.endpoint.custom_headers is not None and len(traffic.endpoint.custom_headers) > 8:
        count = len(traffic.endpoint.custom_headers)
        yield Mistake((*path, "endpoint", "customHeaders"), f"must hold at most 8; got {count}")
    if traffic.adopted_groups == "delete":
        what = "the deletion of what stands behind adopted endpoints"
        remedy = "take them out of the profile with `adopt` and delete them by hand afterwards"
        yield Mistake((*path, "adoptedGroups"), _NOT_YET.format(what, remedy))
    adopted: set[str] = set()
    for number, name in enumerate(traffic.adopt):
        if name.lower() in adopted:
            yield Mistake((*path, "adopt", number), f"must be given once; got {shown(name)} again")
        adopted.add(name.lower())
    if traffic.create is not None:
        yield from _create(traffic.create, (*path, "create", "monitor"))


def _create(create: CreateProfile, path: Path) -> Iterator[Mistake]:
    monitor: Monitor = create.monitor
    if monitor.interval not in (10, 30):
        yield Mistake((*path, "interval"), f"must be 10s or 30s; got {monitor.interval}s")
    else:
        most = 9 if monitor.interval == 10 else 10
        if not 5 <= monitor.timeout <= most:
            message = f"must be 5s to {most}s at an interval of {monitor.interval}s; got {monitor.timeout}s"
            yield Mistake((*path, "timeout"), message, ((*path, "interval"),))
    if monitor.protocol == "TCP":
        for key, given in (("path", monitor.path), ("headers", monitor.headers)):
            if given:
                yield Mistake((*path, key), "must be left out with protocol TCP; got " + shown(given))


def _weights(target: Target, canary: Canary, path: Path, place: Path) -> Iterator[Mistake]:
    """Each step must leave every endpoint of both sides at least 1 of the weight; the message names the way out."""
    replicas = target.container_instances.replicas if target.container_instances else 1
    traffic = target.traffic_manager
    if traffic is None or (traffic.weight is None and traffic.adopt):
        return  # What the adopted endpoints had is known to nobody here; the split keeps every endpoint above zero.
    weight = traffic.weight or DEFAULT_WEIGHT
    needs: tuple[Path, ...] = (
        (*path, "containerInstances", "replicas"),
        (*path, "trafficManager", "weight"),
        (*path, "trafficManager"),
        place,
    )
    for number, step in enumerate(canary.steps):
        side = min(step.share, 100 - step.share)
        if step.share == 100 or weight * side >= 100 * replicas - _SLACK:
            continue
        smallest = math.ceil(1000 * 100 * replicas / weight - _SLACK) / 1000
        bound = f"at least {smallest:g}" if step.share < 50 else f"at most {100 - smallest:g}"
        enough = math.ceil(100 * replicas / side - _SLACK)
        possible = enough <= replicas * HIGHEST_WEIGHT
        raised = f", or trafficManager.weight at least {enough}" if possible else ""
        message = (
            f"must be {bound}{raised}, so that each of {replicas} endpoints a side gets a weight of at least 1 "
            f"of {weight} in target {target.name}; got {step.share:g}"
        )
        yield Mistake((*place, number), message, needs)
