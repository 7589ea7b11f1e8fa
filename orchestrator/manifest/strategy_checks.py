"""What is wrong with a strategy beyond its types: how many there are, the order of steps, matches that cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from orchestrator.manifest.problems import Mistake, Path, shown
from orchestrator.manifest.schema import Match, Step, Strategy
from strategies.detours import PROBE_HEADER

WORDS = ("canary", "blueGreen", "abTest", "shadow")


def steps_of(strategy: Strategy) -> tuple[str, list[Step]]:
    """The steps that a strategy gives, and the key that holds them; none for blueGreen."""
    for word, part in (("canary", strategy.canary), ("abTest", strategy.ab_test), ("shadow", strategy.shadow)):
        if part is not None:
            return word, part.steps
    return "blueGreen", []


def strategy_mistakes(strategy: Strategy, path: Path, raw: Any) -> Iterator[Mistake]:
    """Judge one strategy, `raw` being the document as it was written."""
    parts = (strategy.canary, strategy.blue_green, strategy.ab_test, strategy.shadow)
    given = [word for word, part in zip(WORDS, parts, strict=True) if part is not None]
    if len(given) != 1:
        needs: tuple[Path, ...] = tuple((*path, word) for word in WORDS)
        got = " and ".join(given) or "none"
        yield Mistake(path, f"must be exactly one of {', '.join(WORDS[:-1])} and {WORDS[-1]}; got {got}", needs)
    # The order is judged on what was written: one wrong step must not hide that two others are the wrong way round.
    for word in WORDS:
        steps = at(raw, (*path, word, "steps"))
        shares = [_share(step) for step in steps] if isinstance(steps, list) else []
        for number, (before, after) in enumerate(pairwise(shares), start=1):
            if before is not None and after is not None and after <= before:
                place = (*path, word, "steps", number)
                yield Mistake(place, f"must exceed {before:g} (steps[{number - 1}]); got {after:g}", as_written=True)
    if strategy.ab_test is not None:
        yield from _match(strategy.ab_test.match, (*path, "abTest", "match"), raw)


def _match(match: Match, path: Path, raw: Any) -> Iterator[Mistake]:
    if not any(at(raw, (*path, key)) for key in ("headers", "cookies")):
        message = "must name a header or a cookie with its value: without one every request would match; got neither"
        yield Mistake(path, message)
    known: dict[str, str] = {}
    for name in match.headers:
        place, small = (*path, "headers", name), name.lower()
        if small in known:
            message = f"must be given once, whatever the letter case; got {shown(name)} beside {shown(known[small])}"
            yield Mistake(place, message)
        known.setdefault(small, name)
        if small == PROBE_HEADER:
            yield Mistake(place, f"must be another header: {PROBE_HEADER} is what our own probes carry")
        elif small == "host":
            yield Mistake(place, "must be another header: a route tells hosts apart by its hostnames")
        elif small == "cookie":
            yield Mistake(place, "must be another header: name cookies under `match.cookies`, each with its value")


def at(raw: Any, path: Path) -> Any:
    """What stands at a path of plain values; None where there is nothing."""
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
