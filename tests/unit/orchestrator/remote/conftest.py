"""The fixtures of all tests that go through a daemon's API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.orchestrator.remote.far import Far, far


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    """A desk far from the daemon, in a room without settings; it has the name of the near one, whose tests it takes."""
    for name in ("OUTPUT", "STORE", "SERVER", "TOKEN", "QUIET", "LOG_FORMAT", "NO_COLOR", "DEBUG", "ACTOR"):
        monkeypatch.delenv(f"ROLLOUT_{name}", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with far(Desk()) as opened:
        yield opened
