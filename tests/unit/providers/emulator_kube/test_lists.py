"""Lists and watches: pages that stay consistent, and events that tell exactly what happened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.clock import ManualClock
from providers.emulator.http import Request
from providers.emulator.kube.api import KubeApi
from providers.emulator.kube.kinds import CONFIG_MAP
from providers.emulator.kube.selectors import matches, parse_labels, text_of
from providers.emulator.kube.status import Refusal
from providers.emulator.kube.watch import Watch, WatchResponse
from tests.unit.providers.emulator_kube.worlds import MAPS, config_map, made, patched, server

Json = dict[str, Any]
WRITES = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["x", "y", None])), max_size=15)


def write(api: KubeApi, name: str, label: str | None) -> None:
    """Create, relabel or delete one ConfigMap."""
    if label is None:
        api.call("DELETE", f"{MAPS}/{name}")
    elif api.call("GET", f"{MAPS}/{name}").status == 404:
        made(api, MAPS, config_map(name) | {"metadata": {"name": name, "labels": {"set": label}}})
    else:
        patched(api, f"{MAPS}/{name}", {"metadata": {"labels": {"set": label}}})


def watched(api: KubeApi, **query: str) -> Watch:
    """Open a watch of the ConfigMaps."""
    reply = api.call("GET", MAPS, {"watch": "1", **query})
    assert reply.watch is not None
    return reply.watch


@settings(max_examples=60, deadline=None)
@given(first=WRITES, between=WRITES, limit=st.integers(1, 4), label=st.sampled_from(["", "set=x"]))
def test_pages_show_one_state_whatever_is_written_meanwhile(
    first: list[tuple[str, str | None]], between: list[tuple[str, str | None]], limit: int, label: str
) -> None:
    api = server()
    for one in first:
        write(api, *one)
    whole = api.call("GET", MAPS, {"labelSelector": label}).body
    items: list[Json] = []
    page = api.call("GET", MAPS, {"labelSelector": label, "limit": str(limit)}).body
    for one in between:
        write(api, *one)
    while True:
        items += page["items"]
        assert page["metadata"]["resourceVersion"] == whole["metadata"]["resourceVersion"]
        token = page["metadata"].get("continue")
        if not token:
            break
        page = api.call("GET", MAPS, {"labelSelector": label, "limit": str(limit), "continue": token}).body
    assert items == whole["items"]


@settings(max_examples=60, deadline=None)
@given(first=WRITES, then=WRITES, label=st.sampled_from(["", "set=x", "set!=x"]))
def test_a_list_and_the_events_since_make_up_the_present(
    first: list[tuple[str, str | None]], then: list[tuple[str, str | None]], label: str
) -> None:
    """Whoever lists and then watches knows what stands, in whichever pieces the events arrive."""
    api = server()
    for one in first:
        write(api, *one)
    listed = api.call("GET", MAPS, {"labelSelector": label}).body
    known = {item["metadata"]["name"]: item for item in listed["items"]}
    watch = watched(api, labelSelector=label, resourceVersion=listed["metadata"]["resourceVersion"])
    again = watched(api, labelSelector=label, resourceVersion=listed["metadata"]["resourceVersion"])
    told: list[Json] = []
    for one in then:
        write(api, *one)
        told += watch.events()
    for event in told:
        item = {key: value for key, value in event["object"].items() if key not in ("kind", "apiVersion")}
        name = item["metadata"]["name"]
        assert (event["type"] == "ADDED") == (name not in known)
        if event["type"] == "DELETED":
            del known[name]
        else:
            known[name] = item
    now = api.call("GET", MAPS, {"labelSelector": label}).body["items"]
    assert [known[name] for name in sorted(known)] == now
    assert again.events() == told


def test_a_watch_without_a_version_begins_with_what_there_is() -> None:
    api = server()
    write(api, "a", "x")
    watch = watched(api)
    assert [event["type"] for event in watch.events()] == ["ADDED"]
    write(api, "a", "y")
    assert [event["type"] for event in watch.events()] == ["MODIFIED"]
    assert watch.events() == []


def test_a_watch_ends_at_its_time_after_a_bookmark() -> None:
    clock = ManualClock()
    api = server(clock)
    watch = watched(api, timeoutSeconds="10", allowWatchBookmarks="true")
    assert watch.events() == []
    clock.advance(9)
    assert [event["type"] for event in watch.events()] == ["BOOKMARK"]
    assert not watch.over
    clock.advance(1)
    assert watch.over


def test_initial_events_end_with_a_bookmark_that_says_so() -> None:
    api = server()
    write(api, "a", "x")
    events = watched(api, sendInitialEvents="true", allowWatchBookmarks="true").events()
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_whose_beginning_is_forgotten_fails_once_and_ends() -> None:
    api = server()
    write(api, "a", "x")
    watch = watched(api, resourceVersion="1")
    api.objects.compact()
    events = watch.events()
    assert [(event["type"], event["object"]["code"]) for event in events] == [("ERROR", 410)]
    assert watch.over
    assert watch.events() == []


def test_history_forgets_its_beginning_by_itself() -> None:
    from providers.emulator.kube import objects

    api = server()
    for number in range(objects.HISTORY + 5):
        api.objects.put(CONFIG_MAP, CONFIG_MAP.new("shop", "a", data={"n": str(number)}))
    assert len(api.objects.history) == objects.HISTORY
    assert watched(api, resourceVersion="2").events()[0]["type"] == "ERROR"


def test_a_door_writes_a_watch_line_by_line() -> None:
    api = server()
    write(api, "a", "x")
    response = api.handle(Request("GET", MAPS, {"watch": "true"}, {"Authorization": "Bearer emulator"}))
    assert isinstance(response, WatchResponse)
    assert response.watch is not None
    lines = response.watch.lines()
    assert len(lines) == 1
    assert lines[0].endswith(b"}\n")
    assert response.headers["Content-Type"] == "application/json"


LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2)
EXPRESSIONS = st.fixed_dictionaries(
    {"key": st.sampled_from("ab"), "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"])}
)


@settings(max_examples=150, deadline=None)
@given(
    wanted=LABELS, expressions=st.lists(EXPRESSIONS, max_size=2), labels=LABELS, values=st.sets(st.sampled_from("12"))
)
def test_a_selector_in_an_object_means_what_its_text_means(
    wanted: Json, expressions: list[Json], labels: Json, values: set[str]
) -> None:
    listed = sorted(values | {"1"})
    whole = [{**one, **({"values": listed} if "In" in one["operator"] else {})} for one in expressions]
    selector = {"matchLabels": wanted, "matchExpressions": whole}
    test = parse_labels(text_of(selector))
    assert test({"metadata": {"labels": labels}}) == matches(selector, labels)


@pytest.mark.parametrize(
    "text", ["a in b", "a in (b", "=b", "a=b c", "a==", "(a)", "!", "a in ()x", "not ok=1", "-a=b"]
)
def test_a_selector_that_cannot_be_read_is_a_bad_request(text: str) -> None:
    if text == "a==":
        assert parse_labels(text)({"metadata": {"labels": {"a": ""}}})
        return
    with pytest.raises(Refusal) as refused:
        parse_labels(text)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("kind", "selector", "found"),
    [
        ("pods", "status.phase=Running", 1),
        ("pods", "status.phase!=Running", 0),
        ("pods", "spec.nodeName=", 1),
        ("pods", "metadata.name=a,status.phase=Running", 1),
        ("events", "involvedObject.name=web,type=Normal", 1),
        ("events", "source=kubelet", 1),
        ("events", "involvedObject.name=other", 0),
    ],
)
def test_objects_are_selected_by_the_fields_of_their_kind(kind: str, selector: str, found: int) -> None:
    api = server()
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    made(api, "/api/v1/namespaces/shop/pods", pod)
    patched(api, "/api/v1/namespaces/shop/pods/a/status", {"status": {"phase": "Running"}})
    about = {"kind": "Deployment", "name": "web", "namespace": "shop"}
    event = {"metadata": {"name": "e"}, "involvedObject": about, "type": "Normal", "source": {"component": "kubelet"}}
    made(api, "/api/v1/namespaces/shop/events", event)
    listed = api.call("GET", f"/api/v1/namespaces/shop/{kind}", {"fieldSelector": selector}).body
    assert len(listed["items"]) == found


def test_a_field_that_a_kind_is_not_selected_by_is_refused() -> None:
    api = server()
    assert api.call("GET", "/api/v1/namespaces/shop/pods", {"fieldSelector": "spec.image=a"}).status == 400
    assert api.call("GET", MAPS, {"fieldSelector": "metadata.name"}).status == 400


def test_lists_show_the_version_of_the_store_and_the_time_of_creation() -> None:
    clock = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    api = server(clock)
    write(api, "a", "x")
    listed = api.call("GET", "/api/v1/configmaps").body
    assert listed["metadata"]["resourceVersion"] == str(api.objects.version)
    assert listed["items"][0]["metadata"]["creationTimestamp"] == "2026-03-01T12:00:00Z"
