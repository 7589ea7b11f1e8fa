"""The Kubernetes manifests in examples/deploy: as the API describes them, and locked down."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from orchestrator.daemon.directory import Directory
from orchestrator.manifest.variables import read_variables
from orchestrator.store.memory import MemoryStore

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "deploy" / "kubernetes"
SPECS = Path(__file__).resolve().parents[3] / "shared" / "kubernetes" / "openapi"
DESCRIBED = {
    "Deployment": ("apps_v1.json", "io.k8s.api.apps.v1.Deployment"),
    "PodDisruptionBudget": ("policy_v1.json", "io.k8s.api.policy.v1.PodDisruptionBudget"),
    "Service": ("api_v1.json", "io.k8s.api.core.v1.Service"),
}
KEPT = ("type", "enum", "format", "required", "minimum", "maximum", "oneOf")
Object = dict[str, Any]


def objects() -> list[Object]:
    """Every object of the daemon's own; what a rollout may do elsewhere is `test_deploy_rbac`'s."""
    own = [path for path in sorted(FOLDER.glob("*.yaml")) if not path.name.startswith("rbac-")]
    return [each for path in own for each in yaml.safe_load_all(path.read_text())]


def the(kind: str) -> Object:
    """The one object of a kind."""
    (found,) = (each for each in objects() if each["kind"] == kind)
    return found


def pod() -> Object:
    """The pod that the Deployment makes."""
    found: Object = the("Deployment")["spec"]["template"]["spec"]
    return found


def container() -> Object:
    """Its one container."""
    (found,) = pod()["containers"]
    return found


def closed(schema: Object, schemas: Object) -> Object:
    """A described schema that holds no references and allows nothing undescribed."""
    if "$ref" in schema:
        return closed(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    made: Object = {key: schema[key] for key in KEPT if key in schema}
    for part in schema.get("allOf", ()):
        made |= closed(part, schemas)
    if "items" in schema:
        made["items"] = closed(schema["items"], schemas)
    if "properties" in schema:
        made["properties"] = {name: closed(each, schemas) for name, each in schema["properties"].items()}
        made["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = closed(schema["additionalProperties"], schemas)
    return made


def allows(peers: list[Object], port: int) -> bool:
    """Whether some rule of a network policy names a port."""
    return any(port == each["port"] for rule in peers for each in rule["ports"])


@pytest.mark.parametrize("kind", DESCRIBED)
def test_an_object_is_as_the_api_describes_it_with_no_field_that_it_does_not_know(kind: str) -> None:
    file, name = DESCRIBED[kind]
    if not (SPECS / file).is_file():
        pytest.skip("needs the API descriptions in ../shared/kubernetes")
    schemas = json.loads((SPECS / file).read_text())["components"]["schemas"]
    errors = list(jsonschema.Draft4Validator(closed(schemas[name], schemas)).iter_errors(the(kind)))
    assert [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in errors] == []


def test_the_pod_runs_as_nobody_and_can_write_nowhere_but_in_memory() -> None:
    who, allowed = pod()["securityContext"], container()["securityContext"]
    assert (who["runAsNonRoot"], who["seccompProfile"]["type"]) == (True, "RuntimeDefault")
    assert who["runAsUser"] == who["runAsGroup"] == 10001
    assert allowed == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = {mount["name"] for mount in container()["volumeMounts"] if not mount.get("readOnly")}
    assert [volume["emptyDir"]["medium"] for volume in pod()["volumes"] if volume["name"] in written] == ["Memory"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod())
    assert the("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_daemon_has_no_rights_in_the_cluster_and_no_token_of_it() -> None:
    assert pod()["automountServiceAccountToken"] is False
    assert the("ServiceAccount")["automountServiceAccountToken"] is False
    assert {each["kind"] for each in objects()} == {
        "Namespace",
        "ServiceAccount",
        "Deployment",
        "PodDisruptionBudget",
        "Service",
        "NetworkPolicy",
    }


def test_workload_identity_is_asked_for_on_both_sides() -> None:
    labels = the("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"
    assert "azure.workload.identity/client-id" in the("ServiceAccount")["metadata"]["annotations"]
    assert pod()["serviceAccountName"] == the("ServiceAccount")["metadata"]["name"]


def test_everything_is_selected_by_one_label_and_stands_in_one_namespace() -> None:
    label = the("Deployment")["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
    wanted = {"app.kubernetes.io/name": label}
    assert the("Deployment")["spec"]["selector"]["matchLabels"] == wanted
    assert the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == wanted
    assert the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == wanted
    assert the("Service")["spec"]["selector"] == wanted
    name = the("Namespace")["metadata"]["name"]
    assert {each["metadata"].get("namespace", name) for each in objects()} == {name}


def test_no_secret_stands_in_a_file() -> None:
    assert [each["kind"] for each in objects() if each["kind"] == "Secret"] == []
    assert container()["envFrom"] == [{"secretRef": {"name": "rollout"}}]
    assert {each["name"] for each in container()["env"]} == {"ROLLOUT_LISTEN", "HOME"}


def test_several_daemons_are_only_ever_meant_over_a_store_that_they_share() -> None:
    assert the("Deployment")["spec"]["replicas"] > 1
    assert not any("persistentVolumeClaim" in volume for volume in pod()["volumes"])
    assert "ROLLOUT_STORE='postgresql://" in (FOLDER / "README.md").read_text()
    assert the("PodDisruptionBudget")["spec"]["minAvailable"] < the("Deployment")["spec"]["replicas"]


def test_liveness_and_readiness_ask_different_questions_on_the_port_that_is_served() -> None:
    (port,) = container()["ports"]
    listens = next(each["value"] for each in container()["env"] if each["name"] == "ROLLOUT_LISTEN")
    assert listens == f"0.0.0.0:{port['containerPort']}"
    assert container()["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": port["name"]}
    assert container()["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": port["name"]}
    assert [each["targetPort"] for each in the("Service")["spec"]["ports"]] == [port["name"]]


def test_the_policy_lets_in_the_daemons_port_and_out_what_it_needs_but_not_the_nodes_identity() -> None:
    policy = the("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule["from"] for rule in policy["ingress"])
    assert allows(policy["ingress"], container()["ports"][0]["containerPort"])
    probed = yaml.safe_load((FOLDER.parent / "manifests" / "storefront.yaml").read_text())["gates"]["probe"]["port"]
    assert all(allows(policy["egress"], port) for port in (53, 443, 5432, probed))
    (world,) = (peer["ipBlock"] for rule in policy["egress"] for peer in rule["to"] if "ipBlock" in peer)
    assert world["except"] == ["169.254.169.254/32"]


def test_a_config_map_is_watched_as_the_kubelet_lays_it_out_and_swaps_it(tmp_path: Path) -> None:
    samples = {path.name: path.read_text() for path in (FOLDER.parent / "manifests").iterdir()}
    mounted = Mounted(tmp_path)
    mounted.put("..2026_11_20_10_00", samples)
    directory = Directory(tmp_path, read_variables(), MemoryStore(), now_ns=lambda: time.time_ns() + 10**10)
    first = directory.scan()
    assert ([each.service for each in first.added], first.problems) == (["storefront"], ())
    mounted.put("..2026_11_20_10_01", {name: text.replace("every: 5m", "every: 1m") for name, text in samples.items()})
    second = directory.scan()
    assert [(each.service, each.every_seconds) for each in second.changed] == [("storefront", 60.0)]
    assert second.problems == ()


class Mounted:
    """A folder as the kubelet makes it of a ConfigMap: links through `..data` into a hidden folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, version: str, files: dict[str, str]) -> None:
        """Write a new version beside the present one, and put the link over in one step."""
        (self.folder / version).mkdir()
        for name, text in files.items():
            (self.folder / version / name).write_text(text)
        (self.folder / "..data_tmp").symlink_to(version)
        (self.folder / "..data_tmp").rename(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
