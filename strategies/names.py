"""Names and marks: deterministic, so that a crash and an empty store can be recovered from what stands in the world."""

from __future__ import annotations

import hashlib
import re

from strategies.model import Revision
from strategies.seen import Mark

_PARTS = r"(?P<service>[a-z0-9-]+)_(?P<target>[a-z0-9-]+)_(?P<revision>[0-9a-f]{8})_(?P<n>\d+)_(?P<slot>\d+)"
_ENDPOINT = re.compile(rf"^{_PARTS}$")
GROUP_NAME_LIMIT = 63


def revision_id(digest: str, template: str) -> str:
    """Identify a revision by image digest and template hash: 64 hexadecimal digits (SHA-256)."""
    return hashlib.sha256(f"{digest}\n{template}".encode()).hexdigest()


def revision(digest: str, template: str, *, image: str = "", tag: str | None = None) -> Revision:
    """Make a revision; `tag` is how it was found and no part of what it is."""
    return Revision(digest, template, revision_id(digest, template), image, tag)


def group_name(service: str, revision8: str, number: int, slot: int) -> str:
    """Name one slot's resource: `<service>-<revision8>-<n>-<slot>`."""
    return f"{service}-{revision8}-{number}-{slot}"


def holder(service: str, target: str) -> str:
    """Name who holds a profile while its weights move: one target of one service, because two may share a profile."""
    return f"{service}.{target}"


def endpoint_name(mark: Mark) -> str:
    """Name one slot's endpoint so that it says all of its mark; parts are joined by `_`, which no part may hold."""
    return f"{mark.service}_{mark.target}_{mark.revision[:8]}_{mark.number}_{mark.slot}"


def parse_endpoint(name: str) -> Mark | None:
    """Read the mark back from an endpoint's name (any letter case); None when the name is not one of ours."""
    found = _ENDPOINT.match(name.lower())
    if found is None:
        return None
    return Mark(found["service"], found["target"], found["revision"], int(found["n"]), int(found["slot"]))
