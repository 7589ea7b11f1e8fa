"""How the registry lists what it holds, page by page."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.registry import Registry
from tests.unit.providers.emulator_loopback.registry_client import (
    NAME,
    TAGS,
    ask,
    code,
    push,
    walk,
)


@settings(deadline=None)
@given(tags=st.sets(TAGS, min_size=1, max_size=30), size=st.integers(1, 12))
def test_pages_of_any_size_show_every_tag_once_and_in_lexical_order(tags: set[str], size: int) -> None:
    registry = Registry(ManualClock())
    for tag in tags:
        registry.register(NAME, tag, Behaviour())
    pages = walk(registry, f"/v2/{NAME}/tags/list?n={size}", "tags")
    assert [tag for page in pages for tag in page] == sorted(tags)
    assert all(0 < len(page) <= size for page in pages)


@settings(deadline=None)
@given(
    pushes=st.lists(st.tuples(TAGS, st.integers(0, 5), st.text("ab", max_size=2)), min_size=1, max_size=25),
    size=st.integers(1, 9),
)
def test_pages_by_time_show_every_tag_once_and_the_last_moved_first(
    pushes: list[tuple[str, int, str]], size: int
) -> None:
    clock = ManualClock()
    registry = Registry(clock)
    moved: dict[str, tuple[datetime, int]] = {}
    digests: dict[str, str] = {}
    for number, (tag, seconds, version) in enumerate(pushes):
        clock.advance(seconds)
        digest = registry.register(NAME, tag, Behaviour(version=version))
        if digests.get(tag) != digest:
            digests[tag], moved[tag] = digest, (clock.now(), number)
    pages = walk(registry, f"/acr/v1/{NAME}/_tags?orderby=timedesc&n={size}", "tags")
    listed = [tag for page in pages for tag in page]
    assert [tag["name"] for tag in listed] == sorted(moved, key=lambda tag: moved[tag], reverse=True)
    assert {tag["name"]: tag["digest"] for tag in listed} == digests
    for tag in listed:
        assert datetime.fromisoformat(tag["lastUpdateTime"]) == moved[tag["name"]][0]
        assert tag["createdTime"] <= tag["lastUpdateTime"]


def test_a_page_after_a_tag_that_vanished_goes_on_where_that_tag_stood(registry: Registry) -> None:
    for tag in ("a", "b", "c"):
        registry.register(NAME, tag, Behaviour())
    assert ask(registry, "DELETE", f"/acr/v1/{NAME}/_tags/b").status == 202
    assert walk(registry, f"/v2/{NAME}/tags/list?last=b", "tags") == [["c"]]


@pytest.mark.parametrize("size", ["0", "-1", "many", "²"])
def test_a_page_size_that_is_no_number_from_one_is_refused(registry: Registry, size: str) -> None:
    registry.register(NAME, "v1", Behaviour())
    answer = ask(registry, "GET", f"/v2/{NAME}/tags/list?n={size}")
    assert (answer.status, code(answer)) == (400, "PAGINATION_NUMBER_INVALID")


def test_the_link_to_the_next_page_is_relative_and_written_as_azure_writes_it(registry: Registry) -> None:
    for tag in ("v1", "v2", "v3"):
        registry.register(NAME, tag, Behaviour())
    link = ask(registry, "GET", f"/v2/{NAME}/tags/list?n=1").headers["Link"]
    assert link == f'</v2/{NAME}/tags/list?last=v1&n=1&orderby=>; rel="next"'


def test_a_list_without_a_page_size_still_comes_in_pages(registry: Registry) -> None:
    for number in range(130):
        registry.register(NAME, f"v{number}", Behaviour())
    assert [len(page) for page in walk(registry, f"/v2/{NAME}/tags/list", "tags")] == [100, 30]


def test_tags_can_be_listed_for_one_digest_only(registry: Registry) -> None:
    digest = registry.register(NAME, "v1", Behaviour())
    registry.register(NAME, "v2", Behaviour())
    body = ask(registry, "GET", f"/v2/{NAME}/manifests/v1").body
    push(registry, "stable", body)
    tags = walk(registry, f"/acr/v1/{NAME}/_tags?digest={digest}", "tags")[0]
    assert [tag["name"] for tag in tags] == ["stable", "v1"]


def test_repositories_and_manifests_are_listed(registry: Registry) -> None:
    digest = registry.register(NAME, "v1", Behaviour())
    registry.register("other", "v1", Behaviour())
    assert walk(registry, "/v2/_catalog?n=1", "repositories") == [["other"], [NAME]]
    (found,) = walk(registry, f"/acr/v1/{NAME}/_manifests", "manifests")[0]
    assert (found["digest"], found["tags"], found["os"], found["architecture"]) == (digest, ["v1"], "linux", "amd64")
    single = json.loads(ask(registry, "GET", f"/acr/v1/{NAME}/_manifests/{digest}").body)["manifest"]
    assert single == found and found["imageSize"] > 0
    tag = json.loads(ask(registry, "GET", f"/acr/v1/{NAME}/_tags/v1").body)["tag"]
    assert (tag["name"], tag["digest"]) == ("v1", digest)
