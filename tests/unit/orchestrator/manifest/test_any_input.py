"""Whatever stands in a manifest or a template, it loads or is told what is wrong; nothing else happens."""

from __future__ import annotations

import json
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.manifest.loader import from_snapshot, load
from orchestrator.manifest.problems import ManifestError
from orchestrator.sites import site_of
from strategies.seen import Mark

RESOURCE = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/s/providers/Microsoft.Web/sites/shop"
WORDS = st.sampled_from(
    ["", "a", "${var:x}", "${env:X}", "5", "10s", "auto", "group.json", "canary", "name", "é", "\n", "$side", "$x"]
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2000) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
GROUP = {
    "location": "westeurope",
    "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/x": {}}},
    "tags": {"a": "b"},
    "properties": {
        "osType": "Linux",
        "containers": [
            {
                "name": "web",
                "properties": {
                    "image": "contoso.azurecr.io/shop/web:v1",
                    "ports": [{"port": 8080}],
                    "environmentVariables": [{"name": "A", "value": "b"}, {"name": "B", "secureValue": "c"}],
                    "resources": {"requests": {"cpu": 1, "memoryInGB": 1.5}},
                },
            }
        ],
        "imageRegistryCredentials": [{"server": "a", "username": "b", "password": "c"}],
        "volumes": [{"name": "v", "secret": {"a": "b"}}, {"name": "w", "emptyDir": {}}],
        "ipAddress": {"type": "Public", "ports": [{"port": 8080}], "dnsNameLabel": "shop-web"},
    },
}
MANIFEST: dict[str, Any] = {
    "service": "shop",
    "image": "contoso.azurecr.io/shop/web",
    "follow": {"semver": ">=1", "pattern": "^v(.*)$", "extract": "$1", "every": "5m"},
    "targets": [
        {
            "name": "west",
            "wave": 1,
            "containerInstances": {
                "subscription": "11111111-2222-3333-4444-555555555555",
                "resourceGroup": "shop",
                "location": "westeurope",
                "template": "group.json",
                "container": ["web"],
                "replicas": 2,
            },
            "trafficManager": {
                "resourceGroup": "shop",
                "profile": "shop",
                "create": {"dnsName": "shop", "monitor": {"expect": [200], "headers": {"a": "b"}}},
                "adopt": ["blue"],
                "weight": 1000,
                "parents": [{"resourceGroup": "a", "profile": "b", "endpoint": "c"}],
            },
            "gates": {"probe": {"port": 8080}},
        }
    ],
    "strategy": {"canary": {"steps": [1, {"share": 10, "hold": "1m"}]}},
    "gates": {"probe": {"expect": [200, "300-302"]}},
    "drain": {"margin": "auto", "quiet": "5s"},
}

