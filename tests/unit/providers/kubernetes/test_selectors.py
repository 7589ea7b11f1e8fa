"""A selector selects as Kubernetes decides it, and nothing when it is malformed."""

from __future__ import annotations

from typing import Any

import pytest

from providers.kubernetes.selectors import of_labels, of_service

LABELS = {"app": "shop", "tier": "web"}


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ({"app": "shop"}, True),
        ({"app": "shop", "tier": "web"}, True),
        ({"app": "shop", "tier": "db"}, False),
        ({"color": "blue"}, False),
        ({}, False),
        (None, False),
        ("app=shop", False),
    ],
)
def test_a_service_selects_by_equal_labels_and_never_all(selector: Any, selects: bool) -> None:
    assert of_service(selector, LABELS) is selects


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ({}, True),
        ({"matchLabels": {"app": "shop"}}, True),
        ({"matchLabels": {"app": "other"}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web", "api"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "color", "operator": "NotIn", "values": ["blue"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"app": "shop"}, "matchExpressions": [{"key": "color", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Gt", "values": ["1"]}]}, False),
        ({"matchExpressions": ["x"]}, False),
        ({"matchExpressions": 1}, False),
        ({"matchLabels": []}, False),
        (None, False),
    ],
)
def test_a_label_selector_needs_all_of_its_parts(selector: Any, selects: bool) -> None:
    assert of_labels(selector, LABELS) is selects
