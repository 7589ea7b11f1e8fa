"""What each goal is measured by: every function first asks for its runs, and tells its figures when asked again.

So all runs are under way at once, and the figures come in the order of the goals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from strategies.evidence import ALPHA, BETA
from tests.benchmarks.decisions import hindsight, limits, peers, validity
from tests.benchmarks.decisions.runs import Asked, Work
from tests.benchmarks.decisions.stage import Setting
from tests.benchmarks.decisions.table import RESTARTED, SHIPPED, SHIPPED_THREE
from tests.benchmarks.decisions.traffic import HOLD_SECONDS, STEPS, Cell, bad, by_dns, good, worse
from tests.benchmarks.goals import Goal

Measure = Callable[[Work, float], Iterator[list[Goal]]]
LOADS, RATES = (5.0, 50.0, 500.0), (0.001, 0.01, 0.05)
MANY, SOME, FEW = 10_000, 1_000, 200
PEER_RUNS = 2_000
BY_DNS = Setting("shipping schedule by DNS, TTL 10 s", ttl=10, propagation=60.0)
BY_SLOW_DNS = Setting("shipping schedule by DNS, TTL 60 s", ttl=60, propagation=60.0)
PINNED = ((0.0, 0.0), (0.05, 60.0), (0.05, 300.0))
"""Which part of the requests is pinned, and for how many seconds in the mean."""


def scaled(runs: int, scale: float) -> int:
    """So many runs, or fewer."""
    return max(round(runs * scale), 4)


def broken(work: Work, scale: float) -> Iterator[list[Goal]]:
    """G1: what a version that always fails costs, beside Flagger's and Argo Rollouts' own examples."""
    cells = [bad(rps, rate, None) for rps in LOADS for rate in RATES]
    rivals = (peers.FLAGGER_5, peers.ARGO_DOCS)
    ours = {cell: work.ours(SHIPPED, cell, scaled(SOME, scale)) for cell in cells}
    theirs = {(cell, peer): work.peer(peer, cell, scaled(PEER_RUNS, scale)) for cell in cells for peer in rivals}
    yield []
    found = []
    for (cell, peer), parts in theirs.items():
        cost = ours[cell].summed().mean_excess
        other = parts[0].result().mean_excess
        part = 10 if peer is peers.FLAGGER_5 and cell.rps < 50 else 50
        case = f"always fails, {_load(cell)}, beside {peer.name}"
        found.append(Goal("G1", case, cost, other / part, "bad requests", other, limits.wald_excess(cell)))
    yield found


def regressions(work: Work, scale: float) -> Iterator[list[Goal]]:
    """G1b: what a version that fails five times as often costs, beside the best threshold chosen in hindsight."""
    cells = [bad(rps, rate, 5.0) for rps in (50.0, 500.0) for rate in (0.01, 0.05)]
    ours = {(cell, SHIPPED): work.ours(SHIPPED, cell, scaled(SOME, scale)) for cell in cells}
    ours |= {(cell, SHIPPED_THREE): work.ours(SHIPPED_THREE, cell, scaled(FEW, scale)) for cell in cells}
    tried = {cell: work.sweep(cell.rps, cell.stable, 5.0, scaled(MANY, scale)) for cell in cells}
    yield []
    found = []
    for cell, parts in tried.items():
        swept = parts[0].result()
        minute = tuple(one for one in swept if one.peer.window == hindsight.MINUTE)
        cost = ours[cell, SHIPPED].summed().mean_excess
        three = ours[cell, SHIPPED_THREE].summed().mean_excess
        load = _load(cell)
        for goal, what, mine, able, part in (
            ("G1b", "windows of a minute", cost, hindsight.best(minute), 1.3),
            ("G1b", "unmoved by incidents", cost, hindsight.best(minute, through_incidents=True), 0.2),
            ("-", "any window", cost, hindsight.best(swept), 1.3),
            ("-", "windows of a minute; three metrics of ours", three, hindsight.best(minute), 1.3),
        ):
            found.append(_beside(goal, f"5x, {load}, {what}", mine, able, part, cell))
    yield found


def _beside(goal: str, case: str, ours: float, best: hindsight.Tuned | None, part: float, cell: Cell) -> Goal:
    """Where no setting of the knobs meets the conditions, beside what passes unnoticed until it has everything."""
    unnoticed = sum(share * HOLD_SECONDS for share in STEPS) * cell.rps * (cell.candidate - cell.stable)
    other, name = (unnoticed, "no threshold does it") if best is None else (best.excess, best.peer.name)
    return Goal(goal, f"{case} ({name})", ours, part * other, "bad requests", other, limits.wald_excess(cell))


def tails(_work: Work, _scale: float) -> Iterator[list[Goal]]:
    """G1d, a model: seconds of a candidate's traffic that clients still send it when a rollback is in force in DNS.

    Answers expire evenly within their TTL, and `part` of the requests is pinned for `hold` seconds more. `drain`
    measures the same with a real resolver.
    """
    yield []
    found = []
    for part, hold in PINNED:
        ten, sixty = (ttl / 2 + part * hold for ttl in (10, 60))
        pinned = f"{part:.0%} pinned for {hold:g} s" if part else "nothing pinned"
        case = f"tail beyond propagation at TTL 10 beside TTL 60, {pinned} (model)"
        found.append(Goal("G1d", case, ten, sixty / 2, "s of traffic", sixty, part * hold))
    yield found


def falsely(work: Work, scale: float) -> Iterator[list[Goal]]:
    """G2: good versions taken back; the largest rate that the runs leave possible with a chance of 5 %."""
    many = [(SHIPPED, good(50.0, 0.01)), (SHIPPED, good(50.0, 0.01, incident=True)), (BY_DNS, by_dns(50.0, 10))]
    others = [good(rps, rate, incident=incident) for incident in (False, True) for rps in LOADS for rate in RATES]
    few = [cell for cell in others if (SHIPPED, cell) not in many]
    lumpy = [(BY_DNS, by_dns(rps, 10)) for rps in (5.0, 500.0)] + [(BY_SLOW_DNS, by_dns(50.0, 60))]
    asked = [(s, cell, work.ours(s, cell, scaled(MANY, scale))) for s, cell in many]
    asked += [(SHIPPED, cell, work.ours(SHIPPED, cell, scaled(SOME, scale))) for cell in few]
    asked += [(s, cell, work.ours(s, cell, scaled(FEW, scale))) for s, cell in lumpy]
    yield []
    found, hits, runs = [], 0, 0
    for number, (_, cell, parts) in enumerate(asked):
        bound = 0.005 if cell.ttl is not None else ALPHA
        wrong, of, asks = _wrong(parts)
        case = f"good, {_load(cell)}, {cell.name}: {wrong} of {of}, {asks} asked a person"
        if number < len(many):
            found.append(Goal("G2", f"{case}; upper bound", limits.upper_bound(wrong, of), bound, "of runs"))
        else:
            found.append(Goal("G2", f"{case}; observed", wrong / of, bound, "of runs"))
        if len(many) <= number and cell.ttl is None:
            hits, runs = hits + wrong, runs + of
    whole = limits.upper_bound(hits, runs)
    found.append(
        Goal("G2", f"all cells of {SOME} runs together: {hits} of {runs}; upper bound", whole, ALPHA, "of runs")
    )
    yield found


def _wrong(parts: Asked) -> tuple[int, int, int]:
    ends = parts.ends()
    return sum(end.rolled for end in ends), len(ends), sum(end.outcome == "asked" for end in ends)


def promoted(work: Work, scale: float) -> Iterator[list[Goal]]:
    """G2b: versions exactly at the boundary of what is unacceptable that get everything all the same."""
    cells = [worse(good(rps, rate), 2 * rate + 0.01, "unacceptable") for rps in LOADS for rate in RATES]
    asked = [(cell, work.ours(SHIPPED, cell, scaled(2 * FEW, scale))) for cell in cells]
    yield []
    found = []
    for cell, parts in asked:
        ends = parts.ends()
        hits = sum(end.outcome == "promoted" for end in ends)
        case = f"unacceptable ({100 * cell.candidate:.1f} %), {_load(cell)}: {hits} of {len(ends)}; upper bound"
        found.append(Goal("G2b", case, limits.upper_bound(hits, len(ends)), BETA, "of runs"))
    yield found


def boundary(work: Work, scale: float) -> Iterator[list[Goal]]:
    """Candidates exactly as bad as is acceptable: condemned no more often than the error that is allowed."""
    runs = scaled(4000, scale)
    parts = [work.boundary(number, runs)[0] for number in range(len(validity.regimes()))]
    yield []
    found = [part.result() for part in parts]
    whole = sum(each.runs for each in found)
    apart = max(each.apart for each in found)
    yield [
        Goal("-", f"at the boundary, worst of 12 regimes of {runs} runs", _most(found, "condemned"), ALPHA, "of runs"),
        Goal("-", "the same, all regimes", sum(each.condemned for each in found) / whole, ALPHA, "of runs"),
        Goal("-", "at the boundary, alpha = 1 %, worst regime", _most(found, "weakly"), validity.WEAK_ALPHA, "of runs"),
        Goal("-", "at the other boundary, let pass, worst regime", _most(found, "passed"), BETA, "of runs"),
        Goal("-", f"numpy twin beside the product's test, {found[0].compared} runs each", apart, 1e-9, "relative"),
    ]


def _most(found: list[validity.Found], what: str) -> float:
    return max(float(getattr(each, what)) / each.runs for each in found)


def alike(work: Work, scale: float) -> Iterator[list[Goal]]:
    """How often the whole tick loop and the counts alone decide differently on the same traffic; none is allowed."""
    runs = scaled(16, scale)
    fewer = scaled(8, scale)
    cells = [good(50.0, 0.01), good(50.0, 0.01, incident=True), bad(50.0, 0.01, 5.0), good(5.0, 0.05)]
    cells += [bad(5.0, 0.001, None), worse(good(50.0, 0.01), 0.03, "unacceptable")]
    asked = [(SHIPPED, cell, runs) for cell in cells] + [(RESTARTED, cell, runs) for cell in cells]
    asked += [(SHIPPED_THREE, cells[2], fewer), (SHIPPED_THREE, cells[3], fewer)]
    asked += [(BY_DNS, by_dns(50.0, 10, rate=rate), fewer) for rate in (None, 0.1)]
    parts = [part for setting, cell, count in asked for part in work.both_ways(setting, cell, count)]
    yield []
    pairs = [pair for part in parts for pair in part.result()]
    apart = sum(whole != quick for whole, quick in pairs)
    yield [Goal("-", f"decided otherwise by the whole tick loop, of {len(pairs)} runs", apart, 0.0, "runs")]


def _load(cell: Cell) -> str:
    return f"{cell.rps:g} rps, {100 * cell.stable:.3g} %"


MEASURES: tuple[Measure, ...] = (broken, regressions, tails, falsely, promoted, boundary, alike)
