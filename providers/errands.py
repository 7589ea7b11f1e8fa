"""What every check is told about its errand, and knows of it, whatever runs it; pure."""

from __future__ import annotations

from dataclasses import replace

from providers.ports import Errand


def environment(errand: Errand) -> dict[str, str]:
    """The variables of one errand: for whom, which revision and digest, at which step and when, and where it answers.

    Addresses are the candidate's host names, joined by commas; empty while it has none.
    """
    return {
        "ROLLOUT_SERVICE": errand.service,
        "ROLLOUT_TARGET": errand.target,
        "ROLLOUT_REVISION": errand.candidate.revision,
        "ROLLOUT_DIGEST": errand.candidate.digest,
        "ROLLOUT_STEP": str(errand.step),
        "ROLLOUT_WHEN": errand.when.value,
        "ROLLOUT_ADDRESSES": ",".join(errand.addresses),
    }


def of_step(errand: Errand) -> str:
    """What the errands of all attempts at one step have in common: a key ends with a dash and the attempt's number."""
    return errand.key.rpartition("-")[0] or errand.key


def before(errand: Errand) -> tuple[Errand, ...]:
    """The attempts at the same step that may have been made before this one, newest first."""
    step, _, number = errand.key.rpartition("-")
    earlier = range(int(number)) if number.isdecimal() else range(0)
    return tuple(replace(errand, key=f"{step}-{each}") for each in reversed(earlier))
