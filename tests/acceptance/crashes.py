"""Real crashes: SIGKILL between a write to Azure and its answer, then the same command again at once.

Whatever the moment, and whether or not the store survived, the second run must end as an undisturbed one does: the same
exit code and world, one create per group, nobody's request failed, and work taken up long before a lease runs out.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from providers.emulator.calls import WRITES, Call
from tests.acceptance.byhand import make_group, make_profile
from tests.acceptance.cloud import Cloud
from tests.acceptance.command import Done, Running
from tests.acceptance.shop import Shop

TAKEN_UP_SECONDS = 7.0
"""To begin, take over and look again: 2 s and a tick on a quiet machine, less than half a lease on a busy one."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One kind of rollout: what it does undisturbed, and the exit code and version that it ends with."""

    name: str
    writes: int
    code: int
    serves: str
    prepare: Callable[[Shop], None]
    groups: int = 1
    bad: bool = False
    adopts: bool = False

    def judge(self, shop: Shop) -> None:
        """The world is as an undisturbed rollout leaves it; what stands behind adopted endpoints stays."""
        if not self.adopts:
            shop.assert_serves_alone(self.serves, groups=self.groups, ttl=shop.ttl)
            return
        assert shop.weights == {self.serves: 100}
        assert sorted(shop.groups.values()) == (["v1"] if self.bad else ["v1", "v2"])
        assert len(shop.endpoints) == 1
        assert "rollout-active" not in shop.profile["tags"]


def _first(shop: Shop) -> None:
    shop.image("v2")


def _blue_green(shop: Shop) -> None:
    shop.hosting["replicas"] = 2
    shop.serve()
    shop.image("v2")


def _canary(shop: Shop) -> None:
    shop.routing["create"]["ttl"] = "2s"
    shop.routing["ttlDuringRollout"] = "1s"
    shop.canary({"share": 50, "hold": "300ms"})
    shop.serve()
    shop.image("v2")


def _bad(shop: Shop) -> None:
    _canary(shop)
    shop.canary({"share": 50, "hold": "600s"})


def _adopting(shop: Shop) -> None:
    for tag in ("v1", "v2"):
        shop.image(tag)
    make_profile(shop, {"blue": {"target": make_group(shop, "blue", "v1"), "weight": 100}}, ttl=1)
    shop.routing["adopt"] = ["blue"]
    shop.routing.pop("create")


def _bad_adopting(shop: Shop) -> None:
    _adopting(shop)
    shop.canary({"share": 50, "hold": "600s"})


PLOTS = (
    Plot("first release", 3, 0, "v2", _first),
    Plot("blue-green", 6, 0, "v2", _blue_green, groups=2),
    Plot("canary", 6, 0, "v2", _canary),
    Plot("bad canary", 6, 3, "v1", _bad, bad=True),
    Plot("adopting", 3, 0, "v2", _adopting, adopts=True),
    Plot("bad adopting", 5, 3, "v1", _bad_adopting, bad=True, adopts=True),
)


@dataclass(frozen=True, slots=True)
class Crash:
    """One experiment: kill the command of this plot after its k-th write, and perhaps lose its store as well."""

    plot: Plot
    after: int
    store_lost: bool

    @property
    def slow(self) -> bool:
        """Whether it waits a whole minute: nobody has heard that the deletion of so young a group was taken."""
        return self.plot.bad and self.after == self.plot.writes and not self.store_lost

    def __str__(self) -> str:
        return f"{self.plot.name}, killed after write {self.after}{', store lost' if self.store_lost else ''}"


def every() -> list[Crash]:
    """Each moment of each plot, with and without its store."""
    return [Crash(plot, after, lost) for plot in PLOTS for after in range(1, plot.writes + 1) for lost in (False, True)]


def suffer(cloud: Cloud, folder: Path, crash: Crash) -> None:
    """Run one experiment; AssertionError says what was not as it must be."""
    shop = Shop(cloud, folder)
    try:
        crash.plot.prepare(shop)
        before = len(shop.writes)
        if crash.plot.name == "first release":
            _kill_and_return(shop, crash, before)
            return
        with shop.crowd(rate=15) as load:
            _kill_and_return(shop, crash, before)
        seen = load.snapshot()
        assert (seen.total.failed, seen.to_retired) == (0, 0), seen.reasons
    finally:
        shop.close()


def _kill_and_return(shop: Shop, crash: Crash, before: int) -> None:
    running = shop.begin("v2")
    _kill_after(shop, running, crash.after)
    if crash.plot.bad:
        shop.sicken_once_served(running, "v2")
    assert running.process.wait(timeout=60) == -signal.SIGKILL, running.err
    shop.cloud.listen(shop.subscription, None)
    if crash.store_lost:
        shop.lose_store()
    calls = len(shop.cloud.calls_of(shop.subscription))
    again = shop.begin("v2")
    if crash.plot.bad:
        shop.sicken_once_served(again, "v2")
    done = again.finish()
    _assert_same_end(shop, crash, before, done)
    resumed = shop.cloud.calls_of(shop.subscription)[calls]
    waited = again.waited_for(resumed.at)
    assert waited < TAKEN_UP_SECONDS, f"took the work up only after {waited:.1f} s"


def _kill_after(shop: Shop, running: Running, writes: int) -> None:
    """Kill it at the k-th write that Azure took, before it hears the answer."""
    left = writes

    def heard(call: Call) -> None:
        nonlocal left
        if call.method in WRITES and call.status < 400:
            left -= 1
            if left == 0:
                os.kill(running.process.pid, signal.SIGKILL)

    shop.cloud.listen(shop.subscription, heard)


def _assert_same_end(shop: Shop, crash: Crash, before: int, done: Done) -> None:
    plot = crash.plot
    known = plot.bad and crash.store_lost and crash.after == plot.writes
    assert done.code == (7 if known else plot.code), f"{done}\n{shop.written_since(before)}"
    plot.judge(shop)
    written = shop.written_since(before)
    assert written.count("PUT containerGroups") == plot.groups, f"made more than once: {written}\n{done}"
