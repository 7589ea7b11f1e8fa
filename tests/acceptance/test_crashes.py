"""A few real crashes chosen by seed; `python -m tests.acceptance --all` goes through every one."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.acceptance.cloud import Cloud
from tests.acceptance.crashes import PLOTS, Crash, every, suffer

SEED = int(os.environ.get("ROLLOUT_TEST_SEED", "2"))


def chosen() -> list[Crash]:
    """One crash of every plot but the first with its store, and two of any plot without."""
    dice = random.Random(SEED)
    able = [crash for crash in every() if not crash.slow]
    kept = [dice.choice([crash for crash in able if crash.plot is plot and not crash.store_lost]) for plot in PLOTS[1:]]
    return [*kept, *dice.sample([crash for crash in able if crash.store_lost], 2)]


@pytest.mark.parametrize("crash", chosen(), ids=str)
def test_a_command_that_is_killed_goes_on_where_it_was_and_ends_as_if_nothing_had_happened(
    cloud: Cloud, tmp_path: Path, crash: Crash
) -> None:
    suffer(cloud, tmp_path, crash)
