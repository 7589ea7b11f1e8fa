"""What a registry's list of tags says: its names, where the next page is, and whether it is the list of before. Pure.

Also what is the same for every JSON document of a registry: that it is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from watchers.errors import Malformed
from watchers.reference import check_tag
from watchers.transport import Answer

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^;,"<>]+(?:"[^"]*")?)*)')
_NEXT = re.compile(r';\s*rel\s*=\s*"?\s*next\s*"?\s*(?:;|$)', re.IGNORECASE)
_LONGEST_ETAG = 200


@dataclass(frozen=True, slots=True)
class Listing:
    """All tags of a repository, and the marks by which the same list is known again without being read.

    `etag` is the registry's own, where it sent one and the list fits on one page; `mark` is a hash of the bytes, good
    within this process only.
    """

    tags: tuple[str, ...]
    etag: str | None
    mark: int


def listing_of(pages: list[Answer], what: str) -> Listing:
    """Read the pages of one list of tags; names that no tag can have are left out. Raises Malformed."""
    tags = dict.fromkeys(name for page in pages for name in names(page, what))
    return Listing(tuple(tags), etag_of(pages[0]) if len(pages) == 1 else None, mark_of(pages))


def mark_of(pages: list[Answer]) -> int:
    """Return a hash of what the pages hold: 64 bits, keyed anew in every process, so nobody can aim at a collision."""
    return hash(pages[0].body) if len(pages) == 1 else hash(tuple(page.body for page in pages))


def etag_of(page: Answer) -> str | None:
    """Return the entity tag of an answer, None where there is none to be kept."""
    etag: str | None = page.headers.get("ETag")
    return etag if etag and len(etag) <= _LONGEST_ETAG and etag.isprintable() and etag.isascii() else None


def names(page: Answer, what: str) -> list[str]:
    """Read one page of `tags/list`; raises Malformed, naming `what` was asked for, when it is none."""
    found = document(page, what).get("tags")
    if found is None:  # how some registries write that there are none
        return []
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise Malformed(f"{what}: expected `tags` to be a list of texts", "check that the host is a registry")
    return [name for name in found if is_tag(name)]


def document(answer: Answer, what: str) -> dict[str, Any]:
    """Read an answer's body as a JSON object; raises Malformed, which may pass, when it is none."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        hint = "check that the host is a registry; an answer cut short also looks so"
        raise Malformed(
            f"{what}: expected a JSON object, got {len(answer.body)} bytes that are none", hint, passing=True
        )
    return found


def is_tag(name: str) -> bool:
    """Say whether a text could be a tag."""
    try:
        check_tag(name)
    except ValueError:
        return False
    return True


def next_page(headers: Iterable[str]) -> str | None:
    """Return where the next page is by the `Link` headers (RFC 8288), as it is written there; None on the last one."""
    for header in headers:
        for link in _LINK.finditer(header[:8192]):
            if _NEXT.search(link[2]):
                return link[1]
    return None
