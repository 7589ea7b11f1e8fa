"""What can go wrong in the world, sorted by the only question the engine asks: come back, and when?

    ProviderError
    |-- Transient          not decided; look again (a timeout, a 5xx, a dropped connection)
    |   |-- Throttled      the same, and the service said when (`retry_after` seconds)
    |   |-- Conflict       somebody else is writing; read again, decide again
    |   `-- NotSent        something of ours is not there yet (a secret); nothing was sent
    |-- Denied             credentials, permissions, a lock or a policy forbid it
    |-- Exhausted          quota or capacity is used up
    |-- Invalid            the request can never succeed as it is
    |   `-- Missing        what it refers to does not exist
    `-- Unsupported        this kind of host or route cannot do it

A plain Transient error from a write means that the write may or may not have been taken. All others, those below it
included, mean that it was not.
"""

from __future__ import annotations


class ProviderError(Exception):
    """A provider's refusal or failure: `code` is the service's own, `retry_after` seconds where it said so."""

    def __init__(self, message: str, *, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.retry_after = message, code or type(self).__name__, retry_after

    def __str__(self) -> str:
        return self.message if self.code == type(self).__name__ else f"{self.code}: {self.message}"


class Transient(ProviderError):  # noqa: N818 - the tree reads as what happened, and the base says Error
    """Not decided: look again."""


class Throttled(Transient):
    """Too many requests; `retry_after` says when to come back."""


class Conflict(Transient):
    """A concurrent writer was in the way, or what we decided upon has changed since."""


class NotSent(Transient):
    """Something of ours that the call needs is not there yet; nothing was sent."""


class Denied(ProviderError):  # noqa: N818
    """Forbidden by credentials, permissions, a lock or a policy."""


class Exhausted(ProviderError):  # noqa: N818
    """Quota or capacity is used up."""


class Invalid(ProviderError):  # noqa: N818
    """The request can never succeed as it is."""


class Missing(Invalid):
    """What the request refers to does not exist."""


class Unsupported(ProviderError):  # noqa: N818
    """This kind of host or route cannot do what was asked."""
