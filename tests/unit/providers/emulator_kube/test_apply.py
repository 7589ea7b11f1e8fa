"""Server-side apply: what managers apply is what stands, for as long as one of them applies it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.kube import fields, managed
from providers.emulator.kube.shapes import shape_of
from tests.unit.providers.emulator_kube.worlds import (
    DEPLOYMENTS,
    JSON_PATCH,
    MAPS,
    ROUTES,
    SERVICES,
    applied,
    config_map,
    deployment,
    http_route,
    made,
    patched,
    server,
)

Json = dict[str, Any]
DATA = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=3)
STEPS = st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), DATA, st.booleans()), min_size=1, max_size=10)


def configuration(data: Json) -> Json:
    """A ConfigMap to apply; an empty map is no field, or whoever applies one would own all of it."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
    return {**body, **({"data": data} if data else {})}


@settings(max_examples=120, deadline=None)
@given(steps=STEPS)
def test_what_stands_is_what_the_managers_applied_last(steps: list[tuple[str, Json, bool]]) -> None:
    """A key stands as long as one manager applies it; another value is a conflict unless it is forced."""
    api = server()
    owned: dict[str, Json] = {}
    for manager, data, force in steps:
        others = {name: have for name, have in owned.items() if name != manager}
        rivals = [
            (name, key) for name, have in others.items() for key in have if key in data and data[key] != have[key]
        ]
        reply = applied(api, MAPS, configuration(data), manager, **({"force": "true"} if force else {}))
        if rivals and not force:
            assert reply.status == 409
            assert sorted(cause["field"] for cause in reply.body["details"]["causes"]) == sorted(
                f".data.{key}" for _, key in rivals
            )
            continue
        assert reply.status in (200, 201)
        for name, key in rivals:
            owned[name] = {k: v for k, v in owned[name].items() if k != key}
        owned[manager] = data
        wanted = {key: value for have in owned.values() for key, value in have.items()}
        assert (api.call("GET", f"{MAPS}/settings").body.get("data") or {}) == wanted


def test_applying_the_same_again_is_no_write() -> None:
    api = server()
    first = applied(api, DEPLOYMENTS, deployment())
    again = applied(api, DEPLOYMENTS, deployment())
    assert (first.status, again.status, again.body) == (201, 200, first.body)


def test_a_list_with_keys_is_owned_item_by_item() -> None:
    api = server()
    body = deployment()
    container = body["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
    applied(api, DEPLOYMENTS, body)
    theirs = {"containers": [{"name": "web", "env": [{"name": "C", "value": "1"}]}]}
    other = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": theirs}},
    }
    assert applied(api, DEPLOYMENTS, other, "other").status == 200
    container["env"] = [{"name": "B", "value": "2"}]
    found = applied(api, DEPLOYMENTS, body)
    assert found.status == 200
    env = found.body["spec"]["template"]["spec"]["containers"][0]["env"]
    assert sorted((one["name"], one["value"]) for one in env) == [("B", "2"), ("C", "1")]


def test_a_selector_is_owned_as_a_whole() -> None:
    api = server()
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    assert applied(api, SERVICES, service).status == 201
    change = {**service, "spec": {"selector": {"color": "green"}}}
    refused = applied(api, SERVICES, change, "other")
    assert [cause["field"] for cause in refused.body["details"]["causes"]] == [".spec.selector"]
    forced = applied(api, SERVICES, change, "other", force="true")
    assert forced.body["spec"]["selector"] == {"color": "green"}


def test_a_conflict_names_every_owner_and_every_field() -> None:
    api = server()
    applied(api, ROUTES, {**http_route(), "spec": {"hostnames": ["a.test"], "parentRefs": [{"name": "edge"}]}}, "one")
    change = {**http_route(), "spec": {"hostnames": ["b.test"], "parentRefs": [{"name": "other"}]}}
    message = applied(api, ROUTES, change, "two").body["message"]
    assert message == 'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.hostnames\n- .spec.parentRefs'


def test_a_plain_write_takes_what_it_changes_from_the_applier() -> None:
    api = server()
    applied(api, MAPS, configuration({"a": "1"}), "one")
    patched(
        api, f"{MAPS}/settings", [{"op": "replace", "path": "/data/a", "value": "2"}], JSON_PATCH, fieldManager="two"
    )
    refused = applied(api, MAPS, configuration({"a": "1"}), "one")
    assert refused.body["message"] == 'Apply failed with 1 conflict: conflict with "two" using v1: .data.a'


def test_an_object_of_nobody_belongs_to_nobody_before_the_first_apply() -> None:
    api = server()
    made(api, MAPS, config_map())
    plain = api.objects.get(next(iter(api.objects.history)).kind, None, "shop")
    assert plain is not None
    stored = api.objects.all(api.objects.history[-1].kind, "shop")[0]
    del stored["metadata"]["managedFields"]
    api.objects.put(api.objects.history[-1].kind, stored)
    refused = applied(api, MAPS, configuration({"a": "2"}), "one")
    assert refused.body["message"].startswith(
        'Apply failed with 1 conflict: conflict with "before-first-apply" using v1'
    )


def test_fields_without_a_place_are_refused() -> None:
    api = server()
    body = deployment()
    body["spec"]["replicsa"] = 1
    reply = applied(api, DEPLOYMENTS, body)
    assert reply.status == 500
    assert reply.body["message"].endswith(".spec.replicsa: field not declared in schema")


def test_an_apply_that_is_only_tried_stores_nothing() -> None:
    api = server()
    assert applied(api, DEPLOYMENTS, deployment(), dryRun="All").status == 201
    assert api.call("GET", f"{DEPLOYMENTS}/web").status == 404


CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries({}, optional={"labels": DATA, "annotations": DATA}),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "replicas": st.integers(0, 3),
                "template": st.fixed_dictionaries(
                    {},
                    optional={
                        "spec": st.fixed_dictionaries(
                            {
                                "containers": st.lists(
                                    st.fixed_dictionaries(
                                        {"name": st.sampled_from("xyz")}, optional={"image": st.sampled_from("ab")}
                                    ),
                                    unique_by=lambda one: one["name"],
                                    max_size=3,
                                )
                            }
                        )
                    },
                ),
            },
        ),
    },
)


@settings(max_examples=150, deadline=None)
@given(value=CONFIGS)
def test_a_set_of_fields_is_spelt_and_read_back(value: Json) -> None:
    found = fields.applied(value, shape_of("Deployment")) - {()}
    assert fields.decode(fields.encode(found)) == found


@settings(max_examples=150, deadline=None)
@given(live=CONFIGS, config=CONFIGS)
def test_what_was_merged_holds_the_whole_configuration(live: Json, config: Json) -> None:
    shape = shape_of("Deployment")
    merged = managed.merged(live, config, shape)
    assert fields.applied(config, shape) <= fields.applied(merged, shape) | {()} | parents(merged)
    assert managed.merged(merged, config, shape) == merged
    change = fields.compare(live, merged, shape)
    assert not change.removed


def parents(value: Json) -> frozenset[tuple[str, ...]]:
    """All beginnings of a value's fields: an empty part that was applied may have got content from what was live."""
    found = fields.applied(value, shape_of("Deployment"))
    return frozenset(path[:end] for path in found for end in range(len(path)))


@settings(max_examples=100, deadline=None)
@given(value=CONFIGS)
def test_a_value_does_not_differ_from_itself(value: Json) -> None:
    change = fields.compare(value, value, shape_of("Deployment"))
    assert not (change.added or change.modified or change.removed)
