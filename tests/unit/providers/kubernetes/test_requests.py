"""What is applied for one slot is the template under our names, and means the same whoever it is for."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

from providers.kubernetes import marks
from providers.kubernetes.places import PLACES
from providers.kubernetes.requests import bodies, config_map_name, meaning
from providers.kubernetes.selectors import of_labels, of_service
from providers.kubernetes.template import check
from tests.unit.providers.kubernetes.workload_values import (
    DEPLOYMENT,
    DIGEST,
    IMAGE,
    LABELS,
    MARK,
    NAME,
    recorded,
    scaled,
    settings,
    template,
)


def made(objects: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, dict[str, Any]]:
    found = bodies(settings(objects, **more), IMAGE, MARK, uid="uid-1")
    return {body["kind"]: body for body in found}


def pod(objects: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    spec: dict[str, Any] = made(objects, **more)["Deployment"]["spec"]["template"]["spec"]
    return spec


def test_the_deployment_comes_first_and_the_service_last() -> None:
    kinds = [body["kind"] for body in bodies(settings(scaled()), IMAGE, MARK)]
    assert kinds == ["Deployment", "ConfigMap", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service"]


def test_every_object_bears_the_slots_name_labels_and_mark() -> None:
    for kind, body in made(scaled()).items():
        metadata = body["metadata"]
        assert body["apiVersion"] == PLACES[kind].api_version
        assert metadata["name"] == (f"{NAME}-shop" if kind == "ConfigMap" else NAME)
        assert metadata["namespace"] == "shop"
        assert metadata["labels"] | marks.to_labels(MARK, NAME) == metadata["labels"]
        assert marks.read(metadata) == MARK


def test_the_deployment_owns_all_others_once_it_stands() -> None:
    objects = made(scaled())
    assert "ownerReferences" not in objects.pop("Deployment")["metadata"]
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME, "uid": "uid-1"}
    assert all(body["metadata"]["ownerReferences"] == [owner] for body in objects.values())


def test_selectors_name_the_slot_alone_and_pods_keep_their_labels() -> None:
    objects = made(scaled())
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert labels == {**LABELS, **marks.to_labels(MARK, NAME), "rollout/revision": "aaaaaaaa"}
    assert objects["Deployment"]["spec"]["selector"] == {"matchLabels": {"rollout/workload": NAME}}
    assert objects["PodDisruptionBudget"]["spec"]["selector"] == {"matchLabels": {"rollout/workload": NAME}}
    assert objects["Service"]["spec"]["selector"] == {"rollout/workload": NAME}
    assert of_labels(objects["Deployment"]["spec"]["selector"], labels)
    assert of_service(objects["Service"]["spec"]["selector"], labels)


def test_the_image_becomes_a_digest_where_it_is_ours_alone() -> None:
    web, log = pod()["containers"]
    assert (web["image"], log["image"]) == (f"{IMAGE}@{DIGEST}", "contoso.azurecr.io/log:7")
    web, log = pod(containers=("log",))["containers"]
    assert (web["image"], log["image"]) == (f"{IMAGE}:1.0", f"{IMAGE}@{DIGEST}")


def test_injected_words_come_first_and_replace_their_likes() -> None:
    objects = template()
    container = objects[0]["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "ROLLOUT_TARGET", "value": "old"}, {"name": "A", "value": "$(ROLLOUT_TARGET)"}]
    assert pod(objects)["containers"][0]["env"] == [
        {"name": "ROLLOUT_SERVICE", "value": "storefront"},
        {"name": "ROLLOUT_REVISION", "value": "a" * 64},
        {"name": "ROLLOUT_TARGET", "value": "onprem"},
        {"name": "A", "value": "$(ROLLOUT_TARGET)"},
    ]
    assert "env" not in pod(objects)["containers"][1]
    assert pod(objects, inject=False)["containers"][0]["env"] == container["env"]
    labels = made(inject=False)["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert "rollout/revision" not in labels


def test_references_to_the_templates_config_maps_follow_the_copy() -> None:
    spec, copied = pod(), f"{NAME}-shop"
    web = spec["containers"][0]
    named = {item["name"]: item["valueFrom"]["configMapKeyRef"]["name"] for item in web["env"] if "valueFrom" in item}
    assert named == {"MODE": copied, "OTHER": "stands"}
    assert web["envFrom"] == [{"configMapRef": {"name": copied}}, {"secretRef": {"name": "shop"}}]
    assert spec["volumes"] == [
        {"name": "settings", "configMap": {"name": copied}},
        {"name": "all", "projected": {"sources": [{"configMap": {"name": copied}}]}},
        {"name": "beside", "configMap": {"name": "stands"}},
    ]
    assert made()["ConfigMap"]["data"] == {"mode": "fast"}


def test_a_config_maps_empty_key_is_an_empty_text() -> None:
    objects = template()
    objects[2] |= {"data": {"a": None}, "binaryData": {"b": "AA=="}, "immutable": True}
    body = made(objects)["ConfigMap"]
    assert (body["data"], body["binaryData"], body["immutable"]) == ({"a": ""}, {"b": "AA=="}, True)


def test_a_long_config_map_name_is_cut_and_stays_unlike_others() -> None:
    one, other = config_map_name(NAME, "c" * 250), config_map_name(NAME, "c" * 251)
    assert len(one) == len(other) == 253
    assert one != other
    assert config_map_name(NAME, "shop") == f"{NAME}-shop"


def test_an_autoscaler_scales_the_copy_and_asks_about_its_service() -> None:
    spec = made(scaled())["HorizontalPodAutoscaler"]["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    assert spec["metrics"][0]["object"]["describedObject"]["name"] == NAME
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 9)


def test_a_slots_service_is_inside_the_cluster_whatever_the_templates_is() -> None:
    objects = template()
    objects[1]["spec"] |= {
        "clusterIP": "None",
        "clusterIPs": ["None"],
        "externalIPs": ["10.1.1.1"],
        "loadBalancerIP": "10.1.1.2",
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": 30001,
        "sessionAffinity": "ClientIP",
    }
    objects[1]["metadata"]["annotations"] = {
        "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
        "external-dns.alpha.kubernetes.io/hostname": "shop.example",
        "team": "web",
    }
    body = made(objects, probe_port=8081)["Service"]
    assert body["spec"] == {
        "type": "ClusterIP",
        "sessionAffinity": "ClientIP",
        "selector": {"rollout/workload": NAME},
        "ports": [
            {"name": "port-80", "port": 80, "targetPort": "http"},
            {"name": "rollout-probe", "protocol": "TCP", "port": 8081, "targetPort": 8081},
        ],
    }
    kept = {key for key in body["metadata"]["annotations"] if not key.startswith("rollout/")}
    assert kept == {"team"}


def test_without_a_service_of_the_template_one_is_made_from_its_ports() -> None:
    objects = made([DEPLOYMENT])
    assert set(objects) == {"Deployment", "Service"}
    assert objects["Service"]["spec"]["ports"] == [
        {"name": "http", "protocol": "TCP", "port": 8080, "targetPort": 8080}
    ]


def test_a_count_of_replicas_is_only_given_where_the_template_has_none() -> None:
    def replicas(objects: list[dict[str, Any]]) -> Any:
        return bodies(settings(objects), IMAGE, MARK, replicas=7)[0]["spec"].get("replicas")

    assert (replicas(template()), replicas(scaled())) == (2, 7)
    assert "replicas" not in made(scaled())["Deployment"]["spec"]


def exported(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `kubectl get -o yaml` adds."""
    found = copy.deepcopy(objects)
    for item in found:
        item["metadata"] |= {
            "namespace": "shop",
            "uid": "5f8859bc",
            "resourceVersion": "2480",
            "creationTimestamp": "2026-11-20T13:55:15Z",
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "deployment.kubernetes.io/revision": "4",
                "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/storefront",
            },
        }
        item["status"] = {"observedGeneration": 5}
    found[0]["spec"]["template"]["metadata"] |= {"creationTimestamp": None}
    return found


