"""A desk in a room that no CI system has furnished."""

from __future__ import annotations

import os

import pytest

from tests.acceptance.command import SAID_BY_CI
from tests.unit.orchestrator.cli.desk import Desk

CI = (*SAID_BY_CI, "RELEASE_", "BUILDKITE_", "BITBUCKET_", "DRONE_")


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk without any setting, whoever runs these tests."""
    for name in list(os.environ):
        if name.startswith(CI) or name == "NO_COLOR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "xterm")
    return Desk()
