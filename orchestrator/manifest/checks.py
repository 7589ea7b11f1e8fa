"""What a typed manifest must hold that no single key shows: counts, orders, pairs, what does not run yet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from orchestrator.manifest.follow import follow_mistakes
from orchestrator.manifest.metric_checks import metric_mistakes
from orchestrator.manifest.problems import NOT_YET, Mistake, Path, shown, within
from orchestrator.manifest.schema import Deadline, Gates, Manifest
from orchestrator.manifest.strategy_checks import strategy_mistakes
from orchestrator.manifest.target_checks import sharing_mistakes, target_mistakes
from orchestrator.manifest.typed import MOST_MISTAKES, Typed

_STRATEGY: Path = ("strategy",)


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
    return list(islice(dict.fromkeys(sound), MOST_MISTAKES))


def _all(manifest: Manifest, raw: Any) -> Iterator[Mistake]:
    if manifest.follow is not None:
        for path, message in follow_mistakes(manifest.follow):
            yield Mistake(("follow", *path), message)
    yield from strategy_mistakes(manifest.strategy, _STRATEGY, raw)
    yield from _gates(manifest.gates, ("gates",))
    yield from _deadlines(manifest.deadline)
    if manifest.hooks:
        yield Mistake(("hooks",), NOT_YET.format("hooks", "remove them"))
    yield from _via(manifest)
    names: dict[str, int] = {}
    for number, target in enumerate(manifest.targets):
        place: Path = ("targets", number)
        first = names.setdefault(target.name, number)
        if first != number:
            needs: tuple[Path, ...] = (("targets", first, "name"), ("targets", first))
            message = f"must be unique in the service; got {shown(target.name)}, which targets[{first}] has already"
            yield Mistake((*place, "name"), message, needs)
        if target.strategy is not None:
            yield from strategy_mistakes(target.strategy, (*place, "strategy"), raw)
        if target.gates is not None:
            yield from _gates(target.gates, (*place, "gates"))
        yield from target_mistakes(manifest, target, place)
    yield from sharing_mistakes(manifest)
    yield from metric_mistakes(manifest, raw)


def _gates(gates: Gates, path: Path) -> Iterator[Mistake]:
    if gates.longest_hold <= 0:
        yield Mistake((*path, "longestHold"), "must exceed 0s; got 0s")
    for key, value in (("interval", gates.probe.interval), ("timeout", gates.probe.timeout)):
        if value <= 0:
            yield Mistake((*path, "probe", key), "must exceed 0s; got 0s")


def _via(manifest: Manifest) -> Iterator[Mistake]:
    """The service's own way is that of its targets in clusters; without any, only the straight one is left."""
    via, needs = manifest.gates.probe.via, tuple(("targets", number) for number in range(len(manifest.targets)))
    if via not in (None, "direct") and not any(target.kubernetes is not None for target in manifest.targets):
        message = f"must be direct where no target has kubernetes; got {shown(via)}"
        yield Mistake(("gates", "probe", "via"), message, needs)


def _deadlines(deadline: Deadline) -> Iterator[Mistake]:
    for key, value in (("ready", deadline.ready), ("wave", deadline.wave), ("total", deadline.total)):
        if value <= 0:
            yield Mistake(("deadline", key), "must exceed 0s; got 0s")
