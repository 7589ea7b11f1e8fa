"""Who may do what, by Roles and ClusterRoles; and which kinds a cluster has at all."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.http import Request
from providers.emulator.kube.kinds import KINDS
from tests.unit.providers.emulator_kube.worlds import DEPLOYMENTS, MAPS, ROUTES, SERVICES, config_map, made, server

Json = dict[str, Any]
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def role(*rules: Json, kind: str = "Role") -> Json:
    return {"kind": kind, "metadata": {"name": "some", "namespace": "shop"}, "rules": list(rules)}


MAPS_ONLY = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create"]}
ONE_ROUTE = {
    "apiGroups": ["gateway.networking.k8s.io"],
    "resources": ["httproutes"],
    "resourceNames": ["web"],
    "verbs": ["*"],
}
PROXY = {"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get"]}


@pytest.mark.parametrize(
    ("rule", "method", "path", "allowed"),
    [
        (MAPS_ONLY, "GET", f"{MAPS}/a", True),
        (MAPS_ONLY, "POST", MAPS, True),
        (MAPS_ONLY, "GET", MAPS, False),
        (MAPS_ONLY, "DELETE", f"{MAPS}/a", False),
        (MAPS_ONLY, "GET", f"{DEPLOYMENTS}/a", False),
        (MAPS_ONLY, "GET", "/api/v1/namespaces/other/configmaps/a", False),
        (ONE_ROUTE, "PATCH", f"{ROUTES}/web", True),
        (ONE_ROUTE, "PATCH", f"{ROUTES}/web/status", False),
        (ONE_ROUTE, "PATCH", f"{ROUTES}/other", False),
        (ONE_ROUTE, "GET", ROUTES, False),
        (PROXY, "GET", f"{SERVICES}/http:web:80/proxy/healthz", True),
        (PROXY, "GET", f"{SERVICES}/web", False),
        ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, "DELETE", f"{ROUTES}/web", True),
        ({"apiGroups": ["*"], "resources": ["*/scale"], "verbs": ["get"]}, "GET", f"{DEPLOYMENTS}/a/scale", True),
    ],
)
def test_a_rule_allows_what_it_says_and_nothing_else(rule: Json, method: str, path: str, allowed: bool) -> None:
    api = server()
    api.users.grant("ci", role(rule))
    reply = api.call(method, path, {}, config_map() if method == "POST" else None, user="ci")
    assert (reply.status != 403) == allowed, reply.body


def test_a_cluster_role_counts_everywhere_unless_it_is_bound_in_one_namespace() -> None:
    api = server()
    api.users.grant("everywhere", role(MAPS_ONLY, kind="ClusterRole"))
    api.users.grant("here", role(MAPS_ONLY, kind="ClusterRole"), namespace="shop")
    other = "/api/v1/namespaces/other/configmaps/a"
    assert [api.call("GET", other, user=user).status for user in ("everywhere", "here")] == [404, 403]
    assert api.call("GET", f"{MAPS}/a", user="here").status == 404


def test_a_review_says_the_same_as_the_call_itself() -> None:
    api = server()
    api.users.grant("ci", role(MAPS_ONLY, ONE_ROUTE))
    for group, resource, verb, name in (
        ("", "configmaps", "get", "a"),
        ("", "configmaps", "delete", "a"),
        ("gateway.networking.k8s.io", "httproutes", "patch", "web"),
        ("gateway.networking.k8s.io", "httproutes", "patch", "other"),
    ):
        attributes = {"namespace": "shop", "group": group, "resource": resource, "verb": verb, "name": name}
        review = api.call("POST", REVIEWS, {}, {"spec": {"resourceAttributes": attributes}}, user="ci")
        method = {"get": "GET", "delete": "DELETE", "patch": "PATCH"}[verb]
        kind = next(one for one in KINDS if one.plural == resource)
        reply = api.call(method, kind.path("shop", name), {}, {} if verb == "patch" else None, user="ci")
        assert review.status == 201
        assert review.body["status"]["allowed"] == (reply.status != 403)
    rules = api.call("POST", REVIEWS.replace("access", "rules"), {}, {"spec": {"namespace": "shop"}}, user="ci")
    assert rules.body["status"]["resourceRules"] == [MAPS_ONLY, ONE_ROUTE]


def test_tokens_are_checked_once_somebody_has_one() -> None:
    api = server()

    def status(token: str | None) -> int:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return api.handle(Request("GET", MAPS, {}, headers)).status

    assert (status("any"), status(None)) == (200, 403)
    api.users.add("ci", token="secret")
    assert (status("any"), status("secret"), status("emulator")) == (401, 403, 200)
    assert api.handle(Request("GET", "/version")).status == 200
    assert api.handle(Request("GET", "/apis")).status == 403


def test_a_cluster_without_the_gateway_api_does_not_know_its_group() -> None:
    api = server()
    group = "gateway.networking.k8s.io"
    assert group in [one["name"] for one in api.call("GET", "/apis").body["groups"]]
    api.off.add(group)
    assert group not in [one["name"] for one in api.call("GET", "/apis").body["groups"]]
    for path in (f"/apis/{group}", f"/apis/{group}/v1", ROUTES):
        reply = api.call("GET", path)
        assert (reply.status, reply.body) == (404, "404 page not found\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/apis/apps", 200),
        ("GET", "/apis/authorization.k8s.io/v1", 200),
        ("GET", "/apis/nothing", 404),
        ("GET", "/elsewhere", 404),
        ("GET", "/api/v2/pods", 404),
        ("GET", f"{DEPLOYMENTS}/web/log", 404),
        ("GET", "/apis/apps/v1/namespaces/shop/nodes", 404),
        ("POST", "/api/v1/configmaps", 405),
        ("PUT", MAPS, 405),
        ("DELETE", f"{DEPLOYMENTS}/web/status", 405),
        ("GET", REVIEWS, 405),
        ("GET", "/api/v1/namespaces/shop", 200),
        ("GET", "/api/v1/namespaces", 200),
    ],
)
def test_paths_are_answered_as_a_server_answers_them(method: str, path: str, status: int) -> None:
    assert server().call(method, path).status == status


def test_a_read_of_metadata_alone_leaves_the_rest_out() -> None:
    api = server()
    made(api, MAPS, config_map())
    accept = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
    body = api.call("GET", f"{MAPS}/settings", headers=accept).body
    assert (body["kind"], "data" in body) == ("PartialObjectMetadata", False)
