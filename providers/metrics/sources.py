"""What the sources of counts share: how an error is told, and what is found before anything is decided by them."""

from __future__ import annotations

from collections.abc import Callable

from providers.errors import Denied, Invalid, ProviderError, Unsupported
from providers.metrics.grid import Found, Grid
from providers.ports import Finding, Question
from strategies.gates import MetricRule
from strategies.seen import Reading


def is_final(error: ProviderError) -> bool:
    """Whether asking the same again cannot help."""
    return isinstance(error, Invalid | Unsupported)


def failed(metric: str, question: Question, error: ProviderError) -> Reading:
    """The reading of a look at which the source said nothing but why not."""
    return Reading(metric, question.now, problem=str(error), mistaken=is_final(error))


def alike(remedy: str) -> Invalid:
    """The error of a question that is word for word the same for both sides, so that it compares one with itself."""
    return Invalid(f"asks the same of both sides, so that they could never differ: {remedy}", code="SameQuestion")


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
    what = f"{requests} requests to the stable side in {len(found.tallies)} intervals of {grid.seconds} s"
    return Finding(True, subject, what)
