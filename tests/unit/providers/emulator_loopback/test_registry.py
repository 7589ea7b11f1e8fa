"""Pushing to and pulling from the registry, as one function from request to response."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.registry import Registry
from providers.emulator.registry_images import BEHAVIOUR_LABEL
from providers.emulator.registry_store import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.unit.providers.emulator_loopback.registry_client import (
    NAME,
    TAGS,
    ask,
    code,
    manifest_of,
    push,
    push_blob,
    sha,
    walk,
)


@settings(deadline=None)
@given(repository=st.sampled_from(["a", "shop/web", "a/b_c/d-e"]), tag=TAGS, version=st.text(max_size=8))
def test_a_registered_image_is_complete_and_its_digest_the_same_in_every_process(
    repository: str, tag: str, version: str
) -> None:
    registry, twin = Registry(ManualClock()), Registry(ManualClock())
    digest = registry.register(repository, tag, Behaviour(version=version))
    assert twin.register(repository, tag, Behaviour(version=version)) == digest
    answer = ask(registry, "GET", f"/v2/{repository}/manifests/{tag}")
    assert answer.headers["Docker-Content-Digest"] == digest == sha(answer.body)
    manifest = json.loads(answer.body)
    for part in [manifest["config"], *manifest["layers"]]:
        blob = ask(registry, "GET", f"/v2/{repository}/blobs/{part['digest']}").body
        assert (sha(blob), len(blob)) == (part["digest"], part["size"])


def test_images_that_differ_in_tag_or_behaviour_alone_have_different_digests(registry: Registry) -> None:
    told = [("v1", Behaviour()), ("v2", Behaviour()), ("v1", Behaviour(error_rate=0.5))]
    assert len({registry.register(NAME, tag, behaviour) for tag, behaviour in told}) == 3


def test_a_head_tells_the_digest_and_length_and_sends_no_body(registry: Registry) -> None:
    digest = registry.register(NAME, "v1", Behaviour())
    whole = ask(registry, "GET", f"/v2/{NAME}/manifests/v1")
    for reference in ("v1", digest):
        head = ask(registry, "HEAD", f"/v2/{NAME}/manifests/{reference}")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Docker-Content-Digest"] == digest
        assert head.headers["Content-Length"] == str(len(whole.body))
        assert head.headers["Content-Type"] == OCI_MANIFEST
    assert ask(registry, "HEAD", f"/v2/{NAME}/manifests/gone").status == 404


def test_a_manifest_that_has_not_changed_is_answered_304_to_a_conditional_read(registry: Registry) -> None:
    registry.register(NAME, "v1", Behaviour())
    etag = ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1").headers["Etag"]
    again = ask(registry, "GET", f"/v2/{NAME}/manifests/v1", headers={"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")
    registry.register(NAME, "v1", Behaviour(version="other"))
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/v1", headers={"If-None-Match": etag}).status == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [(None, 200), ("*/*", 200), (f"{OCI_INDEX}, {OCI_MANIFEST};q=0.5", 200), (DOCKER_MANIFEST, 404)],
)
def test_a_manifest_is_hidden_from_clients_that_do_not_accept_its_type(
    registry: Registry, accept: str | None, status: int
) -> None:
    registry.register(NAME, "v1", Behaviour())
    headers = {} if accept is None else {"Accept": accept}
    assert ask(registry, "GET", f"/v2/{NAME}/manifests/v1", headers=headers).status == status


@settings(deadline=None)
@given(body=st.binary(min_size=1, max_size=200), cuts=st.lists(st.integers(0, 200), max_size=4))
def test_a_blob_sent_in_any_chunks_comes_back_whole(body: bytes, cuts: list[int]) -> None:
    registry = Registry(ManualClock())
    begun = ask(registry, "POST", f"/v2/{NAME}/blobs/uploads/")
    assert begun.status == 202
    where = begun.headers["Location"]
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for first, last in itertools.pairwise(edges):
        if last > first:
            headers = {"Content-Range": f"{first}-{last - 1}"}
            answer = ask(registry, "PATCH", where, body[first:last], headers)
            assert (answer.status, answer.headers["Range"]) == (202, f"0-{last - 1}")
            where = answer.headers["Location"]
    assert ask(registry, "GET", where).headers["Range"] == f"0-{len(body) - 1}"
    closed = ask(registry, "PUT", f"{where}?digest={sha(body)}")
    assert closed.status == 201
    assert ask(registry, "GET", closed.headers["Location"]).body == body
    assert ask(registry, "HEAD", closed.headers["Location"]).headers["Content-Length"] == str(len(body))
    assert ask(registry, "PATCH", where, b"more").status == 404


def test_a_chunk_out_of_order_is_refused_and_says_how_much_has_arrived(registry: Registry) -> None:
    where = ask(registry, "POST", f"/v2/{NAME}/blobs/uploads/").headers["Location"]
    ask(registry, "PATCH", where, b"0123")
    answer = ask(registry, "PATCH", where, b"89", {"Content-Range": "8-9"})
    assert (answer.status, code(answer), answer.headers["Range"]) == (416, "BLOB_UPLOAD_INVALID", "0-3")


def test_a_blob_whose_bytes_contradict_its_digest_is_refused(registry: Registry) -> None:
    answer = ask(registry, "POST", f"/v2/{NAME}/blobs/uploads/?digest={sha(b'one')}", b"two")
    assert (answer.status, code(answer)) == (400, "DIGEST_INVALID")
    assert ask(registry, "HEAD", f"/v2/{NAME}/blobs/{sha(b'two')}").status == 404


def test_an_upload_that_was_given_up_is_gone(registry: Registry) -> None:
    where = ask(registry, "POST", f"/v2/{NAME}/blobs/uploads/").headers["Location"]
    assert ask(registry, "DELETE", where).status == 204
    assert code(ask(registry, "PUT", f"{where}?digest={sha(b'')}")) == "BLOB_UPLOAD_UNKNOWN"


def test_a_blob_of_one_repository_is_not_served_by_another_until_it_is_mounted(registry: Registry) -> None:
    digest = push_blob(registry, b"layer")["digest"]
    registry.register("other", "v1", Behaviour())
    assert ask(registry, "GET", f"/v2/other/blobs/{digest}").status == 404
    assert ask(registry, "POST", f"/v2/other/blobs/uploads/?mount={digest}&from=nobody").status == 202
    assert ask(registry, "POST", f"/v2/other/blobs/uploads/?mount={digest}&from={NAME}").status == 201
    assert ask(registry, "GET", f"/v2/other/blobs/{digest}").body == b"layer"


def test_a_pushed_manifest_can_be_read_by_tag_and_by_digest_byte_for_byte(registry: Registry) -> None:
    body = manifest_of(registry)
    answer = push(registry, "v1", body)
    assert (answer.status, answer.headers["Docker-Content-Digest"]) == (201, sha(body))
    for reference in ("v1", sha(body)):
        assert ask(registry, "GET", f"/v2/{NAME}/manifests/{reference}").body == body


@pytest.mark.parametrize(
    ("reference", "body", "media_type", "expected"),
    [
        ("v1", b"not json", OCI_MANIFEST, (400, "MANIFEST_INVALID")),
        ("v1", b"[]", OCI_MANIFEST, (400, "MANIFEST_INVALID")),
        ("v1", b'{"schemaVersion": 1}', OCI_MANIFEST, (400, "MANIFEST_INVALID")),
        ("v1", b'{"schemaVersion": 2, "layers": []}', OCI_MANIFEST, (400, "MANIFEST_INVALID")),
        ("v1", b'{"schemaVersion": 2, "manifests": [1]}', OCI_INDEX, (400, "MANIFEST_INVALID")),
        ("v1", b"{}", "text/plain", (415, "MANIFEST_INVALID")),
        ("-v1", b'{"schemaVersion": 2, "manifests": []}', OCI_INDEX, (400, "TAG_INVALID")),
        (sha(b"another"), b'{"schemaVersion": 2, "manifests": []}', OCI_INDEX, (400, "DIGEST_INVALID")),
    ],
)
def test_a_manifest_that_is_not_one_is_refused_and_leaves_nothing(
    registry: Registry, reference: str, body: bytes, media_type: str, expected: tuple[int, str]
) -> None:
    answer = push(registry, reference, body, media_type)
    assert (answer.status, code(answer)) == expected
    assert ask(registry, "HEAD", f"/v2/{NAME}/manifests/{reference}").status == 404


def test_a_manifest_may_only_name_what_its_repository_holds(registry: Registry) -> None:
    body = json.loads(manifest_of(registry))
    body["layers"].append({"mediaType": "x", "digest": sha(b"never sent"), "size": 10})
    assert code(push(registry, "v1", json.dumps(body).encode())) == "MANIFEST_BLOB_UNKNOWN"
    index = {"schemaVersion": 2, "manifests": [{"mediaType": OCI_MANIFEST, "digest": sha(b"x"), "size": 1}]}
    assert code(push(registry, "v1", json.dumps(index).encode(), OCI_INDEX)) == "MANIFEST_UNKNOWN"


def test_an_index_of_several_architectures_is_kept_and_described(registry: Registry) -> None:
    images = [manifest_of(registry, json.dumps({"architecture": kind}).encode()) for kind in ("amd64", "arm64")]
    for image in images:
        push(registry, sha(image), image)
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": sha(image), "size": len(image), "platform": {"architecture": kind}}
        for image, kind in zip(images, ("amd64", "arm64"), strict=True)
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    assert push(registry, "v1", index, OCI_INDEX).status == 201
    described = json.loads(ask(registry, "GET", f"/acr/v1/{NAME}/_manifests/{sha(index)}").body)["manifest"]
    assert [entry["architecture"] for entry in described["references"]] == ["amd64", "arm64"]


def test_what_was_pushed_is_told_with_the_behaviour_that_the_image_carries(clock: ManualClock) -> None:
    told: list[tuple[str, str | None, Behaviour | None, str]] = []
    registry = Registry(clock, lambda *push: told.append(push))
    behaviour = Behaviour(version="2.0", error_rate=0.5, errors_after_seconds=3)
    digest = registry.register(NAME, "v2", behaviour)
    body = ask(registry, "GET", f"/v2/{NAME}/manifests/v2").body
    push(registry, "stable", body)
    plain = manifest_of(registry)
    push(registry, sha(plain), plain)
    assert told == [
        (NAME, "v2", behaviour, digest),
        (NAME, "stable", behaviour, digest),
        (NAME, None, None, sha(plain)),
    ]


def test_an_image_whose_behaviour_cannot_be_read_is_refused_with_the_reason(registry: Registry) -> None:
    config = json.dumps({"config": {"Labels": {BEHAVIOUR_LABEL: '{"errorRate": 7}'}}}).encode()
    answer = push(registry, "v1", manifest_of(registry, config))
    assert answer.status == 400 and "errorRate: expected a number from 0 to 1" in answer.body.decode()
    assert ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1").status == 404


def test_signatures_are_found_by_the_digest_they_refer_to(registry: Registry) -> None:
    image = manifest_of(registry)
    push(registry, "v1", image)
    subject = {"mediaType": OCI_MANIFEST, "digest": sha(image), "size": len(image)}
    signature = manifest_of(registry, subject=subject, artifactType="application/vnd.example.signature")
    assert push(registry, sha(signature), signature).headers["Oci-Subject"] == sha(image)
    found = json.loads(ask(registry, "GET", f"/v2/{NAME}/referrers/{sha(image)}").body)
    assert [entry["digest"] for entry in found["manifests"]] == [sha(signature)]
    other = ask(registry, "GET", f"/v2/{NAME}/referrers/{sha(image)}?artifactType=text/other")
    assert json.loads(other.body)["manifests"] == [] and other.headers["OCI-Filters-Applied"] == "artifactType"


def test_deleting_a_manifest_takes_its_tags_along_and_deleting_a_tag_leaves_the_manifest(registry: Registry) -> None:
    digest = registry.register(NAME, "v1", Behaviour())
    push(registry, "v1-copy", ask(registry, "GET", f"/v2/{NAME}/manifests/v1").body)
    assert ask(registry, "DELETE", f"/v2/{NAME}/manifests/v1-copy").status == 202
    assert walk(registry, f"/v2/{NAME}/tags/list", "tags") == [["v1"]]
    assert ask(registry, "DELETE", f"/v2/{NAME}/manifests/{digest}").status == 202
    assert walk(registry, f"/v2/{NAME}/tags/list", "tags") == [[]]
    assert code(ask(registry, "GET", f"/v2/{NAME}/manifests/{digest}")) == "MANIFEST_UNKNOWN"


@pytest.mark.parametrize(
    ("method", "target", "status", "name"),
    [
        ("GET", "/v2/nobody/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/UPPER/tags/list", 400, "NAME_INVALID"),
        ("GET", f"/acr/v1/{NAME}/_tags/none", 404, "TAG_UNKNOWN"),
        ("GET", f"/acr/v1/{NAME}/_tags?orderby=size", 400, "UNSUPPORTED"),
        ("POST", f"/v2/{NAME}/tags/list", 405, "UNSUPPORTED"),
        ("GET", f"/v2/{NAME}/blobs/sha256:short", 400, "DIGEST_INVALID"),
        ("GET", f"/v2/{NAME}/blobs/uploads/", 405, "UNSUPPORTED"),
        ("GET", "/v2/strange", 404, "NOT_FOUND"),
    ],
)
def test_a_refusal_has_the_status_and_code_of_the_specification(
    registry: Registry, method: str, target: str, status: int, name: str
) -> None:
    registry.register(NAME, "v1", Behaviour())
    answer = ask(registry, method, target)
    assert (answer.status, code(answer)) == (status, name)


def test_every_answer_of_the_registry_names_its_interface(registry: Registry) -> None:
    for target in ("/v2/", "/v2/nobody/tags/list"):
        assert ask(registry, "GET", target).headers["Docker-Distribution-Api-Version"] == "registry/2.0"
