"""Our marks as Azure tags, and back: what says that a resource is ours, of which rollout and which slot; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from strategies.seen import Mark

MANAGER = "managed-by"
OURS = "rollout"
KEEP_UNTIL = "rollout-keep-until"
ACTIVE = "rollout-active"
TTL = "rollout-ttl"
ROLLED_BACK = "rollout-rolled-back"
_PREFIX = "rollout-"
_TEXTS = (
    ("rollout-service", "service"),
    ("rollout-target", "target"),
    ("rollout-revision", "revision"),
    ("rollout-id", "rollout"),
    ("rollout-digest", "digest"),
    ("rollout-template", "template"),
    ("rollout-image", "image"),
    ("rollout-tag", "tag"),
)
_NUMBERS = (("rollout-n", "number"), ("rollout-slot", "slot"))


def to_tags(mark: Mark) -> dict[str, str]:
    """Write a mark as the tags of one resource; parts that are empty have no tag."""
    texts = {tag: str(getattr(mark, part)) for tag, part in _TEXTS if getattr(mark, part)}
    return {MANAGER: OURS, **texts, **{tag: str(getattr(mark, part)) for tag, part in _NUMBERS}}


def from_tags(tags: Mapping[str, str] | None) -> Mark | None:
    """Read a mark back from tags in any letter case of their names; None when they are not ours or not whole."""
    have = {name.lower(): value for name, value in (tags or {}).items()}
    if have.get(MANAGER) != OURS:
        return None
    numbers = [have.get(tag, "") for tag, _ in _NUMBERS]
    if not all(value.isascii() and value.isdigit() for value in numbers):
        return None
    texts = {part: have.get(tag, "") for tag, part in _TEXTS}
    mark = Mark(**texts, number=int(numbers[0]), slot=int(numbers[1]))
    return mark if mark.service and mark.target and mark.revision else None


def foreign(tags: Mapping[str, str] | None) -> dict[str, str]:
    """Return the tags of a template without marks, which an export of one of our own groups would bring along."""
    kept = (tags or {}).items()
    return {name: value for name, value in kept if name.lower() != MANAGER and not name.lower().startswith(_PREFIX)}


def keep_until(tags: Mapping[str, str] | None) -> datetime | None:
    """Return until when a retained group shall run (UTC), or None when it is not retained or the tag is unreadable."""
    text = next((value for name, value in (tags or {}).items() if name.lower() == KEEP_UNTIL), None)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def marked_anew(tags: Mapping[str, str] | None, mark: Mark) -> dict[str, str]:
    """Return all tags of one of our groups as another rollout's: with its mark, and without an expiry."""
    return {**foreign(tags), **to_tags(mark)}


def with_keep_until(tags: Mapping[str, str] | None, until: datetime) -> dict[str, str]:
    """Return all tags of a group with its expiry (an aware time) put in or replaced; PATCH sends tags as a whole."""
    kept = {name: value for name, value in (tags or {}).items() if name.lower() != KEEP_UNTIL}
    return {**kept, KEEP_UNTIL: until.astimezone(UTC).isoformat().replace("+00:00", "Z")}


def parse_active(text: str) -> tuple[tuple[str, str], ...]:
    """Read `holder=value,holder=value` (of `rollout-active` and `rollout-rolled-back`); what is no pair is left out."""
    parts = (part.strip().partition("=") for part in text.split(","))
    return tuple((holder, value) for holder, equals, value in parts if holder and equals and value)


def write_active(pairs: Iterable[tuple[str, str]]) -> str:
    """Write pairs as one tag's value."""
    return ",".join(f"{holder}={value}" for holder, value in pairs)
