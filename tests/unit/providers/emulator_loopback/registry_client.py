"""What the tests of the registry need to talk to it."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl

from hypothesis import strategies as st

from providers.emulator.http import Request, Response
from providers.emulator.registry import Registry
from providers.emulator.registry_store import OCI_MANIFEST

NAME = "shop/web"
TAGS = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,12}\Z")


def ask(
    registry: Registry, method: str, target: str, body: bytes | str = b"", headers: dict[str, str] | None = None
) -> Response:
    path, _, query = target.partition("?")
    raw = body.encode() if isinstance(body, str) else body
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return registry.handle(Request(method, path, pairs, {"Host": "127.0.0.1:8088", **(headers or {})}, raw))


def sha(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def push_blob(registry: Registry, body: bytes, name: str = NAME) -> dict[str, Any]:
    answer = ask(registry, "POST", f"/v2/{name}/blobs/uploads/?digest={sha(body)}", body)
    assert answer.status == 201
    return {"mediaType": "application/octet-stream", "digest": sha(body), "size": len(body)}


def manifest_of(registry: Registry, config: bytes = b"{}", media_type: str = OCI_MANIFEST, **extra: Any) -> bytes:
    layers = [push_blob(registry, b"layer")]
    whole = {"schemaVersion": 2, "mediaType": media_type, "config": push_blob(registry, config), "layers": layers}
    return json.dumps(whole | extra).encode()


def push(registry: Registry, reference: str, body: bytes, media_type: str = OCI_MANIFEST) -> Response:
    return ask(registry, "PUT", f"/v2/{NAME}/manifests/{reference}", body, {"Content-Type": media_type})


def code(answer: Response) -> str:
    return str(json.loads(answer.body)["errors"][0]["code"])


def walk(registry: Registry, target: str, key: str) -> list[list[Any]]:
    """Follow `Link` headers to the end and return what stood on each page."""
    pages = []
    for _ in range(200):
        answer = ask(registry, "GET", target)
        assert answer.status == 200
        pages.append(json.loads(answer.body)[key])
        link = answer.headers.get("Link")
        if link is None:
            return pages
        assert link.startswith("</") and link.endswith('>; rel="next"')
        target = link[1 : link.index(">")]
    raise AssertionError("the pages never end")
