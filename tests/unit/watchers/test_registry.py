"""Digests and tags, as a registry tells them."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.watchers.fakes import (
    ACR,
    BODY,
    DIGEST,
    NAME,
    Reply,
    Request,
    Time,
    document,
    manifest,
    problem,
    registry_of,
)
from watchers.errors import Denied, Malformed, NotFound, Throttled, Unreachable
from watchers.manifests import DOCKER_LIST, MEDIA_TYPES, OCI_INDEX, OCI_MANIFEST, Manifest
from watchers.reference import ReferenceProblem, parse
from watchers.registry import resolve

OTHER = "sha256:" + "0" * 64
TAGS = st.lists(st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,12}\Z"), unique=True, max_size=30)


def test_a_tags_digest_is_what_the_registry_says_of_it_without_its_body_being_read() -> None:
    registry, transport = registry_of(
        lambda request: manifest(body=b"") if request.method == "HEAD" else (500, {}, b"")
    )
    assert registry.digest(NAME, "v1") == Manifest(DIGEST, OCI_MANIFEST)
    (asked,) = transport.requests
    assert asked.address == f"https://{ACR}/v2/{NAME}/manifests/v1"
    assert all(kind in asked.headers["Accept"] for kind in MEDIA_TYPES)


@pytest.mark.parametrize("told", [None, "", "sha256:12", "md5:0", f"{DIGEST}, {DIGEST}"])
def test_without_a_usable_digest_header_the_bytes_are_hashed(told: str | None) -> None:
    registry, _ = registry_of(lambda _: manifest(told))
    assert registry.digest(NAME, "v1") == Manifest(DIGEST, OCI_MANIFEST)


@given(layers=st.lists(st.integers(), max_size=5), spaces=st.integers(0, 3))
def test_the_hash_is_of_the_bytes_as_sent(layers: list[int], spaces: int) -> None:
    body = json.dumps({"schemaVersion": 2, "config": {}, "layers": layers}, indent=spaces).encode()
    registry, _ = registry_of(lambda _: manifest(None, body, "application/json"))
    assert registry.digest(NAME, "v1").digest == "sha256:" + hashlib.sha256(body).hexdigest()


def test_a_digest_is_looked_up_and_must_come_back_as_itself() -> None:
    registry, transport = registry_of(lambda _: manifest())
    assert registry.digest(NAME, DIGEST).digest == DIGEST
    assert transport.requests[0].path == f"/v2/{NAME}/manifests/{DIGEST}"
    with pytest.raises(Malformed, match=f"{NAME}@{OTHER}: answered with {DIGEST}"):
        registry.digest(NAME, OTHER)


def test_a_sha512_digest_is_held_against_sha512_of_the_bytes() -> None:
    digest = "sha512:" + hashlib.sha512(BODY).hexdigest()
    registry, _ = registry_of(lambda _: manifest(None))
    assert registry.digest(NAME, digest).digest == digest
    with pytest.raises(Malformed):
        registry.digest(NAME, "sha512:" + "0" * 128)


def test_bytes_that_are_not_what_the_registry_says_are_refused() -> None:
    registry, _ = registry_of(lambda request: (405, {}, b"") if request.method == "HEAD" else manifest(OTHER))
    with pytest.raises(Malformed, match=r"its content has .*, the registry says"):
        registry.digest(NAME, "v1")


@pytest.mark.parametrize("kind", [OCI_INDEX, DOCKER_LIST])
def test_an_image_for_several_platforms_is_pinned_as_a_whole(kind: str) -> None:
    registry, _ = registry_of(lambda _: manifest(media_type=f"{kind}; charset=utf-8"))
    assert registry.digest(NAME, "v1") == Manifest(DIGEST, kind)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>Sign in to the network</html>", "text/html"),
        (b'{"schemaVersion": 1, "fsLayers": []}', "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        (b'{"hello": "world"}', "application/json"),
        (b"[]", "application/json"),
        (BODY[:20], "application/json"),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_what_is_no_manifest_never_becomes_a_digest(body: bytes, kind: str) -> None:
    for told in (None, "sha256:" + hashlib.sha256(body).hexdigest()):
        registry, _ = registry_of(partial(manifest_reply, told, body, kind))
        with pytest.raises(Malformed, match=f"{ACR}/{NAME}:v1: expected"):
            registry.digest(NAME, "v1")


def manifest_reply(told: str | None, body: bytes, kind: str, _: Request) -> Reply:
    return manifest(told, body, kind)


def test_the_reason_of_a_refusal_is_asked_for_since_a_head_has_no_body() -> None:
    registry, _ = registry_of(lambda _: problem(404, "MANIFEST_UNKNOWN", "manifest tagged by v9 is not found"))
    with pytest.raises(NotFound) as refused:
        registry.digest(NAME, "v9")
    assert str(refused.value).startswith(
        f"{ACR}/{NAME}:v9: not in the registry (404 MANIFEST_UNKNOWN: manifest tagged by v9 is not found); check"
    )
    assert refused.value.code == "MANIFEST_UNKNOWN"


def test_a_firewall_is_told_from_a_missing_image() -> None:
    words = "client with IP '203.0.113.9' is not allowed access"
    registry, _ = registry_of(lambda _: problem(403, "DENIED", words))
    with pytest.raises(Denied) as refused:
        registry.digest(NAME, "v1")
    assert words in str(refused.value) and "firewall" in refused.value.remedy


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (problem(429, "TOOMANYREQUESTS"), Throttled),
        (problem(500, "UNKNOWN"), Unreachable),
        (problem(503, "UNAVAILABLE"), Unreachable),
        ((502, {}, b"<html>bad gateway</html>"), Unreachable),
        (problem(404, "NAME_UNKNOWN"), NotFound),
        (problem(400, "NAME_INVALID"), Malformed),
        ((418, {}, b""), Malformed),
        ((304, {}, b""), Malformed),
    ],
)
def test_every_status_has_its_error(reply: Reply, kind: type[Exception]) -> None:
    registry, _ = registry_of(lambda _: reply)
    with pytest.raises(kind):
        registry.digest(NAME, "v1")
    with pytest.raises(kind):
        registry.tags(NAME)


@pytest.mark.parametrize(
    ("repository", "reference"), [("Shop/web", "v1"), ("../v2", "v1"), ("shop", "a/b"), ("shop", "a?n=1"), ("", "v1")]
)
def test_a_name_that_is_none_is_refused_before_anything_is_sent(repository: str, reference: str) -> None:
    registry, transport = registry_of(lambda _: manifest())
    with pytest.raises(ReferenceProblem):
        registry.digest(repository, reference)
    assert transport.requests == []


def test_a_new_image_is_waited_for_only_as_long_as_asked() -> None:
    time = Time()

    def appears(_: Request) -> Reply:
        return manifest() if time.seconds >= 20 else problem(404, "MANIFEST_UNKNOWN")

    registry, _ = registry_of(appears, time=time)
    with pytest.raises(NotFound):
        registry.digest(NAME, "v1")
    assert time.seconds == 0
    assert registry.digest(NAME, "v1", appear_seconds=60).digest == DIGEST
    assert 20 <= time.seconds <= 25

    def never(_: Request) -> Reply:
        return problem(404, "MANIFEST_UNKNOWN")

    registry, _ = registry_of(never, time=(clock := Time()))
    with pytest.raises(NotFound):
        registry.digest(NAME, "v1", appear_seconds=60)
    assert 50 <= clock.seconds <= 60


def test_a_repository_that_does_not_exist_is_not_waited_for() -> None:
    time = Time()
    registry, _ = registry_of(lambda _: problem(404, "NAME_UNKNOWN"), time=time)
    with pytest.raises(NotFound, match="check the repository's name"):
        registry.digest(NAME, "v1", appear_seconds=60)
    assert time.seconds == 0


def test_what_may_pass_is_asked_again_and_what_is_lasting_is_not() -> None:
    failures = [problem(503, "UNAVAILABLE"), problem(429, "TOOMANYREQUESTS", Retry_After="0.5")]
    time = Time()
    registry, _ = registry_of(lambda _: failures.pop(0) if failures else manifest(), attempts=3, time=time)
    assert registry.digest(NAME, "v1").digest == DIGEST
    assert time.naps[1] == 0.5
    registry, transport = registry_of(lambda _: problem(403, "DENIED"), attempts=3)
    with pytest.raises(Denied):
        registry.digest(NAME, "v1")
    assert [request.method for request in transport.requests] == ["HEAD", "GET"]


def test_attempts_end_and_a_wait_longer_than_there_is_time_for_is_not_begun() -> None:
    registry, transport = registry_of(lambda _: (503, {}, b""), attempts=3)
    with pytest.raises(Unreachable):
        registry.digest(NAME, "v1")
    assert len(transport.requests) == 3
    time = Time()
    registry, _ = registry_of(lambda _: problem(429, "X", Retry_After="600"), attempts=3, time=time)
    with pytest.raises(Throttled, match="it asks to wait 600 s") as refused:
        registry.digest(NAME, "v1")
    assert refused.value.retry_after == 600 and time.naps == []


def paged(tags: list[str], size: int, absolute: bool = False) -> object:
    def answer(request: Request) -> Reply:
        last = request.query.get("last")
        start = tags.index(last) + 1 if last is not None else 0
        page = tags[start : start + size]
        more = start + size < len(tags)
        base = f"https://{ACR}" if absolute else ""
        link = f'<{base}{request.path}?last={quote(page[-1])}&n={size}&orderby=>; rel="next"' if more else None
        body = {"name": NAME, "tags": page}
        return document(body, Link=link) if link else document(body)

    return answer


@given(tags=TAGS, size=st.integers(1, 7), absolute=st.booleans())
def test_all_tags_come_in_the_registrys_order_whatever_the_pages(tags: list[str], size: int, absolute: bool) -> None:
    registry, _ = registry_of(paged(tags, size, absolute))  # type: ignore[arg-type]
    assert registry.tags(NAME) == tuple(tags)


@pytest.mark.parametrize(
    "link",
    ['<{}>; rel="next"', "<{}>;rel=next", '<{}>; title="a, b"; rel="NEXT"', '</x>; rel="prev", <{}> ; rel="next"'],
)
def test_a_link_is_read_however_it_is_written(link: str) -> None:
    def answer(request: Request) -> Reply:
        if request.query.get("last"):
            return document({"tags": ["b"]})
        return document({"tags": ["a"]}, Link=link.format("/v2/x?last=a"))

    registry, _ = registry_of(answer)
    assert registry.tags(NAME) == ("a", "b")


def test_a_next_page_on_another_host_is_not_asked_for() -> None:
    registry, transport = registry_of(lambda _: document({"tags": ["a"]}, Link='<https://evil.example/>; rel="next"'))
    with pytest.raises(Malformed, match=r"its next page leads to https://evil\.example"):
        registry.tags(NAME)
    assert {request.host for request in transport.requests} == {ACR}


def test_pages_that_go_in_a_circle_or_never_end_are_given_up() -> None:
    registry, _ = registry_of(lambda _: document({"tags": ["a"]}, Link='</v2/x?last=a>; rel="next"'))
    with pytest.raises(Malformed, match="pages without an end"):
        registry.tags(NAME)
    count = iter(range(5000))
    registry, transport = registry_of(lambda _: document({"tags": []}, Link=f'</v2/x?last={next(count)}>; rel="next"'))
    with pytest.raises(Malformed, match="pages without an end"):
        registry.tags(NAME)
    assert len(transport.requests) <= 1000


def test_a_repository_may_have_no_tags_and_names_that_are_none_are_left_out() -> None:
    assert registry_of(lambda _: document({"name": NAME, "tags": None}))[0].tags(NAME) == ()
    assert registry_of(lambda _: document({"tags": ["v1", "", "a b", "../x", "v1", "ü"]}))[0].tags(NAME) == ("v1",)


@pytest.mark.parametrize("body", [b'{"tags": ["a"', b'{"tags": "a"}', b'{"tags": [1]}', b"[]", b"", b"\xff"])
def test_a_list_that_is_none_is_refused(body: bytes) -> None:
    registry, _ = registry_of(lambda _: (200, {}, body))
    with pytest.raises(Malformed, match="expected"):
        registry.tags(NAME)


def test_a_page_cut_short_is_asked_for_again() -> None:
    replies = [(200, {}, b'{"tags": ["a"'), document({"tags": ["a"]})]
    registry, _ = registry_of(lambda _: replies.pop(0), attempts=3)
    assert registry.tags(NAME) == ("a",)


def test_a_redirect_is_followed_within_the_site_only_and_not_for_ever() -> None:
    def inside(request: Request) -> Reply:
        return manifest() if request.path == "/there" else (307, {"Location": "/there"}, b"")

    assert registry_of(inside)[0].digest(NAME, "v1").digest == DIGEST
    registry, transport = registry_of(lambda _: (302, {"Location": "https://evil.example/"}, b""))
    with pytest.raises(Malformed, match=r"its redirect leads to https://evil\.example"):
        registry.digest(NAME, "v1")
    assert {request.host for request in transport.requests} == {ACR}
    with pytest.raises(Malformed, match="more than 5 redirects"):
        registry_of(lambda request: (307, {"Location": request.address + "x"}, b""))[0].digest(NAME, "v1")


def test_docker_hub_is_asked_where_its_registry_really_is() -> None:
    registry, transport = registry_of(lambda _: manifest(), "docker.io")
    found = resolve(parse("nginx:1.25"), registry)
    assert str(found) == f"docker.io/library/nginx:1.25@{DIGEST}"
    assert transport.requests[0].address == "https://registry-1.docker.io/v2/library/nginx/manifests/1.25"
