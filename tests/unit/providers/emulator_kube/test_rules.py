"""What is refused: each rule is broken once, and the refusal names the field that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.kube.patch import merge
from tests.unit.providers.emulator_kube.worlds import (
    DEPLOYMENTS,
    PODS,
    ROUTES,
    SERVICES,
    deployment,
    http_route,
    made,
    server,
)

Json = dict[str, Any]
HPAS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways"


def fields(reply: Any) -> list[str]:
    """The fields that a refusal names."""
    assert reply.status == 422, reply.body
    return [cause["field"] for cause in reply.body["details"]["causes"]]


def with_container(**more: Any) -> Json:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0] |= more
    return body


def with_pod(**more: Any) -> Json:
    found: Json = merge(deployment(), {"spec": {"template": {"spec": more}}})
    return found


POD = "spec.template.spec"
WEB = f"{POD}.containers[0]"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (with_container(name="UP"), f"{WEB}.name"),
        (with_container(image=""), f"{WEB}.image"),
        (with_container(image=" a"), f"{WEB}.image"),
        (with_container(imagePullPolicy="Sometimes"), f"{WEB}.imagePullPolicy"),
        (with_container(ports=[{"containerPort": 0}]), f"{WEB}.ports[0].containerPort"),
        (with_container(ports=[{"containerPort": 80, "name": "A!"}]), f"{WEB}.ports[0].name"),
        (with_container(ports=[{"containerPort": 80, "protocol": "X"}]), f"{WEB}.ports[0].protocol"),
        (with_container(env=[{"name": "a=b"}]), f"{WEB}.env[0].name"),
        (with_container(env=[{"value": "1"}]), f"{WEB}.env[0].name"),
        (with_container(volumeMounts=[{"name": "x", "mountPath": "/x"}]), f"{WEB}.volumeMounts[0].name"),
        (with_container(readinessProbe={}), f"{WEB}.readinessProbe"),
        (with_container(livenessProbe={"exec": {}, "successThreshold": 2}), f"{WEB}.livenessProbe.successThreshold"),
        (with_container(readinessProbe={"httpGet": {"port": 70000}}), f"{WEB}.readinessProbe.httpGet.port"),
        (
            with_container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}),
            f"{WEB}.resources.requests",
        ),
        (deployment(strategy={"type": "Sideways"}), "spec.strategy.type"),
        (deployment(strategy={"type": "Recreate", "rollingUpdate": {}}), "spec.strategy.rollingUpdate"),
        (deployment(strategy={"rollingUpdate": {"maxSurge": "a lot"}}), "spec.strategy.rollingUpdate.maxSurge"),
        (deployment(minReadySeconds=-1), "spec.minReadySeconds"),
        (merge(deployment(), {"spec": {"selector": {"matchLabels": None}}}), "spec.selector"),
        (with_pod(restartPolicy="Never"), f"{POD}.restartPolicy"),
        (
            merge(deployment(), {"spec": {"template": {"spec": {"tolerations": [{}]}}}}),
            f"{POD}.tolerations[0].operator",
        ),
        (merge(deployment(), {"metadata": {"labels": {"a/b/c": "x"}}}), "metadata.labels"),
        (merge(deployment(), {"metadata": {"annotations": {"not ok": "x"}}}), "metadata.annotations"),
        (merge(deployment(), {"metadata": {"finalizers": ["plain"]}}), "metadata.finalizers[0]"),
        (merge(deployment(), {"metadata": {"ownerReferences": [{"kind": "X"}]}}), "metadata.ownerReferences[0].name"),
    ],
)
def test_a_deployment_that_breaks_a_rule_is_refused_with_its_field(body: Json, field: str) -> None:
    api = server()
    assert field in fields(api.call("POST", DEPLOYMENTS, {}, body))
    assert api.call("GET", f"{DEPLOYMENTS}/web").status == 404


def service(**spec: Any) -> Json:
    return {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "web"}, **spec}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (service(ports=[{"port": 80}, {"port": 81}]), "spec.ports[0].name"),
        (service(ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]), "spec.ports[1].name"),
        (service(ports=[{"port": 0}]), "spec.ports[0].port"),
        (service(ports=[{"port": 80, "targetPort": 70000}]), "spec.ports[0].targetPort"),
        (service(type="Sometimes"), "spec.type"),
        (service(sessionAffinity="Often"), "spec.sessionAffinity"),
        (service() | {"metadata": {"name": "1web"}}, "metadata.name"),
    ],
)
def test_a_service_that_breaks_a_rule_is_refused_with_its_field(body: Json, field: str) -> None:
    assert field in fields(server().call("POST", SERVICES, {}, body))


def test_services_get_addresses_and_node_ports_of_their_own() -> None:
    api = server()
    names = ("a", "b", "c")
    found = [made(api, SERVICES, service(type="NodePort") | {"metadata": {"name": name}}) for name in names]
    assert len({one["spec"]["clusterIP"] for one in found}) == 3
    assert len({one["spec"]["ports"][0]["nodePort"] for one in found}) == 3
    body = service(type="NodePort") | {"metadata": {"name": "a"}}
    again = api.call("PUT", f"{SERVICES}/a", {}, body).body
    assert again == found[0]
    headless = made(api, SERVICES, service(clusterIP="None") | {"metadata": {"name": "d"}})
    assert headless["spec"]["clusterIPs"] == ["None"]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"scaleTargetRef": {"kind": "Deployment"}, "maxReplicas": 1}, "spec.scaleTargetRef.name"),
        ({"scaleTargetRef": {"kind": "Deployment", "name": "a"}}, "spec.maxReplicas"),
        ({"scaleTargetRef": {"kind": "D", "name": "a"}, "maxReplicas": 1, "metrics": [{}]}, "spec.metrics[0].type"),
        (
            {"scaleTargetRef": {"kind": "D", "name": "a"}, "maxReplicas": 1, "metrics": [{"type": "Pods"}]},
            "spec.metrics[0].pods",
        ),
    ],
)
def test_an_autoscaler_that_breaks_a_rule_is_refused_with_its_field(spec: Json, field: str) -> None:
    assert field in fields(server().call("POST", HPAS, {}, {"metadata": {"name": "a"}, "spec": spec}))


PREFIX = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
REWRITE = {"type": "URLRewrite", "urlRewrite": {"path": PREFIX}}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": {}}
MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "green", "port": 80}}}
BLUE = {"name": "blue"}


def mirror(**more: Any) -> Json:
    found: Json = merge(MIRROR, {"requestMirror": more})
    return found


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"filters": [MIRROR, mirror(percent=5), mirror(fraction={"numerator": 1})]}, None),
        ({"filters": [mirror(percent=101)]}, "spec.rules[0].filters[0].requestMirror.percent"),
        ({"filters": [mirror(percent=5, fraction={"numerator": 1})]}, "spec.rules[0].filters[0].requestMirror"),
        (
            {"filters": [mirror(fraction={"numerator": 9, "denominator": 8})]},
            "spec.rules[0].filters[0].requestMirror.fraction",
        ),
        ({"filters": [merge(MIRROR, {"requestMirror": None})]}, "spec.rules[0].filters[0]"),
        ({"filters": [{**MIRROR, "type": "URLRewrite"}]}, "spec.rules[0].filters[0]"),
        ({"filters": [{"type": "Unknown"}]}, "spec.rules[0].filters[0].type"),
        ({"filters": [REWRITE, REWRITE]}, "spec.rules[0].filters"),
        ({"filters": [REWRITE, REDIRECT], "backendRefs": []}, "spec.rules[0].filters"),
        ({"filters": [REDIRECT]}, "spec.rules[0]"),
        ({"filters": [REDIRECT], "backendRefs": []}, None),
        ({"filters": [REWRITE], "matches": [{"path": {"type": "Exact", "value": "/a"}}]}, "spec.rules[0]"),
        (
            {"backendRefs": [{**BLUE, "port": 80, "filters": [REWRITE]}], "matches": [{}, {}]},
            "spec.rules[0]",
        ),
        ({"filters": [REWRITE]}, None),
        ({"timeouts": {"request": "1s", "backendRequest": "2s"}}, "spec.rules[0].timeouts"),
        ({"timeouts": {"request": "0s", "backendRequest": "2s"}}, None),
        ({"timeouts": {"request": "soon"}}, "spec.rules[0].timeouts.request"),
        ({"matches": [{"path": {"value": "a"}}]}, "spec.rules[0].matches[0].path"),
        ({"matches": [{"path": {"value": "/a//b"}}]}, "spec.rules[0].matches[0].path"),
        ({"matches": [{"path": {"value": "/a/.."}}]}, "spec.rules[0].matches[0].path"),
        ({"matches": [{"path": {"value": "/a b"}}]}, "spec.rules[0].matches[0].path"),
        ({"matches": [{"path": {"type": "RegularExpression", "value": "a//b"}}]}, None),
        (
            {"matches": [{"headers": [{"name": "x", "value": "1"}, {"name": "x", "value": "2"}]}]},
            "spec.rules[0].matches[0].headers[1]",
        ),
        ({"matches": [{}] * 65}, "spec.rules[0].matches"),
        ({"backendRefs": [{"name": "other", "kind": "Import", "group": "x.test"}]}, None),
        ({"name": "Not ok"}, "spec.rules[0].name"),
    ],
)
def test_a_route_that_breaks_a_rule_is_refused_with_its_field(rule: Json, field: str | None) -> None:
    api = server()
    reply = api.call("POST", ROUTES, {}, http_route("web", {**BLUE, "port": 80}, **rule))
    if field is None:
        assert reply.status == 201, reply.body
    else:
        assert field in fields(reply)


def gateway(*listeners: Json) -> Json:
    return {"metadata": {"name": "edge"}, "spec": {"gatewayClassName": "any", "listeners": list(listeners)}}


HTTP = {"name": "http", "port": 80, "protocol": "HTTP"}


@pytest.mark.parametrize(
    ("listeners", "field"),
    [
        ([HTTP], None),
        ([], "spec.listeners"),
        ([HTTP, {**HTTP, "port": 81}], "spec.listeners[1]"),
        ([HTTP, {**HTTP, "name": "other"}], "spec.listeners"),
        ([HTTP, {**HTTP, "name": "other", "hostname": "a.test"}], None),
        ([{**HTTP, "tls": {}}], "spec.listeners[0].tls"),
        ([{**HTTP, "tls": {"mode": "Passthrough"}}], "spec.listeners"),
        ([{**HTTP, "protocol": "TCP", "hostname": "a.test"}], "spec.listeners"),
        ([{**HTTP, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "a"}]}}], None),
        ([{**HTTP, "protocol": "TLS"}], "spec.listeners"),
    ],
)
def test_a_gateway_that_breaks_a_rule_is_refused_with_its_field(listeners: list[Json], field: str | None) -> None:
    reply = server().call("POST", GATEWAYS, {}, gateway(*listeners))
    if field is None:
        assert reply.status == 201, reply.body
    else:
        assert field in fields(reply)


def test_a_class_keeps_its_controller() -> None:
    api = server()
    path = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"
    body = {"metadata": {"name": "any"}, "spec": {"controllerName": "a.test/b"}}
    made(api, path, body)
    change = {"spec": {"controllerName": "a.test/c"}}
    reply = api.call("PATCH", f"{path}/any", {}, change, content_type="application/merge-patch+json")
    assert fields(reply) == ["spec.controllerName"]


def test_pods_are_made_with_their_defaults_and_class_of_service() -> None:
    api = server()
    resources: list[Json] = [{}, {"limits": {"cpu": "1", "memory": "1Gi"}}, {"requests": {"cpu": "1"}}]
    classes = []
    for at, one in enumerate(resources):
        container = {"name": "web", "image": "web@sha256:0", "resources": one}
        pod = made(api, PODS, {"metadata": {"generateName": f"p{at}-"}, "spec": {"containers": [container]}})
        classes.append(pod["status"]["qosClass"])
        assert pod["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
        assert pod["metadata"]["name"].startswith(f"p{at}-")
        assert len(pod["metadata"]["name"]) == len(f"p{at}-") + 5
    assert classes == ["BestEffort", "Guaranteed", "Burstable"]
