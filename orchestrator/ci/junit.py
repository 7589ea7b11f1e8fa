"""The test report of a run: one suite for the service, one case for every phase that each target went through.

The document keeps to what the schemas of Ant and of Jenkins have in common, so that every reader of JUnit reports takes
it: a suite with its properties, cases, `system-out` and `system-err`; a case with at most one of `skipped`, `error` and
`failure`. A rollback is a failure, waiting for a person is skipped, what is stuck or out of time is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from orchestrator.ci.story import Ended, Kind, Visit, check, counts, number, numbers, version, visits
from strategies.phases import Phase

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COUNTS = (
    ("candidateRequests", "requests to the new side"),
    ("candidateFailures", "failed of these"),
    ("stableRequests", "requests to the old side"),
    ("stableFailures", "failed of these"),
    ("e", "evidence against the new side"),
    ("limit", "at which it is taken back"),
    ("proof", "proof for the new side"),
    ("proofLimit", "at which it may have everything"),
)


@dataclass(frozen=True, slots=True)
class _Case:
    """One case: `said` goes with its kind, `more` is what was seen."""

    group: str
    name: str
    seconds: float
    kind: Kind = Kind.PASSED
    type: str = ""
    said: str = ""
    more: str = ""


def junit(ended: Ended) -> str:
    """Write the report as an XML document with its declaration."""
    cases = _cases(ended)
    root = Element("testsuites")
    suite = SubElement(root, "testsuite", _suite(ended, cases))
    properties = SubElement(suite, "properties")
    for name, value in _properties(ended):
        SubElement(properties, "property", name=name, value=_clean(value))
    for case in cases:
        _write(suite, case)
    SubElement(suite, "system-out").text = _clean("\n".join(_seen(ended)))
    SubElement(suite, "system-err")
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _seen(ended: Ended) -> Iterator[str]:
    """What was counted; a case that passed has no place for it in the strictest of the schemas."""
    yield f"{ended.headline}: {ended.reason['message']}"
    for target in ended.targets:
        counted = _counts(target)
        if counted:
            yield f"\n{target['name']}\n{counted}"


def _suite(ended: Ended, cases: list[_Case]) -> dict[str, str]:
    def count(kind: Kind) -> str:
        return str(sum(case.kind is kind for case in cases))

    return {
        "name": _token(ended.service),
        "package": "rollout",
        "id": "0",
        "hostname": _token(ended.host) or "localhost",
        "timestamp": f"{ended.began.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
        "tests": str(len(cases)),
        "failures": count(Kind.FAILED),
        "errors": count(Kind.BROKEN),
        "skipped": count(Kind.WAITING),
        "time": f"{ended.seconds:.3f}",
    }


def _properties(ended: Ended) -> list[tuple[str, str]]:
    new, old = ended.side("candidate"), ended.side("stable")
    found = [
        ("outcome", ended.outcome),
        ("exitCode", str(ended.code)),
        ("rollout", ended.document.get("rollout")),
        ("engine", ended.document.get("engine")),
        ("version", version(new)),
        ("revision", new.get("revision")),
        ("image", new.get("image")),
        ("digest", new.get("digest")),
        ("versionBefore", version(old)),
        ("revisionBefore", old.get("revision")),
        ("run", ended.link),
    ]
    return [(name, str(value)) for name, value in found if value]


def _cases(ended: Ended) -> list[_Case]:
    """All cases; where none of them says how the run ended, one for the run as a whole does."""
    targets = {str(target["name"]): target for target in ended.targets}
    cases = [_case(ended, visit, targets[visit.target]) for visit in visits(ended)]
    told = ended.kind is Kind.PASSED or any(case.kind is ended.kind for case in cases)
    if not (told and cases):
        said = "" if ended.kind is Kind.PASSED else str(ended.reason["message"])
        cases.append(
            _Case(ended.service, ended.verb, ended.seconds, ended.kind, _type(ended), said, _evidence(ended.evidence))
        )
    return cases


def _case(ended: Ended, visit: Visit, target: Mapping[str, Any]) -> _Case:
    """One phase: where a target was turned back it bears the rollback, where it still is the way the run ended."""
    group = f"{ended.service}.{visit.target}"
    if not visit.turned and visit.left is not None:
        return _Case(group, visit.name, visit.seconds)
    reason = target.get("reason") or ended.reason
    said, kind, code = str(reason["message"]), ended.kind, str(reason["code"])
    if visit.phase is Phase.PENDING:
        # Nothing was made of it, so nothing is known of it; whatever turned it back happened to another target.
        said, kind = _why_here(ended, target, visit), Kind.WAITING
    elif visit.turned and ended.undone:
        return _Case(group, visit.name, visit.seconds)
    elif visit.turned:
        kind = Kind.WAITING if ended.outcome == "superseded" else Kind.FAILED
    elif visit.phase is Phase.STUCK:
        kind = Kind.BROKEN
    else:
        said, code = _why_here(ended, target, visit), _type(ended)
    more = "\n".join(filter(None, (_evidence(numbers(reason)), _counts(target))))
    return _Case(group, visit.name, visit.seconds, kind, code, said, more)


def _counts(target: Mapping[str, Any]) -> str:
    seen = target.get("evidence") or {}
    counted = bool(seen.get("candidateRequests") or seen.get("stableRequests"))
    rows = [(name, number(seen[key])) for key, name in _COUNTS if seen.get(key) is not None] if counted else []
    metrics = seen.get("metrics") or ()
    if len(metrics) > 1:
        rows += [(str(each["name"]), counts(each)) for each in metrics if _has_counted(each)]
    rows += [(str(each["name"]), check(each)) for each in seen.get("checks") or () if each.get("step") is not None]
    return _evidence(rows)


def _has_counted(metric: Mapping[str, Any]) -> bool:
    return bool(metric.get("candidateRequests") or metric.get("stableRequests"))


def _why_here(ended: Ended, target: Mapping[str, Any], visit: Visit) -> str:
    now = target.get("problem") or target.get("note") or visit.name
    return f"{ended.headline}: {ended.reason['message'] if ended.outcome == 'waiting' else now}"


def _type(ended: Ended) -> str:
    return ended.outcome if ended.outcome in ("timedOut", "interrupted") else str(ended.reason["code"])


def _evidence(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in rows)


def _write(suite: Element, case: _Case) -> None:
    time = f"{case.seconds:.3f}"
    element = SubElement(suite, "testcase", classname=_token(case.group), name=_token(case.name), time=time)
    if case.kind is not Kind.PASSED:
        told = {"message": _clean(case.said)}
        if case.kind is not Kind.WAITING:
            told["type"] = _token(case.type) or case.kind.value
        SubElement(element, case.kind.value, told).text = _clean("\n".join(filter(None, (case.said, case.more))))


def _clean(text: str) -> str:
    """The text without what XML cannot hold, such as control characters and half a surrogate pair."""
    return _NOT_XML.sub("\ufffd", text)


def _token(text: str) -> str:
    return " ".join(_clean(text).split())
