"""A secret written out in a template is read again from its own place, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.manifest.template import read_template, resolve_written
from orchestrator.manifest.variables import Variables
from providers.errors import NotSent


def group(**more: Any) -> dict[str, Any]:
    return {"properties": {"osType": "Linux", **more}}


SWAPPABLE: dict[str, tuple[list[Any], Callable[[Any], Any]]] = {
    "imageRegistryCredentials": (
        [{"server": name, "username": "u", "password": f"hunter-{name}"} for name in "ab"],
        lambda properties: properties["imageRegistryCredentials"][0]["password"],
    ),
    "volumes": (
        [{"name": name, "secret": {"key": f"hunter-{name}"}} for name in "ab"],
        lambda properties: properties["volumes"][0]["secret"]["key"],
    ),
    "containers": (
        [
            {"name": name, "properties": {"environmentVariables": [{"name": "K", "secureValue": f"hunter-{name}"}]}}
            for name in "ab"
        ],
        lambda properties: properties["containers"][0]["properties"]["environmentVariables"][0]["secureValue"],
    ),
    "initContainers": (
        [
            {
                "name": "${var:init}",
                "properties": {
                    "environmentVariables": [{"name": name, "secureValue": f"hunter-{name}"} for name in "ab"]
                },
            }
        ],
        lambda properties: properties["initContainers"][0]["properties"]["environmentVariables"][0]["secureValue"],
    ),
}


@pytest.mark.parametrize("place", SWAPPABLE)
def test_a_written_secret_is_not_taken_from_an_entry_of_another_name(place: str, tmp_path: Path) -> None:
    entries, secret = SWAPPABLE[place]
    file = tmp_path / "group.json"
    file.write_text(json.dumps(group(**{place: entries})))
    submitted = read_template(file.read_text(), "group.json", str(file), Variables({"init": "migrate"}))
    reference = secret(submitted.value["properties"])
    again = read_template(submitted.text, "group.json", str(file), Variables({"init": "migrate"}))
    assert secret(again.value["properties"]) == reference
    assert resolve_written(reference) == "hunter-a"
    swapped = json.loads(json.dumps(entries[::-1]))
    if place == "initContainers":
        swapped[0]["properties"]["environmentVariables"].reverse()
    file.write_text(json.dumps(group(**{place: swapped})))
    with pytest.raises(NotSent, match="same names in the same order"):
        resolve_written(reference)


@pytest.mark.parametrize("quote", ["", "'", '"'])
@pytest.mark.parametrize(("text", "value"), [("pa$${x}y", "pa${x}y"), ("$${env:A}", "${env:A}"), ("$$$${", "$$${")])
def test_an_escape_in_a_written_secret_is_undone_whether_quoted_or_not(
    quote: str, text: str, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "group.yaml"
    file.write_text(f"properties:\n  diagnostics:\n    logAnalytics:\n      workspaceKey: {quote}{text}{quote}\n")
    template = read_template(file.read_text(), "group.yaml", str(file), Variables())
    assert resolve_written(template.value["properties"]["diagnostics"]["logAnalytics"]["workspaceKey"]) == value


@pytest.mark.parametrize("key", ["${var:x}", "${env:X}", "a$$b", "a%24b", "100%"])
def test_a_written_secret_under_a_key_that_looks_like_a_reference_is_found_again(key: str, tmp_path: Path) -> None:
    file = tmp_path / "group.json"
    file.write_text(json.dumps(group(volumes=[{"name": "v", "secret": {key: "hunter2"}}])))
    submitted = read_template(file.read_text(), "group.json", str(file), Variables())
    again = read_template(submitted.text, "group.json", str(file), Variables())
    assert submitted.problems == again.problems == []
    assert again.value == submitted.value
    assert resolve_written(again.value["properties"]["volumes"][0]["secret"][key]) == "hunter2"


@pytest.mark.parametrize("now", ["null", "''", "${env:KEY}", "${var:key}"])
def test_a_written_secret_that_became_something_else_is_a_reason_to_wait(now: str, tmp_path: Path) -> None:
    file = tmp_path / "group.yaml"
    text = "properties:\n  diagnostics:\n    logAnalytics:\n      workspaceKey: "
    file.write_text(f"{text}0123\n")
    template = read_template(file.read_text(), "group.yaml", str(file), Variables())
    reference = template.value["properties"]["diagnostics"]["logAnalytics"]["workspaceKey"]
    assert resolve_written(reference) == "0123"
    file.write_text(f"{text}{now}\n")
    with pytest.raises(NotSent, match="expected a value written out"):
        resolve_written(reference)


SECRET_PLACES: dict[str, dict[str, Any]] = {
    "password": {"imageRegistryCredentials": [{"server": "s", "username": "u", "password": "HERE"}]},
    "secureValue": {
        "containers": [{"name": "web", "properties": {"environmentVariables": [{"name": "K", "secureValue": "HERE"}]}}]
    },
    "storageAccountKey": {"volumes": [{"name": "v", "azureFile": {"shareName": "s", "storageAccountKey": "HERE"}}]},
    "secret": {"volumes": [{"name": "v", "secret": {"file": "HERE"}}]},
    "workspaceKey": {"diagnostics": {"logAnalytics": {"workspaceId": "w", "workspaceKey": "HERE"}}},
}


@pytest.mark.parametrize("place", SECRET_PLACES)
@pytest.mark.parametrize("value", ['{"value": "hunter2"}', '["hunter2"]', '[{"a": ["hunter2"]}]', "[]", "{}"])
def test_a_secret_of_several_values_is_refused_by_its_place_and_never_quoted(place: str, value: str) -> None:
    text = json.dumps(group(**SECRET_PLACES[place])).replace('"HERE"', value)
    template = read_template(text, "group.json", "/x/group.json", Variables())
    said = "\n".join(map(str, template.problems))
    assert "must be one text or number, or a reference such as ${env:NAME}" in said
    assert "hunter2" not in said
    assert "hunter2" not in repr(template.value)
    for fit in ('"hunter2"', "17", '"${env:KEY}"'):
        text = json.dumps(group(**SECRET_PLACES[place])).replace('"HERE"', fit)
        assert read_template(text, "group.json", "/x/group.json", Variables()).problems == []
