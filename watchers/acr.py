"""What Azure Container Registry adds for a watcher: tags by the time of their last push, with their digests.

The first page of that list changes whenever a tag is pushed, so that one small question is all that an unchanged
repository costs, however many tags it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from watchers.errors import Malformed, NotFound
from watchers.listing import document, is_tag
from watchers.reference import is_digest
from watchers.transport import Answer

if TYPE_CHECKING:
    from watchers.registry import Registry

PAGE = 10
_MOST_PAGES = 8


@dataclass(frozen=True, slots=True)
class Pushed:
    """A tag, the digest it points at, and when it last moved by the registry's clock, in seconds since 1970."""

    tag: str
    digest: str
    at: float


def newest(registry: Registry, repository: str, what: str) -> Answer | None:
    """Ask for the tags that were pushed last; None where the registry turns out not to offer that.

    Raises the registry's refusal. A 404 that does not speak of the repository comes from a registry of another kind.
    """
    address = f"{registry.base}/acr/v1/{repository}/_tags?orderby=timedesc&n={PAGE}"
    try:
        return registry.page(address, _scope(repository), what)
    except NotFound as error:
        if error.code == "NAME_UNKNOWN":
            raise
        return None


def pushed(page: Answer, what: str) -> tuple[Pushed, ...]:
    """Read one page; tags that could not be one are left out. Raises Malformed when it is no such page."""
    entries = document(page, what).get("tags")
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise Malformed(f"{what}: expected `tags` to be a list", "check that the host is a registry")
    return tuple(found for entry in entries if (found := _entry(entry, what)) is not None)


def since(registry: Registry, repository: str, first: Answer, cursor: float, what: str) -> tuple[Pushed, ...]:
    """Return what was pushed after `cursor`, newest first, reading on from the first page as far as that takes.

    What was pushed at the very time of the cursor is among it, since times are only so fine. Empty when nothing is
    newer, or so much that reading all tags costs less: then only the whole list tells what has changed.
    """
    found: list[Pushed] = []
    page, place = first, 0
    while True:
        entries = pushed(page, what)
        found += [entry for entry in entries if entry.at >= cursor]
        if not any(entry.at > cursor for entry in found):
            return ()
        following = registry.following(page)
        if following is None or any(entry.at < cursor for entry in entries):
            return tuple(found)
        place += 1
        if place == _MOST_PAGES:
            return ()
        page = registry.page(following, _scope(repository), what)


def _scope(repository: str) -> str:
    return f"repository:{repository}:metadata_read"


def _entry(entry: object, what: str) -> Pushed | None:
    fields = entry if isinstance(entry, dict) else {}
    tag, digest, at = fields.get("name"), fields.get("digest"), fields.get("lastUpdateTime")
    if not isinstance(tag, str) or not isinstance(digest, str) or not isinstance(at, str) or not is_digest(digest):
        raise Malformed(
            f"{what}: expected each tag with name, digest and lastUpdateTime", "check that the host is a registry"
        )
    try:
        when = datetime.fromisoformat(at).timestamp()
    except (ValueError, OverflowError):
        raise Malformed(f"{what}: expected lastUpdateTime to be a time", "check that the host is a registry") from None
    return Pushed(tag, digest, when) if is_tag(tag) else None
