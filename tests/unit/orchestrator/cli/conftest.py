"""The fixture that all tests of verbs share."""

from __future__ import annotations

import os

import pytest

from tests.unit.orchestrator.cli.desk import Desk


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk in a room without settings."""
    for name in ("OUTPUT", "STORE", "SERVER", "QUIET", "LOG_FORMAT", "NO_COLOR", "DEBUG", "ACTOR"):
        monkeypatch.delenv(f"ROLLOUT_{name}", raising=False)
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "BUILD_", "SYSTEM_", "CI_")) or name in ("NO_COLOR", "TF_BUILD"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "xterm")
    return Desk()
