"""What the sources of counts share: how an error is told, and what is found before anything is decided by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from providers.errors import Denied, Invalid, ProviderError, Unsupported
from providers.metrics.grid import Found, Grid
from providers.ports import Finding, Question
from strategies.gates import MetricKind, MetricRule
from strategies.seen import Reading, Tally


def is_final(error: ProviderError) -> bool:
    """Whether asking the same again cannot help."""
    return isinstance(error, Invalid | Unsupported)


def failed(metric: str, question: Question, error: ProviderError) -> Reading:
    """The reading of a look at which the source said nothing but why not."""
    return Reading(metric, question.now, problem=str(error), mistaken=is_final(error))


def alike(remedy: str) -> Invalid:
    """The error of a question that is word for word the same for both sides, so that it compares one with itself."""
    return Invalid(f"asks the same of both sides, so that they could never differ: {remedy}", code="SameQuestion")


def impossible(rule: MetricRule, tallies: Sequence[Tally], key: str) -> Finding | None:
    """What is wrong with counts of the stable side in which more failed than came; None where that is not so.

    Judged over all that was asked for: within one interval some may fail just before they are counted. `key` names in
    the manifest what cannot be.
    """
    counted = [tally for tally in tallies if not tally.reset]
    requests, failures = (sum(getattr(tally, what) for tally in counted) for what in ("requests", "failures"))
    if failures <= requests:
        return None
    word = "slow ones" if rule.kind is MetricKind.LATENCY else "failures"
    said = f"{failures} {word} are counted of {requests} requests to the stable side, and no more can fail than come"
    remedy = f"let both count the same requests: {word} by what counts the requests, with one more condition"
    return Finding(False, f"metric {rule.name}", said, remedy, not rule.dry_run, f"gates.metrics[{rule.name}].{key}")


def checked(rule: MetricRule, kind: str, ask: Callable[[], Found], grid: Grid, remedy: str) -> Finding:
    """Ask for the stable side's counts once, and say what came; `remedy` is for what is refused or mistaken.

    `kind` is the manifest's key of the source, which is named where asking again cannot help.

    A metric that only reports keeps nothing from starting, and neither does one that only has no counts yet.
    """
    subject, place = f"metric {rule.name}", f"gates.metrics[{rule.name}].{kind}"
    try:
        found = ask()
    except ProviderError as error:
        hopeless = is_final(error) or isinstance(error, Denied)
        key = place if is_final(error) else ""
        return Finding(False, subject, str(error), remedy, hopeless and not rule.dry_run, key)
    requests = sum(each.requests for each in found.tallies)
    if found.problem is not None:
        told = remedy if found.mistaken else "see whether the stable side gets requests, and whether they are counted"
        wrong = found.mistaken and not rule.dry_run
        return Finding(False, subject, found.problem, told, wrong, place if found.mistaken else "")
    if (wrong_counts := impossible(rule, found.tallies, kind)) is not None:
        return wrong_counts
    what = f"{requests} requests to the stable side in {len(found.tallies)} intervals of {grid.seconds} s"
    return Finding(True, subject, what)
