"""A client of the OCI distribution API for watching: which digest a tag has, which tags a repository has.

    with Registry("contoso.azurecr.io", tokens) as registry:
        registry.digest("shop/storefront", "1.4.2").digest      # sha256:…

It reads only, and keeps its connections and tokens. Errors are those of `watchers.errors`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from watchers.addresses import Site
from watchers.docker_config import Keychain
from watchers.errors import Malformed
from watchers.patience import Patience
from watchers.reference import Reference, check_repository, check_tag, is_digest
from watchers.refusals import refusal
from watchers.tokens import Authorizer, Tokens
from watchers.transport import Answer, HttpTransport, Transport

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# All four at once: a registry that is not told of a format answers 404, or converts and so changes the digest.
MEDIA_TYPES = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)
_PAGE = 1000
_MOST_PAGES = 1000
_MOST_MANIFEST_BYTES = 4 << 20
_MOST_PAGE_BYTES = 16 << 20
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^;,"<>]+(?:"[^"]*")?)*)')
_NEXT = re.compile(r';\s*rel\s*=\s*"?\s*next\s*"?\s*(?:;|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a tag or digest stands for: the `digest` to deploy by and the `media_type` of an image or index."""

    digest: str
    media_type: str


class Registry:
    """One registry, named `host[:port]` as in image references; plain HTTP is spoken to loopback hosts only.

    `tokens` shows Azure's registries an Entra identity; `keychain` knows the credentials of this machine; `realm_hosts`
    (by default ROLLOUT_REGISTRY_REALM_HOSTS, separated by commas) may issue tokens though they are foreign hosts.
    Raises ReferenceProblem when `host` is none. Safe to be used by several threads.
    """

    def __init__(
        self,
        host: str,
        tokens: Tokens | None = None,
        *,
        keychain: Keychain | None = None,
        tenant: str | None = None,
        realm_hosts: Iterable[str] | None = None,
        patience: Patience | None = None,
        transport: Transport | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if realm_hosts is None:
            realm_hosts = os.environ.get("ROLLOUT_REGISTRY_REALM_HOSTS", "").replace(" ", "").split(",")
        self._site = Site(host, realm_hosts)
        self._patience = patience or Patience()
        self._transport = transport or HttpTransport()
        self._now = now
        monotonic = self._patience.monotonic
        self._authorizer = Authorizer(
            self._site,
            self._transport,
            keychain or Keychain(),
            tokens=tokens,
            tenant=tenant,
            now=now,
            monotonic=monotonic,
        )

    @property
    def host(self) -> str:
        """The registry's name in image references."""
        return self._site.host

    @property
    def identity(self) -> str:
        """Whose credential was last accepted, in words for people; `nobody` where none was asked for."""
        return self._authorizer.identity

    def digest(self, repository: str, reference: str, *, appear_seconds: float = 0.0) -> Manifest:
        """Return what a tag stands for now, or that a digest exists.

        With `appear_seconds` a MANIFEST_UNKNOWN is asked again for so long, for an image that has just been pushed.
        Raises ReferenceProblem for a text that can be neither tag nor digest.
        """
        check_repository(repository)
        if not is_digest(reference):
            check_tag(reference)
        what = f"{self.host}/{repository}{'@' if is_digest(reference) else ':'}{reference}"
        return self._patience.ask(lambda: self._manifest(repository, reference, what), appear_seconds)

    def tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags of a repository, in the registry's order; names that no tag can have are left out."""
        check_repository(repository)
        what = f"{self.host}/{repository}: its tags"
        address: str | None = f"{self._site.base}/v2/{repository}/tags/list?n={_PAGE}"
        seen: set[str] = set()
        tags: dict[str, None] = {}
        while address is not None:
            if address in seen or len(seen) == _MOST_PAGES:
                raise Malformed(f"{what}: pages without an end", "tell whoever runs the registry")
            seen.add(address)
            names, address = self._page(repository, address, what)
            tags.update(dict.fromkeys(names))
        return tuple(tags)

    def close(self) -> None:
        """Close the connections; a later question opens new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _manifest(self, repository: str, reference: str, what: str) -> Manifest:
        address = f"{self._site.base}/v2/{repository}/manifests/{reference}"
        headers = {"Accept": ", ".join(MEDIA_TYPES)}
        scope = f"repository:{repository}:pull"
        answer = self._ask("HEAD", address, headers, scope=scope, what=what, most=_MOST_MANIFEST_BYTES)
        told, media_type = answer.headers.get("Docker-Content-Digest", ""), _media_type(answer)
        if answer.status == 200 and is_digest(told) and media_type in MEDIA_TYPES:
            return _same(Manifest(told, media_type), reference, what)
        if answer.status in (429, 408) or answer.status >= 500:
            raise refusal(answer, what, self._authorizer.redact, self._now())
        # A HEAD has no body: only a GET tells why not, or what to hash.
        answer = self._ask("GET", address, headers, scope=scope, what=what, most=_MOST_MANIFEST_BYTES)
        if answer.status != 200:
            raise refusal(answer, what, self._authorizer.redact, self._now())
        return _same(_hashed(answer, reference, what), reference, what)

    def _page(self, repository: str, address: str, what: str) -> tuple[list[str], str | None]:
        def question() -> Answer:
            scope = f"repository:{repository}:tags"
            answer = self._ask(
                "GET", address, {"Accept": "application/json"}, scope=scope, what=what, most=_MOST_PAGE_BYTES
            )
            if answer.status != 200:
                raise refusal(answer, what, self._authorizer.redact, self._now())
            _document(answer, what)
            return answer

        answer = self._patience.ask(question)
        names = _document(answer, what).get("tags")
        if names is None:  # how some registries write that there are none
            names = []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Malformed(f"{what}: expected `tags` to be a list of texts", "check that the host is a registry")
        link = _next_page(answer.headers.get_all("Link") or [])
        following = self._site.follow(answer.address, link, "next page") if link is not None else None
        return [name for name in names if _is_tag(name)], following

    def _ask(self, method: str, address: str, headers: dict[str, str], *, scope: str, what: str, most: int) -> Answer:
        def send(authorization: str | None) -> Answer:
            return self._send(method, address, headers, authorization, most)

        return self._authorizer.ask(what, scope, send)

    def _send(self, method: str, address: str, headers: dict[str, str], authorization: str | None, most: int) -> Answer:
        origin = urlsplit(address)[:2]
        for _ in range(_MOST_REDIRECTS + 1):
            # A credential is for the host that asked for it, also where the site's other hosts may be followed to.
            shown = authorization is not None and urlsplit(address)[:2] == origin
            sent = {**headers, "Authorization": authorization} if shown and authorization else headers
            answer = self._transport.send(method, address, sent, most=most)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or location is None:
                return answer
            address = self._site.follow(address, location, "redirect")
        raise Malformed(f"{self.host}: more than {_MOST_REDIRECTS} redirects", "check that the host is a registry")


def resolve(reference: Reference, registry: Registry, *, appear_seconds: float = 0.0) -> Reference:
    """Return the reference with the digest it has now in its registry, the one it names where it names one."""
    found = registry.digest(reference.repository, reference.asked, appear_seconds=appear_seconds)
    return reference.pinned(found.digest)


def _media_type(answer: Answer) -> str:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _same(manifest: Manifest, reference: str, what: str) -> Manifest:
    if is_digest(reference) and manifest.digest != reference:
        raise Malformed(f"{what}: answered with {manifest.digest}", "check the registry, or a cache in front of it")
    return manifest


def _hashed(answer: Answer, reference: str, what: str) -> Manifest:
    """Make the digest of a manifest out of its bytes, and hold it against what the registry and the caller say."""
    document = _document(answer, what)
    media_type = _media_type(answer)
    if media_type not in MEDIA_TYPES:
        stated = document.get("mediaType")
        media_type = stated if isinstance(stated, str) and stated in MEDIA_TYPES else _shape(document)
    if not media_type:
        raise Malformed(
            f"{what}: expected the manifest of an image, got {_media_type(answer) or 'no type'}",
            "push the image again with a current client, or check that the host is a registry",
        )
    told = answer.headers.get("Docker-Content-Digest", "")
    stated_digest = reference if is_digest(reference) else told
    algorithm = "sha512" if stated_digest.startswith("sha512:") else "sha256"
    digest = f"{algorithm}:{hashlib.new(algorithm, answer.body).hexdigest()}"
    if is_digest(told) and told.partition(":")[0] == algorithm and told != digest:
        raise Malformed(f"{what}: its content has {digest}, the registry says {told}", "try again", passing=True)
    return Manifest(digest, media_type)


def _shape(document: dict[str, Any]) -> str:
    if document.get("schemaVersion") != 2:
        return ""
    if isinstance(document.get("manifests"), list):
        return OCI_INDEX
    return OCI_MANIFEST if isinstance(document.get("config"), dict) else ""


def _document(answer: Answer, what: str) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        hint = "check that the host is a registry; an answer cut short also looks so"
        raise Malformed(
            f"{what}: expected a JSON object, got {len(answer.body)} bytes that are none", hint, passing=True
        )
    return document


def _next_page(headers: Iterable[str]) -> str | None:
    for header in headers:
        for link in _LINK.finditer(header[:8192]):
            if _NEXT.search(link[2]):
                return link[1]
    return None


def _is_tag(name: str) -> bool:
    try:
        check_tag(name)
    except ValueError:
        return False
    return True
