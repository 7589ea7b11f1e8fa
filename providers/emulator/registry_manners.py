"""How the emulated registry behaves beyond the specification: whose manners it has, and what is wrong with it just now.

Everything is off at first: a healthy registry with Azure's manners. Tests and demonstrations set what they need.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from providers.emulator.http import Request, Response
from providers.emulator.registry_store import Manifest, RegistryError, digest_of

LARGEST_PAGE = 1000
_LISTING = re.compile(r"/v2/.+/tags/list/?|/acr/v1/.+/_tags/?")


@dataclass(slots=True)
class _Throttling:
    path: re.Pattern[str]
    status: int
    retry_after: str | None
    times: int


@dataclass(slots=True)
class Manners:
    """The ways of one registry.

    `azure` says whether `/acr/v1/…` is offered, `etags` whether lists of tags carry an ETag and honour If-None-Match,
    `largest_page` how many tags a page of `tags/list` holds at most, None for all of them whatever is asked for, and
    `quarantines` whether what is pushed waits in quarantine until it is released.
    """

    azure: bool = True
    etags: bool = False
    largest_page: int | None = LARGEST_PAGE
    quarantines: bool = False
    _throttled: list[_Throttling] = field(default_factory=list, init=False, repr=False)
    _lagging: dict[tuple[str, str], datetime] = field(default_factory=dict, init=False, repr=False)
    _hidden: dict[tuple[str, str], int] = field(default_factory=dict, init=False, repr=False)
    _quarantined: set[tuple[str, str]] = field(default_factory=set, init=False, repr=False)
    _cut: int = field(default=0, init=False, repr=False)

    def throttle(self, times: int = 1, retry_after: str | None = None, *, status: int = 429, path: str = "") -> None:
        """Refuse the next `times` requests whose path holds the expression `path`, with this Retry-After if any."""
        self._throttled.append(_Throttling(re.compile(path), status, retry_after, times))

    def lag(self, repository: str, tag: str, until: datetime) -> None:
        """List a tag, but answer for its manifest as a replica that has not got it yet, until then (UTC)."""
        self._lagging[repository, tag] = until

    def hide(self, repository: str, tag: str, pages: int) -> None:
        """Leave a tag out of the next pages of the repository's lists, as lists that lag behind a push do."""
        self._hidden[repository, tag] = pages

    def cut(self, pages: int) -> None:
        """Send only half of the bytes of the next pages of tags, whole by their Content-Length."""
        self._cut = pages

    def quarantine(self, repository: str, digest: str) -> None:
        """Keep a manifest from being pulled until it is released."""
        self._quarantined.add((repository, digest))

    def release(self, repository: str, digest: str) -> None:
        """Let a manifest out of quarantine; one that is not in it stays as it is."""
        self._quarantined.discard((repository, digest))

    def reset(self) -> None:
        """Forget what is wrong just now; the registry's own ways stay."""
        self._throttled.clear()
        self._lagging.clear()
        self._hidden.clear()
        self._quarantined.clear()
        self._cut = 0

    def check(self, request: Request) -> None:
        """Raise what refuses a request before it is looked at."""
        found = next((one for one in self._throttled if one.path.search(request.path)), None)
        if found is None:
            return
        found.times -= 1
        if found.times <= 0:
            self._throttled.remove(found)
        code = "TOOMANYREQUESTS" if found.status == 429 else "UNAVAILABLE"
        headers = {} if found.retry_after is None else {"Retry-After": found.retry_after}
        raise RegistryError(found.status, code, "the registry is busy", headers=headers)

    def check_pull(self, repository: str, reference: str, manifest: Manifest, now: datetime) -> None:
        """Raise what keeps a stored manifest from being read by a tag or digest."""
        by_digest = reference == manifest.digest
        until = self._lagging.get((repository, reference))
        if until is not None and now < until:
            raise RegistryError(404, "MANIFEST_UNKNOWN", f"manifest tagged by {reference!r} is not found")
        if (repository, manifest.digest) in self._quarantined:
            if by_digest:
                raise RegistryError(403, "DENIED", "The operation is disallowed")
            raise RegistryError(404, "MANIFEST_UNKNOWN", f"manifest tagged by {reference!r} is not found")

    def hidden(self, repository: str) -> frozenset[str]:
        """Return the tags to leave out of one page of a repository's list, and count it."""
        found = [key for key in self._hidden if key[0] == repository]
        for key in found:
            self._hidden[key] -= 1
            if self._hidden[key] <= 0:
                del self._hidden[key]
        return frozenset(tag for _, tag in found)

    def dressed(self, request: Request, response: Response) -> Response:
        """Give a page of tags its ETag, answer 304 where the asker has it already, and cut it where that is armed."""
        if response.status != 200 or request.method != "GET" or not _LISTING.fullmatch(request.path):
            return response
        if self._cut > 0:
            self._cut -= 1
            return Response(200, response.headers, response.body[: len(response.body) // 2])
        if not self.etags:
            return response
        etag = f'"{digest_of(response.body)[7:39]}"'
        headers = {**response.headers, "Etag": etag}
        if request.header("If-None-Match") == etag:
            return Response(304, {"Etag": etag})
        return Response(200, headers, response.body)
