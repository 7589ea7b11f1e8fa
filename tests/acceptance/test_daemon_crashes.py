"""A few kills of the daemon chosen by seed; `python -m tests.acceptance --all` goes through every phase."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.acceptance.cloud import Cloud
from tests.acceptance.daemon_crashes import DaemonCrash, every, suffer

SEED = int(os.environ.get("ROLLOUT_TEST_SEED", "2"))


def chosen() -> list[DaemonCrash]:
    """Two phases of a good push and one of a bad one."""
    dice = random.Random(SEED)
    good = dice.sample([crash for crash in every() if not crash.bad], 2)
    return [*good, dice.choice([crash for crash in every() if crash.bad])]


@pytest.mark.parametrize("crash", chosen(), ids=str)
def test_a_killed_daemon_goes_on_after_its_restart_and_rolls_nothing_out_twice(
    cloud: Cloud, tmp_path: Path, crash: DaemonCrash
) -> None:
    suffer(cloud, tmp_path, crash)
