"""Shares to integer weights, keeping the sum of our weights constant so that foreign endpoints keep their part."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor

from strategies.model import Member, Slot, Stage

LOWEST, HIGHEST = 1, 1000
"""What one endpoint's weight may be (Traffic Manager: 1 to 1000; zero is a switched-off endpoint)."""


def apportion(total: int, ratios: Sequence[int], highest: int = HIGHEST) -> tuple[int, ...]:
    """Divide `total` in the given ratios by largest remainder; every part is at least `LOWEST`.

    Raises ValueError when a part would leave LOWEST..`highest`: no such split exists then.
    """
    whole = sum(ratios)
    if not ratios or whole <= 0 or not LOWEST * len(ratios) <= total <= highest * len(ratios):
        most = highest * len(ratios)
        raise ValueError(f"{len(ratios)} endpoints can share a weight of {len(ratios)} to {most}; got {total}")
    exact = [total * ratio / whole for ratio in ratios]
    parts = [min(max(floor(part), LOWEST), highest) for part in exact]
    while (rest := total - sum(parts)) != 0:
        step = 1 if rest > 0 else -1
        able = [i for i, part in enumerate(parts) if LOWEST <= part + step <= highest]
        furthest = max(able, key=lambda i: ((exact[i] - parts[i]) * step, -i))
        parts[furthest] += step
    return tuple(parts)


def candidate_weight(share: float, weight: int, stable: int, candidate: int) -> int:
    """The candidate side's part of `weight` at `share` percent; every endpoint keeps at least `LOWEST`."""
    if share <= 0:
        return 0
    if share >= 100 or not stable:
        return weight
    return max(min(floor(weight * share / 100 + 0.5), weight - stable * LOWEST), candidate * LOWEST)


def members(
    share: float, weight: int, stable: Sequence[Slot], candidate: Sequence[Slot], highest: int = HIGHEST
) -> tuple[Member, ...]:
    """Both sides' endpoints at `share` percent; those of a side with nothing have weight 0.

    Adopted endpoints have exactly their original weights while the candidate has nothing, and else keep their ratio.
    """
    serving = [slot for slot in stable if slot.weight != 0]
    if share > 0:
        # What is gone cannot carry its part: the others of its side do, and without any the candidate does.
        serving = [slot for slot in serving if slot.stage is not Stage.GONE]
    for_candidate = candidate_weight(share, weight, len(serving), len(candidate))
    if share <= 0 and any(slot.adopted for slot in serving):
        old = tuple(slot.weight or LOWEST for slot in serving)
    else:
        old = _part(weight - for_candidate, serving, highest)
    new = _part(for_candidate, candidate, highest)
    weights = dict(zip((s.endpoint for s in (*serving, *candidate)), (*old, *new), strict=True))
    return tuple(Member(s.endpoint, s.address or "", weights.get(s.endpoint, 0)) for s in (*stable, *candidate))


def _part(total: int, slots: Sequence[Slot], highest: int) -> tuple[int, ...]:
    """Divide among the slots; what they cannot carry is cut to what they can, for the way back must never fail."""
    if total == 0 or not slots:
        return (0,) * len(slots)
    able = min(max(total, LOWEST * len(slots)), highest * len(slots))
    return apportion(able, [slot.weight or LOWEST for slot in slots], highest)


def unfit(weight: int, shares: Sequence[float], stable: int, candidate: int, highest: int = HIGHEST) -> str:
    """Why these shares cannot be written with this weight over so many endpoints, and what works; else empty.

    The way there and the way back are both looked at: each endpoint's weight is `LOWEST` to `highest`.
    """
    most = highest * min(candidate, stable or candidate)
    if not LOWEST * max(candidate, stable) <= weight <= most:
        sides = f"{stable} endpoints of the old side and {candidate} of the new one"
        return (
            f"weight {weight} cannot be carried by {sides} alike: a weight from {max(candidate, stable)} to {most} can"
        )
    for share in shares:
        if stable and 0 < share < 100:
            least = max(candidate * 100 / share, stable * 100 / (100 - share))
            if weight < least:
                said = f"share {share:g} % gives an endpoint less than 1 of the weight {weight}"
                return f"{said}: from {ceil(least)} on it works"
    return ""
