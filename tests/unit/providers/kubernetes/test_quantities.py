"""Amounts are read as Kubernetes writes them, and added up as its quotas do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from providers.kubernetes.quantities import amount, asked


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", "0.25"),
        ("1", "1"),
        (2, "2"),
        (0.5, "0.5"),
        ("1.5Gi", str(1.5 * 2**30)),
        ("128Ki", str(128 * 1024)),
        ("1e3", "1000"),
        ("1E-3", "0.001"),
        ("2E", "2000000000000000000"),
        (".5", "0.5"),
        ("3k", "3000"),
    ],
)
def test_a_quantity_is_read_in_every_form(text: Any, value: str) -> None:
    assert amount(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1ki", "0x1", "1GiB", None, True, [], "mi1", "1mi"])
def test_what_is_no_quantity_is_none(text: Any) -> None:
    assert amount(text) is None


def test_a_pod_asks_for_what_all_its_containers_ask_for() -> None:
    containers = [
        {"resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "1Gi"}}},
        {"resources": {"limits": {"cpu": 1}}},
        {},
    ]
    deployment = {"spec": {"template": {"spec": {"containers": containers}}}}
    assert asked(deployment, "requests", "cpu") == Decimal("1.25")
    assert asked(deployment, "requests", "memory") == 2**30
    assert asked(deployment, "limits", "cpu") == 1
