"""JSON patches, merge patches and strategic merge patches by themselves and through the server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.kube import patch, strategic
from providers.emulator.kube.shapes import shape_of
from tests.unit.providers.emulator_kube.worlds import (
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    ROUTES,
    STRATEGIC,
    deployment,
    http_route,
    made,
    patched,
    server,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "b~/c"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c/d"]), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c/d"]), VALUES, max_size=3)


def pointers(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every place in a value, as a JSON pointer, with what stands there."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(path, value)]
    for key, part in parts:
        found += pointers(part, f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}")
    return found


@settings(max_examples=150, deadline=None)
@given(target=OBJECTS, data=st.data())
def test_what_is_replaced_is_then_found_there_and_all_else_stays(target: Any, data: st.DataObject) -> None:
    path, before = data.draw(st.sampled_from(pointers(target)[1:] or [("", target)]))
    value = data.draw(VALUES)
    found = patch.apply(
        target, [{"op": "test", "path": path, "value": before}, {"op": "replace", "path": path, "value": value}]
    )
    assert dict(pointers(found))[path] == value
    back = patch.apply(found, [{"op": "replace", "path": path, "value": before}])
    assert back == target


@settings(max_examples=100, deadline=None)
@given(target=OBJECTS, data=st.data())
def test_what_is_added_and_removed_again_leaves_no_trace(target: Any, data: st.DataObject) -> None:
    places = [(path, value) for path, value in pointers(target) if isinstance(value, dict | list)]
    path, parent = data.draw(st.sampled_from(places))
    key = "new" if isinstance(parent, dict) else str(data.draw(st.integers(0, len(parent))))
    found = patch.apply(target, [{"op": "add", "path": f"{path}/{key}", "value": 1}])
    assert patch.apply(found, [{"op": "remove", "path": f"{path}/{key}"}]) == target
    copied = patch.apply(found, [{"op": "copy", "from": f"{path}/{key}", "path": "/copy"}])
    assert copied["copy"] == 1
    assert patch.apply(target | {"x": 1}, [{"op": "move", "from": "/x", "path": "/y"}]) == target | {"y": 1}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "test", "path": "/n", "value": None},
        {"op": "test", "path": "/a", "value": True},
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "replace", "path": "/list/2", "value": 1},
        {"op": "replace", "path": "/list/-", "value": 1},
        {"op": "replace", "path": "/list/01", "value": 1},
        {"op": "replace", "path": "/a/b", "value": 1},
        {"op": "add", "path": "/missing/x", "value": 1},
        {"op": "add", "path": "/list/9", "value": 1},
        {"op": "add", "path": "/x"},
        {"op": "remove", "path": "/missing"},
        {"op": "remove", "path": ""},
        {"op": "move", "from": "/missing", "path": "/x"},
        {"op": "grow", "path": "/a"},
        {"op": "test", "path": "a", "value": 1},
    ],
)
def test_a_patch_that_does_not_fit_changes_nothing(operation: dict[str, Any]) -> None:
    target = {"a": 1, "list": [1, 2]}
    with pytest.raises(patch.Misfit):
        patch.apply(target, [{"op": "add", "path": "/early", "value": 1}, operation])
    assert target == {"a": 1, "list": [1, 2]}


@settings(max_examples=150, deadline=None)
@given(target=VALUES, change=OBJECTS)
def test_a_merge_patch_applied_twice_is_applied_once(target: Any, change: Any) -> None:
    once = patch.merge(target, change)
    assert patch.merge(once, change) == once

    def holds(found: Any, wanted: Any) -> bool:
        if not isinstance(wanted, dict):
            return bool(found == wanted)
        return all(
            key not in found if value is None else key in found and holds(found[key], value)
            for key, value in wanted.items()
        )

    assert holds(once, change)


def test_a_json_patch_is_all_or_nothing_on_the_server() -> None:
    api = server()
    made(api, ROUTES, http_route())
    before = api.call("GET", f"{ROUTES}/web").body
    operations = [
        {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 5},
        {"op": "test", "path": "/spec/rules/0/backendRefs/0/name", "value": "green"},
    ]
    assert patched(api, f"{ROUTES}/web", operations, JSON_PATCH).status == 422
    assert api.call("GET", f"{ROUTES}/web").body == before


def test_two_writers_upon_one_version_cannot_both_win() -> None:
    api = server()
    version = made(api, ROUTES, http_route())["metadata"]["resourceVersion"]
    for weight, status in ((5, 200), (6, 409)):
        operations = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": weight},
        ]
        reply = patched(api, f"{ROUTES}/web", operations, JSON_PATCH)
        assert (reply.status, reply.body.get("reason")) == (status, None if status == 200 else "Conflict")
    assert api.call("GET", f"{ROUTES}/web").body["spec"]["rules"][0]["backendRefs"][0]["weight"] == 5


def test_strategic_patches_merge_lists_by_key_and_replace_those_without() -> None:
    have = {
        "containers": [{"name": "web", "image": "a", "args": ["1"]}, {"name": "side"}],
        "tolerations": [{"key": "a"}],
    }
    shape = shape_of("PodSpec")
    change: Any = {"containers": [{"name": "web", "args": ["2"]}], "tolerations": [{"key": "b"}]}
    found = strategic.merge(have, change, shape)
    assert found["containers"] == [{"name": "web", "image": "a", "args": ["2"]}, {"name": "side"}]
    assert found["tolerations"] == [{"key": "b"}]
    replaced = strategic.merge(have, {"containers": [{"$patch": "replace"}, {"name": "x"}]}, shape)
    assert replaced["containers"] == [{"name": "x"}]
    kept = strategic.merge(
        {"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, shape_of("ObjectMeta")
    )
    assert kept == {"finalizers": ["b"]}
    added = strategic.merge({"finalizers": ["a"]}, {"finalizers": ["b"]}, shape_of("ObjectMeta"))
    assert added == {"finalizers": ["a", "b"]}
    retained = strategic.merge({"type": "a", "rollingUpdate": {}}, {"$retainKeys": ["type"], "type": "b"}, shape)
    assert retained == {"type": "b"}
    with pytest.raises(patch.Misfit):
        strategic.merge(have, {"containers": [{"image": "b"}]}, shape)


def test_a_patch_cannot_make_an_invalid_object() -> None:
    api = server()
    made(api, DEPLOYMENTS, deployment())
    for media, body in (
        (MERGE, {"spec": {"replicas": -1}}),
        (STRATEGIC, {"spec": {"replicas": -1}}),
        (JSON_PATCH, [{"op": "replace", "path": "/spec/replicas", "value": -1}]),
    ):
        reply = patched(api, f"{DEPLOYMENTS}/web", body, media)
        assert (reply.status, reply.body["details"]["causes"][0]["field"]) == (422, "spec.replicas"), json.dumps(body)
    assert api.call("GET", f"{DEPLOYMENTS}/web").body["spec"]["replicas"] == 2


def test_unknown_fields_are_warned_of_dropped_or_refused_as_the_caller_asks() -> None:
    api = server()
    made(api, DEPLOYMENTS, deployment())
    body = {"spec": {"replicsa": 3}}
    warned = patched(api, f"{DEPLOYMENTS}/web", body)
    assert (warned.status, warned.headers["Warning"]) == (200, '299 - "unknown field \\"spec.replicsa\\""')
    assert "Warning" not in patched(api, f"{DEPLOYMENTS}/web", body, fieldValidation="Ignore").headers
    assert patched(api, f"{DEPLOYMENTS}/web", body, fieldValidation="Strict").status == 400
    assert patched(api, f"{DEPLOYMENTS}/web", body, fieldValidation="Maybe").status == 422
