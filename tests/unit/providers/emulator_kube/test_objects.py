"""The store: one counter, no write without a change, changes heard in order, and deletions that wait."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.clock import ManualClock
from providers.emulator.kube.kinds import CONFIG_MAP, DEPLOYMENT, KINDS, POD, find, named
from providers.emulator.kube.objects import Change, Objects, Stale
from tests.unit.providers.emulator_kube.worlds import deployment


def store() -> Objects:
    return Objects(ManualClock().now, "west")


def config(name: str = "a", **data: str) -> dict[str, Any]:
    return CONFIG_MAP.new("shop", name, data=data)


def test_each_stored_write_moves_the_one_counter_and_a_write_without_a_change_does_not() -> None:
    objects = store()
    first = objects.put(CONFIG_MAP, config(k="1"))
    again = objects.put(CONFIG_MAP, config(k="1"))
    other = objects.put(CONFIG_MAP, config("b"))
    changed = objects.put(CONFIG_MAP, config(k="2"))
    assert first == again
    versions = [int(one["metadata"]["resourceVersion"]) for one in (first, other, changed)]
    assert versions == sorted(set(versions))
    assert changed["metadata"]["uid"] == first["metadata"]["uid"] != other["metadata"]["uid"]


def test_a_write_upon_an_old_version_is_refused() -> None:
    objects = store()
    old = objects.put(CONFIG_MAP, config(k="1"))
    objects.put(CONFIG_MAP, config(k="2"))
    with pytest.raises(Stale):
        objects.put(CONFIG_MAP, {**old, "data": {"k": "3"}})
    objects.remove(CONFIG_MAP, "shop", "a")
    with pytest.raises(Stale):
        objects.put(CONFIG_MAP, old)


def test_nobody_can_change_the_store_through_what_it_returns() -> None:
    objects = store()
    objects.put(CONFIG_MAP, config(k="1"))["data"]["k"] = "changed"
    for found in (objects.get(CONFIG_MAP, "shop", "a"), *objects.all(CONFIG_MAP)):
        assert found is not None
        assert found["data"] == {"k": "1"}
        found["data"]["k"] = "changed"
    assert objects.all(CONFIG_MAP)[0]["data"] == {"k": "1"}


def test_listeners_hear_changes_in_order_even_when_one_of_them_writes() -> None:
    objects = store()
    heard: list[tuple[str, str, int]] = []

    def writer(change: Change) -> None:
        if change.object["metadata"]["name"] == "a":
            objects.put(CONFIG_MAP, config("b"))

    def hearer(change: Change) -> None:
        heard.append((change.type, change.object["metadata"]["name"], change.version))

    objects.listeners += [writer, hearer]
    objects.put(CONFIG_MAP, config("a"))
    assert [(kind, name) for kind, name, _ in heard] == [("ADDED", "a"), ("ADDED", "b")]
    assert [version for _, _, version in heard] == sorted(version for _, _, version in heard)


def test_an_object_that_is_being_deleted_goes_with_its_last_finalizer() -> None:
    objects = store()
    held = config()
    held["metadata"] |= {"finalizers": ["shop.test/hold"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    stored = objects.put(CONFIG_MAP, held)
    assert objects.get(CONFIG_MAP, "shop", "a") == stored
    del stored["metadata"]["finalizers"]
    objects.put(CONFIG_MAP, stored)
    assert objects.get(CONFIG_MAP, "shop", "a") is None


def test_generation_counts_a_deployments_spec_and_annotations_but_not_its_labels_or_status() -> None:
    objects = store()
    body = deployment()
    body["metadata"]["namespace"] = "shop"
    generations = [objects.put(DEPLOYMENT, body)["metadata"]["generation"]]
    for change in ("labels", "annotations", "spec", "status", "controllers"):
        now = objects.get(DEPLOYMENT, "shop", "web")
        assert now is not None
        if change == "spec":
            now["spec"]["replicas"] = 7
        elif change == "status":
            now["status"] = {"replicas": 2}
        elif change == "controllers":
            now["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
        else:
            now["metadata"][change] = {"x": "y"}
        generations.append(objects.put(DEPLOYMENT, now)["metadata"]["generation"])
    assert generations == [1, 1, 2, 3, 3, 3]


def test_what_an_object_owns_is_found_by_its_uid() -> None:
    objects = store()
    owner = objects.put(CONFIG_MAP, config("owner"))
    owned = config("owned")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    owned["metadata"]["ownerReferences"] = [reference]
    objects.put(CONFIG_MAP, owned)
    objects.put(CONFIG_MAP, config("other"))
    found = objects.owned_by(owner["metadata"]["uid"])
    assert [(kind, one["metadata"]["name"]) for kind, one in found] == [(CONFIG_MAP, "owned")]


def test_every_kind_is_found_by_its_words() -> None:
    for kind in KINDS:
        assert find(kind.group, kind.version, kind.plural) is kind
        assert named(kind.kind, kind.api_version) is kind
    assert POD.path("shop", "a", "status") == "/api/v1/namespaces/shop/pods/a/status"
    assert DEPLOYMENT.path() == "/apis/apps/v1/deployments"
    assert find("apps", "v1", "widgets") is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["1", "2", None])), max_size=30))
def test_history_tells_how_the_present_came_about(writes: list[tuple[str, str | None]]) -> None:
    """Replaying the changes from the beginning gives exactly what stands."""
    objects = store()
    for name, value in writes:
        if value is None:
            objects.remove(CONFIG_MAP, "shop", name)
        else:
            objects.put(CONFIG_MAP, config(name, k=value))
    told: dict[str, Any] = {}
    for change in objects.history:
        name = change.object["metadata"]["name"]
        assert (change.before is None) == (name not in told)
        if change.type == "DELETED":
            del told[name]
        else:
            told[name] = change.object
    assert [told[name] for name in sorted(told)] == objects.all(CONFIG_MAP)
