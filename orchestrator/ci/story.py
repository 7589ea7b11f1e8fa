"""How a run ended, and what each target went through: what every report is made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestrator.exit_codes import ExitCode
from orchestrator.units import measured
from strategies.journal import Event
from strategies.phases import RETURNING_HOME, TERMINAL, Phase

_INTERRUPTED = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED})


class Kind(StrEnum):
    """What a reader of test reports makes of an outcome."""

    PASSED = "passed"
    FAILED = "failure"
    """The new version was bad, or somebody said so."""
    BROKEN = "error"
    """Nothing was learned of the new version, or nobody knows how it ends."""
    WAITING = "skipped"


_KINDS = {
    "promoted": Kind.PASSED,
    "none": Kind.PASSED,
    "running": Kind.WAITING,
    "waiting": Kind.WAITING,
    "superseded": Kind.WAITING,
    "rolledBack": Kind.FAILED,
}
_HEADLINES = {
    "promoted": "promoted",
    "none": "nothing to do",
    "rolledBack": "rolled back",
    "waiting": "waits for a person",
    "timedOut": "still under way when the time was up",
    "superseded": "superseded by a newer rollout",
    "refused": "refused",
    "stuck": "stuck",
    "running": "under way",
    "interrupted": "interrupted",
    "error": "failed",
}
_PHASES = {
    Phase.PENDING: "waiting for its wave",
    Phase.PREPARING: "coming up and being probed",
    Phase.DRAINING: "draining the old side",
    Phase.DRAINED: "waiting for the other targets",
    Phase.RETIRING: "retiring the old side",
    Phase.RETURNING: "going back to the old side",
    Phase.CLEARING: "draining the new side",
    Phase.REMOVING: "removing the new side",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of `start` or `undo` ended: its result document, exit code, and the rollout's journal.

    `ways` are commands that make sense next, each with what it does; `link` is the CI's page of this run. The document
    is the contract's, or that of an error: `{"schema", "error": {"code", "message"}}`.
    """

    verb: str
    document: Mapping[str, Any]
    code: int
    at: datetime
    journal: Sequence[Event] = ()
    ways: Sequence[tuple[str, str]] = ()
    link: str = ""
    host: str = "localhost"

    @property
    def outcome(self) -> str:
        """The contract's word, or `interrupted`, or `error` where the run had no result."""
        if self.code in _INTERRUPTED:
            return "interrupted"
        return str(self.document.get("outcome") or ("refused" if self.code == ExitCode.REFUSED else "error"))

    @property
    def undone(self) -> bool:
        """Whether the old version serves again because that was asked for: then this is no failure."""
        return self.outcome == "rolledBack" and self.code == ExitCode.PROMOTED

    @property
    def kind(self) -> Kind:
        """What the whole of it is in a test report."""
        return Kind.PASSED if self.undone else _KINDS.get(self.outcome, Kind.BROKEN)

    @property
    def headline(self) -> str:
        """The outcome in a few words for people."""
        return "undone" if self.undone else _HEADLINES.get(self.outcome, self.outcome)

    @property
    def service(self) -> str:
        """The service, where the run came far enough to know it."""
        return str(self.document.get("service") or "rollout")

    @property
    def reason(self) -> Mapping[str, Any]:
        """Why: `code`, `message` and `evidence`."""
        reason = self.document.get("reason")
        if isinstance(reason, Mapping):
            return reason
        error = self.document.get("error") or {}
        message = error.get("message") or self.headline
        return {"code": f"exit{self.code}", "message": message, "evidence": {}}

    @property
    def evidence(self) -> list[tuple[str, str]]:
        """The numbers behind the reason, each with its name."""
        return numbers(self.reason)

    def side(self, name: str) -> Mapping[str, Any]:
        """The `candidate` or `stable` of the document; empty where there is none."""
        return self.document.get(name) or {}

    @property
    def targets(self) -> Sequence[Mapping[str, Any]]:
        """The document's targets; none where no rollout was begun."""
        return self.document.get("targets") or ()

    @property
    def began(self) -> datetime:
        """When the rollout began, else when the run ended."""
        return moment(self.document.get("startedAt")) or self.at

    @property
    def seconds(self) -> float:
        """How long the rollout has taken."""
        return max(((moment(self.document.get("endedAt")) or self.at) - self.began).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Visit:
    """One phase that a target went through, or is in: `name` is unique within its target."""

    target: str
    name: str
    phase: Phase
    began: datetime
    seconds: float
    left: Phase | None = None
    """The phase that came after; None where the target still is in this one."""

    @property
    def turned(self) -> bool:
        """Whether it was here that the target was turned back."""
        return self.left in RETURNING_HOME and self.phase not in RETURNING_HOME


def visits(ended: Ended) -> list[Visit]:
    """Every phase that each target went through, in order; of one that never began, the waiting for its wave."""
    return [visit for target in ended.targets for visit in _numbered(_of_target(ended, target))]


def moment(text: object) -> datetime | None:
    """A time of the result document; None where there is none."""
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def number(value: object) -> str:
    """A value as people write it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def numbers(reason: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers behind a reason, each with its name and its unit; what is not known is left out."""
    known, code = reason.get("evidence") or {}, str(reason.get("code") or "")
    return [(str(key), measured(str(key), value, code)) for key, value in known.items() if value is not None]


def counts(metric: Mapping[str, Any]) -> str:
    """What one source of the document's evidence has counted, and what it comes to."""
    said = (
        f"new {metric['candidateFailures']} of {metric['candidateRequests']} requests"
        f" {'slow' if metric.get('kind') == 'latency' else 'failed'},"
        f" old {metric['stableFailures']} of {metric['stableRequests']}"
    )
    if metric.get("e") is not None:
        said += f"; evidence {number(metric['e'])} of {metric['limit']}, proof {number(metric['proof'])}"
        said += f" of {metric['proofLimit']}"
    return said + ("; reports only" if metric.get("dryRun") else "")


def check(made: Mapping[str, Any]) -> str:
    """How one check of the document's evidence ended, and what it wrote."""
    said = [f"{made['state']} at step {made['step']}", *(str(made.get(key) or "") for key in ("why", "output"))]
    return ": ".join(filter(None, said)) + ("; reports only" if made.get("dryRun") else "")


def version(side: Mapping[str, Any]) -> str:
    """What people call a side: its tag, else the first digits of its digest; empty where there is none."""
    return str(side.get("tag") or "") or str(side.get("digest") or "").removeprefix("sha256:")[:12]


def _of_target(ended: Ended, target: Mapping[str, Any]) -> Iterator[Visit]:
    name, now = str(target["name"]), Phase(target["phase"])
    since, entered, share = ended.began, 0.0, 0.0
    for event in (event for event in ended.journal if event.target == name):
        data = dict(event.data)
        if event.kind == "share_intended":
            share = float(data.get("share") or 0.0)
        if event.kind != "phase_changed":
            continue
        phase, after = Phase(str(data["before"])), Phase(str(data["after"]))
        if phase is not Phase.PENDING or after in RETURNING_HOME:
            yield Visit(name, _said(phase, entered), phase, since, _between(since, event.at), after)
        # A new split is asked for just before the phase that waits for it is entered.
        since, entered = event.at, share
    if now not in TERMINAL:
        yield Visit(name, _said(now, entered), now, since, _between(since, ended.at))


def _between(began: datetime, over: datetime) -> float:
    return max((over - began).total_seconds(), 0.0)


def _said(phase: Phase, share: float) -> str:
    if phase in (Phase.HOLDING, Phase.SHIFTING):
        return f"{'holding at' if phase is Phase.HOLDING else 'shifting to'} {share:g} %"
    return _PHASES.get(phase, phase.value)


def _numbered(found: Iterable[Visit]) -> list[Visit]:
    """A phase that a target went through again is told from the first time."""
    seen, named = Counter[str](), []
    for visit in found:
        seen[visit.name] += 1
        again = seen[visit.name]
        named.append(visit if again == 1 else replace(visit, name=f"{visit.name} ({again})"))
    return named
