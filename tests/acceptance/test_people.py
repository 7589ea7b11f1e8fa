"""What people say to a rollout under way: approve, pause, resume, promote, abort; recorded, followed, obeyed."""

from __future__ import annotations

import pytest

from tests.acceptance.command import Done
from tests.acceptance.shop import Shop


def ready_for(shop: Shop, *steps: object, **more: object) -> None:
    """Serve v1 and have v2 to roll out by these steps."""
    shop.canary(*steps, **more)
    shop.serve()
    shop.image("v2")


def test_an_approval_is_waited_for_and_given_by_a_second_command(shop: Shop) -> None:
    ready_for(shop, {"share": 10, "hold": "0s", "approve": True})
    waiting = shop.start("v2", "--timeout", "3s")
    assert (waiting.code, waiting.json["outcome"], waiting.json["engine"]) == (4, "waiting", "none"), waiting
    assert "rollout approve" in waiting.json["targets"][0]["note"]
    assert shop.weights == {"v1": 900, "v2": 100}
    assert shop.run("status", "shop").json["outcome"] == "waiting"
    done = shop.run("approve", "shop", "--reason", "looks good")
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    shop.assert_serves_alone("v2")


def test_a_timeout_while_work_goes_on_is_no_failure_and_the_next_start_attaches(shop: Shop) -> None:
    ready_for(shop, {"share": 10, "hold": "2s"})
    early = shop.start("v2", "--timeout", "1s")
    assert (early.code, early.json["outcome"], early.json["engine"]) == (5, "timedOut", "none"), early
    done = shop.start("v2")
    assert (done.code, done.json["rollout"]) == (0, early.json["rollout"]), done
    shop.assert_serves_alone("v2")


def test_a_timeout_may_abort(shop: Shop) -> None:
    ready_for(shop, {"share": 10, "hold": "60s"})
    done = shop.start("v2", "--timeout", "2s", "--on-timeout", "abort")
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    shop.assert_serves_alone("v1")


def test_a_pause_holds_the_share_until_resume(shop: Shop) -> None:
    ready_for(shop, 10)
    running = shop.begin("v2")
    running.reaches("holding", 0)
    with running.stopped():
        paused = shop.run("pause", "shop", "--reason", "lunch", "--no-wait")
        assert paused.code == 0, paused
    running.until(lambda: any(event["event"] == "rollout_paused" for event in running.events))
    assert shop.weights == {"v1": 1000}
    assert shop.run("status", "shop").json["outcome"] == "waiting"
    why = shop.run("why", "shop")
    assert why.code == 0, why
    assert "lunch" in why.out
    assert shop.weights == {"v1": 1000}
    resumed = shop.run("resume", "shop")
    assert resumed.code == 0, resumed
    assert running.finish().code == 0
    shop.assert_serves_alone("v2")


def test_promote_full_skips_every_hold_and_approval(shop: Shop) -> None:
    ready_for(shop, {"share": 10, "hold": "60s", "approve": True}, {"share": 50, "hold": "60s"})
    running = shop.begin("v2")
    running.reaches("holding", 1)
    said = shop.run("promote", "shop", "--full")
    assert said.code == 0, said
    done = running.finish(30)
    assert done.code == 0, done
    shop.assert_serves_alone("v2")


def test_an_emergency_skips_steps_but_not_the_probes(shop: Shop) -> None:
    ready_for(shop, {"share": 10, "hold": "60s", "approve": True})
    unexplained = shop.start("v2", "--emergency")
    assert unexplained.code == 2, unexplained
    before = len(shop.writes)
    done = shop.start("v2", "--emergency", "--reason", "the shop is down")
    assert done.code == 0, done
    shop.assert_serves_alone("v2")
    assert shop.written_since(before).count("PATCH trafficManagerProfiles") == 2


@pytest.mark.parametrize(
    ("phase", "step"), [("preparing", 0), ("holding", 0), ("shifting", 1), ("holding", 1), ("draining", 2)]
)
def test_an_abort_wins_from_every_phase_before_the_old_side_goes(shop: Shop, phase: str, step: int) -> None:
    shop.routing["create"]["ttl"] = "1s" if phase == "shifting" else "0s"
    shop.serve()
    preview = {"hold": "20s"} if (phase, step) == ("holding", 0) else {}
    shop.canary({"share": 50, "hold": "20s" if (phase, step) == ("holding", 1) else "0s"}, preview=preview)
    shop.spec["drain"]["margin"] = "1s"
    shop.image("v2", startSeconds=1 if phase == "preparing" else 0)
    running = shop.begin("v2")
    running.reaches(phase, step)
    with running.stopped():
        said = shop.run("abort", "shop", "--reason", "changed my mind", "--no-wait")
        assert said.code == 0, said
    done = running.finish()
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    assert "changed my mind" in done.reason
    shop.assert_serves_alone("v1", ttl=1 if phase == "shifting" else 0)


def test_an_abort_is_too_late_once_the_old_side_goes_and_says_so(shop: Shop) -> None:
    ready_for(shop, 50)
    shop.fault(method="DELETE", path="containerGroups", delaySeconds=3)
    running = shop.begin("v2")
    running.reaches("retiring")
    late = shop.run("abort", "shop")
    assert (late.code, late.json["reason"]["code"]) == (7, "tooLate"), late
    assert running.finish().code == 0
    shop.assert_serves_alone("v2")


def test_an_abort_with_nothing_under_way_is_no_error_and_changes_nothing(shop: Shop) -> None:
    shop.serve()
    before = len(shop.writes)
    done = shop.run("abort", "shop")
    assert (done.code, done.json["outcome"]) in [(0, "promoted"), (0, "none")], done
    assert shop.written_since(before) == []


def test_the_journal_says_who_did_what_and_why(shop: Shop) -> None:
    ready_for(shop, {"share": 10, "hold": "60s"})
    assert shop.start("v2", "--timeout", "1s").code == 5
    done: Done = shop.run("abort", "shop", "--reason", "a bad feeling", "--actor", "ada")
    assert done.code == 3, done
    events = shop.run("events", "shop")
    assert events.code == 0, events
    assert "a bad feeling" in events.out
    assert "ada" in events.out
    history = shop.run("history", "shop")
    assert history.code == 0, history
    assert "rolledBack" in history.out
