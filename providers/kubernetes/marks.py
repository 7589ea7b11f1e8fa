"""Our marks as labels and annotations, and back: what says that an object is ours, of which rollout and slot; pure.

Labels are what one selects by and are short; the whole mark stands in annotations. A route bears who moves its weights
and which revision was last taken back, as a Traffic Manager profile does in its tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from strategies.names import group_name
from strategies.seen import Mark

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "rollout"
SERVICE, TARGET = "rollout/service", "rollout/target"
WORKLOAD = "rollout/workload"
"""On every object and pod of one slot: its name. The slot's Service and Deployment select by this label alone."""
REVISION = "rollout/revision"
KEEP_UNTIL = "rollout/keep-until"
ACTIVE, ROLLED_BACK = "rollout/active", "rollout/rolled-back"
SELECTOR_BEFORE = "rollout/selector-before"
"""On a stable Service that was there before us: the selector it had, as JSON."""
_TEXTS = (
    (REVISION, "revision"),
    ("rollout/id", "rollout"),
    ("rollout/digest", "digest"),
    ("rollout/template", "template"),
    ("rollout/image", "image"),
    ("rollout/tag", "tag"),
)
_NUMBERS = (("rollout/n", "number"), ("rollout/slot", "slot"))


def to_labels(mark: Mark, name: str) -> dict[str, str]:
    """The labels of every object of one slot, whose name is `name`."""
    return {MANAGED_BY: OURS, SERVICE: mark.service, TARGET: mark.target, WORKLOAD: name}


def to_annotations(mark: Mark) -> dict[str, str]:
    """A whole mark as annotations; parts that are empty have none."""
    texts = {key: str(getattr(mark, part)) for key, part in _TEXTS if getattr(mark, part)}
    return {SERVICE: mark.service, TARGET: mark.target, **texts, **{k: str(getattr(mark, p)) for k, p in _NUMBERS}}


def selector(service: str, target: str) -> str:
    """The label selector that finds everything of one target of one service."""
    return f"{MANAGED_BY}={OURS},{SERVICE}={service},{TARGET}={target}"


def read(metadata: Mapping[str, Any]) -> Mark | None:
    """Read a mark from an object's metadata; None when the object is not ours or the mark not whole."""
    have = metadata.get("annotations") or {}
    if (metadata.get("labels") or {}).get(MANAGED_BY) != OURS:
        return None
    numbers = [str(have.get(key, "")) for key, _ in _NUMBERS]
    if not all(value.isascii() and value.isdigit() for value in numbers):
        return None
    texts = {part: str(have.get(key, "")) for key, part in _TEXTS}
    service, target = str(have.get(SERVICE, "")), str(have.get(TARGET, ""))
    mark = Mark(service, target, number=int(numbers[0]), slot=int(numbers[1]), **texts)
    return mark if mark.service and mark.target and mark.revision else None


def keep_until(metadata: Mapping[str, Any]) -> datetime | None:
    """Until when a retained workload shall run (UTC); None when it is not retained or the text is unreadable."""
    text = (metadata.get("annotations") or {}).get(KEEP_UNTIL)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def until(when: datetime) -> str:
    """An aware time as the annotation's text."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def of_backend(service: str, target: str, name: str) -> Mark | None:
    """Read the mark that the name of a slot's Service says; None when the name is not one of this service's slots.

    A backend of a route has no other mark. Slots of all targets are numbered together, and two targets of one service
    never share a route, so the target is the one that asks.
    """
    found = re.fullmatch(rf"{re.escape(service)}-([0-9a-f]{{8}})-(\d+)-(\d+)", name)
    return None if found is None else Mark(service, target, found[1], int(found[2]), int(found[3]))


def backend_name(mark: Mark) -> str:
    """The name of one slot's Service and Deployment."""
    return group_name(mark.service, mark.revision[:8], mark.number, mark.slot)


def pairs(text: str | None) -> tuple[tuple[str, str], ...]:
    """Read `holder=value,holder=value` of a route's annotation; what is no pair is left out."""
    parts = (part.strip().partition("=") for part in (text or "").split(","))
    return tuple((holder, value) for holder, equals, value in parts if holder and equals and value)


def write_pairs(values: Iterable[tuple[str, str]]) -> str | None:
    """Write pairs as one annotation's text; None when there are none, for then the annotation goes."""
    return ",".join(f"{holder}={value}" for holder, value in values) or None
