"""The fixture that all tests of verbs share."""

from __future__ import annotations

import pytest

from tests.unit.orchestrator.cli.desk import Desk


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk in a room without settings."""
    for name in ("OUTPUT", "STORE", "SERVER", "QUIET", "LOG_FORMAT", "NO_COLOR", "DEBUG", "ACTOR"):
        monkeypatch.delenv(f"ROLLOUT_{name}", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Desk()
