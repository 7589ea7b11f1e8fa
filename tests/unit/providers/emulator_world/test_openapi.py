"""The official descriptions and examples, where they are present, and the checker that holds the emulator to them."""

from __future__ import annotations

import json

import pytest

from providers.emulator.http import Request, Response
from tests import openapi

pytestmark = pytest.mark.skipif(not openapi.present(), reason=f"the official descriptions are not at {openapi.SPECS}")
EXAMPLES = sorted(
    path
    for path in (openapi.SPECS / "trafficmanager/2022-04-01/examples").glob("Profile-PUT-*.json")
    if "Nested" not in path.name  # its children are profiles of another environment, named by host
)
GROUPS = sorted((openapi.SPECS / "containerinstance/2023-05-01/examples").glob("ContainerGroup*Create*.json"))


def _load(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_official_profile_examples_are_taken_and_answered_with_their_properties(azure, example):
    told = _load(example)
    name, body = told["parameters"]["profileName"], told["parameters"]["parameters"]
    shown = azure.ok("PUT", f"{azure.profiles}/{name}", body)["properties"]
    official = told["responses"]["201"]["body"]["properties"]
    assert set(official) - {"allowedEndpointRecordTypes"} <= set(shown)
    assert shown["dnsConfig"]["ttl"] == official["dnsConfig"]["ttl"]
    for mine, sent in zip(shown["endpoints"], body["properties"].get("endpoints", []), strict=True):
        assert mine["properties"].items() >= sent["properties"].items()
        assert mine["type"].lower() == sent["type"].lower()


@pytest.mark.parametrize("example", GROUPS, ids=lambda path: path.stem)
def test_the_official_container_group_examples_are_taken(azure, example):
    body = _load(example)["parameters"]["containerGroup"]
    status, answer, _ = azure.send("PUT", f"{azure.groups}/demo1", body)
    assert status == 201, answer
    azure.wait(1)
    assert azure.ok("GET", f"{azure.groups}/demo1")["properties"]["provisioningState"] == "Succeeded"


def _answering(body, status=200):
    return openapi.described(lambda _: Response(status, {}, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "web", "colour": "red", "properties": {}}, 200),
        ({"name": "web"}, 200),
        ({"name": "web", "properties": {"osType": "Plan9"}}, 200),
        ({"name": "web", "properties": {}}, 299),
        ({"oops": {"code": "x"}}, 400),
    ],
    ids=["unknown property", "missing property", "unknown word", "unknown status", "error without its envelope"],
)
def test_the_checker_refuses_what_is_not_described(azure, body, status):
    request = Request("GET", f"{azure.groups}/web", {"api-version": "2023-05-01"})
    with pytest.raises(AssertionError):
        _answering(body, status)(request)


def test_the_checker_refuses_a_read_only_property_in_a_request(azure):
    sent = json.dumps({"properties": {"provisioningState": "Succeeded"}}).encode()
    request = Request("PUT", f"{azure.groups}/web", {"api-version": "2023-05-01"}, {}, sent)
    with pytest.raises(AssertionError, match=r"properties\.provisioningState"):
        _answering({"properties": {}}, 201)(request)
