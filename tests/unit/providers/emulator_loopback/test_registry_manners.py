"""What can be wrong with the emulated registry, and whose manners it can have."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from providers.emulator.clock import ManualClock
from providers.emulator.registry import Registry
from providers.emulator.registry_manners import Manners
from tests.unit.providers.emulator_loopback.registry_client import NAME, ask, code, manifest_of, push, walk

LIST, TIMES = f"/v2/{NAME}/tags/list", f"/acr/v1/{NAME}/_tags?orderby=timedesc"


def pushed(registry: Registry, *tags: str) -> str:
    body = manifest_of(registry)
    for tag in tags:
        answer = push(registry, tag, body)
        assert answer.status == 201
    return str(answer.headers["Docker-Content-Digest"])


def tags(registry: Registry, target: str = LIST) -> list[str]:
    found = json.loads(ask(registry, "GET", target).body)["tags"]
    return [tag if isinstance(tag, str) else tag["name"] for tag in found]


@pytest.mark.parametrize("retry_after", [None, "3", "0.05", "Thu, 01 Jan 2026 00:00:30 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_registry_refuses_so_often_and_says_when_to_come_back_as_it_was_told_to(
    registry: Registry, retry_after: str | None, status: int
) -> None:
    pushed(registry, "v1")
    registry.manners.throttle(2, retry_after, status=status, path="/tags/list$")
    assert ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1").status == 200
    for _ in range(2):
        answer = ask(registry, "GET", LIST)
        assert (answer.status, answer.headers.get("Retry-After")) == (status, retry_after)
        assert code(answer) in ("TOOMANYREQUESTS", "UNAVAILABLE")
    assert ask(registry, "GET", LIST).status == 200


@pytest.mark.parametrize("target", [LIST, TIMES])
def test_a_list_of_tags_that_did_not_change_is_not_sent_again_to_who_shows_its_etag(
    registry: Registry, target: str
) -> None:
    pushed(registry, "v1")
    assert "Etag" not in ask(registry, "GET", target).headers
    registry.manners.etags = True
    first = ask(registry, "GET", target)
    etag = first.headers["Etag"]
    again = ask(registry, "GET", target, headers={"If-None-Match": etag})
    assert (again.status, again.body, again.headers["Etag"]) == (304, b"", etag)
    pushed(registry, "v2")
    changed = ask(registry, "GET", target, headers={"If-None-Match": etag})
    assert changed.status == 200 and changed.headers["Etag"] != etag


def test_a_replica_that_lags_lists_the_tag_and_does_not_know_its_manifest_until_then(
    registry: Registry, clock: ManualClock
) -> None:
    digest = pushed(registry, "v1", "v2")
    registry.manners.lag(NAME, "v2", clock.now() + timedelta(seconds=10))
    assert tags(registry) == ["v1", "v2"]
    assert code(ask(registry, "GET", f"/v2/{NAME}/manifests/v2")) == "MANIFEST_UNKNOWN"
    assert ask(registry, "HEAD", f"/v2/{NAME}/manifests/v2").status == 404
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/v1").status == 200
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/{digest}").status == 200
    clock.advance(10)
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/v2").status == 200


@pytest.mark.parametrize("target", [LIST, TIMES])
def test_a_tag_can_be_missing_from_a_few_lists_and_from_no_other_repositorys(registry: Registry, target: str) -> None:
    pushed(registry, "v1", "v2")
    registry.manners.hide(NAME, "v2", 2)
    registry.manners.hide("shop/other", "v1", 9)
    assert [sorted(tags(registry, target)) for _ in range(3)] == [["v1"], ["v1"], ["v1", "v2"]]


def test_a_list_can_come_cut_short_although_its_length_says_it_is_whole(registry: Registry) -> None:
    pushed(registry, "v1")
    registry.manners.cut(1)
    whole = ask(registry, "GET", f"/v2/{NAME}/manifests/v1")
    assert json.loads(whole.body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(ask(registry, "GET", LIST).body)
    assert tags(registry) == ["v1"]


def test_a_push_into_quarantine_can_be_pulled_when_it_has_passed_and_not_before(registry: Registry) -> None:
    before = pushed(registry, "v1")
    registry.manners.quarantines = True
    body = manifest_of(registry, b'{"os": "linux"}')
    digest = push(registry, "v2", body).headers["Docker-Content-Digest"]
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/{before}").status == 200
    assert tags(registry) == ["v1", "v2"]
    assert code(ask(registry, "GET", f"/v2/{NAME}/manifests/v2")) == "MANIFEST_UNKNOWN"
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/{digest}").status == 403
    judged = f"/acr/v1/{NAME}/_manifests/{digest}"
    assert ask(registry, "PATCH", judged, '{"quarantineState": "Passed"}').status == 202
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/v2").status == 200
    assert ask(registry, "PATCH", judged, '{"quarantineState": "Failed"}').status == 202
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/v2").status == 404


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"quarantineState": "Maybe"}', '{"quarantineState": 7}'])
def test_a_judgement_that_is_none_is_refused(registry: Registry, body: str) -> None:
    digest = pushed(registry, "v1")
    assert ask(registry, "PATCH", f"/acr/v1/{NAME}/_manifests/{digest}", body).status == 400
    assert ask(registry, "PATCH", f"/acr/v1/{NAME}/_manifests/sha256:{'0' * 64}", body).status == 404


def test_a_registry_without_azures_manners_does_not_know_its_paths(registry: Registry) -> None:
    pushed(registry, "v1")
    registry.manners.azure = False
    for target in (TIMES, f"/acr/v1/{NAME}/_manifests", "/acr/v1/_catalog"):
        assert ask(registry, "GET", target).status == 404
    assert tags(registry) == ["v1"]


def test_pages_are_as_large_as_the_registry_likes(registry: Registry) -> None:
    names = [f"v{number:02}" for number in range(25)]
    pushed(registry, *names)
    registry.manners.largest_page = 10
    for asked in ("", "?n=1000"):
        assert [len(page) for page in walk(registry, LIST + asked, "tags")] == [10, 10, 5]
    registry.manners.largest_page = 5000
    assert len(walk(registry, f"{LIST}?n=5000", "tags")) == 1
    registry.manners.largest_page = None
    assert walk(registry, f"{LIST}?n=2&last=v03", "tags") == [names]


def test_a_reset_heals_what_is_wrong_and_leaves_the_registrys_ways(clock: ManualClock) -> None:
    registry = Registry(clock, manners=Manners(etags=True, azure=False))
    registry.manners.throttle(9)
    registry.manners.cut(9)
    registry.manners.quarantine(NAME, pushed_digest(registry))
    registry.reset()
    pushed(registry, "v1")
    answer = ask(registry, "GET", LIST)
    assert answer.status == 200 and "Etag" in answer.headers
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/v1").status == 200
    assert ask(registry, "GET", TIMES).status == 404


def pushed_digest(registry: Registry) -> str:
    healthy = Registry(ManualClock())
    return pushed(healthy, "v1")


def test_two_registries_with_the_same_manners_do_not_share_their_troubles(clock: ManualClock) -> None:
    manners = Manners()
    one, other = (Registry(clock, manners=replace(manners)) for _ in range(2))
    pushed(one, "v1")
    pushed(other, "v1")
    one.manners.throttle(5)
    assert ask(other, "GET", LIST).status == 200
