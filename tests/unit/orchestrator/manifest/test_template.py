"""Templates are judged at their own lines, hashed by meaning, and kept without the secrets written out in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.manifest.loader import Loaded, from_snapshot, load
from orchestrator.manifest.template import read_template, resolve_written, templates_hash
from orchestrator.manifest.variables import Variables
from providers.azure.settings import ContainerInstances
from providers.errors import Transient
from providers.secrets import SecretRef

Messages = Callable[..., list[str]]
IMAGE = "contoso.azurecr.io/shop/web"
WHERE = "rollout.yaml:9: targets[0].containerInstances.template: group.yaml"


def group(**more: Any) -> dict[str, Any]:
    container = {"name": "web", "properties": {"image": f"{IMAGE}:v1", "ports": [{"port": 8080}]}}
    address = {"type": "Public", "ports": [{"port": 8080}]}
    return {"properties": {"osType": "Linux", "containers": [container], "ipAddress": address, **more}}


def hashed(template: Any, **settings: Any) -> str:
    made = ContainerInstances("s", "g", "westeurope", template)
    return templates_hash({"west": replace(made, **settings)}, IMAGE)


def read(text: str, file: str = "group.yaml", **values: str) -> Any:
    template = read_template(text, file, f"/home/{file}", Variables(values))
    assert template.problems == []
    return template


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"shop/web:v1": "shop/api:v1"}, ":5: properties.containers: "),
        (
            {"osType: Linux": "osType: Linux\n  x: ${var:a}"},
            ":5: properties.x: the variable 'a' must be given by --var",
        ),
        ({"type: Public": "type: Private"}, ":12: properties.ipAddress.type: expected Public; got 'Private'. Traffic"),
        (
            {"Public\n    ports: [{port: 8080}]": "Public\n    ports: [{port: 3390}]"},
            ":13: properties.ipAddress.ports[0].port: expected",
        ),
        ({"location: westeurope": "location: eastus"}, ":2: location: expected 'westeurope' as the manifest says"),
        (
            {"name: shop": "identity: {type: SystemAssigned}"},
            ":1: identity.type: expected UserAssigned; got SystemAssi",
        ),
        (
            {"{requests: {cpu: 1,": "{requests: {cpu: much,"},
            ":10: properties.containers[0].properties.resources.requests.cpu: must be a number; got 'much'",
        ),
        (
            {"  ipAddress:": "  volumes: [a]\n  ipAddress:"},
            ":11: properties.volumes: must be a list of mappings; got a",
        ),
        (
            {"      ports: [": "      environmentVariables: [{name: [A], value: b}]\n      ports: ["},
            ":9: properties.containers[0].properties.environmentVariables[0].name: must be text (quote a number); got",
        ),
        ({"name: shop": "resources: []"}, ":1: resources: expected one container group (what `az container create"),
        ({"name: shop": "name: [shop"}, ":2: must be valid YAML; got: "),
        ({"name: shop": "name: shop\n---\na: 1\n---"}, ":1: must hold one container group; got 3 documents"),
        (
            {"  ipAddress:": "  imageRegistryCredentials: [{server: a, username: b, password: null}]\n  ipAddress:"},
            ":11: properties.imageRegistryCredentials[0].password: expected the password (or an identity) for a; got",
        ),
        (
            {"osType: Linux": "osType: '${env:OS}'"},
            ":4: properties.osType: a secret may stand only where secrets go (registry password, secureValue, ",
        ),
    ],
)
def test_a_bad_template_is_told_at_the_manifests_line_and_its_own(
    messages: Messages, edits: dict[str, str], message: str
) -> None:
    told = messages(template=edits)
    assert told
    assert told[0].startswith(f"{WHERE}{message}")


def test_bicep_is_told_how_to_become_a_template(messages: Messages, project: Path) -> None:
    (project / "main.bicep").write_text("param x string\n")
    assert messages({"group.yaml": "main.bicep"}) == [
        "rollout.yaml:9: targets[0].containerInstances.template: main.bicep:1: must be YAML or ARM JSON; got Bicep: "
        "`az bicep build` makes JSON of it, whose container group is the template"
    ]


@given(st.permutations(["osType", "containers", "ipAddress"]), st.booleans(), st.sampled_from([1, 1.0]))
@settings(deadline=None)
def test_equal_meaning_gives_an_equal_hash_whatever_the_order_and_the_spelling(
    order: list[str], as_json: bool, cores: float
) -> None:
    template = group()
    template["properties"] = {key: template["properties"][key] for key in order}
    template["properties"]["containers"][0]["properties"]["resources"] = {"requests": {"cpu": cores}}
    text = json.dumps(template, indent="\t") if as_json else yaml.safe_dump(template, sort_keys=False)
    plain = group()
    plain["properties"]["containers"][0]["properties"]["resources"] = {"requests": {"cpu": 1}}
    assert hashed(read(text, "group.json" if as_json else "group.yaml").value) == hashed(plain)


def test_what_an_export_adds_the_name_and_the_images_tag_leave_the_hash_as_it_is() -> None:
    exported = group(provisioningState="Succeeded", instanceView={"state": "Running"})
    exported |= {"name": "old", "id": "/subscriptions/x", "type": "Microsoft.ContainerInstance/containerGroups"}
    exported["properties"]["containers"][0]["properties"] |= {
        "image": f"{IMAGE}:v2",
        "instanceView": {"restartCount": 1},
    }
    exported["properties"]["ipAddress"] |= {"ip": "1.2.3.4", "fqdn": "x.westeurope.azurecontainer.io"}
    assert hashed(exported) == hashed(group())


def test_where_and_how_often_it_runs_and_injected_words_leave_the_hash_as_it_is() -> None:
    assert hashed(group(), subscription="other", resource_group="other", inject=False) == hashed(group())


@pytest.mark.parametrize(
    "change",
    [
        {"osType": "Windows"},
        {"restartPolicy": "Never"},
        {"volumes": [{"name": "v", "secret": {"a": SecretRef("env", "A")}}]},
    ],
    ids=["system", "restart policy", "volume"],
)
def test_another_meaning_gives_another_hash(change: dict[str, Any]) -> None:
    assert hashed(group(**change)) != hashed(group())


def test_another_reference_is_another_meaning_but_another_written_secret_is_not() -> None:
    def credentials(password: Any) -> str:
        entry = {"server": "a", "username": "b", "password": password}
        return hashed(read(json.dumps(group(imageRegistryCredentials=[entry]))).value)

    assert credentials("${env:A}") != credentials("${env:B}")
    assert credentials("hunter2") == credentials("hunter3")


@given(st.dictionaries(st.sampled_from(["west", "east", "north"]), st.booleans(), min_size=1))
@settings(deadline=None)
def test_the_hash_covers_every_target_by_name(targets: dict[str, bool]) -> None:
    def of(which: dict[str, bool]) -> str:
        made = {
            name: ContainerInstances("s", "g", "l", group(restartPolicy="Never") if never else group())
            for name, never in which.items()
        }
        return templates_hash(made, IMAGE)

    assert of(targets) == of(dict(reversed(list(targets.items()))))
    for name, never in targets.items():
        assert of(targets) != of(targets | {name: not never})


SECRETS = """\
  imageRegistryCredentials:
  - {server: a, username: b, password: &p hunter2}
  - {server: c, username: d, password: *p}
  volumes:
  - name: files
    secret:
      key.pem: |
        aHVudGVyMg==
        aHVudGVyMg==
      other: '${file:/run/x}'
  - name: share
    azureFile: {shareName: s, storageAccountName: a, storageAccountKey: !!str "hunter2"}
  diagnostics: {logAnalytics: {workspaceId: w, workspaceKey: 'hunter2'}}
  ipAddress:
