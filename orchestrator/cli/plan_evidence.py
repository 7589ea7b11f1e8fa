"""What a plan says, for people, of sources and drains: what they can tell at this traffic, and how long it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.cli.style import Style, columns, folded, percent, span, width
from orchestrator.forecast_drain import Draining
from orchestrator.forecast_judged import Cause, Ending, Judged, Promotion, Toll, Worse
from orchestrator.forecast_traffic import Load, Origin
from strategies.gates import MetricKind
from strategies.plan import AfterMost
from strategies.proof import LEAST_REQUESTS

_MOST_STEPS = 6
_THEN = {
    AfterMost.ASK: "then a person is asked",
    AfterMost.FORCE: "then it is retired all the same",
    AfterMost.EXTEND: "and it goes on until it is quiet",
}
_WINDOWS = {Cause.DNS: ("DNS", "TTL window"), Cause.SAMPLING: ("sampling", "interval")}


def evidence_lines(found: Sequence[Judged], style: Style) -> list[str]:
    """What each source that decides can tell, one part after the other."""
    lines: list[str] = []
    targets = len({each.target for each in found})
    for each in found:
        where = f" of {each.target}" if targets > 1 else ""
        lines += [
            "",
            *folded(style.faint(f"  what {each.rule.name}{where} can tell {_traffic(each)}"), style.columns, 4),
        ]
        lines += _table(each, style)
        lines += columns(list(_facts(each)), indent=4, within=style.columns)
    return lines


def _traffic(each: Judged) -> str:
    load, failed = each.load, _failed(each)
    if load.origin is Origin.UNKNOWN:
        return "where nobody says how many requests there are"
    if load.origin is Origin.PROBES:
        return f"by our own probes, {_rate(load.rate)} to the stable side and {_rate(load.beside or 0.0)} to the other"
    how = _known(load.origin, load), _known(load.failing_origin, load)
    requests, part = f"at {_rate(load.rate)}", f"of which {_part(load.failing)} {failed}"
    return f"{requests} {part}, {how[0]}" if how[0] == how[1] else f"{requests}, {how[0]}, {part}, {how[1]}"


def _known(origin: Origin, load: Load) -> str:
    if origin is not Origin.MEASURED:
        return "assumed"
    # What is complete is an interval or so less than what was asked for.
    return f"measured over the last {span(60 * round(load.seconds / 60) or load.seconds)}"


def _failed(each: Judged) -> str:
    return "are slow" if each.rule.kind is MetricKind.LATENCY else "fail"


def _rate(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.2g}/s"


def _part(part: float) -> str:
    """A part as percent, with as many digits as small ones need."""
    return f"{100 * part:.2g} %" if 0 < part < 0.995 else f"{100 * part:.0f} %"


def _table(each: Judged, style: Style) -> list[str]:
    """A row for each candidate that is worse, with as many steps as there is room for."""
    if not each.worse:
        return []
    for room in range(_MOST_STEPS, 0, -1):
        lines = columns(list(_rows(each, _shown(len(each.stretches), room), style)), indent=4)
        if style.columns is None or max(map(width, lines)) <= style.columns:
            break
    return lines


def _rows(each: Judged, shown: Sequence[int], style: Style) -> Iterator[list[str]]:
    steps = [percent(each.stretches[place].share) for place in shown]
    verb, failed = ("is slow", "slow") if each.rule.kind is MetricKind.LATENCY else ("fails", "failed")
    head = f"if it {verb}", "from the start", f"only from {steps[0]}", *(f"from {step}" for step in steps[1:])
    yield [style.faint(word) for word in head]
    for worse in each.worse:
        yield [_how_bad(worse), _ending(worse, failed, style), *(_needs(worse.at_step[place]) for place in shown)]


def _shown(many: int, room: int) -> list[int]:
    """Which steps have room: the first and the last, and what fits between them."""
    if many <= room:
        return list(range(many))
    if room == 1:
        return [many - 1]
    return sorted({round(place * (many - 1) / (room - 1)) for place in range(room)})


def _how_bad(worse: Worse) -> str:
    if worse.times is not None:
        return f"{_part(worse.failing)} ({worse.times:g}x)"
    if worse.points is not None:
        point = "point" if worse.points == 0.01 else "points"
        return f"{_part(worse.failing)} (+{100 * worse.points:g} {point})"
    return "always"


def _ending(worse: Worse, failed: str, style: Style) -> str:
    if worse.ending is Ending.ROLLED_BACK:
        return style.good(f"back after {span(worse.toll.seconds)}, {_many(worse.toll)} {failed}")
    if worse.ending is Ending.ASKS:
        return style.warn(f"asks after {span(worse.toll.seconds)}, {_many(worse.toll)} {failed}")
    return style.bad("not caught before 100 %") if not worse.acceptable else "passes: acceptable"


def _many(toll: Toll) -> str:
    return f"{toll.failures:,.0f}" if toll.failures >= 10 else f"{toll.failures:.2g}"


def _needs(toll: Toll | None) -> str:
    return "never" if toll is None else span(toll.seconds)


def _facts(each: Judged) -> Iterator[list[str]]:
    if not each.stretches:
        yield ["no verdict", "both sides never serve at the same time where it is asked, so nothing can be compared"]
        return
    if each.promotion is not None:
        yield ["promotion", _promotion(each, each.promotion)]
    first = each.stretches[0]
    if first.least_seconds is not None:
        lasts = f"{span(first.least_seconds)} at {percent(first.share)}"
        yield ["each step", f"takes {LEAST_REQUESTS} requests to the candidate: {lasts}"]
    if each.windows is not None:
        seconds, many = span(each.windows.seconds), each.windows.many
        least, most = span(each.windows.least_seconds), span(each.windows.most_seconds)
        label, what = _WINDOWS[each.windows.cause]
        yield [label, f"no {what} of {seconds} decides alone: it takes {many} of them, {least} to {most} at least"]
    if each.rule.lag_seconds:
        yield ["delay", f"it tells {span(each.rule.lag_seconds)} late, which is in these times"]


def _promotion(each: Judged, found: Promotion) -> str:
    share = next(stretch.share for stretch in each.stretches if stretch.number == found.step)
    failed = "slow one" if each.rule.kind is MetricKind.LATENCY else "failed one"
    most = f"gates.longestHold ({span(each.longest_seconds)})"
    if found.requests is None:
        return f"can never be proven at {percent(share)}: after {most} a person is asked"
    clean = f" without a {failed}" if not each.load.failing else ""
    takes = f"takes about {found.requests:,.0f} requests to the candidate{clean}"
    if not each.known:
        problem = f": {each.load.problem}" if each.load.problem else ""
        return f"{takes}; how many come is unknown, no source answers{problem}; say --rps to assume them"
    if found.ending is Ending.ASKS:
        return f"{takes}, more than come at {percent(share)} within {most}: then a person is asked"
    when = "within the holds" if found.within_hold else "later than the step holds"
    return f"{takes}: proven after {span(found.seconds)} at {percent(share)}, {when}"


def drain_text(found: Draining) -> str:
    """How long a drain takes: as the last one has shown, or by rule only, and at most."""
    by_rule = f"{span(found.rule_seconds)} after the read-back by rule"
    if found.left and found.pinned is not None:
        rest, seconds = found.left[-1]
        gone = f"{100 * (1 - rest):g} % of clients have left after about {span(seconds)}"
        pinned = f"{_part(found.pinned.part)} of requests pinned, {span(found.pinned.hold_seconds)}"
        said = f"{gone} (measured in the last drain: {pinned} in the mean); {by_rule}"
    else:
        said = f"{by_rule} only: no drain has been measured yet"
    if found.quiet_seconds is None or found.most_seconds is None:
        return said
    quiet = (
        f"then quiet for {span(found.quiet_seconds)}" if found.counted else "and no source can tell that it is quiet"
    )
    return f"{said}, {quiet}; at most {span(found.most_seconds)}, {_THEN[found.then]}"
