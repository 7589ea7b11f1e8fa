"""The daemon as users run it: a pushed image rolls out by itself, a bad one goes back and is not tried again."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from strategies.model import Outcome
from tests.acceptance.daemon import Daemon
from tests.acceptance.shop import SERVICE, Shop

LOOKS_SECONDS = 2.5
"""Long enough for two polls of the shortest interval."""


@pytest.fixture
def daemon(shop: Shop) -> Iterator[Daemon]:
    """A daemon of this test alone, not yet started; the shop ends it."""
    yield Daemon(shop)


def test_a_pushed_tag_rolls_out_by_polling_alone_and_the_old_side_is_gone_afterwards(daemon: Daemon) -> None:
    daemon.shop.serve("1.0.0")
    daemon.follow(semver=">=1.0 <2")
    daemon.start()
    with daemon.shop.crowd(rate=15) as load:
        daemon.push("1.1.0", hook=False)
        ended = daemon.ends(2)
    assert (ended.outcome, ended.revision.tag) == (Outcome.PROMOTED, "1.1.0")
    daemon.shop.assert_serves_alone("1.1.0")
    seen = load.snapshot()
    assert (seen.total.failed, seen.to_retired) == (0, 0), seen.reasons


def test_a_webhook_makes_it_immediate_and_a_wrong_secret_is_refused(daemon: Daemon) -> None:
    daemon.shop.serve("1.0.0")
    daemon.follow(semver=">=1.0 <2", every="1h")
    daemon.start()
    daemon.until(lambda: daemon.stored(lambda store: store.sighting(SERVICE)))
    daemon.push("1.1.0", hook=False)
    assert daemon.hook("1.1.0", secret="guessed") == 401
    daemon.quiet(0.5)
    assert len(daemon.history()) == 1
    assert daemon.hook("1.1.0") == 202
    assert daemon.ends(2).revision.tag == "1.1.0"
    daemon.shop.assert_serves_alone("1.1.0")


def test_a_bad_image_is_taken_back_and_not_tried_again_under_its_tag_or_another(daemon: Daemon) -> None:
    daemon.shop.canary({"share": 50, "hold": "600s"})
    daemon.shop.serve("1.0.0")
    daemon.follow(semver=">=1.0 <2")
    daemon.start()
    daemon.push("1.1.0")
    daemon.shop.sicken_once_served(daemon.process, "1.1.0")
    ended = daemon.ends(2)
    assert ended.outcome is Outcome.ROLLED_BACK
    digest = daemon.shop.digests["1.1.0"]
    # The same image under a newer tag is the same revision.
    registry = daemon.shop.cloud.emulator.registry
    daemon.shop.cloud.emulator.call(
        lambda: registry.store.keep_manifest(
            daemon.shop.repository, "1.1.1", registry.store.manifest(daemon.shop.repository, digest)
        )
    )
    daemon.hook("1.1.1")
    daemon.quiet(LOOKS_SECONDS)
    assert len(daemon.history()) == 2
    daemon.shop.assert_serves_alone("1.0.0")
    status = daemon.shop.run("status", SERVICE)
    assert (status.json["watch"]["tag"], status.json["watch"]["outcome"]) == ("1.1.1", "rolledBackBefore"), status
    daemon.shop.spec["strategy"] = {"blueGreen": {}}
    daemon.write()
    daemon.push("1.2.0")
    assert daemon.ends(3).outcome is Outcome.PROMOTED
    daemon.shop.assert_serves_alone("1.2.0")


def test_a_person_who_pardons_a_version_has_the_watcher_try_it_again(daemon: Daemon) -> None:
    daemon.shop.canary({"share": 50, "hold": "3s"})
    daemon.shop.serve("1.0.0")
    daemon.follow(semver="1.x")
    daemon.start()
    daemon.push("1.1.0")
    daemon.until(lambda: "1.1.0" in daemon.shop.weights)
    assert daemon.shop.run("abort", SERVICE).code == 0
    assert daemon.ends(2).outcome is Outcome.ROLLED_BACK
    assert daemon.shop.run("retry", SERVICE).code == 0
    assert daemon.ends(3).outcome is Outcome.PROMOTED
    daemon.shop.assert_serves_alone("1.1.0")


def test_what_must_wait_begins_although_who_asked_for_it_has_left(daemon: Daemon) -> None:
    daemon.shop.canary({"share": 50, "hold": "600s"})
    daemon.shop.serve("v1")
    for tag in ("v2", "v3", "v4"):
        daemon.shop.image(tag)
    daemon.write()
    daemon.start()
    assert daemon.shop.start("v2", "--no-wait").code == 0
    daemon.until(lambda: "v2" in daemon.shop.weights)
    left = daemon.shop.start("v3", "--timeout", "50ms")
    assert (left.code, left.json["reason"]["code"]) == (5, "after"), left
    daemon.until(lambda: "v3" in daemon.shop.weights)
    daemon.shop.spec["strategy"] = {"blueGreen": {}}
    handed = daemon.shop.start("v4", "--no-wait")
    assert (handed.code, handed.json["reason"]["code"]) == (0, "after"), handed
    assert daemon.ends(4).revision.tag == "v4"
    daemon.shop.assert_serves_alone("v4")


def test_a_mutable_tag_is_followed_by_its_digest(daemon: Daemon) -> None:
    daemon.shop.serve("stable")
    daemon.follow(digest="stable")
    daemon.start()
    daemon.until(lambda: daemon.stored(lambda store: store.sighting(SERVICE)))
    before = daemon.shop.digests["stable"]
    rebuilt = daemon.push("stable", startSeconds=0.01)
    assert rebuilt != before
    assert daemon.ends(2).revision.digest == rebuilt


def test_a_suspended_service_waits_and_rolls_out_once_it_is_released(daemon: Daemon) -> None:
    daemon.shop.serve("1.0.0")
    daemon.follow(semver="1.x")
    daemon.start()
    assert daemon.shop.run("suspend", SERVICE, "--reason", "freeze").code == 0
    daemon.push("1.1.0")
    daemon.quiet(LOOKS_SECONDS)
    assert len(daemon.history()) == 1
    assert daemon.shop.run("unsuspend", SERVICE).code == 0
    assert daemon.ends(2).revision.tag == "1.1.0"


def test_start_hands_over_to_a_daemon_on_the_same_store_and_follows_it(daemon: Daemon) -> None:
    daemon.shop.serve("v1")
    daemon.shop.image("v2")
    daemon.write()
    daemon.start()
    done = daemon.shop.start("v2")
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    assert any(event.get("rollout") == done.json["rollout"] for event in daemon.process.events), daemon.process.err
    daemon.shop.assert_serves_alone("v2")


def test_start_without_waiting_leaves_the_rollout_to_the_daemon(daemon: Daemon) -> None:
    daemon.shop.serve("v1")
    daemon.shop.image("v2")
    daemon.write()
    daemon.start()
    done = daemon.shop.start("v2", "--no-wait")
    assert (done.code, done.json["engine"]) == (0, "daemon"), done
    assert daemon.ends(2).outcome is Outcome.PROMOTED


def test_an_abort_reaches_the_daemon_through_the_store(daemon: Daemon) -> None:
    daemon.shop.canary({"share": 50, "hold": "600s"})
    daemon.shop.serve("1.0.0")
    daemon.follow(semver="1.x")
    daemon.start()
    daemon.push("1.1.0")
    daemon.until(lambda: "1.1.0" in daemon.shop.weights)
    done = daemon.shop.run("abort", SERVICE, "--reason", "a test", "--follow")
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    daemon.shop.assert_serves_alone("1.0.0")


def test_a_newer_push_replaces_the_rollout_under_way(daemon: Daemon) -> None:
    daemon.shop.canary({"share": 50, "hold": "600s"})
    daemon.shop.serve("1.0.0")
    daemon.follow(semver="1.x")
    daemon.start()
    daemon.push("1.1.0")
    daemon.until(lambda: "1.1.0" in daemon.shop.weights)
    daemon.shop.spec["strategy"] = {"blueGreen": {}}
    daemon.write()
    daemon.push("1.2.0")
    ended = daemon.ends(3)
    assert [each.outcome for each in daemon.history()] == [Outcome.PROMOTED, Outcome.SUPERSEDED, Outcome.PROMOTED]
    assert ended.revision.tag == "1.2.0"
    daemon.shop.assert_serves_alone("1.2.0")


def test_an_older_tag_that_becomes_the_newest_by_a_deletion_is_not_rolled_out(daemon: Daemon) -> None:
    daemon.shop.image("1.0.0")
    daemon.shop.serve("1.1.0")
    daemon.follow(semver="1.x")
    daemon.start()
    daemon.until(lambda: daemon.stored(lambda store: store.sighting(SERVICE)))
    registry = daemon.shop.cloud.emulator.registry
    daemon.shop.cloud.emulator.call(registry.store.delete_manifest, daemon.shop.repository, "1.1.0")
    for _ in range(3):
        daemon.hook("1.1.0")
        daemon.quiet(1.2)
    assert len(daemon.history()) == 1
    daemon.shop.assert_serves_alone("1.1.0")


def test_a_stopped_daemon_finishes_the_act_in_hand_and_the_next_one_goes_on(daemon: Daemon) -> None:
    daemon.shop.canary({"share": 50, "hold": "3s"})
    daemon.shop.serve("1.0.0")
    daemon.follow(semver="1.x")
    first = daemon.start()
    daemon.push("1.1.0")
    daemon.until(lambda: "1.1.0" in daemon.shop.weights)
    first.send(signal.SIGTERM)
    done = first.finish()
    assert done.code == 0, done
    daemon.start()
    assert daemon.ends(2).outcome is Outcome.PROMOTED
    made = [word for word in daemon.shop.written_since(0) if word == "PUT containerGroups"]
    assert len(made) == 2, "one for each version"
    daemon.shop.assert_serves_alone("1.1.0")


def test_two_daemons_on_one_store_roll_a_push_out_once(daemon: Daemon) -> None:
    daemon.shop.serve("1.0.0")
    daemon.follow(semver="1.x")
    other = Daemon(daemon.shop)
    daemon.start()
    other.start()
    daemon.shop.image("1.1.0")
    daemon.hook("1.1.0")
    other.hook("1.1.0")
    ended = daemon.ends(2)
    daemon.quiet(LOOKS_SECONDS)
    assert (ended.outcome, len(daemon.history())) == (Outcome.PROMOTED, 2)
    daemon.shop.assert_serves_alone("1.1.0")


def test_health_readiness_and_metrics_answer(daemon: Daemon) -> None:
    daemon.shop.serve("1.0.0")
    daemon.follow(semver="1.x")
    daemon.start()
    daemon.until(lambda: daemon.ask("GET", "/readyz")[0] == 200)
    assert daemon.ask("GET", "/healthz")[0] == 200
    daemon.push("1.1.0")
    daemon.ends(2)
    status, text = daemon.ask("GET", "/metrics")
    assert status == 200
    assert "rollout_" in text
    assert daemon.ask("GET", "/nowhere")[0] == 404