"""


@pytest.fixture
def written(project: Path) -> Loaded:
    """The project with secrets written out in its template."""
    text = (project / "group.yaml").read_text()
    (project / "group.yaml").write_text(text.replace("  ipAddress:\n", SECRETS))
    return load(["rollout.yaml"])[0]


def test_a_secret_written_out_in_a_template_is_in_nothing_that_is_loaded_or_stored(written: Loaded) -> None:
    for thing in (written, written.snapshot, written.targets):
        assert "hunter2" not in repr(thing)
        assert "aHVudGVyMg" not in repr(thing)


def test_a_written_secret_is_read_from_its_file_when_the_act_is_made(written: Loaded) -> None:
    properties = written.targets[0].workloads.template["properties"]
    first, second = properties["imageRegistryCredentials"]
    assert first["password"] == second["password"]
    values = [
        resolve_written(reference)
        for reference in (
            first["password"],
            properties["volumes"][0]["secret"]["key.pem"],
            properties["volumes"][1]["azureFile"]["storageAccountKey"],
            properties["diagnostics"]["logAnalytics"]["workspaceKey"],
        )
    ]
    assert values == ["hunter2", "aHVudGVyMg==\naHVudGVyMg==\n", "hunter2", "hunter2"]
    assert properties["volumes"][0]["secret"]["other"] == SecretRef("file", "/run/x")


def test_a_snapshot_with_written_secrets_gives_the_same_again_on_the_same_lines(written: Loaded) -> None:
    assert from_snapshot(written.snapshot) == written
    kept, original = written.snapshot.templates[0][1].splitlines(), Path("group.yaml").read_text().splitlines()
    assert len(kept) == len(original)
    assert kept[-1] == original[-1]


def test_a_written_secret_that_is_gone_is_a_reason_to_wait_that_names_the_place(written: Loaded, project: Path) -> None:
    reference = written.targets[0].workloads.template["properties"]["imageRegistryCredentials"][0]["password"]
    (project / "group.yaml").write_text("a: 1\n")
    with pytest.raises(Transient, match=r"group.yaml#properties.imageRegistryCredentials\[0:a\].password"):
        resolve_written(reference)
    (project / "group.yaml").unlink()
    with pytest.raises(Transient, match="must be a file that exists"):
        resolve_written(reference)


def test_a_variable_in_an_environment_value_stays_text() -> None:
    variables = [{"name": "A", "value": "VALUE"}, {"name": "B", "secureValue": "${env:B}"}]
    text = yaml.safe_dump(group()).replace(f"image: {IMAGE}:v1", f"image: {IMAGE}:v1\n      environmentVariables: ENV")
    text = text.replace("ENV", json.dumps(variables).replace('"VALUE"', "${var:n}").replace("${var:n}}", "'${var:n}'}"))
    found = read(text, n="3").value["properties"]["containers"][0]["properties"]["environmentVariables"]
    assert found == [{"name": "A", "value": "3"}, {"name": "B", "secureValue": SecretRef("env", "B")}]


EXPORT = """\
additional_properties: {}
apiVersion: '2023-05-01'
identity: null
location: westeurope
name: shop
properties:
  containers:
  - name: web
    properties:
      environmentVariables:
      - {name: A, value: x}
      - {name: B, secureValue: null}
      image: contoso.azurecr.io/shop/web:v1
      ports: [{port: 8080, protocol: TCP}]
      resources: {requests: {cpu: 1.0, memoryInGB: 1.5}}
  imageRegistryCredentials:
  - {password: null, server: contoso.azurecr.io, username: u}
  initContainers: []
  ipAddress: {fqdn: a.westeurope.azurecontainer.io, ip: 1.2.3.4, ports: [{port: 8080, protocol: TCP}], type: Public}
  osType: Linux
  provisioningState: Succeeded
tags: {}
type: Microsoft.ContainerInstance/containerGroups
"""


def test_an_export_lacks_its_secrets_and_loads_when_they_are_put_in(messages: Messages, project: Path) -> None:
    (project / "export.yaml").write_text(EXPORT)
    told = messages({"group.yaml": "export.yaml"})
    assert [message.split(": ")[2:4] for message in told] == [
        ["export.yaml:12", "properties.containers[0].properties.environmentVariables[1].secureValue"],
        ["export.yaml:17", "properties.imageRegistryCredentials[0].password"],
    ]
    mended = EXPORT.replace("secureValue: null", "secureValue: '${env:B}'").replace(
        "null, server", "'${env:P}', server"
    )
    (project / "export.yaml").write_text(mended)
    assert messages({"group.yaml": "export.yaml"}) == []
