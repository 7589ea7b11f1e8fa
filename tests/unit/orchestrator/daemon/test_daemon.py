"""The whole daemon on a clock moved by hand: a folder of manifests, a registry and an emulated cloud."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orchestrator.daemon.daemon import DEAF_SECONDS, SCAN_MOST_SECONDS, SCAN_SECONDS, STUCK_SECONDS
from orchestrator.daemon.directory import Changes
from orchestrator.daemon.jobs import LONG_SECONDS
from orchestrator.daemon.workers import Lane
from orchestrator.holder import PRESENCE
from orchestrator.store.records import Suspension
from providers.emulator.behaviour import Behaviour
from strategies.model import CommandKind, Outcome
from strategies.phases import Phase
from tests.unit.orchestrator.daemon.house import EVERY_SECONDS, FOLLOW, House
from tests.unit.orchestrator.yard import MANIFEST
from watchers.errors import Unreachable


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.push("1.0.0")
    made.run(300.0)
    assert made.ended() == [("1.0.0", "promoted")]
    return made


def test_a_pushed_image_becomes_a_rollout_with_nobody_at_the_keyboard(house: House) -> None:
    house.push("1.1.0")
    house.run(EVERY_SECONDS + 300.0)
    assert house.ended() == [("1.0.0", "promoted"), ("1.1.0", "promoted")]
    (group,) = house.yard.groups()
    assert group.mark is not None
    assert house.history[0].revision.id.startswith(group.mark.revision)
    sighting = house.yard.store.sighting("shop")
    assert sighting is not None
    assert (sighting.tag, sighting.handled, sighting.outcome) == ("1.1.0", house.tags["1.1.0"], "begun")


def test_a_webhook_leads_to_the_create_call_within_a_second(house: House) -> None:
    before = house.creates()
    house.push("1.1.0", hook=True)
    house.run(1.0)
    assert house.creates() == before + 1


def test_by_polling_alone_a_push_waits_for_half_the_interval_on_average(tmp_path: Path) -> None:
    dice, waits = random.Random(5), []
    house = House(tmp_path)
    for number in range(40):
        house.run(dice.uniform(0.0, EVERY_SECONDS) + 300.0)
        pushed, before = house.yard.clock.monotonic(), house.creates()
        house.push(f"1.0.{number}")
        while house.creates() == before:
            house.run(0.25)
        waits.append(house.yard.clock.monotonic() - pushed)
    assert sum(waits) / len(waits) <= 0.55 * EVERY_SECONDS
    assert max(waits) <= EVERY_SECONDS + 1.0


def test_what_was_rolled_back_is_not_rolled_out_again_under_any_tag_until_a_newer_one_comes(house: House) -> None:
    bad = house.push("1.1.0", hook=True, behaviour=Behaviour("1.1.0", start_seconds=2.0, crash_after_seconds=3.0))
    house.run(1200.0)
    assert house.ended()[-1] == ("1.1.0", "rolledBack")
    house.tags["1.1.1"] = bad
    house.hook("1.1.1")
    house.run(600.0)
    assert len(house.history) == 2
    house.push("1.2.0", hook=True)
    house.run(300.0)
    assert house.ended()[-1] == ("1.2.0", "promoted")


def test_the_same_find_leads_to_one_rollout_however_often_it_is_hinted_at_and_the_daemon_restarted(
    house: House,
) -> None:
    house.push("1.1.0", hook=True)
    for _ in range(40):
        house.hook("1.1.0")
        house.run(2.0)
        house.start()
    house.run(300.0)
    assert house.ended() == [("1.0.0", "promoted"), ("1.1.0", "promoted")]


@pytest.mark.parametrize(("took", "rest"), [(0.001, SCAN_SECONDS), (0.2, 20.0), (9.0, SCAN_MOST_SECONDS)])
def test_a_folder_that_takes_its_time_is_looked_at_less_often_but_never_left_for_long(
    house: House, monkeypatch: pytest.MonkeyPatch, took: float, rest: float
) -> None:
    scan = house.directory.scan

    def slowly() -> Changes:
        house.yard.clock.sleep(took)
        return scan()

    monkeypatch.setattr(house.directory, "scan", slowly)
    assert house.daemon.scan() == pytest.approx(rest)


def test_a_newer_push_replaces_the_rollout_under_way(house: House) -> None:
    house.push("1.1.0", hook=True)
    house.run(30.0)
    house.push("1.2.0", hook=True)
    house.run(400.0)
    assert house.ended() == [("1.0.0", "promoted"), ("1.1.0", "superseded"), ("1.2.0", "promoted")]


def test_what_queues_behind_a_rollout_begins_as_soon_as_that_one_has_ended(house: House) -> None:
    house.write((MANIFEST + FOLLOW).replace("whileRunning: replace", "whileRunning: queue"))
    house.run(SCAN_SECONDS)
    house.push("1.1.0", hook=True)
    house.run(30.0)
    running = house.history[0]
    house.push("1.2.0", hook=True)
    house.run(20.0)
    assert house.yard.store.load(running.id).outcome is Outcome.RUNNING
    while house.yard.store.load(running.id).outcome is Outcome.RUNNING:
        house.run(0.25)
    house.run(1.0)
    assert [each.revision.tag for each in house.history[:2]] == ["1.2.0", "1.1.0"]


def test_a_suspended_service_waits_and_goes_on_when_it_is_released(house: House) -> None:
    house.yard.store.suspend(Suspension("shop", "ana", "frozen", house.yard.clock.now()))
    house.push("1.1.0", hook=True)
    house.run(600.0)
    assert len(house.history) == 1
    sighting = house.yard.store.sighting("shop")
    assert sighting is not None
    assert "frozen" in sighting.problem
    house.yard.store.unsuspend("shop")
    house.run(10.0)
    assert house.history[0].revision.tag == "1.1.0"


def test_a_registry_that_fails_stops_neither_a_rollout_nor_the_next_push(house: House) -> None:
    house.push("1.1.0", hook=True)
    house.run(10.0)
    house.trouble = Unreachable("contoso.azurecr.io: no connection", "check the network")
    house.run(400.0)
    assert house.ended()[-1] == ("1.1.0", "promoted")
    house.trouble = None
    house.push("1.2.0")
    house.run(600.0)
    assert house.ended()[-1] == ("1.2.0", "promoted")


def test_a_manifest_that_breaks_is_told_and_the_last_good_one_stays_in_force(house: House) -> None:
    house.write((MANIFEST + FOLLOW).replace("image:", "imagine:"))
    house.run(SCAN_SECONDS)
    lines = house.log.of("manifest_broken")
    assert {(line["service"], line["warning"]) for line in lines} == {("shop", True)}
    assert any("imagine" in line["message"] for line in lines)
    house.push("1.1.0", hook=True)
    house.run(300.0)
    assert house.ended()[-1] == ("1.1.0", "promoted")
    house.write(MANIFEST + FOLLOW)
    house.run(SCAN_SECONDS)
    assert len(house.log.of("manifest_mended")) == len(lines)


def test_a_manifest_that_is_removed_is_watched_no_more_and_its_rollout_goes_on(house: House) -> None:
    house.push("1.1.0", hook=True)
    house.run(10.0)
    (house.folder / "shop.yaml").unlink()
    house.run(400.0)
    assert house.ended()[-1] == ("1.1.0", "promoted")
    assert [line["service"] for line in house.log.of("service_removed")] == ["shop"]
    house.push("1.2.0", hook=True)
    house.run(400.0)
    assert len(house.history) == 2


def test_a_stop_begins_no_other_act_and_the_next_daemon_goes_on_where_it_was(house: House) -> None:
    house.push("1.1.0", hook=True)
    house.run(10.0)
    writes = len(house.yard.world.calls.writes())
    assert house.daemon.stop()
    assert house.daemon.stop()
    house.run(120.0)
    assert len(house.yard.world.calls.writes()) == writes
    assert house.history[0].outcome is Outcome.RUNNING
    for key in ("shop", PRESENCE):
        record = house.yard.store.lease_of(key)
        assert record is not None
        assert record.owner is None
    assert house.daemon.ready() == (False, ("the daemon is stopping",))
    house.start()
    house.run(300.0)
    assert house.ended()[-1] == ("1.1.0", "promoted")


def test_every_moment_of_a_crash_leads_to_the_same_end(tmp_path: Path) -> None:
    for number, seconds in enumerate((0.1, 2.0, 4.0, 8.0, 30.0, 62.0, 64.0, 70.0)):
        (tmp_path / str(number)).mkdir()
        house = House(tmp_path / str(number))
        house.push("1.0.0")
        house.run(300.0)
        house.push("1.1.0", hook=True)
        house.run(seconds)
        house.start()  # the old one is left as it is: its lease must run out
        house.run(600.0)
        assert house.ended() == [("1.0.0", "promoted"), ("1.1.0", "promoted")], seconds
        assert house.creates() == 2, seconds
        assert len(house.yard.groups()) == 1, seconds


def test_an_abort_takes_effect_within_half_a_second(house: House) -> None:
    house.push("1.1.0", hook=True)
    house.run(30.0)
    running = house.history[0]
    assert running.target("west").phase is Phase.HOLDING
    house.yard.store.command(running.id, CommandKind.ABORT, "ana", at=house.yard.clock.now())
    house.run(0.5)
    assert house.yard.store.load(running.id).aborted is not None


def test_a_store_that_hangs_without_an_error_makes_it_unready_until_it_answers(house: House) -> None:
    house.yard.clock.sleep(DEAF_SECONDS)
    assert house.daemon.ready() == (True, ())
    house.yard.clock.sleep(1.0)
    assert house.daemon.ready() == (False, ("the store has not told for 21 s what is under way",))
    house.run(1.0)
    assert house.daemon.ready() == (True, ())


def test_it_is_ready_once_it_has_begun_and_alive_while_its_loop_turns(house: House) -> None:
    assert house.daemon.ready() == (True, ())
    house.daemon.turn()
    assert house.daemon.alive() == (True, ())
    house.yard.clock.sleep(STUCK_SECONDS + 1.0)
    alive, reasons = house.daemon.alive()
    assert not alive
    assert "stood still for 31 s" in reasons[0]
    house.daemon.turn()
    assert house.daemon.alive() == (True, ())


def test_a_job_that_never_comes_back_is_named_in_why_it_is_not_alive(house: House) -> None:
    said: list[tuple[bool, tuple[str, ...]]] = []

    def hang(_name: str) -> None:
        house.yard.clock.sleep(LONG_SECONDS + 5.0)
        house.daemon._beat = house.yard.clock.monotonic()
        said.append(house.daemon.alive())

    house.daemon.jobs.on("tick", Lane.TICK, hang)
    house.daemon.jobs.nudge("tick", "7f3a09c2d1e4")
    house.daemon.turn()
    assert said == [(False, ("the job tick 7f3a09c2d1e4 has not come back for 305 s",))]
    house.daemon.turn()
    assert house.daemon.alive() == (True, ())


def test_of_two_daemons_on_one_store_a_push_is_rolled_out_once(tmp_path: Path, house: House) -> None:
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other", yard=house.yard, tags=house.tags)
    house.push("1.1.0")
    for each in (house, other):
        each.hook("1.1.0")
    for _ in range(600):
        house.run(0.25)
        other.run(0.25)
    assert house.ended() == [("1.0.0", "promoted"), ("1.1.0", "promoted")]
    assert house.creates() == 2


def test_the_number_of_jobs_is_the_same_after_twenty_rollouts(house: House) -> None:
    before = len(house.daemon.jobs)
    for number in range(20):
        house.push(f"2.{number}.0", hook=True)
        house.run(200.0)
    assert len(house.history) == 20
    assert len(house.daemon.jobs) == before
    assert house.app._hands == {}
    assert house.log.of("job_failed") == []
