"""Verbs that go to a daemon: from a machine with no store, no login and an empty disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strategies.model import Outcome
from tests.acceptance.cloud import free_port
from tests.acceptance.command import Running, environment
from tests.acceptance.daemon import Daemon
from tests.acceptance.shop import SERVICE, Shop

_OPERATE, _READ = "operate-token-of-the-tests", "read-token-of-the-tests"


class Runner:
    """A CI runner: the manifest and a token, and nothing else that the daemon's machine has."""

    def __init__(self, daemon: Daemon, folder: Path, token: str = _OPERATE) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.environment = environment(ROLLOUT_SERVER=daemon.url, ROLLOUT_TOKEN=token, HOME=str(folder), CI="true")
        for source in (daemon.shop.folder / "manifests").iterdir():
            (folder / source.name).write_text(source.read_text())
        self._count = 0

    def call(self, *words: str) -> Running:
        """Begin a command."""
        self._count += 1
        return Running((*words, "--output", "json"), self.folder, self.environment, f"command-{self._count}")


@pytest.fixture
def daemon(shop: Shop) -> Iterator[Daemon]:
    """A daemon with tokens that knows no manifest of its own yet."""
    shop.serve("v1")
    shop.environment |= {"ROLLOUT_OPERATE_TOKEN": f"ci={_OPERATE}", "ROLLOUT_READ_TOKEN": f"eye={_READ}"}
    started = Daemon(shop)
    started.write()
    yield started


def test_start_hands_over_to_the_daemon_and_ends_with_its_verdict(daemon: Daemon, tmp_path: Path) -> None:
    daemon.shop.spec["deadline"] = {"ready": "5s"}
    daemon.write()
    daemon.start()
    daemon.shop.image("v2")
    runner = Runner(daemon, tmp_path / "runner")
    done = runner.call("start", "rollout.yaml", "--tag", "v2", "--timeout", "60s").finish()
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    assert not list(runner.folder.rglob("*.db")), "a store was made where none is needed"
    daemon.shop.assert_serves_alone("v2")
    events = runner.call("events", SERVICE).finish()
    assert "via ci" in events.out, "the token's name stands beside what the client said of itself"
    daemon.shop.image("v3", errorRate=1.0)
    bad = runner.call("start", "rollout.yaml", "--tag", "v3", "--timeout", "60s").finish()
    assert (bad.code, bad.json["outcome"]) == (3, "rolledBack"), bad
    daemon.shop.assert_serves_alone("v2")


def test_a_follower_outlives_a_daemon_that_is_killed_and_started_again(daemon: Daemon, tmp_path: Path) -> None:
    port = free_port()
    daemon.options = ("--listen", f"127.0.0.1:{port}")
    daemon.shop.canary({"share": 50, "hold": "4s"})
    daemon.write()
    daemon.start()
    daemon.shop.image("v2")
    runner = Runner(daemon, tmp_path / "runner")
    following = runner.call("start", "rollout.yaml", "--tag", "v2", "--timeout", "60s")
    daemon.until(lambda: "v2" in daemon.shop.weights)
    daemon.process.end()
    daemon.start()
    done = following.finish()
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    daemon.shop.assert_serves_alone("v2")


def test_a_token_that_may_only_read_shows_everything_and_changes_nothing(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start()
    daemon.shop.image("v2")
    eye = Runner(daemon, tmp_path / "eye", _READ)
    assert eye.call("status", SERVICE).finish().json["candidate"]["tag"] == "v1"
    refused = eye.call("start", "rollout.yaml", "--tag", "v2").finish()
    assert refused.code == 7, refused
    assert "operate" in refused.err
    stranger = Runner(daemon, tmp_path / "stranger", "guessed")
    assert stranger.call("status", SERVICE).finish().code == 7
    assert [each.outcome for each in daemon.history()] == [Outcome.PROMOTED]
