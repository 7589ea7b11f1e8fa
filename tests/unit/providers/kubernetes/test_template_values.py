"""Whatever stands in a template is judged, its ports are read, and what passes can be made."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from providers.kubernetes import requests
from providers.kubernetes.settings import Deployments
from providers.kubernetes.template import port, service_ports
from providers.kubernetes.template_pods import notes
from tests.unit.providers.kubernetes.workload_values import (
    DEPLOYMENT,
    IMAGE,
    MARK,
    checked,
    put,
    scaled,
    settings,
    template,
)

ALL = scaled()


def everywhere(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from everywhere(item, (*path, key))


def test_the_port_of_a_route_is_the_services_first_tcp_port() -> None:
    objects = template()
    objects[1]["spec"]["ports"] = [{"port": 53, "protocol": "UDP"}, {"port": 81}, {"port": 80}]
    assert (port(template()), port(objects), port([DEPLOYMENT])) == (80, 81, 8080)


def test_each_revisions_service_opens_the_probes_port_by_its_own_number() -> None:
    assert service_ports(template()) == ({"port": 80, "targetPort": "http"},)
    assert service_ports(template(), 8081) == (
        {"name": "port-80", "port": 80, "targetPort": "http"},
        {"name": "rollout-probe", "protocol": "TCP", "port": 8081, "targetPort": 8081},
    )
    assert service_ports([DEPLOYMENT], 8080) == ({"name": "http", "protocol": "TCP", "port": 8080, "targetPort": 8080},)


def test_what_troubles_two_revisions_side_by_side_is_noted() -> None:
    deployment = copy.deepcopy(DEPLOYMENT)
    pod = deployment["spec"]["template"]["spec"]
    assert list(notes(deployment)) == []
    pod |= {
        "hostNetwork": True,
        "nodeSelector": {"type": "virtual-kubelet"},
        "initContainers": [{"name": "i", "image": "i"}],
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"labelSelector": {"matchLabels": {"tier": "web"}}, "topologyKey": "kubernetes.io/hostname"}
                ]
            }
        },
    }
    pod["volumes"].append({"name": "data", "persistentVolumeClaim": {"claimName": "shop"}})
    pod["containers"][0] |= {"lifecycle": {"preStop": {}}, "ports": [{"containerPort": 8080, "hostPort": 80}]}
    assert [what for what, _ in notes(deployment)] == [
        "hostNetwork",
        "hostPort 80 of container web",
        "volume data",
        "podAntiAffinity",
        "tolerations",
        "initContainers and hostAliases",
        "lifecycle hooks",
    ]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_PLACES = list(everywhere(ALL))
_keys = st.sampled_from(["apiVersion", "metadata", "spec", "items", "data"])
_kinds = st.sampled_from([each["kind"] for each in ALL])
_objects = st.builds(lambda kind, rest: {**rest, "kind": kind}, _kinds, st.dictionaries(_keys, _json, max_size=3))


def test_any_value_in_any_place_is_judged_and_never_crashes() -> None:
    """Exhaustive: what passes the check can be made, whatever was put where."""
    strange: list[Any] = [None, True, 0, 1.5, "x", [], [None], ["x"], {}, {"x": None}, [{}]]
    for path in _PLACES:
        for value in strange:
            judged(put(ALL, path, value))


@given(st.sampled_from(_PLACES), _json, st.sampled_from(_PLACES), _json)
def test_strange_values_in_two_places_are_judged_too(
    first: tuple[Any, ...], one: Any, second: tuple[Any, ...], other: Any
) -> None:
    objects = put(ALL, first, one)
    with suppress(TypeError, KeyError, IndexError):
        objects = put(objects, second, other)
    judged(objects)


@effort(max_examples=40)
@given(st.lists(_objects, max_size=3) | _json)
def test_no_documents_whatever_make_the_check_crash(objects: Any) -> None:
    assert all(str(problem) for problem in checked(objects))


def judged(objects: list[Any]) -> None:
    problems = checked(objects, probe_port=8081)
    assert all(str(problem) for problem in problems)
    service_ports(objects, 8081)
    if not problems:
        target: Deployments = settings(objects, probe_port=8081)
        assert requests.bodies(target, IMAGE, MARK, uid="u")
        assert requests.meaning(target, IMAGE)
        assert port(objects)
