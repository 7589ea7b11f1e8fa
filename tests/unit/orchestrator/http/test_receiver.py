"""Webhooks over a real socket: who sends them is checked first, and what they say becomes signals."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.unit.orchestrator.http.hooks import BEARER, SECRET, deliver, introduced, listening, signed
from tests.unit.watchers.webhook_samples import FROM_GITHUB, GENERIC, PACKAGE, PUSHED, SAMPLES, VALIDATION
from watchers.webhooks import Source

PUSHES = [(source, headers, document) for source, headers, document in SAMPLES if document != [VALIDATION]]


@pytest.mark.parametrize(("source", "headers", "document"), PUSHES)
def test_a_push_from_every_source_is_taken_and_heard(source: Source, headers: dict[str, str], document: Any) -> None:
    with listening() as (client, ears):
        found = deliver(client, source, document, headers)
    assert (found.status, found.document) == (202, {"signals": 1})
    assert [(signal.repository.rpartition("/")[2], signal.tag, signal.why) for signal in ears.signals] == [
        ("storefront", "1.5.0", source.value)
    ]
    assert ears.outcomes == [(source.value, "taken")]


@pytest.mark.parametrize(("source", "headers", "document"), SAMPLES)
def test_a_wrong_secret_is_refused_and_nothing_is_heard(source: Source, headers: dict[str, str], document: Any) -> None:
    with listening() as (client, ears):
        assert deliver(client, source, document, headers, secret="wrong").status == 401
        assert client.ask("POST", f"/webhooks/{source}", json.dumps(document).encode(), headers).status == 401
    assert ears.signals == []


@pytest.mark.parametrize("source", Source)
def test_a_source_without_secrets_is_refused_even_with_an_empty_one(source: Source) -> None:
    with listening({}) as (client, ears):
        for secret in ("", "anything"):
            found = deliver(client, source, {}, secret=secret)
            assert (found.status, found.code) == (401, "noSecret")
        assert f"ROLLOUT_WEBHOOK_SECRET_{source.upper()}" in found.document["error"]["message"]
    assert ears.signals == []


@pytest.mark.parametrize("source", Source)
def test_junk_is_refused_with_its_place_and_only_after_the_secret(source: Source) -> None:
    with listening() as (client, ears):
        headers = {"X-GitHub-Event": "package"}
        body = b'{"events": NaN}'
        assert client.ask("POST", f"/webhooks/{source}", body, headers).status == 401
        found = client.ask("POST", f"/webhooks/{source}", body, {**headers, **introduced(source, body)})
    assert (found.status, found.code) == (400, "junk")
    assert "NaN is no number" in found.document["error"]["message"]
    assert ears.outcomes[-1] == (source.value, "junk")


def test_an_old_and_a_new_secret_are_good_at_once() -> None:
    with listening({"ROLLOUT_WEBHOOK_SECRET": "old,new", "ROLLOUT_WEBHOOK_SECRET_SIGNED": "a,b"}) as (client, _):
        assert [deliver(client, Source.ACR, PUSHED, secret=each).status for each in ("old", "new", "a")] == [
            202,
            202,
            401,
        ]
        assert [deliver(client, Source.SIGNED, GENERIC, secret=each).status for each in ("a", "b", "old")] == [
            202, 202, 401,
        ]  # fmt: skip


@pytest.mark.parametrize("source", [Source.ACR, Source.EVENTGRID, Source.DISTRIBUTION, Source.DOCKERHUB])
def test_the_secret_may_come_as_the_password_of_an_address(source: Source) -> None:
    basic = base64.b64encode(f"hook:{SECRET}".encode()).decode()
    with listening() as (client, _):
        path = f"/webhooks/{source}"
        assert client.ask("POST", path, b"{", {"Authorization": f"Basic {basic}"}).status == 400
        assert client.ask("POST", path, b"{", {"Authorization": "Basic !!!"}).status == 401
        assert client.ask("POST", path, b"{", {"Authorization": f"Basic {SECRET}"}).status == 401


@pytest.mark.parametrize("source", Source)
def test_the_secret_may_stand_in_the_address_only_of_senders_without_headers(source: Source) -> None:
    with listening() as (client, _):
        found = client.ask("POST", f"/webhooks/{source}?secret={SECRET}", b"{")
    assert found.status == (400 if source in (Source.EVENTGRID, Source.DOCKERHUB) else 401)


def test_a_signature_of_another_body_is_refused() -> None:
    with listening() as (client, ears):
        headers = {"X-Rollout-Signature": signed(b'{"image": "nginx:1"}')}
        assert client.ask("POST", "/webhooks/signed", b'{"image": "nginx:2"}', headers).code == "badSignature"
    assert ears.signals == []


def test_a_delivery_that_comes_again_is_heard_again_and_harms_nothing() -> None:
    with listening() as (client, ears):
        assert [deliver(client, Source.GITHUB, PACKAGE, FROM_GITHUB).status for _ in range(2)] == [202, 202]
    assert len(set(ears.signals)) == 1


def test_what_tells_of_no_push_is_taken_and_not_heard() -> None:
    with listening() as (client, ears):
        found = deliver(client, Source.ACR, {"action": "ping"})
    assert (found.status, ears.signals, ears.outcomes) == (202, [], [("acr", "ignored")])


def test_both_handshakes_of_event_grid_are_answered_at_once() -> None:
    with listening() as (client, ears):
        validated = deliver(client, Source.EVENTGRID, [VALIDATION], {"aeg-event-type": "SubscriptionValidation"})
        greeted = client.ask(
            "OPTIONS", "/webhooks/eventgrid", headers={"WebHook-Request-Origin": "eventgrid.azure.net"}
        )
        nobody = client.ask("OPTIONS", "/webhooks/eventgrid")
    assert (validated.status, validated.document) == (200, {"validationResponse": "512d38b6"})
    assert (greeted.status, greeted.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")
    assert int(greeted.headers["WebHook-Allowed-Rate"]) > 0
    assert nobody.status == 400
    assert ears.signals == []


def test_other_methods_and_other_sources_are_refused() -> None:
    with listening() as (client, _):
        assert client.ask("GET", "/webhooks/acr", headers=BEARER).status == 405
        assert client.ask("OPTIONS", "/webhooks/acr", headers=BEARER).status == 405
        assert client.ask("POST", "/webhooks/quay", headers=BEARER).status == 404


def test_the_log_says_once_a_minute_why_a_source_is_refused_and_never_what_it_sent() -> None:
    with listening() as (client, ears):
        for seconds in (0.0, 1.0, 61.0):
            ears.seconds = seconds
            deliver(client, Source.ACR, PUSHED, secret="hunter2")
    assert ears.log.said == [("webhook_refused", {"source": "acr", "why": "badSecret"})] * 2
