"""What may be asked of a service, and what may be answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orchestrator.store.records import WishRecord
from strategies.model import Revision, Rollout

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded


class Way(StrEnum):
    """What became of a wish."""

    BEGUN = "begun"
    ATTACHED = "attached"
    AFTER = "after"
    """Another revision's rollout must end first; `rollout` is that one."""
    NOTHING = "nothing"
    RETURNING = "returning"
    """The rollout under way is taken back, which is all that an undo asked for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person, a pipeline or the watcher wants; `digest` None means the stable side's, with today's template.

    `leaves` is the id of a revision that an undo leaves for good: poisoned once the wish is granted, and not before.
    `older` is the watcher's own order of tags, whether the first ranks strictly below the second: with it a tag below
    the one that serves or is under way is refused, unless `allow_older`. A person who names a tag means it.
    """

    loaded: Loaded
    digest: str | None = None
    tag: str | None = None
    redeploy: bool = False
    allow_older: bool = False
    emergency: bool = False
    retry: bool = False
    steps: bool = True
    actor: str = ""
    reason: str = ""
    leaves: str | None = None
    older: Callable[[str, str], bool] | None = None
    behind: str | None = None
    """The rollout that it was told to wait for, when it is asked again: what began since then is newer than it."""

    @property
    def by_watcher(self) -> bool:
        """Whether nobody asked for it but the rule by which the image was found."""
        return self.older is not None

    @property
    def by_evidence(self) -> bool:
        """Whether evidence decides anything of it: an undo or an emergency waits for nobody who counts or checks."""
        return self.steps and not self.emergency


@dataclass(frozen=True, slots=True)
class Spare:
    """A workload of ours that serves nobody and that nothing under way will delete, with the reason and the remedy."""

    target: str
    name: str
    id: str
    why: str
    remedy: str = ""
    """The command that deletes it by hand."""

    @property
    def sentence(self) -> str:
        """What a person is told of it."""
        return f"{self.target}: {self.name} is left over: {self.why}; `{self.remedy}` deletes it"

    def document(self) -> dict[str, Any]:
        """An entry of the result's `leftovers`."""
        return {"target": self.target, "name": self.name, "id": self.id or None, "why": f"{self.why}; {self.remedy}"}


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer to a wish; `notes` and `spare` are what was found on the way and stands in nobody's way."""

    way: Way
    revision: Revision | None
    rollout: Rollout | None = None
    message: str = ""
    notes: tuple[str, ...] = ()
    spare: tuple[Spare, ...] = ()


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The wish is refused (exit 7) and nothing was touched; the message names the way out."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def recorded(wish: Wish) -> WishRecord:
    """Take a wish apart, so that it can be sent or kept; the watcher's own order of tags stays behind."""
    return WishRecord(
        wish.loaded.snapshot,
        wish.digest,
        wish.tag,
        redeploy=wish.redeploy,
        allow_older=wish.allow_older,
        emergency=wish.emergency,
        retry=wish.retry,
        steps=wish.steps,
        actor=wish.actor,
        reason=wish.reason,
        leaves=wish.leaves,
        behind=wish.behind,
    )


def wished(record: WishRecord, loaded: Loaded) -> Wish:
    """Put a wish together again, with the manifest that its snapshot gives."""
    return Wish(
        loaded,
        record.digest,
        record.tag,
        redeploy=record.redeploy,
        allow_older=record.allow_older,
        emergency=record.emergency,
        retry=record.retry,
        steps=record.steps,
        actor=record.actor,
        reason=record.reason,
        leaves=record.leaves,
        behind=record.behind,
    )
