"""What can go wrong between us and a registry.

    RegistryError
    |-- Unreachable        no connection, no certificate we trust, too slow, or a failure of the registry (5xx)
    |-- Denied             credentials are missing, unreadable or refused, or do not reach this far (401, 403)
    |-- NotFound           the repository, tag or digest is not there (404)
    |-- NotReady           the tag is listed and its manifest is not there yet: a replica lags, or it is in quarantine
    |-- Throttled          too many requests (429), or asked while that lasts; `retry_after` says when to come back
    `-- Malformed          an answer came and cannot be used: truncated, too large, no such format, or leading elsewhere

`passing` answers whether the same question may have another answer soon. No text here ever holds a credential.
"""

from __future__ import annotations

BUSY = "BUSY"
"""The code of an error by which our own side puts a question off, because it asks that registry enough already."""


class RegistryError(Exception):
    """A registry's refusal or failure: `message` says what happened, `remedy` what to do.

    `code` is the registry's own word for it, `retry_after` in seconds, where the registry said so.
    """

    passing = False

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        code: str = "",
        retry_after: float | None = None,
        passing: bool | None = None,
    ) -> None:
        super().__init__(message, remedy)
        self.message, self.remedy, self.code, self.retry_after = message, remedy, code, retry_after
        if passing is not None:
            self.passing = passing

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class Unreachable(RegistryError):  # noqa: N818 - the tree reads as what happened, and the base says Error
    """No answer, or one that says the registry itself has failed."""

    passing = True


class Denied(RegistryError):  # noqa: N818
    """The credentials are missing, cannot be read, are refused, or do not reach this far."""


class NotFound(RegistryError):  # noqa: N818
    """What was asked for is not there; `code` MANIFEST_UNKNOWN can also mean: not yet, right after a push."""


class NotReady(RegistryError):  # noqa: N818
    """A tag that is listed while its manifest is not to be had; what was known before stays the answer."""

    passing = True


class Throttled(RegistryError):  # noqa: N818
    """Too many requests; `retry_after` says when to come back, None where the registry did not.

    Also raised in advance, with nothing sent: while the registry's wish to be left alone lasts, and beyond the rate
    that this process keeps to.
    """

    passing = True


class Malformed(RegistryError):  # noqa: N818
    """An answer that cannot be used."""
