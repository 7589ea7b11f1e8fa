"""The Bicep files in examples/deploy/aci: what they would make is what Azure describes, private, and least."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64decode
from typing import Any

import jsonschema
import pytest

from providers.azure.requests import API_VERSION
from tests.examples.deploy_bicep import FOLDER, Declaration, Later, Reader, declared, values
from tests.openapi import operations, present

FILES = sorted(path.name for path in FOLDER.glob("*.bicep"))
PATH = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerInstance/containerGroups/rollout"
KEEPS = {"store", "readToken", "operateToken", "webhookSecret", "secrets", "logWorkspaceKey"}


def parameters() -> dict[str, Any]:
    """What main.bicepparam gives."""
    found = re.findall(r"^param (\w+) = (.*?)(?=^param|\Z)", (FOLDER / "main.bicepparam").read_text(), re.M | re.S)
    return {name: Reader(text.strip(), {}).value() for name, text in found}


def group(**given: Any) -> Any:
    """The container group's resource."""
    return values("main.bicep", **{**parameters(), **given})["group"]


def plain(value: Any) -> Any:
    """The same with every value that only a deployment knows as a text, as it would be then."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, Later) else value


def container() -> Any:
    """What runs in the group."""
    (found,) = group()["properties"]["containers"]
    return found["properties"]


def resources(file: str) -> dict[str, Declaration]:
    """The resources of a file by type, without their API versions."""
    return {each.kind.partition("@")[0]: each for each in declared(file) if each.word == "resource"}


def test_the_container_group_is_as_azure_describes_it_with_no_field_that_it_does_not_know() -> None:
    if not present():
        pytest.skip("needs the API descriptions in ../shared/azure")
    assert resources("main.bicep")["Microsoft.ContainerInstance/containerGroups"].kind.endswith(f"@{API_VERSION}")
    described = operations("microsoft.containerinstance", API_VERSION)
    put = next(each for each in described if each.method == "PUT" and each.path.match(PATH))
    assert put.request is not None
    for extra in ({}, {"logWorkspaceId": "w", "logWorkspaceKey": "k"}):
        body = plain(group(**extra))
        sent = {key: body[key] for key in body if key not in ("name", "dependsOn")}
        sent["properties"] = {key: each for key, each in sent["properties"].items() if each is not None}
        assert ("diagnostics" in sent["properties"]) is bool(extra)
        errors = jsonschema.Draft4Validator(put.request).iter_errors(sent)
        assert [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in errors] == []


def test_the_group_has_no_public_address_and_runs_for_ever() -> None:
    properties = group()["properties"]
    assert properties["ipAddress"]["type"] == "Private"
    assert properties["subnetIds"]
    assert properties["restartPolicy"] == "Always"
    assert [each.name for each in declared("main.bicep") if "public" in str(each.value).lower()] == []


def test_every_secret_is_a_secure_parameter_and_reaches_the_container_as_a_secure_variable_only() -> None:
    secure = {each.name for each in declared("main.bicep") if "@secure()" in each.decorators}
    assert secure == KEEPS
    told = {each["name"]: each for each in container()["environmentVariables"]}
    open_ = {name for name, each in told.items() if "value" in each}
    assert open_ == {"AZURE_CLIENT_ID", "ROLLOUT_LISTEN"}
    given = {name: value for name, value in parameters().items() if name in KEEPS}
    assert all("readEnvironmentVariable" in str(value) for value in given.values())
    assert "DATABASE_PASSWORD" in told
    outputs = [str(each.value) for each in declared("main.bicep") if each.word == "output"]
    assert not [each for each in outputs if KEEPS & set(re.findall(r"\w+", each))]


def test_the_store_is_one_that_outlives_the_group() -> None:
    assert "store" in {each.name for each in declared("main.bicep") if each.word == "param" and not each.value}
    assert {kind for volume in group()["properties"]["volumes"] for kind in volume} == {"name", "secret"}


def test_the_probes_ask_where_the_daemon_listens() -> None:
    told = {each["name"]: each.get("value") for each in container()["environmentVariables"]}
    port = int(told["ROLLOUT_LISTEN"].rpartition(":")[2])
    asked = {name: container()[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")}
    assert {name: (each["path"], each["port"]) for name, each in asked.items()} == {
        "livenessProbe": ("/healthz", port),
        "readinessProbe": ("/readyz", port),
    }
    assert [each["port"] for each in group()["properties"]["ipAddress"]["ports"]] == [port]


def test_the_manifests_of_the_parameters_are_the_files_beside_them_at_the_place_that_is_watched() -> None:
    (volume,) = group()["properties"]["volumes"]
    folder = FOLDER.parent / "manifests"
    assert {name: b64decode(text) for name, text in volume["secret"].items()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    (mount,) = container()["volumeMounts"]
    assert (mount["name"], mount["readOnly"]) == (volume["name"], True)
    assert container()["command"][:3] == ["rollout", "daemon", mount["mountPath"]]


def test_the_identity_gets_the_two_roles_of_a_release_on_one_group_and_acr_pull_and_nothing_else() -> None:
    found = values("workloads.bicep", principalId="p")
    allowed = [
        action for each in found["roles"] for one in each["properties"]["permissions"] for action in one["actions"]
    ]
    files = [FOLDER.parent / "roles" / f"azure-{name}.json" for name in ("workloads", "traffic")]
    assert allowed == [action for path in files for action in json.loads(path.read_text())["Actions"]]
    assert {str(scope) for each in found["roles"] for scope in each["properties"]["assignableScopes"]} == {
        "<resourceGroup().id>"
    }
    assert len(found["assignments"]) == len(found["roles"]) == 2
    assert (
        values("registry.bicep", registry="contoso", principalId="p")["acrPull"]
        == "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    )
    assigned = [file for file in FILES for kind in resources(file) if kind.endswith("/roleAssignments")]
    assert assigned == ["registry.bicep", "workloads.bicep"]


@pytest.mark.parametrize("file", FILES)
def test_every_parameter_is_used_and_every_module_is_given_what_it_asks_for(file: str) -> None:
    found = declared(file)
    for each in found:
        if each.word == "param":
            others = " ".join(str(other.value) for other in found if other is not each)
            assert re.search(rf"\b{each.name}\b", others), f"{each.name} is not used"
        if each.word == "module":
            given = set(values(file, **parameters())[each.name]["params"])
            wanted = {other.name for other in declared(each.kind) if other.word == "param" and not other.value}
            assert given == wanted, each.name


def test_the_parameter_file_gives_all_that_has_no_default_and_nothing_unknown() -> None:
    known = {each.name: each for each in declared("main.bicep") if each.word == "param"}
    assert set(parameters()) <= set(known)
    assert {name for name, each in known.items() if not each.value} <= set(parameters())


@pytest.mark.parametrize("file", FILES)
def test_bicep_itself_builds_the_file(file: str) -> None:
    if shutil.which("bicep") is None:
        pytest.skip("bicep is not installed")
    done = subprocess.run(
        ["bicep", "build", "--stdout", str(FOLDER / file)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
