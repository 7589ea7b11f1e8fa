"""One look at a repository: which tag wins now and which digest it has, asked for as cheaply as the registry allows.

    sight = look(registry, "shop/storefront", policy, None)
    sight = look(registry, "shop/storefront", policy, sight)        # one small question while nothing changes

Where nothing has changed a look costs one question: for a followed tag a HEAD, on Azure's registries the first page of
the tags by the time of their push, elsewhere the list of tags, by its ETag where there is one; a list that is sent
although it is the same is known by its hash before it is parsed. A new winner costs one HEAD more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from watchers import acr
from watchers.errors import Malformed, NotFound, NotReady
from watchers.reference import check_repository, check_tag

if TYPE_CHECKING:
    from watchers.policies import Policy
    from watchers.registry import Registry

READS_TO_BELIEVE = 3
"""How many lists in a row a tag must be missing from before it counts as gone: right after a push, lists lag."""
THOROUGH_SECONDS = 3600.0
"""How long a look may rest on what has not changed; then one reads everything again, as deletions show nowhere else."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look saw: the winning `tag` and its `digest`, both None where no tag matches; immutable and small.

    The rest is for the next look only: `etag` and `mark` know the list again, `cursor` is the time of the newest push
    (seconds since 1970, the registry's clock), `misses` counts the lists in a row that lacked the winner, `read_at` is
    when everything was last read (monotonic seconds, None for never in this process).
    """

    tag: str | None
    digest: str | None
    etag: str | None = field(default=None, repr=False, compare=False)
    mark: int | None = field(default=None, repr=False, compare=False)
    cursor: float = field(default=0.0, repr=False, compare=False)
    misses: int = field(default=0, repr=False, compare=False)
    read_at: float | None = field(default=None, repr=False, compare=False)

    @classmethod
    def known(cls, tag: str | None, digest: str | None) -> Self:
        """Return what a store remembered: the next look reads everything, and keeps the winner where it is missing."""
        return cls(tag, digest)


@dataclass(frozen=True, slots=True)
class _Found:
    """Tags to choose among, digests where the list told them, and by what the list is known again."""

    tags: Collection[str]
    told: Mapping[str, str]
    etag: str | None = None
    mark: int | None = None
    cursor: float = 0.0


def look(
    registry: Registry,
    repository: str,
    policy: Policy,
    before: Sight | None,
    *,
    hinted: bool = False,
    thorough: bool = False,
) -> Sight:
    """Return what wins now, `before` itself when nothing has changed; `before` must be a sight by the same policy.

    A winner that was pushed again is seen by its new digest when a tag is followed and on Azure's registries, elsewhere
    by `thorough` looks only, which read the whole list and the winner's digest; once an hour a look is so by itself. A
    winner that is missing from the list stays until it is missing from the third in a row. `hinted` tells of a push:
    where the first page by time shows all that a push changes nothing more is read for it, elsewhere it is thorough.

    Raises `watchers.errors`, NotReady when a new winner is listed and cannot be had yet, and ReferenceProblem for names
    that are none; `before` then stays the last good answer and what to pass to the next look.
    """
    if before is None or before.read_at is None:
        check_repository(repository)
        if policy.follows is not None:
            check_tag(policy.follows)
        thorough = True
    if policy.follows is not None:
        return _followed(registry, repository, policy.follows, before)
    if not thorough and before is not None and before.read_at is not None:
        thorough = before.misses > 0 or registry.monotonic() - before.read_at >= THOROUGH_SECONDS
    found: _Found | Sight | None = None
    if registry.by_time is not False:
        found = _by_time(registry, repository, before, thorough=thorough)
    if found is None:
        thorough = thorough or hinted
        found = _by_list(registry, repository, before, thorough=thorough)
    if isinstance(found, Sight):
        return found
    return _settled(registry, repository, policy, before, found, thorough=thorough)


def _followed(registry: Registry, repository: str, tag: str, before: Sight | None) -> Sight:
    digest = registry.current_digest(repository, tag)
    if before is not None and before.digest == digest and before.tag == tag and before.read_at is not None:
        return before
    return Sight(tag, digest, read_at=registry.monotonic())


def _by_time(registry: Registry, repository: str, before: Sight | None, *, thorough: bool) -> _Found | Sight | None:
    """Look at what was pushed last; None where the registry offers no such list."""
    what = f"{registry.site.host}/{repository}: its latest tags"
    try:
        first = acr.newest(registry, repository, what)
        if first is None:
            registry.by_time = registry.by_time or False
            return None
        mark = hash(first.body)
        if before is not None and not thorough and mark == before.mark:
            return before
        pushed = acr.pushed(first, what)
    except Malformed:
        if registry.by_time is not None or not registry.site.local:
            raise
        # On this machine any registry may stand: what never spoke Azure's language is asked in the common one.
        registry.by_time = False
        return None
    registry.by_time = True
    told = {entry.tag: entry.digest for entry in pushed}
    cursor = max([entry.at for entry in pushed], default=0.0)
    if before is not None and not thorough and (fresh := acr.since(registry, repository, first, before.cursor, what)):
        told |= {entry.tag: entry.digest for entry in fresh if entry.tag not in told}
        tags = {*told, before.tag} if before.tag is not None else set(told)
        return _Found(tags, told, mark=mark, cursor=cursor)
    # The page is another one though nothing in it is newer: something is gone, or a replica has caught up.
    # Right after a push one of the two lists may show what the other does not show yet.
    return _Found({*registry.listing(repository).tags, *told}, told, mark=mark, cursor=cursor)


def _by_list(registry: Registry, repository: str, before: Sight | None, *, thorough: bool) -> _Found | Sight:
    if before is None or thorough:
        listing = registry.listing(repository)
    elif (changed := registry.changed(repository, before.etag, before.mark)) is None:
        return before
    else:
        listing = changed
    return _Found(listing.tags, {}, listing.etag, listing.mark)


def _settled(
    registry: Registry, repository: str, policy: Policy, before: Sight | None, found: _Found, *, thorough: bool
) -> Sight:
    """Choose among the tags that were found, and read the winner's digest unless it is known to be as before."""
    last = before if before is not None and before.tag is not None else None
    missing = last is not None and last.tag not in found.tags
    misses = last.misses + 1 if last is not None and missing else 0
    kept = {last.tag} if last is not None and last.tag is not None and missing and misses < READS_TO_BELIEVE else set()
    # In one order always, so that of equals the same one wins whatever was asked.
    tag = policy.best(sorted({*found.tags, *kept}))
    read_at = registry.monotonic() if thorough or before is None or before.read_at is None else before.read_at
    marks = (found.etag, found.mark, found.cursor)
    if tag is None:
        return Sight(None, None, *marks, 0, read_at)
    if last is not None and tag == last.tag:
        if missing:
            return Sight(tag, last.digest, *marks, misses, read_at)
        if not thorough and last.digest is not None and found.told.get(tag, last.digest) == last.digest:
            return Sight(tag, last.digest, *marks, 0, read_at)
    digest = _digest(registry, repository, tag)
    if last is not None and last.digest == digest:
        digest = last.digest
    return Sight(tag, digest, *marks, 0, read_at)


def _digest(registry: Registry, repository: str, tag: str) -> str:
    try:
        return registry.current_digest(repository, tag)
    except NotFound as error:
        if error.code == "NAME_UNKNOWN":
            raise
        raise NotReady(
            f"{registry.site.host}/{repository}:{tag}: listed, but its manifest is not to be had ({error.message})",
            "wait: a replica lags behind, or the image is in quarantine",
            code=error.code,
        ) from error