QUERIES = {"requests": "r$side", "failures": "f$revision", "clients": "c$endpoints", "stable": "legacy"}
PLATFORM = {"metric": "Requests", "filter": "A eq '$endpoints'", "absent": "zero"}
METRICS: list[dict[str, Any]] = [
    {"name": "a", "when": ["before", "after"], "weight": 2, "prometheus": {"url": "http://p", **QUERIES}},
    {"name": "b", "lag": "3m", "azureMonitor": {"resource": RESOURCE, "requests": PLATFORM, "slow": PLATFORM}},
    {"name": "c", "interval": "1m", "logAnalytics": {"resource": RESOURCE, "query": "q$side", "counts": "slow"}},
    {"name": "d", "dryRun": True, "webhook": {"url": "https://h", "headers": {"A": "b ${env:X}"}, "verify": True}},
    {"name": "e", "probes": {}},
    {"name": "f", "command": {"run": ["./smoke", "x"], "env": {"A": "${env:X}"}, "timeout": "1m"}},
    {"name": "g", "job": {"template": "job.json", "context": "arc", "namespace": "shop"}},
]
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "smoke"},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "smoke", "image": "smoke"}]}}},
}
HYBRID: dict[str, Any] = {
    **MANIFEST,
    "gates": {"probe": {"expect": [200, "300-302"]}, "metrics": METRICS, "longestHold": "1h"},
    "targets": [
        *MANIFEST["targets"],
        {
            "name": "onprem",
            "wave": 2,
            "kubernetes": {
                "context": "arc",
                "namespace": "shop",
                "template": "deployment.json",
                "container": "web",
                "stableService": "shop",
            },
            "gatewayApi": {"httpRoute": ["shop", "edge/shop"], "adopt": ["shop"], "weight": 1000, "onDrift": "hold"},
            "trafficManager": {
                "subscription": "11111111-2222-3333-4444-555555555555",
                "resourceGroup": "shop",
                "profile": "world",
                "address": "gw.contoso.com",
            },
            "gates": {"probe": {"port": 8081, "via": "gateway"}, "metrics": METRICS[3:]},
            "strategy": {"abTest": {"match": {"headers": {"a": "b"}, "cookies": {"c": "d"}}, "steps": [50]}},
        },
    ],
}
DEPLOYMENT = {
    "kind": "List",
    "items": [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "shop", "labels": {"app": "shop"}},
            "spec": {
                "selector": {"matchLabels": {"app": "shop"}},
                "template": {
                    "metadata": {"labels": {"app": "shop"}},
                    "spec": {
                        "containers": [
                            {
                                "name": "web",
                                "image": "contoso.azurecr.io/shop/web:v1",
                                "env": [{"name": "A", "value": "b"}],
                                "ports": [{"name": "http", "containerPort": 8080}],
                                "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}},
                            }
                        ]
                    },
                },
            },
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop"}, "data": {"a": "b"}},
    ],
}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every holder and key inside a value."""
    inner = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, item in inner for place in [(value, key), *places(item)]]


@st.composite
def bent(draw: st.DrawFn, good: dict[str, Any]) -> dict[str, Any]:
    """The good value with up to four places replaced, taken out or given another key."""
    value = deepcopy(good)
    for _ in range(draw(st.integers(0, 4))):
        holder, key = draw(st.sampled_from(places(value) or [(value, "service")]))
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                holder[key] = draw(ODD)
            case "remove" if key in holder or isinstance(holder, list):
                del holder[key]
            case "add" if isinstance(holder, dict):
                words = ["zzz", "images", "frontDoor", "abTest", "shadow", "kubernetes", "gatewayApi", "hooks"]
                holder[draw(st.sampled_from(words))] = draw(ODD)
    return value


@given(bent(MANIFEST) | bent(HYBRID), bent(GROUP), bent(DEPLOYMENT), bent(JOB))
@settings(max_examples=150, deadline=None)
def test_it_loads_as_its_snapshot_does_or_says_what_is_wrong(
    manifest: dict[str, Any], group: dict[str, Any], deployment: dict[str, Any], job: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "rollout.yaml"
        file.write_text(json.dumps(manifest, indent=1))
        (Path(directory) / "group.json").write_text(json.dumps(group, indent=1))
        (Path(directory) / "deployment.json").write_text(json.dumps(deployment, indent=1))
        (Path(directory) / "job.json").write_text(json.dumps(job, indent=1))
        try:
            (loaded,) = load([str(file)])
        except ManifestError as error:
            assert error.problems
            assert all(problem.message and problem.file for problem in error.problems)
            assert len({str(problem) for problem in error.problems}) == len(error.problems)
        else:
            assert loaded.service().targets
            assert from_snapshot(loaded.snapshot) == loaded
            for target in loaded.targets:
                site = site_of(target)
                assert [named.name for named in target.sources] == [
                    rule.name for rule in loaded.service().target(target.name).metrics
                ]
                assert " x" in site.removal("x")
                site.group(loaded.manifest.image, Mark("shop", target.name, "0" * 64, 1, 0), "x", kept=False)


def test_what_all_of_it_is_bent_from_loads(tmp_path: Path) -> None:
    (tmp_path / "rollout.yaml").write_text(json.dumps(HYBRID))
    (tmp_path / "group.json").write_text(json.dumps(GROUP))
    (tmp_path / "deployment.json").write_text(json.dumps(DEPLOYMENT))
    (tmp_path / "job.json").write_text(json.dumps(JOB))
    (loaded,) = load([str(tmp_path / "rollout.yaml")])
    assert [target.name for target in loaded.targets] == ["west", "onprem"]
