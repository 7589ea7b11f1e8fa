"""A few real crashes chosen by seed; `python -m tests.acceptance --all` goes through every one."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.acceptance.cloud import Cloud
from tests.acceptance.crashes import PLOTS, Crash, every, suffer
from tests.acceptance.shop import Shop

SEED = int(os.environ.get("ROLLOUT_TEST_SEED", "2"))


def chosen() -> list[Crash]:
    """One crash of each common plot with its store, and two of any plot without."""
    dice = random.Random(SEED)
    able = [crash for crash in every() if not crash.slow]
    kept = [
        dice.choice([crash for crash in able if crash.plot is plot and not crash.store_lost]) for plot in PLOTS[1:4]
    ]
    return [*kept, *dice.sample([crash for crash in able if crash.store_lost], 2)]


@pytest.mark.parametrize("crash", chosen(), ids=str)
def test_a_command_that_is_killed_goes_on_where_it_was_and_ends_as_if_nothing_had_happened(
    cloud: Cloud, tmp_path: Path, crash: Crash
) -> None:
    suffer(cloud, tmp_path, crash)


def test_a_second_start_that_only_watched_takes_over_when_the_first_one_is_killed(shop: Shop) -> None:
    shop.canary({"share": 50, "hold": "2500ms"})
    shop.serve()
    shop.image("v2")
    before = len(shop.writes)
    first = shop.begin("v2")
    first.reaches("preparing")
    second = shop.begin("v2")
    second.until(lambda: "attached" in second.err)
    first.end()
    done = second.finish()
    assert (done.code, done.json["engine"]) == (0, "self"), done
    assert shop.written_since(before).count("PUT containerGroups") == 1
    shop.assert_serves_alone("v2")


@pytest.mark.parametrize("store_lost", [False, True])
def test_a_command_that_is_killed_before_its_first_write_makes_its_group_once(shop: Shop, store_lost: bool) -> None:
    shop.serve()
    shop.image("v2")
    before = len(shop.writes)
    shop.fault(method="PUT", path="containerGroups", status=503, times=1000)
    running = shop.begin("v2")
    running.until(lambda: len(shop.writes) > before)
    running.end()
    shop.cloud.emulator.call(shop.cloud.emulator.world.faults.clear)
    if store_lost:
        shop.lose_store()
    done = shop.start("v2")
    assert done.code == 0, done
    taken = [call for call in shop.writes[before:] if call.method == "PUT" and call.status < 400]
    assert len(taken) == 1
    shop.assert_serves_alone("v2")
