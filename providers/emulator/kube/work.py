"""What all controllers share: a queue of keys that are looked at soon, and conditions that know since when."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from providers.emulator.kube.objects import Json, stamp

if TYPE_CHECKING:
    from providers.emulator.timeline import Timeline

Key = TypeVar("Key")


class Queue(Generic[Key]):
    """Keys to look at: many changes within the delay are one look, and a look is never nested in another."""

    def __init__(
        self,
        timeline: Timeline,
        now: Callable[[], datetime],
        seconds: Callable[[], float],
        act: Callable[[Key, datetime], None],
    ) -> None:
        """Keep who acts, and how soon after a change."""
        self._timeline, self._now, self._seconds, self._act = timeline, now, seconds, act
        self._due: dict[Key, datetime] = {}

    def soon(self, key: Key) -> None:
        """Look at a key after the controller's delay."""
        self.after(key, self._seconds())

    def after(self, key: Key, seconds: float) -> None:
        """Look at a key in so many seconds, unless it is due sooner already."""
        due = self._now() + timedelta(seconds=seconds)
        if key in self._due and self._due[key] <= due:
            return
        self._due[key] = due

        def happening(at: datetime) -> None:
            if self._due.get(key) == due:
                del self._due[key]
                self._act(key, at)

        self._timeline.at(due, happening)


def settled(before: Iterable[Json], wanted: Iterable[Json], at: datetime) -> list[Json]:
    """Give each wanted condition its `lastTransitionTime`: that of before while its status is the same, else now."""
    known = {condition["type"]: condition for condition in before}
    found: list[Json] = []
    for condition in wanted:
        old = known.get(condition["type"])
        same = old is not None and old["status"] == condition["status"]
        since = old["lastTransitionTime"] if same and old is not None else stamp(at)
        found.append({**condition, "lastTransitionTime": since})
    return found


def controller_of(obj: Json) -> dict[str, Any] | None:
    """Return the ownerReference of the controller of an object, or None."""
    owners = obj["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)


def is_deleting(obj: Json) -> bool:
    """Say whether an object's deletion has begun."""
    return "deletionTimestamp" in obj["metadata"]
