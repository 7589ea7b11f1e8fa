"""Bad clusters, routes, matches and templates are told by file, line and path, with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.orchestrator.manifest.clusters import CLUSTER, DEPLOYMENT, MANIFEST, put, read, told, with_

HOST, ROUTE, FRONT = "targets[0].kubernetes", "targets[0].gatewayApi", "targets[0].trafficManager"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GATEWAY = "  gatewayApi:\n    httpRoute: storefront\n"
STRATEGY = "canary: {steps: [10, 50]}"
DNS = "small letters, digits and inner hyphens, 63 at most"

CASES: dict[str, tuple[tuple[str, str], list[str]]] = {
    "a cluster without a route": (
        (GATEWAY, ""),
        [
            "rollout.yaml:4: targets[0]: must have exactly one traffic (trafficManager or gatewayApi); got none",
        ],
    ),
    "a cluster behind a profile alone": (
        (GATEWAY, "  trafficManager: {resourceGroup: shop, profile: shop, address: gw.contoso.com, "
            f"subscription: {SUBSCRIPTION}}}\n"),
        [
            "rollout.yaml:4: targets[0]: must have gatewayApi beside kubernetes: the split between two Deployments "
            "stands in a route; got trafficManager"
        ],
    ),
    "a profile that leads to no gateway": (
        (GATEWAY, f"{GATEWAY}  trafficManager: {{resourceGroup: shop, profile: shop, subscription: {SUBSCRIPTION}}}\n"),
        [
            f"rollout.yaml:12: {FRONT}: must hold `address`, the gateway's host name: beside gatewayApi the profile "
            "leads to the gateway; got none"
        ],
    ),
    "what makes no sense in front of a gateway": (
        (GATEWAY, f"{GATEWAY}  trafficManager:\n    resourceGroup: shop\n    profile: shop\n"
            "    address: gw.contoso.com\n    ttlDuringRollout: 10s\n    onDrift: repair\n    weight: 2000\n"),
        [
            f"rollout.yaml:12: {FRONT}.subscription: must be given beside kubernetes: the profile's subscription, a "
            "GUID; got nothing",
            f"rollout.yaml:16: {FRONT}.ttlDuringRollout: must be left out beside kubernetes: the split stands in the "
            "route, which no name server remembers; got 10s",
            f"rollout.yaml:17: {FRONT}.onDrift: must stand under gatewayApi, where the split is; got repair",
            f"rollout.yaml:18: {FRONT}.weight: must be from 1 to 1000, so that each of 1 endpoints gets a weight of 1 "
            "to 1000; got 2000",
        ],
    ),
    "routes that are none": (
        ("httpRoute: storefront", "httpRoute: Store/Front"),
        [
            f"rollout.yaml:11: {ROUTE}.httpRoute: must be a route's name, alone or as namespace/name: small letters, "
            "digits, dots and inner hyphens; got 'Store/Front'"
        ],
    ),
    "no route at all": (
        ("httpRoute: storefront", "weight: 10"),
        [f"rollout.yaml:10: {ROUTE}: must name the routes in front: httpRoute or grpcRoute; got neither"],
    ),
    "one route twice": (
        ("httpRoute: storefront", "httpRoute: [storefront, shop/storefront]"),
        [
            f"rollout.yaml:11: {ROUTE}.httpRoute[1]: must be given once; got httpRoute shop/storefront of arc-onprem, "
            "which targets[0] has already"
        ],
    ),
    "a weight that no backend can have": (
        ("httpRoute: storefront", "httpRoute: storefront\n    weight: 1000001"),
        [f"rollout.yaml:12: {ROUTE}.weight: must be at most 1000000; got 1000001"],
    ),
    "a step that rounds to nothing": (
        (STRATEGY, "canary: {steps: [0.01, 99.99]}"),
        [
            "rollout.yaml:13: strategy.canary.steps[0]: must be at least 0.1, or gatewayApi.weight at least 10000, so "
            "that each side gets a weight of at least 1 of 1000 in target onprem; got 0.01",
            "rollout.yaml:13: strategy.canary.steps[1]: must be at most 99.9, or gatewayApi.weight at least 10000, so "
            "that each side gets a weight of at least 1 of 1000 in target onprem; got 99.99",
        ],
    ),
    "names that Kubernetes does not take": (
        ("    namespace: shop\n", "    namespace: Shop\n    stableService: -x\n    replicas: 2\n"),
        [
            f"rollout.yaml:8: {HOST}.namespace: must be a namespace's name: {DNS}; got 'Shop'",
            f"rollout.yaml:9: {HOST}.stableService: must be the name of a Service: {DNS}; got '-x'",
            f"rollout.yaml:10: {HOST}.replicas: must be a known key; got 'replicas': known here: container, context, "
            "namespace, stableService, template",
        ],
    ),
    "a name that is no label": (
        ("name: onprem", "name: onprem-"),
        [
            "rollout.yaml:4: targets[0].name: must end with a letter or digit, for it becomes a label in the cluster; "
            "got 'onprem-'"
        ],
    ),
    "no context": (
        ("    context: arc-onprem\n", ""),
        [
            f"rollout.yaml:6: {HOST}.context: must be given: the kubeconfig context (AKS, Arc-enabled or any cluster), "
            "or in-cluster; got nothing"
        ],
    ),
    "a host that the API server names itself": (
        ("{probe: {port: 8080}}", "{probe: {port: 8080, host: www.contoso.com, headers: {Authorization: x}}}"),
        [
            "rollout.yaml:14: gates.probe.headers.Authorization: must be left out, for the server takes it off: target "
            "onprem is probed through the API server; give it `via: gateway` or `via: direct`",
            "rollout.yaml:14: gates.probe.host: must be left out, for the server names the host itself: target onprem "
            "is probed through the API server; give it `via: gateway` or `via: direct`, or `host: null`",
        ],
    ),
    "a match of everything": (
        (STRATEGY, "abTest: {match: {}}"),
        [
            "rollout.yaml:13: strategy.abTest.match: must name a header or a cookie with its value: without one every "
            "request would match; got neither"
        ],
    ),
    "no match": (
        (STRATEGY, "abTest: {hold: 1m}"),
        ["rollout.yaml:13: strategy.abTest.match: must be given: which requests the candidate gets; got nothing"],
    ),
    "headers that cannot be matched": (
        (STRATEGY, "abTest:\n    match:\n      headers: {Host: a, Cookie: b, Rollout-Probe: c, X-A: d, x-a: e}"),
        [
            "rollout.yaml:15: strategy.abTest.match.headers.Cookie: must be another header: name cookies under "
            "`match.cookies`, each with its value",
            "rollout.yaml:15: strategy.abTest.match.headers.Host: must be another header: a route tells hosts apart by "
            "its hostnames",
            "rollout.yaml:15: strategy.abTest.match.headers.Rollout-Probe: must be another header: rollout-probe is "
            "what our own probes carry",
            "rollout.yaml:15: strategy.abTest.match.headers.x-a: must be given once, whatever the letter case; got "
            "'x-a' beside 'X-A'",
        ],
    ),
    "values that cannot be matched": (
        (STRATEGY, "abTest: {match: {headers: {a: 1, 'b c': x}, cookies: {d: 'e;f'}}}"),
        [
            "rollout.yaml:13: strategy.abTest.match.cookies.d: must be a cookie's value, not empty, without spaces, "
            "quotes, commas, semicolons; got 'e;f'",
            "rollout.yaml:13: strategy.abTest.match.headers.a: must be one line of text, not empty (quote a number); "
            "got 1",
            "rollout.yaml:13: strategy.abTest.match.headers.b c: must be the name of an HTTP header; got 'b c'",
        ],
    ),
    "copies of more than everything": (
        (STRATEGY, "shadow: {percent: 101}"),
        [
            "rollout.yaml:13: strategy.shadow.percent: must be a share in percent, above 0 and at most 100; got 101",
        ],
    ),
    "steps after a test that fall": (
        (STRATEGY, "shadow: {steps: [50, 10]}"),
        ["rollout.yaml:13: strategy.shadow.steps[1]: must exceed 50 (steps[0]); got 10"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_bad_cluster_is_told_with_file_line_and_path(project: Path, name: str) -> None:
    put(project)
    edit, expected = CASES[name]
    assert told(lambda: read(project, with_(CLUSTER, *edit))) == expected


def test_the_clusters_that_all_bad_ones_are_made_from_are_good(project: Path) -> None:
    put(project)
    assert told(lambda: read(project, CLUSTER)) == told(lambda: read(project)) == []


@pytest.mark.parametrize(("word", "does"), [("abTest: {match: {cookies: {a: b}}}", "lead"), ("shadow: {}", "copy")])
def test_what_needs_requests_is_refused_where_only_names_are_answered(project: Path, word: str, does: str) -> None:
    put(project)
    key = word.partition(":")[0]
    assert told(lambda: read(project, with_(MANIFEST, STRATEGY, word))) == [
        f"rollout.yaml:20: strategy.{key}: must not be given for target west: Traffic Manager answers names and sees "
        f"no requests, so it can {does} none of them; use canary or blueGreen, or give that target a `strategy` of its "
        "own"
    ]


def test_routes_in_front_of_container_groups_are_refused(project: Path) -> None:
    put(project)
    text = with_(MANIFEST, "  trafficManager: {resourceGroup: shop, profile: shop}\n", GATEWAY)
    assert told(lambda: read(project, text)) == [
        "rollout.yaml:10: targets[0].gatewayApi: must stand beside kubernetes only, for a route cannot lead to "
        "container groups: use trafficManager",
    ]


def test_two_targets_cannot_split_one_route(project: Path) -> None:
    put(project)
    second = CLUSTER[CLUSTER.index("- name") : CLUSTER.index("strategy")].replace("onprem\n", "second\n", 1)
    found = told(lambda: read(project, with_(CLUSTER, "strategy", f"{second}strategy")))
    assert found == [
        "rollout.yaml:19: targets[1].gatewayApi.httpRoute: must be another one than in any other target; got httpRoute "
        "shop/storefront of arc-onprem, which targets[0] has already"
    ]
    elsewhere = second.replace("arc-onprem", "aks")
    assert told(lambda: read(project, with_(CLUSTER, "strategy", f"{elsewhere}strategy"))) == []


def test_a_way_of_probing_that_no_target_has_is_refused(project: Path) -> None:
    put(project)
    only = MANIFEST[: MANIFEST.index("- name: onprem")] + MANIFEST[MANIFEST.index("strategy") :]
    found = told(lambda: read(project, with_(only, "{port: 8080}", "{port: 8080, via: gateway}")))
    assert found == ["rollout.yaml:13: gates.probe.via: must be direct where no target has kubernetes; got 'gateway'"]


def test_problems_of_a_template_are_named_by_its_own_file_and_line(project: Path) -> None:
    bad = DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet").replace("value: hello", "value: ${env:TOKEN}")
    put(project, bad=f"{DEPLOYMENT}---\n{bad}")
    text = with_(CLUSTER, "template: deployment.yaml", "template: [bad.yaml, missing.yaml]")
    assert told(lambda: read(project, text)) == [
        f"rollout.yaml:9: {HOST}.template: bad.yaml:41: spec.template.spec.containers[0].env[0].value: a secret may "
        "stand only where secrets go (a Secret of the cluster, which the Deployment names by secretKeyRef, secretRef "
        "or a volume); got ${env:TOKEN}: use ${var:…} for plain text",
        f"rollout.yaml:9: {HOST}.template[1]: missing.yaml: must be a file that exists; got nothing at this path",
    ]
    put(project, bad=f"{DEPLOYMENT}---\n{DEPLOYMENT.replace('kind: Deployment', 'kind: StatefulSet')}")
    (problem,) = told(lambda: read(project, with_(CLUSTER, "deployment.yaml", "bad.yaml")))
    assert problem.startswith(f"rollout.yaml:9: {HOST}.template: bad.yaml:25: kind: expected one of Deployment,")
