"""A client of the OCI distribution API for watching: which digest a tag has, which tags a repository has.

    with Registry("contoso.azurecr.io", tokens) as registry:
        registry.digest("shop/storefront", "1.4.2").digest      # sha256:…

It reads only, and keeps its connections and tokens. Errors are those of `watchers.errors`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from watchers.addresses import Site
from watchers.docker_config import Keychain
from watchers.errors import Malformed
from watchers.listing import Listing, listing_of, mark_of, names, next_page
from watchers.manifests import MEDIA_TYPES, Manifest, hashed, media_type, same
from watchers.patience import Patience
from watchers.reference import Reference, check_repository, check_tag, is_digest
from watchers.refusals import refusal
from watchers.tokens import Authorizer, Tokens
from watchers.transport import AGENT, Answer, HttpTransport, Transport

_PAGE = 1000
_MOST_PAGES = 1000
_MOST_MANIFEST_BYTES = 4 << 20
_MOST_PAGE_BYTES = 16 << 20
_MOST_LIST_BYTES = 64 << 20
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ANY_MANIFEST = {"Accept": ", ".join(MEDIA_TYPES), "User-Agent": AGENT}
_JSON = {"Accept": "application/json", "User-Agent": AGENT}


class Registry:
    """One registry, named `host[:port]` as in image references; plain HTTP is spoken to loopback hosts only.

    `tokens` shows Azure's registries an Entra identity; `keychain` knows the credentials of this machine; `realm_hosts`
    (by default ROLLOUT_REGISTRY_REALM_HOSTS, separated by commas) may issue tokens though they are foreign hosts.
    Raises ReferenceProblem when `host` is none. Safe to be used by several threads.

    `by_time` is whether it lists tags by the time of their last push, as Azure's does; None until it was asked once.
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
        self.site = Site(host, realm_hosts)
        self._patience = patience or Patience()
        self._transport = transport or HttpTransport()
        self._now = now
        self.base = self.site.base
        self.monotonic = self._patience.monotonic
        self.by_time: bool | None = None if self.site.azure else False
        self._authorizer = Authorizer(
            self.site,
            self._transport,
            keychain or Keychain(),
            tokens=tokens,
            tenant=tenant,
            now=now,
            monotonic=self.monotonic,
        )

    @property
    def host(self) -> str:
        """The registry's name in image references."""
        return self.site.host

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
        what, scope = _what_tags(self.host, repository), _list_scope(repository)

        def read(address: str) -> Answer:
            answer = self.page(address, scope, what)
            names(answer, what)
            return answer

        first = self._patience.ask(lambda: read(self._list_address(repository)))
        pages = self._rest(first, lambda address: self._patience.ask(lambda: read(address)), what)
        return listing_of(pages, what).tags

    def current_digest(self, repository: str, tag: str) -> str:
        """Return the digest a tag has now, by one HEAD where the registry is a good one; a watcher's question.

        Asked once, and for names that were checked before.
        """
        return self._manifest(repository, tag, f"{self.site.host}/{repository}:{tag}").digest

    def listing(self, repository: str) -> Listing:
        """Return the list of all tags with its marks; asked once, and for a name that was checked before."""
        what, scope = _what_tags(self.site.host, repository), _list_scope(repository)
        first = self.page(self._list_address(repository), scope, what)
        return listing_of(self._rest(first, lambda address: self.page(address, scope, what), what), what)

    def changed(self, repository: str, etag: str | None, mark: int | None) -> Listing | None:
        """Return the list of all tags, None when it is still the one of `etag` and `mark`; a watcher's question.

        Asked once, and for a name that was checked before. An unchanged list is not parsed, with `etag` not even sent.
        A list of several pages is fetched whole, since its first one says nothing of the others.
        """
        what, scope = _what_tags(self.site.host, repository), _list_scope(repository)
        headers = _JSON if etag is None else {**_JSON, "If-None-Match": etag}
        first = self.ask("GET", self._list_address(repository), headers, scope=scope, what=what, most=_MOST_PAGE_BYTES)
        if first.status == 304 and etag is not None:
            return None
        pages = self._rest(self._good(first, what), lambda address: self.page(address, scope, what), what)
        return None if mark is not None and mark_of(pages) == mark else listing_of(pages, what)

    def page(self, address: str, scope: str, what: str) -> Answer:
        """Return one answer of JSON, of status 200; raises the refusal that any other is."""
        return self._good(self.ask("GET", address, _JSON, scope=scope, what=what, most=_MOST_PAGE_BYTES), what)

    def following(self, page: Answer) -> str | None:
        """Return the address of the next page, None after the last; raises Malformed when it leads elsewhere."""
        headers = page.headers.get_all("Link")
        link = next_page(headers) if headers else None
        return self.site.follow(page.address, link, "next page") if link is not None else None

    def close(self) -> None:
        """Close the connections; a later question opens new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, method: str, address: str, headers: Mapping[str, str], *, scope: str, what: str, most: int) -> Answer:
        """Send one question, shown who asks as the registry wants it for `scope`; refusals but 401 are answers."""
        answer = self._send(method, address, headers, self._authorizer.shown(scope), most)
        if answer.status != 401:
            return answer
        return self._authorizer.reopen(
            answer, what, scope, lambda authorization: self._send(method, address, headers, authorization, most)
        )

    def _manifest(self, repository: str, reference: str, what: str) -> Manifest:
        address = f"{self.base}/v2/{repository}/manifests/{reference}"
        scope = f"repository:{repository}:pull"
        answer = self.ask("HEAD", address, _ANY_MANIFEST, scope=scope, what=what, most=_MOST_MANIFEST_BYTES)
        if answer.status == 200:
            told, kind = answer.headers.get("Docker-Content-Digest", ""), media_type(answer)
            if kind in MEDIA_TYPES and is_digest(told):
                return same(Manifest(told, kind), reference, what)
        elif answer.status in (429, 408) or answer.status >= 500:
            raise refusal(answer, what, self._authorizer.redact, self._now())
        # A HEAD has no body: only a GET tells why not, or what to hash.
        answer = self.ask("GET", address, _ANY_MANIFEST, scope=scope, what=what, most=_MOST_MANIFEST_BYTES)
        return same(hashed(self._good(answer, what), reference, what), reference, what)

    def _list_address(self, repository: str) -> str:
        return f"{self.base}/v2/{repository}/tags/list?n={_PAGE}"

    def _rest(self, first: Answer, read: Callable[[str], Answer], what: str) -> list[Answer]:
        """Return a first page and all that follow it."""
        pages, seen, size = [first], {first.address}, len(first.body)
        while (address := self.following(pages[-1])) is not None:
            if address in seen or len(pages) == _MOST_PAGES:
                raise Malformed(f"{what}: pages without an end", "tell whoever runs the registry")
            seen.add(address)
            pages.append(read(address))
            size += len(pages[-1].body)
            if size > _MOST_LIST_BYTES:
                raise Malformed(f"{what}: more than {_MOST_LIST_BYTES} bytes", "delete tags that nobody needs")
        return pages

    def _good(self, answer: Answer, what: str) -> Answer:
        if answer.status != 200:
            raise refusal(answer, what, self._authorizer.redact, self._now())
        return answer

    def _send(
        self, method: str, address: str, headers: Mapping[str, str], authorization: str | None, most: int
    ) -> Answer:
        sent = headers if authorization is None else {**headers, "Authorization": authorization}
        answer = self._transport.send(method, address, sent, most=most)
        return answer if answer.status not in _REDIRECTS else self._redirected(answer, method, headers, sent, most)

    def _redirected(
        self, answer: Answer, method: str, headers: Mapping[str, str], shown: Mapping[str, str], most: int
    ) -> Answer:
        address = answer.address
        origin = urlsplit(address)[:2]
        for _ in range(_MOST_REDIRECTS):
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or location is None:
                return answer
            address = self.site.follow(address, location, "redirect")
            # A credential is for the host that asked for it, also where the site's other hosts may be followed to.
            sent = shown if urlsplit(address)[:2] == origin else headers
            answer = self._transport.send(method, address, sent, most=most)
        if answer.status not in _REDIRECTS:
            return answer
        raise Malformed(f"{self.host}: more than {_MOST_REDIRECTS} redirects", "check that the host is a registry")


def resolve(reference: Reference, registry: Registry, *, appear_seconds: float = 0.0) -> Reference:
    """Return the reference with the digest it has now in its registry, the one it names where it names one."""
    found = registry.digest(reference.repository, reference.asked, appear_seconds=appear_seconds)
    return reference.pinned(found.digest)


def _what_tags(host: str, repository: str) -> str:
    return f"{host}/{repository}: its tags"


def _list_scope(repository: str) -> str:
    # Azure opens this list by another right than manifests: under one key each would drive out the other's token.
    return f"repository:{repository}:pull,metadata_read"
