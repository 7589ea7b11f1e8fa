"""Azure's list of tags by the time of their last push."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.watchers.fakes import (
    ACR,
    DIGEST,
    NAME,
    Handler,
    Reply,
    Request,
    document,
    manifest,
    problem,
    registry_of,
)
from watchers import acr
from watchers.errors import Denied, Malformed, NotFound
from watchers.policies import policy_of
from watchers.transport import Answer
from watchers.watch import look

START = datetime(2026, 1, 1, tzinfo=UTC)
RULE = policy_of({"semver": ">=0.0.0"})


def entry(tag: str, second: float, digest: str = DIGEST) -> dict[str, str]:
    when = START + timedelta(seconds=second)
    # Azure writes a tick of 100 ns as the last of seven digits, and leaves zeros at the end out.
    written = f"{when:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"
    return {"name": tag, "digest": digest, "createdTime": written, "lastUpdateTime": written}


def answer(body: object) -> Answer:
    return Answer(200, f"https://{ACR}/x", body=json.dumps(body).encode())


@given(seconds=st.lists(st.floats(0, 100, allow_nan=False), min_size=2, max_size=8))
def test_times_are_ordered_as_times_however_many_digits_they_are_written_with(seconds: list[float]) -> None:
    rounded = [round(second, 6) for second in seconds]
    found = acr.pushed(answer({"tags": [entry(f"t{i}", second) for i, second in enumerate(rounded)]}), "x")
    by_time = sorted(range(len(found)), key=lambda i: found[i].at)
    assert [rounded[i] for i in by_time] == sorted(rounded)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"tags": "v1"},
        {"tags": ["v1"]},
        {"tags": [{"name": "v1"}]},
        {"tags": [{**entry("v1", 0), "digest": "sha256:12"}]},
        {"tags": [{**entry("v1", 0), "lastUpdateTime": "yesterday"}]},
        {"tags": [{**entry("v1", 0), "lastUpdateTime": 7}]},
    ],
)
def test_a_page_that_is_none_is_refused_with_what_was_expected(body: object) -> None:
    with pytest.raises(Malformed, match="expected"):
        acr.pushed(answer(body), "x")


def test_a_repository_without_tags_is_an_empty_page_and_impossible_names_are_left_out() -> None:
    assert acr.pushed(answer({"registry": ACR, "imageName": NAME, "tags": None}), "x") == ()
    assert [found.tag for found in acr.pushed(answer({"tags": [entry("../x", 0), entry("v1", 0)]}), "x")] == ["v1"]


def azure(pages: list[list[dict[str, str]]], links: list[str] | None = None) -> Handler:
    """A registry with these pages by time, and the same tags by name."""

    def reply(request: Request) -> Reply:
        names = sorted({one["name"] for page in pages for one in page})
        if request.path.startswith("/v2/"):
            return document({"tags": names}) if request.path.endswith("/tags/list") else manifest()
        number = int(request.query.get("page", "0"))
        more = links[number] if links else f"{request.path}?page={number + 1}" if number + 1 < len(pages) else ""
        return document({"tags": pages[number]}, **({"Link": f'<{more}>; rel="next"'} if more else {}))

    return reply


def test_pages_are_read_on_until_they_are_older_than_what_is_known() -> None:
    pages = [[entry("1.0.0", 0)]]
    registry, transport = registry_of(azure(pages))
    sight = look(registry, NAME, RULE, None)
    pages[:0] = [[entry("1.3.0", 30)], [entry("1.4.0", 20)], [entry("1.2.0", 10)]]
    transport.requests.clear()
    assert look(registry, NAME, RULE, sight).tag == "1.4.0"
    assert [request.query.get("page") for request in transport.requests if "/acr/" in request.path] == [
        None,
        "1",
        "2",
        "3",
    ]
    assert not any("tags/list" in request.path for request in transport.requests)


def test_a_next_page_on_another_host_is_not_asked_for_and_pages_in_a_circle_end() -> None:
    pages = [[entry("1.0.0", 0)]]
    links = [""]
    registry, transport = registry_of(azure(pages, links))
    sight = look(registry, NAME, RULE, None)
    pages[0] = [entry("1.1.0", 1)]
    links[0] = "https://evil.example/x"
    with pytest.raises(Malformed, match=r"its next page leads to https://evil\.example"):
        look(registry, NAME, RULE, sight)
    assert {request.host for request in transport.requests} == {ACR}
    links[0] = "?page=0"
    assert look(registry, NAME, RULE, sight).tag == "1.1.0"


def test_a_push_that_a_slow_replica_shows_late_is_seen_all_the_same() -> None:
    pages = [[entry("1.0.0", 0), entry("0.9.0", -5)]]
    registry, _ = registry_of(azure(pages))
    sight = look(registry, NAME, RULE, None)
    pages[0].insert(1, entry("1.1.0", -1))
    assert look(registry, NAME, RULE, sight).tag == "1.1.0"


@pytest.mark.parametrize("only_by", ["time", "name"])
def test_a_tag_that_one_of_the_two_lists_does_not_show_yet_is_seen_in_the_other(only_by: str) -> None:
    def reply(request: Request) -> Reply:
        if request.path.startswith("/acr/"):
            return document({"tags": [entry("1.0.0", 0), *([entry("1.1.0", 1)] if only_by == "time" else [])]})
        names = ["1.0.0", *(["1.1.0"] if only_by == "name" else [])]
        return document({"tags": names}) if request.path.endswith("/tags/list") else manifest()

    registry, _ = registry_of(reply)
    assert look(registry, NAME, RULE, None, thorough=True).tag == "1.1.0"


def test_one_odd_answer_does_not_make_a_registry_another_one() -> None:
    replies: list[Reply] = []
    good = azure([[entry("1.0.0", 0)]])
    registry, _ = registry_of(lambda request: replies.pop() if replies else good(request))
    sight = look(registry, NAME, RULE, None)
    for odd, kind in (
        (problem(403, "DENIED"), Denied),
        (problem(404, "NAME_UNKNOWN"), NotFound),
        ((200, {}, b"<html>"), Malformed),
    ):
        replies.append(odd)
        with pytest.raises(kind):
            look(registry, NAME, RULE, sight)
        assert look(registry, NAME, RULE, sight) is sight
    replies.append((404, {}, b"404 page not found"))
    assert look(registry, NAME, RULE, sight) == sight
    assert registry.by_time is True


@pytest.mark.parametrize("odd", [(404, {}, b"404 page not found"), (200, {}, b"<html>"), problem(404, "NOT_FOUND")])
def test_on_this_machine_a_registry_that_does_not_speak_azures_language_is_asked_in_the_common_one(odd: Reply) -> None:
    def reply(request: Request) -> Reply:
        if request.path.startswith("/acr/"):
            return odd
        return document({"tags": ["1.0.0"]}) if request.path.endswith("/tags/list") else manifest()

    registry, transport = registry_of(reply, "localhost:5000")
    for _ in range(3):
        assert look(registry, NAME, RULE, None).tag == "1.0.0"
    assert sum(request.path.startswith("/acr/") for request in transport.requests) == 1


def test_other_registries_are_never_asked_for_azures_list() -> None:
    def reply(request: Request) -> Reply:
        return document({"tags": ["1.0.0"]}) if request.path.endswith("/tags/list") else manifest()

    registry, transport = registry_of(reply, "ghcr.io")
    look(registry, NAME, RULE, None)
    assert not any("/acr/" in request.path for request in transport.requests)
