"""Label and field selectors: as objects hold them, and as the query of a list or watch spells them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from providers.emulator.kube.kinds import Kind
from providers.emulator.kube.status import bad_request
from providers.emulator.kube.validation import is_qualified

Json = dict[str, Any]
Labels = Mapping[str, str]
Test = Callable[[Json], bool]
_TOKEN = re.compile(r"\s*(==|!=|=|>|<|\(|\)|,|[^\s=!<>(),]+|!)")
_FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Service": ("spec.clusterIP", "spec.type"),
    "ReplicaSet": ("status.replicas",),
    "Job": ("status.successful",),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
}


def matches(selector: Json, labels: Labels) -> bool:
    """Say whether an object's `matchLabels` and `matchExpressions` match; an empty selector matches everything."""
    wanted: Labels = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(one["key"], one["operator"], one.get("values") or (), labels)
        for one in selector.get("matchExpressions") or ()
    )


def _holds(key: str, operator: str, values: Any, labels: Labels) -> bool:
    if operator in ("Exists", "DoesNotExist"):
        return (key in labels) == (operator == "Exists")
    return (labels.get(key) in values if key in labels else False) == (operator == "In")


def text_of(selector: Json) -> str:
    """Spell a selector as a query does, which is how a Scale's status shows it."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        values = ",".join(sorted(one.get("values") or ()))
        words = {"In": f"{one['key']} in ({values})", "NotIn": f"{one['key']} notin ({values})"}
        words |= {"Exists": one["key"], "DoesNotExist": f"!{one['key']}"}
        parts.append(words[one["operator"]])
    return ",".join(parts)


def parse_labels(text: str) -> Test:
    """Read `labelSelector` of a query; raises Refusal (400) with the server's words."""
    tokens = _TOKEN.findall(text)
    tests: list[Callable[[Labels], bool]] = []
    at = 0
    while at < len(tokens):
        test, at = _requirement(tokens, at)
        tests.append(test)
        if at < len(tokens):
            if tokens[at] != ",":
                raise bad_request(
                    f"unable to parse requirement: found '{tokens[at]}', expected: ',' or 'end of string'"
                )
            at += 1
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def _requirement(tokens: list[str], at: int) -> tuple[Callable[[Labels], bool], int]:
    if tokens[at] == "!":
        key = _identifier(tokens, at + 1)
        return (lambda labels: key not in labels), at + 2
    key = _identifier(tokens, at)
    why = is_qualified(key)
    if why:
        raise bad_request(f'unable to parse requirement: <nil>: Invalid value: "{key}": {why}')
    word = tokens[at + 1] if at + 1 < len(tokens) else ","
    if word == ",":
        return (lambda labels: key in labels), at + 1
    if word in ("=", "==", "!="):
        value = ""
        if at + 2 < len(tokens) and tokens[at + 2] != ",":
            value = _identifier(tokens, at + 2)
            at += 1
        return (lambda labels: (labels.get(key) == value) == (word != "!=")), at + 2
    if word in ("in", "notin"):
        values, at = _values(tokens, at + 2)
        return (lambda labels: (labels.get(key) in values) == (word == "in")), at
    raise bad_request(f"unable to parse requirement: found '{word}', expected: in, notin, =, ==, !=, gt, lt")


def _identifier(tokens: list[str], at: int) -> str:
    found = tokens[at] if at < len(tokens) else ""
    if not found or found in ("=", "==", "!=", "(", ")", ",", "!", ">", "<"):
        raise bad_request(f"unable to parse requirement: found '{found}', expected: identifier")
    return found


def _values(tokens: list[str], at: int) -> tuple[frozenset[str], int]:
    found = tokens[at] if at < len(tokens) else ""
    if found != "(":
        raise bad_request(f"unable to parse requirement: found '{found}' expected: '('")
    values: set[str] = set()
    at += 1
    while at < len(tokens) and tokens[at] != ")":
        if tokens[at] != ",":
            values.add(_identifier(tokens, at))
        at += 1
    if at >= len(tokens):
        raise bad_request("unable to parse requirement: found '', expected: ',' or ')'")
    return frozenset(values), at + 1


def parse_fields(text: str, kind: Kind) -> Test:
    """Read `fieldSelector` of a query; raises Refusal (400) for a field by which the kind cannot be selected."""
    tests: list[Test] = []
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", part)
        if found is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        tests.append(_field_test(found[1], found[2] != "!=", found[3], kind))
    return lambda obj: all(test(obj) for test in tests)


def _field_test(path: str, wanted: bool, value: str, kind: Kind) -> Test:
    known = ("metadata.name", "metadata.namespace") if kind.namespaced else ("metadata.name",)
    if path not in known and path not in _FIELDS.get(kind.kind, ()):
        if kind.kind in _FIELDS:
            raise bad_request(f"field label not supported: {path}")
        listed = ", ".join(f'"{one}"' for one in known)
        raise bad_request(f'"{path}" is not a known field selector: only {listed}')
    return lambda obj: (_read(obj, path) == value) == wanted


def _read(obj: Json, path: str) -> str:
    if path == "source":
        return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "")
    found: Any = obj
    for word in path.split("."):
        found = found.get(word) if isinstance(found, dict) else None
    if isinstance(found, bool):
        return str(found).lower()
    return "" if found is None else str(found)
