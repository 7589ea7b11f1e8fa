"""What is wrong with a template is said at once, with its path and the way out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.azure.template import Problem, check, dotted, repository
from providers.secrets import SecretRef
from tests.unit.providers.azure.values import IMAGE, TEMPLATE, template


def checked(document: Any, **more: Any) -> list[Problem]:
    return check(document, **{"service": "storefront", "image": IMAGE, "location": "westeurope", **more})


def texts(document: Any, **more: Any) -> list[str]:
    return [str(problem) for problem in checked(document, **more)]


def test_a_sound_template_has_no_problem() -> None:
    assert checked(TEMPLATE) == []


@pytest.mark.parametrize("document", [None, [], "x", 7, {}, {"properties": []}, {"properties": None}])
def test_what_is_no_container_group_is_one_problem_and_no_crash(document: Any) -> None:
    assert len(checked(document)) == 1


def test_a_deployment_template_names_the_way_from_bicep() -> None:
    (problem,) = checked({"$schema": "…", "resources": [{"type": "Microsoft.ContainerInstance/containerGroups"}]})
    assert problem.path == ("resources",)
    assert "az bicep build" in problem.message


def test_an_image_that_no_container_uses_lists_what_was_found() -> None:
    (text,) = texts(TEMPLATE, image="contoso.azurecr.io/shop/other")
    assert text.startswith("properties.containers: expected a container that uses contoso.azurecr.io/shop/other; found")
    assert "found web (contoso.azurecr.io/shop/storefront:1.0)" in text


def test_a_container_that_is_named_but_absent_lists_what_was_found() -> None:
    (text,) = texts(TEMPLATE, containers=("web", "worker"))
    assert text.startswith("properties.containers: expected a container called 'worker'; found web (")


def test_a_named_container_may_have_any_image() -> None:
    assert checked(TEMPLATE, image="contoso.azurecr.io/other", containers=("web",)) == []


def test_a_private_address_behind_traffic_manager_is_refused_with_the_way_out() -> None:
    private = template(
        ipAddress={"type": "Private", "ports": [{"port": 8080}]}, subnetIds=[{"id": "/subscriptions/x/subnets/y"}]
    )
    where = [dotted(problem.path) for problem in checked(private)]
    assert where == ["properties.subnetIds", "properties.ipAddress.type"]
    assert all("Application Gateway" in problem.message for problem in checked(private))
    assert checked(private, behind_traffic_manager=False) == []


def test_a_template_without_an_address_cannot_be_reached() -> None:
    (text,) = texts(template(ipAddress=None))
    assert text.startswith("properties.ipAddress: expected a public address (type: Public and its ports); got nothing")


@pytest.mark.parametrize("port", [22, 1026, 3389, 9999, 19000, 19390, 20000, 30000, 65534])
def test_a_reserved_port_is_refused_where_it_stands(port: int) -> None:
    (problem,) = checked(template(ipAddress={"type": "Public", "ports": [{"port": 8080}, {"port": port}]}))
    assert dotted(problem.path) == "properties.ipAddress.ports[1].port"
    assert problem.message.endswith(f"got {port}")


@pytest.mark.parametrize("port", [0, 65536, "8080", True, None, 80.5])
def test_a_port_that_is_none_is_refused(port: Any) -> None:
    (problem,) = checked(template(ipAddress={"type": "Public", "ports": [{"port": port}]}))
    assert problem.message.startswith("expected a port from 1 to 65535; got ")


def test_a_port_that_no_container_exposes_is_refused_with_those_that_are() -> None:
    (text,) = texts(template(ipAddress={"type": "Public", "ports": [{"port": 8080}, {"port": 80}]}))
    assert text == "properties.ipAddress.ports[1].port: expected a port that a container exposes (8080); got 80"


@pytest.mark.parametrize("requests", [None, {}, {"cpu": 0, "memoryInGB": -1}])
def test_a_container_has_to_say_what_it_needs(requests: Any) -> None:
    document = template()
    document["properties"]["containers"][0]["properties"]["resources"] = {"requests": requests}
    where = "properties.containers[0].properties.resources.requests"
    assert [dotted(problem.path) for problem in checked(document)] == [f"{where}.cpu", f"{where}.memoryInGB"]


def test_a_system_assigned_identity_needs_to_be_allowed() -> None:
    document = {**TEMPLATE, "identity": {"type": "SystemAssigned, UserAssigned"}}
    (problem,) = checked(document)
    assert problem.path == ("identity", "type")
    assert "allowSystemIdentity: true" in problem.message
    assert checked(document, allow_system_identity=True) == []


def test_a_location_that_contradicts_the_manifest_is_refused_and_spelling_does_not_count() -> None:
    (problem,) = checked({**TEMPLATE, "location": "northeurope"})
    assert problem.path == ("location",)
    assert checked({**TEMPLATE, "location": "West Europe"}) == []


def test_null_secrets_of_an_export_are_all_named() -> None:
    document = template(
        imageRegistryCredentials=[{"server": "contoso.azurecr.io", "username": "pull", "password": None}],
        volumes=[
            {"name": "a", "azureFile": {"shareName": "s", "storageAccountName": "acct", "storageAccountKey": None}},
            {"name": "b", "secret": {"cert": None, "fine": "eA=="}},
            {"name": "c", "secret": {}},
        ],
        diagnostics={"logAnalytics": {"workspaceId": "w", "workspaceKey": None}},
    )
    document["properties"]["containers"][0]["properties"]["environmentVariables"] = [
        {"name": "PLAIN", "value": ""},
        {"name": "TOKEN", "secureValue": None},
        {"name": "GONE"},
    ]
    assert [dotted(problem.path) for problem in checked(document)] == [
        "properties.containers[0].properties.environmentVariables[1].secureValue",
        "properties.containers[0].properties.environmentVariables[2].secureValue",
        "properties.imageRegistryCredentials[0].password",
        "properties.volumes[0].azureFile.storageAccountKey",
        "properties.volumes[1].secret.cert",
        "properties.volumes[2].secret",
        "properties.diagnostics.logAnalytics.workspaceKey",
    ]


def test_a_reference_or_an_identity_in_a_secrets_place_is_enough() -> None:
    document = template(
        imageRegistryCredentials=[
            {"server": "contoso.azurecr.io", "username": "pull", "password": SecretRef("env", "PULL")},
            {"server": "other.azurecr.io", "identity": "/subscriptions/x/id"},
        ]
    )
    assert checked(document) == []


def test_a_name_that_is_too_long_after_the_revision_says_by_how_much() -> None:
    (problem,) = checked(TEMPLATE, service="s" * 50)
    assert "has 5 too many" in problem.message


@pytest.mark.parametrize("label", ["Shop", "1shop", "", "shop-", "s" * 64, 7])
def test_a_dns_label_that_azure_would_refuse_is_named(label: Any) -> None:
    (problem,) = checked(template(ipAddress={"type": "Public", "dnsNameLabel": label, "ports": [{"port": 8080}]}))
    assert dotted(problem.path) == "properties.ipAddress.dnsNameLabel"


def test_a_key_that_no_container_group_has_is_not_silently_dropped() -> None:
    (text,) = texts({**TEMPLATE, "identiy": {"type": "UserAssigned"}})
    assert text.startswith("identiy: expected one of apiVersion, ")
    assert text.endswith("got 'identiy'")


def test_a_template_expression_that_nothing_would_evaluate_is_named() -> None:
    (text,) = texts({**TEMPLATE, "zones": ["[parameters('zone')]"]})
    assert text.startswith("zones[0]: expected a plain value; got the template expression ")
    document = template()
    document["properties"]["containers"][0]["properties"]["command"] = ["sh", "-c", "[ -f x ] && (exec web)"]
    assert checked(document) == []


def test_every_problem_is_listed_at_once() -> None:
    document = template(osType="Solaris", ipAddress={"type": "Private", "ports": [{"port": 22}]})
    document["location"] = "eastus"
    assert len(checked(document, image="other/image")) == 5


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("nginx", "nginx"),
        ("docker.io/library/nginx:1.27", "nginx"),
        ("docker.io/contoso/app", "contoso/app"),
        ("Contoso.azurecr.io/shop/app:1@sha256:abc", "contoso.azurecr.io/shop/app"),
        ("localhost:5000/app:1", "localhost:5000/app"),
        ("127.0.0.1:8088/shop/storefront", "127.0.0.1:8088/shop/storefront"),
    ],
)
def test_a_repository_is_a_reference_without_tag_and_digest(reference: str, name: str) -> None:
    assert repository(reference) == name


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["properties", "containers", "image", "ipAddress", "ports", "volumes", "secret", "name", "tags"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_json)
def test_no_document_whatever_makes_the_check_crash(document: Any) -> None:
    assert all(str(problem) for problem in checked({"properties": document}) + checked(document))
