"""What is wrong with a template of Kubernetes objects is said at once, with its path and the way out."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest

from providers.kubernetes.template import port
from providers.problems import dotted
from providers.secrets import SecretRef
from tests.unit.providers.kubernetes.workload_values import (
    CONFIG_MAP,
    DEPLOYMENT,
    IMAGE,
    SCALER,
    checked,
    put,
    scaled,
    template,
)

ALL = scaled()


def texts(objects: Any, **more: Any) -> list[str]:
    return [str(problem) for problem in checked(objects, **more)]


@pytest.mark.parametrize("objects", [template(), scaled(), [DEPLOYMENT], [DEPLOYMENT, None], tuple(template())])
def test_a_sound_template_has_no_problem(objects: Any) -> None:
    assert checked(objects) == []


@pytest.mark.parametrize("objects", [None, {}, "x", 7, [], [None]])
def test_what_holds_no_deployment_is_one_problem_and_no_crash(objects: Any) -> None:
    assert len(checked(objects)) == 1


def test_the_items_of_a_list_stand_for_themselves() -> None:
    export = [{"apiVersion": "v1", "kind": "List", "items": template(paused=True)}]
    (problem,) = checked(export)
    assert dotted(problem.path) == "[0].items[0].spec.paused"
    assert port(export) == 80


def test_a_second_deployment_is_refused_by_name() -> None:
    other = put([DEPLOYMENT], (0, "metadata", "name"), "worker")
    (text,) = texts([*template(), *other])
    assert text == "[4]: expected exactly one Deployment; got 'worker' beside 'storefront'"


@pytest.mark.parametrize(
    ("api_version", "kind", "way_out"),
    [
        ("v1", "Secret", "reference it (secretKeyRef, secretRef, or a volume)"),
        ("keda.sh/v1alpha1", "ScaledObject", "use a HorizontalPodAutoscaler, which is copied per revision, or keep it"),
        ("networking.k8s.io/v1", "Ingress", "name it under gatewayApi.httpRoute"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", "name it under gatewayApi.httpRoute"),
        ("apps/v1", "StatefulSet", "only a Deployment can run in two revisions side by side"),
        ("v1", "ServiceAccount", "apply it before the rollout, and keep it out of the template"),
        ("kustomize.config.k8s.io/v1beta1", "Kustomization", "render it first"),
    ],
)
def test_another_kind_is_refused_by_kind_and_name_with_the_way_out(api_version: str, kind: str, way_out: str) -> None:
    other = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x-1"}}
    (text,) = texts([*template(), other])
    assert text.startswith("[4].kind: expected one of Deployment, Service, ")
    assert f"got {kind} x-1: " in text
    assert way_out in text


@pytest.mark.parametrize(
    ("number", "old"),
    [(0, "apps/v1beta1"), (3, "policy/v1beta1"), (4, "autoscaling/v1"), (1, "serving.knative.dev/v1")],
)
def test_an_old_version_of_a_kind_names_the_one_to_use(number: int, old: str) -> None:
    objects = put([*scaled()], (number, "apiVersion"), old)
    assert any(text.startswith(f"[{number}].apiVersion: expected ") and old in text for text in texts(objects))


def test_an_autoscaler_for_another_deployment_is_refused() -> None:
    objects = put(scaled(), (4, "spec", "scaleTargetRef", "name"), "other")
    (text,) = texts(objects)
    assert text == "[4].spec.scaleTargetRef: expected the template's Deployment 'storefront'; got Deployment other"


def test_a_replica_count_beside_an_autoscaler_is_refused() -> None:
    (problem,) = checked([*template(), SCALER])
    assert dotted(problem.path) == "[0].spec.replicas"
    assert "which pins a replica count fighting the HPA: take `replicas` out" in problem.message


@pytest.mark.parametrize("number", [1, 3, 4])
def test_what_a_workload_has_once_is_not_allowed_twice(number: int) -> None:
    objects = scaled()
    (problem,) = checked([*objects, objects[number]])
    assert problem.path == (5,)
    assert problem.message.startswith(f"expected at most one {objects[number]['kind']}; got 'storefront'")


def test_config_maps_may_be_many_with_names_of_their_own() -> None:
    second = put([CONFIG_MAP], (0, "metadata", "name"), "more")
    assert checked([*template(), *second]) == []
    (text,) = texts([*template(), CONFIG_MAP])
    assert text == "[4].metadata.name: expected each ConfigMap once; got 'shop' again"


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ((0, "spec", "selector"), "[0].spec.selector"),
        ((1, "spec", "selector"), "[1].spec.selector"),
        ((3, "spec", "selector"), "[3].spec.selector"),
    ],
)
def test_selectors_must_match_the_labels_of_the_pods(path: tuple[Any, ...], where: str) -> None:
    other: dict[str, Any] = {"app": "other"} if path[0] == 1 else {"matchLabels": {"app": "other"}}
    (text,) = texts(put(template(), path, other))
    assert text.startswith(
        f"{where}: expected a selector that matches the pods' labels (app: storefront-next, tier: web)"
    )
    (text,) = texts(put(template(), path, None))
    assert text.startswith(f"{where}: expected a selector of ")


def test_a_conflicting_namespace_is_refused_in_every_object() -> None:
    objects = template()
    for item in objects:
        item["metadata"]["namespace"] = "elsewhere"
    found = checked(objects)
    assert [dotted(problem.path) for problem in found] == [f"[{n}].metadata.namespace" for n in range(4)]
    assert found[0].message.startswith("expected 'shop' as the manifest says, or no namespace here; got 'elsewhere'")


def test_an_image_that_no_container_uses_lists_what_was_found() -> None:
    (text,) = texts(template(), image="contoso.azurecr.io/shop/other")
    assert text.startswith(
        "[0].spec.template.spec.containers: expected a container that uses contoso.azurecr.io/shop/other"
    )
    assert f"found web ({IMAGE}:1.0), log (contoso.azurecr.io/log:7)" in text


def test_a_container_that_is_named_but_absent_lists_what_was_found() -> None:
    (text,) = texts(template(), containers=("web", "worker"))
    assert "expected a container called 'worker'; found web (" in text
    assert checked(template(), image="other/image", containers=("log",)) == []


def test_an_image_in_an_init_container_alone_is_enough() -> None:
    objects = template()
    pod = objects[0]["spec"]["template"]["spec"]
    pod["initContainers"] = [{"name": "migrate", "image": f"{IMAGE}:2"}]
    pod["containers"][0]["image"] = "other"
    assert checked(objects) == []


@pytest.mark.parametrize(
    ("spec", "where"),
    [({"paused": True}, "paused"), ({"replicas": 0}, "replicas"), ({"replicas": "3"}, "replicas")],
)
def test_a_deployment_that_could_never_run_is_refused(spec: dict[str, Any], where: str) -> None:
    (problem,) = checked(template(**spec))
    assert dotted(problem.path) == f"[0].spec.{where}"


def test_a_service_of_no_pods_is_refused() -> None:
    objects = put(template(), (1, "spec"), {"type": "ExternalName", "externalName": "shop.example"})
    (text,) = texts(objects)
    assert text.startswith("[1].spec.type: expected a Service that selects the Deployment's pods")


def test_a_service_port_must_lead_to_a_port_of_a_container() -> None:
    (text,) = texts(put(template(), (1, "spec", "ports", 0, "targetPort"), "web"))
    assert text == "[1].spec.ports[0].targetPort: expected the name of a container's port (http); got 'web'"
    (text,) = texts(put(template(), (1, "spec", "ports"), []))
    assert text.startswith("[1].spec.ports: expected at least one port")
    (text,) = texts(put(template(), (1, "spec", "ports", 0, "protocol"), "UDP"))
    assert "expected a TCP port" in text


def test_a_probe_that_would_reach_another_port_is_refused() -> None:
    (text,) = texts(template(), probe_port=80)
    assert text.startswith("[1].spec.ports[0].port: expected no port 80 that leads elsewhere")
    assert checked(template(), probe_port=8080) == []


def test_without_a_service_some_container_must_open_a_port() -> None:
    objects = [copy.deepcopy(DEPLOYMENT)]
    del objects[0]["spec"]["template"]["spec"]["containers"][0]["ports"]
    (text,) = texts(objects)
    assert "expected a container with a TCP port for the route to lead to" in text
    with pytest.raises(ValueError, match="no TCP port for a route"):
        port(objects)


def test_a_secret_must_stand_in_the_cluster_and_not_in_the_template() -> None:
    variable = {"name": "TOKEN", "value": SecretRef("env", "TOKEN")}
    objects = template()
    objects[0]["spec"]["template"]["spec"]["containers"][0]["env"].append(variable)
    objects[2]["data"]["token"] = SecretRef("env", "OTHER")
    found = checked(objects)
    assert [dotted(problem.path) for problem in found] == [
        "[0].spec.template.spec.containers[0].env[2].value",
        "[2].data.token",
    ]
    assert all("put it into a Secret of the cluster" in problem.message for problem in found)


def test_values_that_yaml_reads_as_something_else_are_named() -> None:
    objects = put(template(), (2, "data"), {"port": 8080, "on": True, "day": date(2026, 1, 1), 7: "x"})
    wheres = {dotted(problem.path) for problem in checked(objects)}
    assert wheres == {"[2].data.port", "[2].data.on", "[2].data.day", "[2].data.7"}


def test_a_variable_that_stands_twice_is_refused() -> None:
    objects = template()
    environment = objects[0]["spec"]["template"]["spec"]["containers"][0]["env"]
    environment.append({"name": "MODE", "value": "slow"})
    (text,) = texts(objects)
    assert text == "[0].spec.template.spec.containers[0].env[2]: expected each variable once; got MODE again"


def test_names_that_could_be_no_label_are_refused() -> None:
    (text,) = texts(template(), service="storefront-")
    assert "ends in no hyphen; got 'storefront-'" in text
    (text,) = texts(template(), service="s" * 60)
    assert "shorten the service's name" in text
    (text,) = texts(template(), adopt=("storefront", "storefront-aaaaaaaa-3-0"))
    assert "expected no Service of rollout's own in `adopt`" in text


def test_read_only_fields_of_an_export_are_accepted() -> None:
    objects = template()
    for item in objects:
        item["metadata"] |= {
            "uid": "1", "resourceVersion": "7", "generation": 3, "creationTimestamp": None, "managedFields": [{}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        }  # fmt: skip
        item["status"] = {"loadBalancer": {}, "replicas": 2}
    objects[1]["spec"] |= {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}
    assert checked(objects) == []


def test_every_problem_is_listed_at_once() -> None:
    objects = template(paused=True)
    objects[1]["spec"]["selector"] = {"app": "other"}
    objects[2]["metadata"]["namespace"] = "elsewhere"
    objects.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}})
    assert len(checked(objects, image="other/image")) == 5
