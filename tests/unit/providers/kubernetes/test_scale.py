"""A candidate begins as large as the side whose traffic it will get, within its autoscaler's bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers.kubernetes import marks, scale
from tests.unit.providers.kubernetes.workload_values import LABELS, MARK, SCALER


def deployment(number: int, replicas: Any, **metadata: Any) -> dict[str, Any]:
    mark = replace(MARK, number=number)
    found = {"labels": marks.to_labels(mark, "x"), "annotations": marks.to_annotations(mark), **metadata}
    return {"metadata": found, "spec": {"replicas": replicas, "template": {"metadata": {"labels": LABELS}}}}


def test_the_largest_older_deployment_of_ours_counts() -> None:
    standing = [
        deployment(1, 9),
        deployment(2, 4),
        deployment(3, 8),
        deployment(7, 8),
        deployment(2, 8, deletionTimestamp="x"),
        deployment(2, 8, labels={}),
    ]
    assert scale.of_older(standing, MARK) == 9
    assert scale.of_older(standing[1:], MARK) == 4
    assert scale.of_older(standing[2:], MARK) is None
    assert scale.of_older([deployment(2, None)], MARK) == 1


def test_all_that_live_services_select_counts_together() -> None:
    standing = [deployment(1, 3), deployment(2, 4)]
    assert scale.of_adopted(standing, [{"tier": "web"}, {"tier": "web", "app": "storefront-next"}]) == 7
    assert scale.of_adopted(standing, [{"tier": "other"}, {}, None]) is None


def test_a_count_stays_within_the_autoscalers_bounds() -> None:
    assert [scale.within(count, SCALER) for count in (None, 0, 1, 2, 5, 9, 10)] == [None, 2, 2, 2, 5, 9, 9]
    assert [scale.within(count, None) for count in (0, 5)] == [1, 5]
