"""A Job's template and an errand that the tests of Jobs share."""

from __future__ import annotations

from typing import Any

from providers.metrics.settings import Job
from providers.ports import Arm, Errand
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import Side

RULE = MetricRule("smoke", MetricKind.CHECK, when=(When.BEFORE,))
STABLE, CANDIDATE = Arm(Side.STABLE, "a" * 64, "sha256:aa"), Arm(Side.CANDIDATE, "b" * 64, "sha256:bb")
ERRAND = Errand("r1-onprem-smoke-0-0", "storefront", "onprem", 0, When.BEFORE, CANDIDATE, STABLE, ("a", "b"))
WORDS = [
    {"name": "ROLLOUT_SERVICE", "value": "storefront"},
    {"name": "ROLLOUT_TARGET", "value": "onprem"},
    {"name": "ROLLOUT_REVISION", "value": "b" * 64},
    {"name": "ROLLOUT_DIGEST", "value": "sha256:bb"},
    {"name": "ROLLOUT_STEP", "value": "0"},
    {"name": "ROLLOUT_WHEN", "value": "before"},
    {"name": "ROLLOUT_ADDRESSES", "value": "a,b"},
]


def template(image: str = "curlimages/curl:8", pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A Job of one container."""
    told = {"containers": [{"name": "test", "image": image}], "restartPolicy": "Never", **(pod or {})}
    return {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": told}, **spec}}


def job(*args: Any, timeout: float = 60.0, **spec: Any) -> Job:
    """The settings of a Job."""
    return Job("onprem", "shop", template(*args, **spec), timeout)
