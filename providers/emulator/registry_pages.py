"""Listings of the emulated registry: tags and repositories page by page, and what Azure Container Registry adds.

A page ends with a `Link` header whose URL is relative, as that registry sends it; the last page has none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from providers.emulator.http import Request, Response
from providers.emulator.registry_manners import LARGEST_PAGE
from providers.emulator.registry_store import (
    INDEX_TYPES,
    OCI_INDEX,
    Manifest,
    RegistryError,
    RegistryStore,
    Repository,
    Tag,
)

DEFAULT_PAGE = 100
CHANGEABLE = {"deleteEnabled": True, "writeEnabled": True, "readEnabled": True, "listEnabled": True}
Item = TypeVar("Item")


def list_tags(
    store: RegistryStore,
    name: str,
    request: Request,
    without: Collection[str] = (),
    largest: int | None = LARGEST_PAGE,
) -> Response:
    """Answer `GET /v2/<name>/tags/list` in lexical order, `n` tags at a time after `last`, some left out if need be.

    With `largest` None the list has one page, as of registries that know nothing of pages.
    """
    shown = sorted(tag for tag in store.repository(name).tags if tag not in without)
    if largest is None:
        return _answer({"name": name, "tags": shown}, None)
    names, link = _page(shown, lambda tag: tag, request, ordered=True, largest=largest)
    return _answer({"name": name, "tags": names}, link)


def list_catalog(store: RegistryStore, request: Request) -> Response:
    """Answer `GET /v2/_catalog` and `GET /acr/v1/_catalog`: the repositories that exist, in lexical order."""
    names, link = _page(sorted(store.repositories), lambda name: name, request, ordered=True)
    return _answer({"repositories": names}, link)


def list_acr_tags(store: RegistryStore, name: str, request: Request, without: Collection[str] = ()) -> Response:
    """Answer `GET /acr/v1/<name>/_tags`, also by time (`orderby=timedesc|timeasc`) or of one `digest` only."""
    held = store.repository(name)
    digest = request.query.get("digest")
    tags = [tag for tag in held.tags.values() if digest in (None, "", tag.digest) and tag.name not in without]
    tags, ordered = _ordered(tags, lambda tag: (tag.updated_at, tag.serial), lambda tag: tag.name, request)
    page, link = _page(tags, lambda tag: tag.name, request, ordered=ordered)
    return _answer({**_head(name, request), "tags": [_tag(tag) for tag in page]}, link)


def show_acr_tag(store: RegistryStore, name: str, tag: str, request: Request) -> Response:
    """Answer `GET /acr/v1/<name>/_tags/<tag>`; TAG_UNKNOWN (404) when there is none."""
    found = store.repository(name).tags.get(tag)
    if found is None:
        raise RegistryError(404, "TAG_UNKNOWN", "the specified tag does not exist", {"name": tag})
    return _answer({**_head(name, request), "tag": _tag(found)}, None)


def list_acr_manifests(store: RegistryStore, name: str, request: Request) -> Response:
    """Answer `GET /acr/v1/<name>/_manifests`, by digest or by time."""
    held = store.repository(name)
    every = list(held.manifests.values())
    manifests, ordered = _ordered(every, lambda one: (one.pushed_at, one.digest), lambda one: one.digest, request)
    page, link = _page(manifests, lambda found: found.digest, request, ordered=ordered)
    body = {**_head(name, request), "manifests": [_manifest(store, held, found) for found in page]}
    return _answer(body, link)


def show_acr_manifest(store: RegistryStore, name: str, digest: str, request: Request) -> Response:
    """Answer `GET /acr/v1/<name>/_manifests/<digest>`."""
    found = store.manifest(name, digest)
    return _answer({**_head(name, request), "manifest": _manifest(store, store.repository(name), found)}, None)


def list_referrers(store: RegistryStore, name: str, digest: str, request: Request) -> Response:
    """Answer `GET /v2/<name>/referrers/<digest>`: an index of the manifests whose `subject` is that digest."""
    wanted = request.query.get("artifactType")
    entries = []
    for found in store.repository(name).manifests.values():
        document = found.document
        kind = document.get("artifactType") or (document.get("config") or {}).get("mediaType")
        if (document.get("subject") or {}).get("digest") == digest and wanted in (None, "", kind):
            entry = {"mediaType": found.media_type, "digest": found.digest, "size": len(found.body)}
            entries.append({**entry, "artifactType": kind, "annotations": document.get("annotations") or {}})
    headers = {"Content-Type": OCI_INDEX} | ({"OCI-Filters-Applied": "artifactType"} if wanted else {})
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return Response(200, headers, msgspec.json.encode(body))


def _ordered(
    items: list[Item], time: Callable[[Item], Any], name: Callable[[Item], str], request: Request
) -> tuple[list[Item], bool]:
    order = request.query.get("orderby") or "none"
    if order not in ("none", "timedesc", "timeasc"):
        raise RegistryError(400, "UNSUPPORTED", f"orderby must be timedesc, timeasc or absent; got {order}")
    if order == "none":
        return sorted(items, key=name), True
    return sorted(items, key=time, reverse=order == "timedesc"), False


def _page(
    items: Sequence[Item],
    name: Callable[[Item], str],
    request: Request,
    *,
    ordered: bool,
    largest: int = LARGEST_PAGE,
) -> tuple[list[Item], str | None]:
    """Cut one page out of all items; the second value is the `Link` header, None on the last page.

    `last` need not exist any more where the order is that of the names. Where it is not, a `last` that is gone begins
    again at the start: telling a tag twice is harmless, leaving one out is not.
    """
    size, last = _size(request, largest), request.query.get("last", "")
    if ordered:
        rest = [item for item in items if name(item) > last]
    else:
        position = next((index for index, item in enumerate(items) if name(item) == last), -1)
        rest = list(items[position + 1 :])
    page = rest[:size]
    if len(rest) <= size:
        return page, None
    carried = {key: value for key, value in request.query.items() if key not in ("last", "n", "orderby")}
    query = urlencode({"last": name(page[-1]), "n": size, "orderby": request.query.get("orderby", ""), **carried})
    return page, f'<{request.path}?{query}>; rel="next"'


def _size(request: Request, largest: int) -> int:
    text = request.query.get("n", "")
    if not text:
        return min(DEFAULT_PAGE, largest)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        message = "n must be a whole number from 1"
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", message, {"n": text})
    return min(int(text), largest)


def _tag(tag: Tag) -> dict[str, Any]:
    return {
        "name": tag.name,
        "digest": tag.digest,
        "createdTime": _time(tag.created_at),
        "lastUpdateTime": _time(tag.updated_at),
        "signed": False,
        "changeableAttributes": CHANGEABLE,
    }


def _manifest(store: RegistryStore, held: Repository, manifest: Manifest) -> dict[str, Any]:
    described = {
        "digest": manifest.digest,
        "imageSize": _image_size(held, manifest),
        "createdTime": _time(manifest.pushed_at),
        "lastUpdateTime": _time(manifest.pushed_at),
        "mediaType": manifest.media_type,
        "tags": sorted(tag.name for tag in held.tags.values() if tag.digest == manifest.digest),
        "changeableAttributes": CHANGEABLE,
    }
    if manifest.media_type in INDEX_TYPES:
        entries = manifest.document["manifests"]
        described["references"] = [{"digest": entry["digest"], **entry.get("platform", {})} for entry in entries]
    else:
        config = image_config(store, held.name, manifest)
        platform = {"architecture": config.get("architecture", ""), "os": config.get("os", "")}
        described |= {**platform, "configMediaType": manifest.document["config"].get("mediaType", "")}
    return described


def image_config(store: RegistryStore, repository: str, manifest: Manifest) -> dict[str, Any]:
    """Return the configuration object of an image; empty where an artifact's config is not a JSON object."""
    raw = store.blob(repository, manifest.document["config"]["digest"])
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def _image_size(held: Repository, manifest: Manifest) -> int:
    if manifest.media_type in INDEX_TYPES:
        inner = [held.manifests.get(entry["digest"]) for entry in manifest.document["manifests"]]
        return sum(_image_size(held, found) for found in inner if found is not None)
    parts = [manifest.document["config"], *manifest.document["layers"]]
    return len(manifest.body) + sum(int(part.get("size", 0)) for part in parts)


def _head(name: str, request: Request) -> dict[str, str]:
    return {"registry": request.header("Host") or "localhost", "imageName": name}


def _time(moment: datetime) -> str:
    """Write a time as that registry does: UTC with seven digits of a second."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z"


def _answer(body: Mapping[str, Any], link: str | None) -> Response:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if link is not None:
        headers["Link"] = link
    return Response(200, headers, msgspec.json.encode(body))
