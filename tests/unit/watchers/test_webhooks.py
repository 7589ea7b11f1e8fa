"""What registries send: read as hints about names that a registry can have, or refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.watchers.webhook_samples import (
    CLOUD_EVENT,
    DIGEST,
    EVENT,
    FROM_GITHUB,
    GENERIC,
    HUB,
    NOTIFICATION,
    PACKAGE,
    PUSHED,
    VALIDATION,
    changed,
    junk,
    said,
)
from watchers.signals import Signal
from watchers.webhooks import Handshake, Junk, Source, read
from watchers.webhooks.azure import may_send
from watchers.webhooks.signed import signature_of

EXAMPLES = Path(__file__).parents[4] / "shared/azure/eventgrid-containerregistry/2018-01-01/examples"
STOREFRONT = Signal("contoso.azurecr.io", "shop/storefront", "1.5.0", DIGEST, "acr")


def test_a_push_to_azure_is_a_signal_for_its_repository_and_tag() -> None:
    assert said(Source.ACR, PUSHED) == (STOREFRONT,)


@pytest.mark.parametrize("action", ["delete", "quarantine", "ping", "chart_push", "chart_delete", "something_new"])
def test_azure_events_that_release_no_image_are_passed_over(action: str) -> None:
    assert said(Source.ACR, {"action": action}) == ()
    assert said(Source.ACR, changed(PUSHED, "action", to=action)) == ()


def test_a_push_by_digest_alone_is_passed_over() -> None:
    untagged = changed(PUSHED, "target", to={"repository": "shop/storefront", "digest": DIGEST})
    assert said(Source.ACR, untagged) == ()
    assert said(Source.EVENTGRID, [changed(EVENT, "data", to=untagged)]) == ()
    assert said(Source.DISTRIBUTION, changed(NOTIFICATION, "events", 0, "target", "tag", to=None)) == ()


def test_a_push_that_does_not_name_its_registry_is_meant_for_every_one() -> None:
    assert said(Source.ACR, changed(PUSHED, "request", to=None))[0].host is None


def test_a_digest_that_is_none_is_left_out_and_the_rest_believed() -> None:
    assert said(Source.ACR, changed(PUSHED, "target", "digest", to="sha256:no"))[0].digest is None


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("target", "repository"), "Shop/Storefront", "small letters"),
        (("target", "repository"), "../etc", "path parts"),
        (("target", "repository"), None, "target.repository: expected the repository"),
        (("target", "repository"), "a" * 600, "at most 512 characters"),
        (("target", "tag"), "with space", "a tag of at most 128"),
        (("target", "tag"), ["1.5.0"], "$.target.tag"),
        (("request", "host"), "contoso.azurecr.io/evil", "host name"),
        (("action",), 7, "$.action"),
    ],
)
def test_names_that_no_registry_can_have_are_refused_with_their_path(
    place: tuple[str, ...], value: Any, sentence: str
) -> None:
    assert sentence in junk(Source.ACR, json.dumps(changed(PUSHED, *place, to=value)).encode())


@pytest.mark.parametrize("body", [[EVENT], CLOUD_EVENT, [CLOUD_EVENT], [EVENT, EVENT], [CLOUD_EVENT, EVENT]])
def test_a_push_is_the_same_in_both_schemas_of_event_grid_and_heard_once(body: Any) -> None:
    assert said(Source.EVENTGRID, body) == (
        Signal("contoso.azurecr.io", "shop/storefront", "1.5.0", DIGEST, "eventgrid"),
    )


def test_other_events_of_event_grid_are_passed_over_whatever_they_carry() -> None:
    other = changed(changed(EVENT, "eventType", to="Microsoft.Storage.BlobCreated"), "data", to={"action": 5})
    assert said(Source.EVENTGRID, [other, EVENT]) == said(Source.EVENTGRID, [EVENT])


def test_the_handshake_of_event_grids_own_schema_gives_the_code_back() -> None:
    found = read(Source.EVENTGRID, {}, json.dumps([VALIDATION]).encode())
    assert found == Handshake({"validationResponse": "512d38b6"})


@pytest.mark.parametrize("code", [None, "", 5, "x" * 2000])
def test_a_handshake_without_a_usable_code_is_junk(code: Any) -> None:
    without = [changed(VALIDATION, "data", "validationCode", to=code)]
    assert "expected" in junk(Source.EVENTGRID, json.dumps(without).encode())


@pytest.mark.parametrize("body", [[], [[]], [{}], {}, {"type": "x"}, {"type": "x", "specversion": "0.3"}, [None], 3])
def test_what_is_neither_schema_of_event_grid_is_junk(body: Any) -> None:
    assert "expected" in junk(Source.EVENTGRID, json.dumps(body).encode())


def test_the_handshake_of_cloud_events_names_the_origin_and_a_rate() -> None:
    assert may_send({"WebHook-Request-Origin": "eventgrid.azure.net"}, 120).headers == {
        "WebHook-Allowed-Origin": "eventgrid.azure.net",
        "WebHook-Allowed-Rate": "120",
    }


@pytest.mark.parametrize("origin", ["", "a b", "x\r\nSet-Cookie: a", "é.net", "a" * 300])
def test_a_handshake_of_cloud_events_without_a_usable_origin_is_junk(origin: str) -> None:
    with pytest.raises(Junk, match="WebHook-Request-Origin"):
        may_send({"WebHook-Request-Origin": origin}, 120)


@pytest.mark.parametrize("schema", ["cloud-events-schema", "event-grid-schema"])
@pytest.mark.parametrize("name", ["image_pushed", "image_deleted", "chart_pushed", "chart_deleted"])
def test_azures_own_examples_are_read_as_what_they_are(schema: str, name: str) -> None:
    path = EXAMPLES / schema / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"Azure's examples are not here: {path}")
    text = path.read_text(encoding="utf-8").strip()
    body = json.dumps(json.JSONDecoder().raw_decode(text)[0] if not text.startswith("[") else json.loads(text))
    found = read(Source.EVENTGRID, {}, body.encode())
    expected = [("jolovcr.azurecr.io", "samples/nginx", "latest")] if name == "image_pushed" else []
    assert isinstance(found, tuple)
    assert [(signal.host, signal.repository, signal.tag) for signal in found] == expected


def test_a_manifest_that_was_pushed_under_a_tag_is_what_distribution_tells() -> None:
    assert said(Source.DISTRIBUTION, NOTIFICATION) == (
        Signal("127.0.0.1:5000", "shop/storefront", "1.5.0", DIGEST, "distribution"),
    )


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("action",), "pull"),
        (("action",), "mount"),
        (("action",), "delete"),
        (("target", "mediaType"), "application/octet-stream"),
        (("target", "mediaType"), "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        (("target", "mediaType"), None),
        (("target",), None),
    ],
)
def test_layers_and_our_own_reads_are_passed_over_beside_a_push(place: tuple[str, ...], value: Any) -> None:
    push = NOTIFICATION["events"][0]
    both = {"events": [changed(push, *place, to=value), push, push]}
    assert said(Source.DISTRIBUTION, both) == said(Source.DISTRIBUTION, NOTIFICATION)


@pytest.mark.parametrize("body", [{"events": []}, {}, [], {"events": {}}, {"events": [5]}])
def test_an_envelope_without_events_is_junk(body: Any) -> None:
    assert "expected" in junk(Source.DISTRIBUTION, json.dumps(body).encode())


def test_docker_hub_tells_of_repositories_by_their_whole_name() -> None:
    assert said(Source.DOCKERHUB, HUB) == (Signal("docker.io", "contoso/storefront", "1.5.0", None, "dockerhub"),)
    official = changed(HUB, "repository", "repo_name", to="nginx")
    assert said(Source.DOCKERHUB, official)[0].repository == "library/nginx"


@pytest.mark.parametrize("event", ["registry_package", "package"])
def test_a_container_package_is_an_image_of_ghcr_in_small_letters(event: str) -> None:
    delivery = {event: PACKAGE["registry_package"]}
    assert said(Source.GITHUB, delivery, {"X-GitHub-Event": event}) == (
        Signal("ghcr.io", "contoso/storefront", "1.5.0", DIGEST, "github"),
    )


def test_a_package_without_a_tag_still_means_its_repository() -> None:
    untagged = changed(PACKAGE, "registry_package", "package_version", to=None)
    assert said(Source.GITHUB, untagged, FROM_GITHUB) == (
        Signal("ghcr.io", "contoso/storefront", None, None, "github"),
    )


def test_pings_pushes_of_code_and_other_packages_of_github_are_passed_over() -> None:
    assert said(Source.GITHUB, {"zen": "Keep it simple."}, {"X-GitHub-Event": "ping"}) == ()
    assert said(Source.GITHUB, PACKAGE, {"X-GitHub-Event": "push"}) == ()
    assert said(Source.GITHUB, changed(PACKAGE, "registry_package", "package_type", to="npm"), FROM_GITHUB) == ()


def test_github_without_an_event_or_sending_a_form_is_junk_with_the_remedy() -> None:
    assert "X-GitHub-Event" in junk(Source.GITHUB, json.dumps(PACKAGE).encode())
    assert "application/json" in junk(Source.GITHUB, b"payload=%7B%7D", FROM_GITHUB)


def test_the_generic_webhook_names_an_image_as_container_tools_do() -> None:
    assert said(Source.SIGNED, GENERIC) == (
        Signal("registry.contoso.com:5000", "shop/storefront", "1.5.0", DIGEST, "signed"),
    )
    assert said(Source.SIGNED, {"image": "nginx", "more": 1}) == (
        Signal("docker.io", "library/nginx", None, None, "signed"),
    )


@pytest.mark.parametrize("image", [None, 5, "", "https://contoso.azurecr.io/a", "a" * 100_000, "a b", "\ud800"])
def test_a_generic_webhook_without_an_image_is_junk(image: Any) -> None:
    assert "expected" in junk(Source.SIGNED, json.dumps({"image": image}).encode())


@pytest.mark.parametrize(
    "text", ["", "sha256=", "sha1=" + "0" * 40, "sha256=" + "g" * 64, "0" * 64, "sha256=" + "0" * 66]
)
def test_what_cannot_be_a_signature_is_none(text: str) -> None:
    assert signature_of(Source.GITHUB, {"X-Hub-Signature-256": text}) is None
