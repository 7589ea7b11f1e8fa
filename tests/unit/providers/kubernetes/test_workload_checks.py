"""What would make a rollout fail in a cluster is said before anything is touched, with what to do."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from providers.errors import Conflict, Denied, Exhausted, Invalid, ProviderError, Transient, Unsupported
from providers.kubernetes.settings import Deployments
from providers.ports import Finding
from tests.unit.providers.kubernetes.cluster_lab import EVERYTHING, Lab, a_lab
from tests.unit.providers.kubernetes.workload_values import (
    BUDGET,
    DEPLOYMENT,
    MARK,
    NAME,
    SERVICE,
    scaled,
    settings,
    template,
)


@pytest.fixture
def lab() -> Lab:
    return a_lab()


def troubles(lab: Lab, place: Deployments | None = None, *, fatal: bool | None = None) -> list[Finding]:
    found = lab.workloads(place).preflight(1)
    return [each for each in found if not each.ok and fatal in (None, each.fatal)]


def said(finding: Finding) -> str:
    return f"{finding.subject} {finding.message}; {finding.remedy}"


def named(body: dict[str, Any], name: str, **spec: Any) -> dict[str, Any]:
    made = copy.deepcopy(body)
    made["metadata"] = {"name": name}
    made["spec"].update(spec)
    return made


def test_a_cluster_that_can_be_used_has_no_trouble_and_is_not_changed(lab: Lab) -> None:
    before = lab.cluster.objects.version
    assert troubles(lab, settings(scaled())) == []
    assert lab.cluster.objects.version == before
    assert all(lab.names(kind) == [] for kind in EVERYTHING)


@pytest.mark.parametrize(
    ("error", "key", "text"),
    [
        (
            Invalid("there is no context arc-onprem", code="NoContext"),
            "kubernetes.context",
            "NoContext: there is no context",
        ),
        (
            Unsupported("404 page not found", code="NotServed"),
            "kubernetes.context",
            "must lead to a Kubernetes API server",
        ),
        (Transient("connection refused"), "", "cannot be reached: connection refused"),
        (Denied("the token has expired", code="Unauthorized"), "", "Unauthorized: the token has expired"),
    ],
)
def test_a_server_that_cannot_be_used_is_the_only_finding(lab: Lab, error: ProviderError, key: str, text: str) -> None:
    lab.api.fail("GET", "^/version$", error)
    (finding,) = lab.workloads().preflight(1)
    assert (finding.ok, finding.fatal, finding.key) == (False, True, key)
    assert finding.subject == "cluster arc-onprem"
    assert text in said(finding)


def test_an_answer_that_is_no_api_servers_names_the_context(lab: Lab) -> None:
    lab.api.read = lambda *_: "<html>"  # type: ignore[method-assign]
    (finding,) = lab.workloads().preflight(1)
    assert (finding.message, finding.key) == ("does not answer as a Kubernetes API server", "kubernetes.context")


@pytest.mark.parametrize(
    ("version", "old"), [("v1.29.9", True), ("v1.30.0", False), ("v1.36.2+x", False), ("v2.0.0", False)]
)
def test_a_server_older_than_what_is_tried_is_a_warning(lab: Lab, version: str, old: bool) -> None:
    read = lab.api.read

    def answer(doing: str, path: str, query: Any = None) -> Any:
        return {"gitVersion": version} if path == "/version" else read(doing, path, query)

    lab.api.read = answer  # type: ignore[method-assign]
    assert [each.fatal for each in troubles(lab)] == [False] * old


def test_a_namespace_that_is_not_there_is_bad_input_with_the_command(lab: Lab) -> None:
    (finding,) = troubles(lab, replace(settings(), namespace="nowhere"))
    assert (finding.key, finding.fatal) == ("kubernetes.namespace", True)
    assert finding.remedy == "kubectl --context arc-onprem create namespace nowhere"


def test_a_namespace_that_may_not_be_read_is_found_by_the_dry_run(lab: Lab) -> None:
    lab.api.fail("GET", "/namespaces/nowhere$", Denied("no"), times=9)
    found = troubles(lab, replace(settings(), namespace="nowhere"))
    assert [each.key for each in found] == ["kubernetes.namespace"]
    lab.api.fail("GET", "/namespaces/shop$", Denied("no"), times=9)
    assert troubles(lab) == []


def test_each_missing_permission_is_named_with_the_rule_to_add(lab: Lab) -> None:
    lab.api.denied = {("create", "deployments"), ("patch", "deployments"), ("get", "configmaps"), ("list", "events")}
    deployments, maps, events = troubles(lab)
    rule = '{apiGroups: ["apps"], resources: ["deployments"], verbs: ["create", "patch"]}'
    assert said(deployments) == (
        "permissions in namespace shop lack create, patch on deployments.apps, needed to make and retire revisions;"
        f" add to a Role in namespace shop: {rule}"
    )
    assert maps.remedy.endswith('{apiGroups: [""], resources: ["configmaps"], verbs: ["get"]}')
    assert [each.fatal for each in (deployments, maps, events)] == [True, True, False]


def test_only_what_the_template_holds_needs_permissions(lab: Lab) -> None:
    lab.api.denied = {
        ("create", "configmaps"),
        ("create", "horizontalpodautoscalers"),
        ("create", "poddisruptionbudgets"),
    }
    assert len(troubles(lab, settings(scaled()))) == 3
    assert troubles(lab, settings([DEPLOYMENT])) == []


def test_permissions_that_cannot_be_asked_for_are_a_warning(lab: Lab) -> None:
    lab.api.fail("POST", "/selfsubjectaccessreviews", Unsupported("none here"))
    (finding,) = troubles(lab)
    assert (finding.fatal, finding.message) == (False, "cannot be checked: none here")


def test_a_service_that_would_send_a_candidate_traffic_at_once_is_fatal(lab: Lab) -> None:
    lab.put(named(SERVICE, "storefront", selector={"tier": "web"}))
    lab.put(named(SERVICE, "other", selector={"tier": "web", "app": "other"}))
    (finding,) = troubles(lab, settings(adopt=("storefront",)), fatal=True)
    assert finding.subject == "Service storefront"
    assert (
        "selects tier: web, which the template's pods bear too: a new revision would get its traffic at once"
        in said(finding)
    )
    assert "such as tier: web-rollout" in finding.remedy


def test_a_service_that_selects_by_labels_of_ours_is_fatal_as_well(lab: Lab) -> None:
    lab.put(named(SERVICE, "all", selector={"rollout/service": "storefront"}))
    (finding,) = troubles(lab, fatal=True)
    assert "let all select by another label" in finding.remedy


def test_services_of_revisions_are_no_trouble(lab: Lab) -> None:
    lab.workloads().ensure(NAME, MARK)
    assert troubles(lab) == []


def test_other_selectors_that_match_are_warnings(lab: Lab) -> None:
    lab.put(named(DEPLOYMENT, "live"))
    lab.put(named(BUDGET, "live", selector={"matchLabels": {"tier": "web"}}))
    lab.put(named(BUDGET, "elsewhere", selector={"matchLabels": {"tier": "db"}}))
    found = troubles(lab)
    assert [(each.subject, each.fatal) for each in found] == [
        ("Deployment live", False),
        ("PodDisruptionBudget live", False),
    ]


def test_services_that_cannot_be_listed_for_now_are_fatal(lab: Lab) -> None:
    lab.api.fail("GET", "/services$", Transient("timeout"))
    (finding,) = troubles(lab)
    assert (finding.subject, finding.fatal) == ("Services of shop", True)


def test_what_the_server_would_refuse_is_known_beforehand(lab: Lab) -> None:
    objects = template(minReadySeconds=700)
    objects[3]["spec"]["minAvailable"] = "150%"
    deployment, budget = troubles(lab, settings(objects))
    assert deployment.subject == "Deployment of a new revision"
    assert "would be refused: " in deployment.message
    assert "must not be greater than 100%" in budget.message
    assert deployment.fatal
    assert budget.fatal


def test_a_misspelt_field_is_not_silently_dropped(lab: Lab) -> None:
    (finding,) = troubles(lab, settings(template(progresDeadlineSeconds=60)))
    assert "progresDeadlineSeconds" in finding.message
    assert finding.fatal


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        (Denied('admission webhook "images.example" denied the request: not signed'), False),
        (Exhausted("exceeded quota: count/deployments.apps"), True),
        (Transient("timeout"), False),
    ],
)
def test_a_refusal_in_the_dry_run_is_as_grave_as_it_is_sure(lab: Lab, error: ProviderError, fatal: bool) -> None:
    lab.api.fail("POST", "/deployments$", error)
    (finding,) = troubles(lab)
    assert finding.fatal is fatal
    assert str(error) in finding.message


def test_a_quota_without_room_for_both_sides_is_a_hint(lab: Lab) -> None:
    def quota(name: str, **spec: Any) -> dict[str, Any]:
        return {
            "metadata": {"name": name},
            "spec": spec,
            "status": {
                "hard": {"pods": "10", "requests.cpu": "2", "limits.memory": "1Gi", "services": "1"},
                "used": {"pods": "9", "requests.cpu": "1500m"},
            },
        }

    read, objects = lab.api.read, template()
    objects[0]["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "250m"}}

    def answer(doing: str, path: str, query: Any = None) -> Any:
        if path.endswith("/resourcequotas"):
            return {"items": [quota("all"), quota("best", scopes=["BestEffort"])]}
        return read(doing, path, query)

    lab.api.read = answer  # type: ignore[method-assign]
    (finding,) = troubles(lab, settings(objects))
    assert said(finding).startswith("quota all pods: 9 of 10 used, 2 more needed beside the running version; raise ")
    assert not finding.fatal


def test_what_a_template_asks_of_nodes_is_noted(lab: Lab) -> None:
    objects = template()
    objects[0]["spec"]["template"]["spec"]["hostNetwork"] = True
    (finding,) = troubles(lab, settings(objects))
    assert (finding.subject, finding.fatal) == ("template: hostNetwork", False)


def test_a_name_that_is_taken_says_nothing_about_the_template(lab: Lab) -> None:
    lab.api.fail("POST", "/deployments$", Conflict("exists already", code="AlreadyExists"))
    assert troubles(lab) == []
