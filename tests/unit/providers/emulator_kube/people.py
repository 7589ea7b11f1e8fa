"""Who made the recorded calls, and what they might do."""

from __future__ import annotations

VIEW = {
    "kind": "ClusterRole",
    "metadata": {"name": "view"},
    "rules": [
        {"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["configmaps", "pods", "services"], "verbs": ["get", "list", "watch"]},
    ],
}
DEPLOYER = {
    "kind": "Role",
    "metadata": {"name": "deployer", "namespace": "rbac"},
    "rules": [
        {
            "apiGroups": ["apps"],
            "resources": ["deployments", "deployments/scale"],
            "verbs": ["get", "list", "watch", "create", "update", "patch"],
        },
        {
            "apiGroups": ["gateway.networking.k8s.io"],
            "resources": ["httproutes"],
            "resourceNames": ["web"],
            "verbs": ["get", "patch"],
        },
    ],
}
USERS: dict[tuple[str, int], str] = {
    **{("rbac-forbidden-403", n): "viewer" for n in (1, 2, 3, 4, 5, 6, 7, 8, 14, 15)},
    **{("rbac-forbidden-403", n): "deployer" for n in (9, 10, 11, 12, 13)},
    **{("selfsubjectaccessreview", n): "deployer" for n in (1, 2, 3, 4, 5, 6, 8)},
    **{("unauthorized-401", n): "wrong" for n in (1, 2, 6)},
    ("watch-errors", 4): "viewer",
}
"""Who made an exchange, where it was no administrator; `wrong` is nobody."""
