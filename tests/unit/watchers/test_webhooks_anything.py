"""Anything may be sent: bytes, JSON of any shape, real deliveries with anything in any place."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.watchers.webhook_samples import FROM_GITHUB, SAMPLES, changed, junk
from watchers.reference import canonical_host, check_repository, check_tag, is_digest
from watchers.webhooks import Handshake, Junk, Source, read
from watchers.webhooks.signed import is_signed

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))
SOURCES = st.sampled_from(list(Source))


def places(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    keys = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [*([above] if above else []), *(place for key, inner in keys for place in places(inner, (*above, key)))]


def check_harmless(source: Source, headers: dict[str, str], body: bytes) -> None:
    """Whatever was sent: signals with names that a registry can have, a handshake, or a sentence of bounded length."""
    try:
        found = read(source, headers, body)
    except Junk as refused:
        assert "expected" in str(refused)
        assert len(str(refused)) < 500
        return
    if isinstance(found, Handshake):
        assert source is Source.EVENTGRID
        return
    for signal in found:
        check_repository(signal.repository)
        assert signal.host is None or signal.host == canonical_host(signal.host)
        assert signal.digest is None or is_digest(signal.digest)
        if signal.tag is not None:
            check_tag(signal.tag)


@given(source=SOURCES, body=st.binary(max_size=200), event=st.sampled_from(["", "ping", "package", "registry_package"]))
def test_any_bytes_are_read_or_refused_with_a_sentence(source: Source, body: bytes, event: str) -> None:
    check_harmless(source, {"X-GitHub-Event": event}, body)


@given(source=SOURCES, document=JSON, event=st.sampled_from(["ping", "package", "registry_package"]))
def test_any_json_is_read_or_refused_with_a_sentence(source: Source, document: Any, event: str) -> None:
    check_harmless(source, {"X-GitHub-Event": event}, json.dumps(document).encode())


@given(data=st.data(), sample=st.sampled_from(SAMPLES), value=JSON)
def test_a_delivery_with_anything_in_any_place_is_read_or_refused_with_a_sentence(
    data: st.DataObject, sample: tuple[Source, dict[str, str], Any], value: Any
) -> None:
    source, headers, document = sample
    place = data.draw(st.sampled_from(places(document)))
    check_harmless(source, headers, json.dumps(changed(document, *place, to=value)).encode())


@given(data=st.data(), sample=st.sampled_from(SAMPLES))
def test_a_delivery_that_is_cut_short_is_refused(
    data: st.DataObject, sample: tuple[Source, dict[str, str], Any]
) -> None:
    source, headers, document = sample
    body = json.dumps(document).encode()
    assert "expected JSON" in junk(source, body[: data.draw(st.integers(0, len(body) - 1))], headers)


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "expected JSON"),
        (b"\xff\xfe{}", "expected JSON in UTF-8; byte 0"),
        (b"[" * 200_000, "expected JSON of a few levels"),
        (b'{"a":' * 200_000, "expected JSON of a few levels"),
        (b'{"image": NaN}', "NaN is no number"),
        (b'{"image": -Infinity}', "-Infinity is no number"),
        (b'{"image": ' + b"9" * 6000 + b"}", "more digits"),
        (b'{"image": 1, "image": 2}', "'image' stands there twice"),
        (b'{"image": {"a": 1, "a": 1}}', "'a' stands there twice"),
    ],
)
def test_what_readers_of_json_disagree_about_is_junk_for_every_source(
    source: Source, body: bytes, sentence: str
) -> None:
    assert sentence in junk(source, body, FROM_GITHUB)


@given(body=st.binary(max_size=50), secrets=st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=3))
def test_a_signature_with_any_of_the_secrets_is_good_and_of_any_other_body_is_not(
    body: bytes, secrets: list[bytes]
) -> None:
    for secret in secrets:
        made = hmac.new(secret, body, hashlib.sha256).digest()
        assert is_signed(secrets, made, body)
        assert not is_signed(secrets, made, body + b"x")
        assert not is_signed([], made, body)
