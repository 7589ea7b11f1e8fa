"""Errors for the person who reads them: a sentence that says what to do, and the exit code that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.exit_codes import ExitCode


class Failure(Exception):  # noqa: N818 - it is a verb's ordinary answer, not a defect
    """A verb cannot do what was asked; `document` is what goes to standard output with `--output json`.

    Without a document of its own a plain one with code and message is printed.
    """

    def __init__(self, message: str, code: ExitCode, document: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.document = code, document


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived; like Ctrl-C, with an exit code of its own."""


def code_of(error: Exception) -> ExitCode | None:
    """The exit code of an error that is meant for people; None for a defect of ours."""
    from orchestrator.lease import LeaseLost
    from orchestrator.manifest.problems import ManifestError
    from orchestrator.store.errors import StoreError, StoreMisplaced, UnknownRollout
    from orchestrator.wish import Refused
    from orchestrator.words import BadInput
    from providers.errors import ProviderError
    from watchers.errors import RegistryError

    if isinstance(error, Failure):
        return error.code
    if isinstance(error, BadInput | ManifestError | StoreMisplaced | UnknownRollout):
        return ExitCode.USAGE
    if isinstance(error, StoreError | ProviderError | RegistryError | Refused):
        return ExitCode.REFUSED
    return ExitCode.TIMED_OUT if isinstance(error, LeaseLost) else None


def document_of(error: Exception, code: ExitCode, message: str) -> Mapping[str, Any]:
    """The one JSON document that a failed verb prints."""
    if isinstance(error, Failure) and error.document is not None:
        return error.document
    return {"schema": 1, "error": {"code": int(code), "message": message}}
