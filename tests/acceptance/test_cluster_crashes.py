"""A few real crashes of releases in clusters, chosen by seed; `python -m tests.acceptance --all` goes through each."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.acceptance.cloud import Cloud
from tests.acceptance.cluster_crashes import ClusterCrash, every, suffer

SEED = int(os.environ.get("ROLLOUT_TEST_SEED", "2"))


def chosen() -> list[ClusterCrash]:
    """One crash of a good release with its store, one without, and one across both worlds."""
    dice = random.Random(SEED)
    able = [crash for crash in every() if not crash.slow]
    ways = (
        [crash for crash in able if crash.plot.first is None and not crash.store_lost],
        [crash for crash in able if crash.plot.first is None and crash.store_lost],
        [crash for crash in able if crash.plot.first is not None],
    )
    return [dice.choice(way) for way in ways]


@pytest.mark.parametrize("crash", chosen(), ids=str)
def test_a_command_that_is_killed_goes_on_where_it_was_in_a_cluster_too(
    cloud: Cloud, tmp_path: Path, crash: ClusterCrash
) -> None:
    suffer(cloud, tmp_path, crash)
