"""Whether a label selector selects, as Kubernetes decides it; pure. What is malformed selects nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of_service(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a Service's selector selects pods with these labels; an empty one selects none."""
    return isinstance(selector, Mapping) and bool(selector) and _equal(selector, labels)


def of_labels(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a LabelSelector (matchLabels, matchExpressions) selects these labels; an empty one selects all."""
    if not isinstance(selector, Mapping):
        return False
    equal, expressions = selector.get("matchLabels"), selector.get("matchExpressions")
    if not isinstance(equal if equal is not None else {}, Mapping):
        return False
    if not isinstance(expressions if expressions is not None else [], list | tuple):
        return False
    return _equal(equal or {}, labels) and all(_expression(item, labels) for item in expressions or ())


def _equal(wanted: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    return all(key in labels and labels[key] == value for key, value in wanted.items())


def _expression(item: Any, labels: Mapping[str, Any]) -> bool:
    if not isinstance(item, Mapping) or not isinstance(item.get("key"), str):
        return False
    key, values = item["key"], item.get("values")
    among = isinstance(values, list | tuple) and labels.get(key) in values
    match item.get("operator"):
        case "In":
            return key in labels and among
        case "NotIn":
            return key not in labels or not among
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
