"""What cannot go well in a cluster is refused before anything is touched, with its place and the way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from providers.emulator.kube.kinds import GATEWAY_GROUP
from providers.emulator.kube.kubeconfig import kubeconfig
from tests.acceptance.kube import KubeShop
from tests.acceptance.kube_hands import ROUTE, SPACE

Break = Callable[[KubeShop], None]


def _nowhere(kube: KubeShop) -> None:
    kube.kube["context"] = "nowhere"


def _no_namespace(kube: KubeShop) -> None:
    kube.kube["namespace"] = "other"


def _no_route(kube: KubeShop) -> None:
    kube.gateway["httpRoute"] = "elsewhere"


def _no_backend(kube: KubeShop) -> None:
    kube.gateway["adopt"] = ["live"]


def _no_service(kube: KubeShop) -> None:
    kube.gateway["adopt"] = ["live"]
    kube.edit_route(lambda rule: rule.update(backendRefs=[{"name": "live", "port": 80}]))


def _another_port(kube: KubeShop) -> None:
    kube.image("v0")
    kube.live("v0")
    kube.gateway["adopt"] = ["live"]


def _no_crds(kube: KubeShop) -> None:
    kube.call_world(lambda: kube.cluster.api.off.add(GATEWAY_GROUP))


def _other_kind(kube: KubeShop) -> None:
    kube.gateway["tcpRoute"] = kube.gateway.pop("httpRoute")


def _no_mirror(kube: KubeShop) -> None:
    kube.spec["strategy"] = {"shadow": {"percent": 10}}
    few = ("Gateway", "HTTPRoute")
    kube.call_world(lambda: setattr(kube.cluster.settings, "supported_features", few))
    kube.refresh_class()


def _no_deployment(kube: KubeShop) -> None:
    kube.objects[0]["kind"] = "StatefulSet"


def _two_counts(kube: KubeShop) -> None:
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": ROUTE}
    spec = {"scaleTargetRef": scaled, "minReplicas": 2, "maxReplicas": 4}
    head: dict[str, Any] = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    kube.objects.append({**head, "metadata": {"name": ROUTE}, "spec": spec})


def _foreign_selector(kube: KubeShop) -> None:
    kube.by_hand({**kube.service(ROUTE), "metadata": {"name": "neighbour"}})


def _flux(kube: KubeShop) -> None:
    kube.label_route({"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux"})


def _one_verb(kube: KubeShop) -> None:
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch", "create", "patch"]}
    role = {"kind": "Role", "metadata": {"name": "most", "namespace": SPACE}, "rules": [everything]}

    def grant() -> None:
        kube.cluster.api.users.add("ci")
        kube.cluster.api.users.grant("ci", role)

    kube.call_world(grant)
    told = kubeconfig(kube.cloud.emulator.url, [kube.context])
    told["users"][0]["user"]["token"] = "ci"
    (kube.folder / "kubeconfig").write_text(json.dumps(told))


CASES: dict[str, tuple[Break, int, tuple[str, ...]]] = {
    "a context that no kubeconfig knows": (_nowhere, 2, ("nowhere",)),
    "a namespace that does not exist": (_no_namespace, 2, ("namespace other", "create namespace other")),
    "a route that does not exist": (_no_route, 2, ("HTTPRoute shop/elsewhere",)),
    "a backend to adopt that no rule holds": (_no_backend, 2, ("live", "backends are: none")),
    "a Service to adopt that does not exist": (_no_service, 2, ("Service shop/live", "does not exist")),
    "a port that a revision would not open": (_another_port, 7, ("port 80", "add a Service to the template")),
    "a cluster without the Gateway API": (_no_crds, 7, ("Gateway API",)),
    "a kind of route that is not supported": (_other_kind, 2, ("tcpRoute", "rollout.yaml:")),
    "a gateway that cannot mirror": (_no_mirror, 7, ("RequestMirror",)),
    "a template that is no Deployment": (_no_deployment, 2, ("StatefulSet", "deployment.yaml")),
    "a count of pods that fights an autoscaler": (_two_counts, 2, ("replicas", "deployment.yaml")),
    "a foreign Service that would select our pods": (_foreign_selector, 7, ("neighbour", "at once")),
    "a route that Flux would take back": (_flux, 7, ("Flux", "IfNotPresent")),
    "one verb that is forbidden": (_one_verb, 7, ("delete", "deployments.apps")),
}


def standing(kube: KubeShop) -> tuple[Any, ...]:
    """Everything in the namespace that is not the controllers' own to change."""
    route = kube.route
    return kube.deployments, kube.names, route["spec"], route["metadata"].get("annotations")


@pytest.mark.parametrize(("change", "code", "said"), CASES.values(), ids=list(CASES))
def test_it_is_refused_with_the_way_out_and_nothing_is_touched(
    kube: KubeShop, change: Break, code: int, said: tuple[str, ...]
) -> None:
    kube.image("v1")
    change(kube)
    before = standing(kube)
    writes = len(kube.changed)
    done = kube.start("v1")
    assert done.code == code, done
    missing = [words for words in said if words not in done.err + done.out]
    assert missing == [], done
    assert len(kube.changed) == writes
    assert standing(kube) == before
