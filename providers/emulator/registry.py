"""An OCI distribution registry in memory: what real clients push to and list, with the manners of Azure's registry.

`Registry.handle` is a function from request to response over `RegistryStore`; `registry_pages` lists, `registry_auth`
issues tokens, `registry_uploads` takes blobs in. Every image that arrives is told to `on_push`, so that the world
learns its digest. An image carries its behaviour in a label of its own configuration: whoever copies or re-tags it, by
whatever client, takes the behaviour along.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from providers.emulator import registry_pages as pages
from providers.emulator import registry_uploads as uploads
from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import Clock
from providers.emulator.http import Request, Response
from providers.emulator.registry_auth import TokenService
from providers.emulator.registry_images import BEHAVIOUR_LABEL, parts_of
from providers.emulator.registry_manners import Manners
from providers.emulator.registry_store import INDEX_TYPES, Manifest, RegistryError, RegistryStore, is_digest

OnPush = Callable[[str, str | None, Behaviour | None, str], object]
_V2 = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>tags/list|manifests/[^/]+|blobs/.+|referrers/[^/]+)/?")
_ACR = re.compile(r"/acr/v1/(?P<name>.+?)/_(?P<kind>tags|manifests)(?:/(?P<item>[^/]+))?/?")
_ACTIONS = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}


def ignore_push(repository: str, tag: str | None, behaviour: Behaviour | None, digest: str) -> None:
    """Do nothing with a pushed image: the default of a registry that stands alone."""


class Registry:
    """One registry; `on_push(repository, tag, behaviour, digest)` is called for each manifest that was stored.

    `tag` is None for a push by digest, `behaviour` for an image made by others. `World.register_image` fits. `manners`
    may be changed at any time.
    """

    def __init__(
        self,
        clock: Clock,
        on_push: OnPush = ignore_push,
        tokens: TokenService | None = None,
        manners: Manners | None = None,
    ) -> None:
        self.store = RegistryStore()
        self.manners = manners or Manners()
        self._clock = clock
        self._on_push = on_push
        self._tokens = tokens or TokenService(clock)

    def reset(self) -> None:
        """Forget every repository and upload, and what is wrong with the registry."""
        self.store = RegistryStore()
        self.manners.reset()

    def handle(self, request: Request) -> Response:
        """Answer one request to `/v2/…`, `/acr/v1/…` or `/oauth2/…`; refusals are the specification's error bodies."""
        try:
            self.manners.check(request)
            response = self.manners.dressed(request, self._route(request))
        except RegistryError as error:
            response = _refusal(error)
        if request.path.startswith("/v2"):
            headers = {"Docker-Distribution-Api-Version": "registry/2.0", **response.headers}
            response = Response(response.status, headers, response.body)
        if request.method == "HEAD":
            length = str(len(response.body))
            return Response(response.status, {"Content-Length": length, **response.headers})
        return response

    def register(self, repository: str, tag: str, behaviour: Behaviour) -> str:
        """Make a small but complete image that behaves as told, tag it, and return its digest.

        The digest depends on repository, tag and behaviour alone, so it is the same in every process. Raises
        RegistryError when the name or tag is one that no registry would take.
        """
        parts = parts_of(repository, tag, behaviour.to_json())
        now = self._clock.now()
        for digest, blob in parts.blobs.items():
            self.store.put_blob(repository, digest, blob, now)
        manifest = self.store.put_manifest(repository, tag, parts.media_type, parts.manifest, now)
        self._on_push(repository, tag, behaviour, manifest.digest)
        return manifest.digest

    def _route(self, request: Request) -> Response:
        if request.path.startswith("/oauth2/"):
            return self._tokens.handle(request)
        if request.path.rstrip("/") == "/v2":
            self._tokens.check(request, "registry:catalog:*")
            return Response(200, {"Content-Type": "application/json"}, b"{}")
        if request.path.rstrip("/") in ("/v2/_catalog", "/acr/v1/_catalog" if self.manners.azure else None):
            self._tokens.check(request, "registry:catalog:*")
            _only(request, "GET")
            return pages.list_catalog(self.store, request)
        if found := _V2.fullmatch(request.path):
            name, kind = found["name"], found["kind"]
            self._tokens.check(request, f"repository:{name}:{_ACTIONS.get(request.method, 'push')}")
            return self._repository(request, name, kind)
        if self.manners.azure and (found := _ACR.fullmatch(request.path)):
            reading = request.method in ("GET", "HEAD")
            action = "metadata_read" if reading else _ACTIONS.get(request.method, "metadata_write")
            self._tokens.check(request, f"repository:{found['name']}:{action}")
            return self._acr(request, found["name"], found["kind"], found["item"])
        raise RegistryError(404, "NOT_FOUND", f"{request.path} is not a path of the registry")

    def _repository(self, request: Request, name: str, kind: str) -> Response:
        head, _, rest = kind.partition("/")
        if head == "tags":
            _only(request, "GET")
            return pages.list_tags(self.store, name, request, self.manners.hidden(name), self.manners.largest_page)
        if head == "manifests":
            return self._manifests(request, name, rest)
        if head == "referrers":
            _only(request, "GET")
            return pages.list_referrers(self.store, name, rest, request)
        if rest == "uploads" or rest.startswith("uploads/"):
            return uploads.handle(self.store, request, name, rest.partition("/")[2], self._clock.now())
        _only(request, "GET", "HEAD")
        body = self.store.blob(name, rest)
        return Response(200, {"Content-Type": "application/octet-stream", "Docker-Content-Digest": rest}, body)

    def _manifests(self, request: Request, name: str, reference: str) -> Response:
        _only(request, "GET", "HEAD", "PUT", "DELETE")
        if request.method == "PUT":
            return self._push(request, name, reference)
        if request.method == "DELETE":
            self.store.delete_manifest(name, reference)
            return Response(202)
        manifest = self.store.manifest(name, reference)
        self.manners.check_pull(name, reference, manifest, self._clock.now())
        _check_accepted(request, manifest)
        headers = {
            "Content-Type": manifest.media_type,
            "Docker-Content-Digest": manifest.digest,
            "Etag": f'"{manifest.digest}"',
        }
        if request.header("If-None-Match") == headers["Etag"]:
            return Response(304, {"Docker-Content-Digest": manifest.digest, "Etag": headers["Etag"]})
        return Response(200, headers, manifest.body)

    def _push(self, request: Request, name: str, reference: str) -> Response:
        media_type = (request.header("Content-Type") or "").partition(";")[0].strip()
        manifest = self.store.checked_manifest(name, reference, media_type, request.body, self._clock.now())
        behaviour = self._behaviour(name, manifest)
        if self.manners.quarantines and manifest.digest not in self.store.repository(name).manifests:
            self.manners.quarantine(name, manifest.digest)
        self.store.keep_manifest(name, reference, manifest)
        self._on_push(name, None if is_digest(reference) else reference, behaviour, manifest.digest)
        headers = {"Location": f"/v2/{name}/manifests/{manifest.digest}", "Docker-Content-Digest": manifest.digest}
        subject = manifest.document.get("subject")
        if isinstance(subject, dict) and "digest" in subject:
            headers["Oci-Subject"] = subject["digest"]
        return Response(201, headers)

    def _behaviour(self, name: str, manifest: Manifest) -> Behaviour | None:
        """Read the behaviour an image carries; of an index, that of its first image which carries one."""
        if manifest.media_type in INDEX_TYPES:
            inner = (self.store.manifest(name, entry["digest"]) for entry in manifest.document["manifests"])
            return next((found for image in inner if (found := self._behaviour(name, image)) is not None), None)
        config = pages.image_config(self.store, name, manifest).get("config") or {}
        label = (config.get("Labels") or {}).get(BEHAVIOUR_LABEL)
        if label is None:
            return None
        try:
            return Behaviour.from_json(msgspec.json.decode(label, type=dict[str, Any]))
        except (msgspec.DecodeError, ValueError) as error:
            raise RegistryError(400, "MANIFEST_INVALID", f"image label {BEHAVIOUR_LABEL}: {error}") from error

    def _acr(self, request: Request, name: str, kind: str, item: str | None) -> Response:
        if request.method == "DELETE" and item is not None:
            held = self.store.repository(name)
            known = held.tags if kind == "tags" else held.manifests
            if item not in known:
                code = "TAG_UNKNOWN" if kind == "tags" else "MANIFEST_UNKNOWN"
                raise RegistryError(404, code, "the specified item does not exist", {"name": item})
            self.store.delete_manifest(name, item)
            return Response(202)
        if request.method == "PATCH" and kind == "manifests" and item is not None:
            return self._judge(request, name, item)
        _only(request, "GET")
        if kind == "tags":
            if item is None:
                return pages.list_acr_tags(self.store, name, request, self.manners.hidden(name))
            return pages.show_acr_tag(self.store, name, item, request)
        if item is None:
            return pages.list_acr_manifests(self.store, name, request)
        return pages.show_acr_manifest(self.store, name, item, request)

    def _judge(self, request: Request, name: str, digest: str) -> Response:
        """Take in what a scanner found: an image that passed leaves quarantine, one that failed goes or stays there."""
        manifest = self.store.manifest(name, digest)
        try:
            state = msgspec.json.decode(request.body, type=dict[str, Any]).get("quarantineState")
        except msgspec.DecodeError as error:
            raise RegistryError(400, "UNSUPPORTED", f"expected a JSON object: {error}") from error
        if state == "Passed":
            self.manners.release(name, manifest.digest)
        elif state == "Failed":
            self.manners.quarantine(name, manifest.digest)
        else:
            raise RegistryError(400, "UNSUPPORTED", f"quarantineState must be Passed or Failed; got {state!r}")
        return Response(202)


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        allowed = ", ".join(methods)
        message = f"{request.path} takes {allowed}; got {request.method}"
        raise RegistryError(405, "UNSUPPORTED", message, headers={"Allow": allowed})


def _check_accepted(request: Request, manifest: Manifest) -> None:
    """Hide a manifest from a client that does not accept its type, as registries do; no `Accept` accepts all."""
    accepted = {part.partition(";")[0].strip() for part in (request.header("Accept") or "*/*").split(",")}
    if not accepted & {manifest.media_type, "*/*", "application/*"}:
        message = f"manifest found, but the Accept header does not name its type {manifest.media_type}"
        raise RegistryError(404, "MANIFEST_UNKNOWN", message)


def _refusal(error: RegistryError) -> Response:
    entry: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.detail is not None:
        entry["detail"] = error.detail
    headers = {"Content-Type": "application/json", **error.headers}
    return Response(error.status, headers, msgspec.json.encode({"errors": [entry]}))
