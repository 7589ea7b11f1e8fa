"""One delivery of each source, in the shapes that their senders document, with names of our own."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from watchers.signals import Signal
from watchers.webhooks import Handshake, Junk, Source, read

DIGEST = "sha256:" + "5f" * 32
PUSHED = {
    "id": "8a2f", "timestamp": "2026-11-20T10:00:00Z", "action": "push",
    "target": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1153, "length": 1153,
        "digest": DIGEST, "repository": "shop/storefront", "tag": "1.5.0",
    },
    "request": {"id": "c1", "host": "contoso.azurecr.io", "method": "PUT", "useragent": "skopeo/1.9"},
}  # fmt: skip
EVENT = {
    "id": "e1", "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contoso",
    "subject": "shop/storefront:1.5.0", "eventType": "Microsoft.ContainerRegistry.ImagePushed",
    "eventTime": "2026-11-20T10:00:00Z", "data": PUSHED, "dataVersion": "2.0", "metadataVersion": "1",
}  # fmt: skip
CLOUD_EVENT = {
    "id": "e1", "source": EVENT["topic"], "subject": "shop/storefront:1.5.0", "specversion": "1.0",
    "type": "Microsoft.ContainerRegistry.ImagePushed", "time": "2026-11-20T10:00:00Z", "data": PUSHED,
}  # fmt: skip
VALIDATION = {
    "id": "v1", "topic": EVENT["topic"], "subject": "", "eventTime": "2026-11-20T10:00:00Z", "metadataVersion": "1",
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "dataVersion": "2",
    "data": {"validationCode": "512d38b6", "validationUrl": "https://rp-westeurope.eventgrid.azure.net/validate"},
}  # fmt: skip
NOTIFICATION = {
    "events": [
        {
            "id": "n1", "timestamp": "2026-11-20T10:00:00Z", "action": "push",
            "target": {
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "digest": DIGEST, "length": 528,
                "repository": "shop/storefront", "tag": "1.5.0", "url": "http://127.0.0.1:5000/v2/shop/storefront",
            },
            "request": {"id": "r1", "addr": "127.0.0.1:40000", "host": "127.0.0.1:5000", "method": "PUT"},
            "actor": {}, "source": {"addr": "registry:5000", "instanceID": "i1"},
        }
    ]
}  # fmt: skip
HUB = {
    "callback_url": "https://registry.hub.docker.com/u/contoso/storefront/hook/1/",
    "push_data": {"pushed_at": 1795168800, "pusher": "contoso", "tag": "1.5.0", "images": []},
    "repository": {"name": "storefront", "namespace": "contoso", "repo_name": "contoso/storefront", "is_private": True},
}
PACKAGE = {
    "action": "published",
    "registry_package": {
        "id": 1, "name": "Storefront", "namespace": "Contoso", "ecosystem": "CONTAINER", "package_type": "CONTAINER",
        "owner": {"login": "Contoso", "id": 2},
        "package_version": {
            "id": 3, "version": DIGEST, "package_url": "ghcr.io/contoso/storefront:1.5.0",
            "container_metadata": {"tag": {"name": "1.5.0", "digest": DIGEST}, "labels": {}, "manifest": {}},
        },
        "registry": {"name": "GitHub CONTAINER registry"},
    },
    "sender": {"login": "octo"},
}  # fmt: skip
GENERIC = {"image": f"registry.contoso.com:5000/shop/storefront:1.5.0@{DIGEST}"}
FROM_GITHUB = {"X-GitHub-Event": "registry_package"}
SAMPLES: list[tuple[Source, dict[str, str], Any]] = [
    (Source.ACR, {}, PUSHED),
    (Source.EVENTGRID, {}, [EVENT]),
    (Source.EVENTGRID, {}, CLOUD_EVENT),
    (Source.EVENTGRID, {}, [CLOUD_EVENT]),
    (Source.EVENTGRID, {}, [VALIDATION]),
    (Source.DISTRIBUTION, {}, NOTIFICATION),
    (Source.DOCKERHUB, {}, HUB),
    (Source.GITHUB, FROM_GITHUB, PACKAGE),
    (Source.SIGNED, {}, GENERIC),
]


def said(source: Source, document: Any, headers: dict[str, str] | None = None) -> tuple[Signal, ...]:
    found = read(source, headers or {}, json.dumps(document).encode())
    assert not isinstance(found, Handshake)
    return found


def junk(source: Source, body: bytes, headers: dict[str, str] | None = None) -> str:
    with pytest.raises(Junk) as refused:
        read(source, headers or {}, body)
    return str(refused.value)


def changed(document: Any, *path: str | int, to: Any) -> Any:
    """The document with another value at a path."""
    fresh = copy.deepcopy(document)
    inner = fresh
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return fresh
