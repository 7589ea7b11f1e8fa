"""What a store can answer instead of a value.

    StoreError
    |-- StaleWrite         somebody else wrote first, or the lease changed hands: load again, decide again
    |-- ActiveRollout      the service already has a rollout that has not ended
    |-- UnknownRollout     no rollout has this id
    |-- EndedRollout       the rollout has ended and takes no more commands or states
    |-- UnreadableRecord   a stored value cannot be read by this version, or could not be read back if it were stored
    |-- StoreUnavailable   the database cannot be reached, opened or written just now
    `-- StoreMisplaced     the store's address or place can never work: a network disk, a missing driver, a wrong URL

StoreUnavailable from a write means that it may or may not have been taken. All others mean that it was not.
"""

from __future__ import annotations


class StoreError(Exception):
    """The base of all of them; the message says what to do."""


class StaleWrite(StoreError):  # noqa: N818 - the tree reads as what happened, and the base says Error
    """Refused by compare-and-set; nothing was written."""


class ActiveRollout(StoreError):  # noqa: N818
    """A service may have one rollout under way; `rollout` is its id."""

    def __init__(self, service: str, rollout: str) -> None:
        super().__init__(
            f"service {service}: rollout {rollout} is still under way; follow it, abort it or wait for its end"
        )
        self.service, self.rollout = service, rollout


class UnknownRollout(StoreError):  # noqa: N818
    """No rollout has this id."""

    def __init__(self, rollout: str) -> None:
        super().__init__(f"no rollout has the id {rollout!r} in this store; `rollout history` lists those it has")
        self.rollout = rollout


class EndedRollout(StoreError):  # noqa: N818
    """The rollout has ended: its state is history and nobody reads its inbox any more."""

    def __init__(self, rollout: str, outcome: str) -> None:
        super().__init__(f"rollout {rollout} has ended ({outcome}); `rollout start` begins a new one")
        self.rollout, self.outcome = rollout, outcome


class UnreadableRecord(StoreError):  # noqa: N818
    """A stored value does not fit this version's model."""


class StoreUnavailable(StoreError):  # noqa: N818
    """The database did not answer, or refused; the same request may succeed later."""


class StoreMisplaced(StoreError):  # noqa: N818
    """The store's address must be changed before anything can work."""