def test_an_export_makes_the_same_objects_as_its_source() -> None:
    assert made(exported(template())) == made(template())
    assert meaning(settings(exported(template())), IMAGE) == meaning(settings(template()), IMAGE)


def test_marks_in_an_export_of_our_own_objects_are_replaced() -> None:
    first = bodies(settings(), IMAGE, replace(MARK, number=1, tag="0.9", slot=0), uid="x")
    for item in first:
        item["metadata"]["annotations"][marks.KEEP_UNTIL] = "2026-01-01T00:00:00Z"
    assert check(first, service="storefront", image=IMAGE, namespace="shop") == []
    again = bodies(settings(first), IMAGE, MARK)
    assert marks.keep_until(again[0]["metadata"]) is None
    assert [marks.read(item["metadata"]) for item in again] == [MARK] * 4
    assert again[0]["spec"]["template"]["metadata"]["labels"]["rollout/workload"] == NAME


def test_a_copy_is_not_pruned_by_who_tracks_by_the_instance_label() -> None:
    objects = template()
    objects[0]["metadata"]["labels"]["app.kubernetes.io/instance"] = "storefront"
    annotations = made(objects)["Deployment"]["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false"
    assert "argocd.argoproj.io/sync-options" not in made(objects)["Service"]["metadata"]["annotations"]


def test_nulls_are_left_out_everywhere() -> None:
    objects = template(strategy=None)
    objects[0]["spec"]["template"]["spec"] |= {"nodeSelector": None, "volumes": [{"name": "tmp", "emptyDir": None}]}
    body = made(objects)["Deployment"]["spec"]
    assert "strategy" not in body
    assert body["template"]["spec"]["volumes"] == [{"name": "tmp"}]
    assert "null" not in json.dumps(made(objects))


def test_the_template_itself_is_never_changed() -> None:
    objects = scaled()
    before = copy.deepcopy(objects)
    made(objects, probe_port=8081)
    assert objects == before


def test_meaning_does_not_depend_on_names_counts_places_or_tags() -> None:
    wanted = meaning(settings(), IMAGE)
    other = template(replicas=5)
    other[0]["metadata"]["name"] = "shop-web"
    other[0]["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}:2.0"
    other[1] = {**other[1], "metadata": {"name": "shop-web"}}
    other[1]["spec"] |= {"type": "NodePort", "clusterIP": "10.0.0.7"}
    elsewhere = replace(
        settings([*reversed(other)]), context="aks", namespace="prod", inject=False, probe_port=9, adopt=("x",)
    )
    assert meaning(elsewhere, f"{IMAGE}:7") == wanted
    assert DIGEST not in json.dumps(wanted)


def test_meaning_depends_on_everything_else() -> None:
    known = {json.dumps(meaning(settings(objects), IMAGE), sort_keys=True) for objects in (template(), scaled())}
    changes: list[tuple[int, dict[str, Any]]] = [
        (0, {"minReadySeconds": 5}),
        (1, {"ports": [{"port": 81}]}),
        (3, {"minAvailable": 2}),
        (4, {"maxReplicas": 12}),
    ]
    for number, change in changes:
        objects = scaled()
        objects[number]["spec"] |= change
        known.add(json.dumps(meaning(settings(objects), IMAGE), sort_keys=True))
    objects = template()
    objects[2]["data"]["mode"] = "slow"
    known.add(json.dumps(meaning(settings(objects), IMAGE), sort_keys=True))
    assert len(known) == 7


def test_what_a_real_server_took_is_a_sound_template() -> None:
    taken = recorded("deployment-create")[0]["response"]["body"]
    found = check([taken], service="web", image="registry.test/team/web", namespace=taken["metadata"]["namespace"])
    assert found == []
    place = replace(settings([taken]), namespace=taken["metadata"]["namespace"])
    body = bodies(place, "registry.test/team/web", MARK)[0]
    assert "status" not in body
    assert "managedFields" not in body["metadata"]
    assert body["spec"]["template"]["spec"]["containers"][0]["image"] == f"registry.test/team/web@{DIGEST}"
