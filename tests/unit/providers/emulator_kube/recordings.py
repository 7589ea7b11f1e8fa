"""The recordings of a real API server: where they are, and in which order they were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
TRANSCRIPTS = Path(__file__).parents[5] / "shared" / "kubernetes" / "transcripts"
ORDER = (
    "deployment-create",
    "create-duplicate-409",
    "get-200-404",
    "list-selector-limit-continue",
    "patch-merge",
    "patch-strategic",
    "patch-json",
    "patch-stale-resourceversion-409",
    "put-optimistic-concurrency",
    "ssa-create-and-reapply",
    "ssa-conflict-and-force",
    "ssa-dropped-field",
    "watch-add-modify-delete",
    "watch-bookmarks",
    "watch-deployment-rollout",
    "watch-errors",
    "list-continue-expired-410",
    "watch-too-old-410",
    "scale-subresource",
    "malformed-json-400",
    "deployment-immutable-selector-422",
    "dry-run",
    "invalid-object-422",
    "wrong-content-type-415",
    "unauthorized-401",
    "rbac-forbidden-403",
    "selfsubjectaccessreview",
    "lease-optimistic-concurrency",
    "configmap",
    "hpa",
    "pdb",
    "events",
    "delete-options",
    "rollout-healthy",
    "rollout-progress-deadline-exceeded",
    "deployment-paused",
    "deployment-status-subresource",
    "service-endpointslice-switch",
    "endpointslice-loopback-422",
    "pods",
    "httproute-create-defaults",
    "httproute-weight-invalid-422",
    "httproute-cel-422",
    "httproute-jsonpatch-weights",
    "httproute-status-subresource",
    "ssa-httproute-rules-atomic",
    "ssa-httproute-update-manager-then-apply",
    "ssa-httproute-parentrefs",
    "grpcroute",
    "gateway-objects",
    "endpointslice-unscheduled-pods",
    "version-health-discovery",
)
"""The scenarios in the order of the versions that they saw; each may build upon what those before it left."""


def transcript(scenario: str) -> Json:
    """Read one scenario."""
    found: Json = json.loads((TRANSCRIPTS / f"{scenario}.json").read_text())
    return found
