"""Real crashes of releases in a cluster, and across both worlds: SIGKILL between a write and its answer, then again.

As in `crashes`: whatever the moment, and whether or not the store survived, the second run ends as an undisturbed one
does, nothing is made twice, and nobody's request fails.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from providers.emulator.calls import WRITES
from tests.acceptance.cloud import Cloud
from tests.acceptance.command import Done, Running
from tests.acceptance.hybrid import AZURE, CLUSTER, Hybrid
from tests.acceptance.kube import CHANGES, KubeShop
from tests.acceptance.kube_hands import ROUTE


@dataclass(frozen=True, slots=True)
class Plot:
    """One kind of release: how many writes it takes undisturbed, and the exit code and version that it ends with."""

    name: str
    writes: int
    code: int
    serves: str
    made: dict[str, int]
    """What is made, and how often: `PATCH services` for a Service, `PUT containerGroups` for a group."""
    prepare: Callable[[KubeShop], None]
    first: str | None = None
    """The target of the first wave, where there are two worlds."""

    @property
    def bad(self) -> bool:
        """Whether the candidate turns bad once it has had traffic."""
        return self.code == 3


@dataclass(frozen=True, slots=True)
class ClusterCrash:
    """One experiment: kill the command of this plot after its k-th write, and perhaps lose its store as well."""

    plot: Plot
    after: int
    store_lost: bool

    @property
    def slow(self) -> bool:
        """Whether it waits a whole minute: nobody has heard that the deletion of so young a group was taken."""
        return self.plot.bad and self.after >= self.plot.writes - 1 and not self.store_lost

    def __str__(self) -> str:
        return f"{self.plot.name}, killed after write {self.after}{', store lost' if self.store_lost else ''}"


def _canary(shop: KubeShop) -> None:
    shop.canary({"share": 50, "hold": "300ms"})
    shop.serve()
    shop.image("v2")


def _bad_canary(shop: KubeShop) -> None:
    _canary(shop)
    shop.canary({"share": 50, "hold": "600s"})


def _adopting(shop: KubeShop) -> None:
    for tag in ("v1", "v2"):
        shop.image(tag)
    shop.live("v1")
    shop.gateway["adopt"] = ["live"]
    shop.kube["stableService"] = "live"
    shop.objects.append(shop.service(ROUTE))
    shop.canary({"share": 50, "hold": "300ms"})


def _waves(shop: KubeShop) -> None:
    shop.serve_at_once("v1")
    shop.image("v2")


def _bad_waves(shop: KubeShop) -> None:
    _waves(shop)
    last = next(target for target in shop.spec["targets"] if target["wave"] == 2)
    last["strategy"] = {"blueGreen": {"hold": "600s"}}


_ONE = {"PATCH services": 1}
_BOTH = {"PATCH services": 1, "PUT containerGroups": 1}
PLOTS = (
    Plot("cluster canary", 6, 0, "v2", _ONE, _canary),
    Plot("bad cluster canary", 6, 3, "v1", _ONE, _bad_canary),
    Plot("adopting a Deployment", 6, 0, "v2", {}, _adopting),
    Plot("groups then cluster", 9, 0, "v2", _BOTH, _waves, AZURE),
    Plot("cluster then groups", 9, 0, "v2", _BOTH, _waves, CLUSTER),
    Plot("bad in the second wave", 11, 3, "v1", _BOTH, _bad_waves, AZURE),
)


def every() -> list[ClusterCrash]:
    """Each moment of each plot, with and without its store."""
    return [
        ClusterCrash(plot, after, lost)
        for plot in PLOTS
        for after in range(1, plot.writes + 1)
        for lost in (False, True)
    ]


def suffer(cloud: Cloud, folder: Path, crash: ClusterCrash) -> None:
    """Run one experiment; AssertionError says what was not as it must be."""
    plot = crash.plot
    shop = KubeShop(cloud, folder) if plot.first is None else Hybrid(cloud, folder, plot.first)
    try:
        plot.prepare(shop)
        late = shop.late
        with ExitStack() as stack:
            loads = [stack.enter_context(shop.visitors(15))]
            loads += [stack.enter_context(shop.crowd(15))] if plot.first is not None else []
            _kill_and_return(shop, crash)
        for load in loads:
            seen = load.snapshot()
            assert (seen.total.failed, seen.to_retired) == (0, 0), seen.reasons
        assert shop.late == late
    finally:
        shop.close()


def _kill_and_return(shop: KubeShop, crash: ClusterCrash) -> None:
    plot = crash.plot
    before = Counter(done(shop))
    running = shop.begin("v2")
    _kill_after(shop, running, crash.after)
    if plot.bad:
        _sicken_once_everywhere(shop, running)
    assert running.process.wait(timeout=60) == -signal.SIGKILL, running.err
    shop.listen(None)
    if crash.store_lost:
        shop.lose_store()
    again = shop.begin("v2")
    if plot.bad:
        _sicken_once_everywhere(shop, again)
    _assert_same_end(shop, crash, again.finish(), Counter(done(shop)) - before)


def done(shop: KubeShop) -> list[str]:
    """Every write that was taken so far, in both worlds."""
    return [*shop.changed, *(shop.written_since(0) if isinstance(shop, Hybrid) else ())]


def _sicken_once_everywhere(shop: KubeShop, running: Running) -> None:
    """Let the candidate fail its health path once it has traffic everywhere, unless the command ends before that."""

    def has_all() -> bool:
        served = [{*shop.shares}]
        served += [{*shop.weights}] if isinstance(shop, Hybrid) else []
        return all("v2" in each for each in served)

    running.until(lambda: running.process.poll() is not None or has_all())
    if has_all():
        shop.sicken("v2")


def _kill_after(shop: KubeShop, running: Running, writes: int) -> None:
    """Kill it at the k-th write that either world took, before it hears the answer."""
    left = writes

    def heard(method: str, status: int, changes: tuple[str, ...]) -> None:
        nonlocal left
        if method in changes and status < 400:
            left -= 1
            if left == 0:
                os.kill(running.process.pid, signal.SIGKILL)

    shop.listen(lambda call: heard(call.method, call.status, CHANGES))
    if isinstance(shop, Hybrid):
        shop.cloud.listen(shop.subscription, lambda call: heard(call.method, call.status, tuple(WRITES)))


def _assert_same_end(shop: KubeShop, crash: ClusterCrash, ended: Done, written: Counter[str]) -> None:
    plot = crash.plot
    # Without a store what was taken back entirely is known by the routing's mark, and not begun again.
    known = plot.bad and crash.store_lost and ended.code == 7
    assert known or ended.code == plot.code, f"{ended}\n{written}"
    for what, most in plot.made.items():
        assert written[what] == most, f"{what} {written[what]} times: {written}\n{ended}"
    if isinstance(shop, Hybrid):
        shop.assert_both(plot.serves)
    elif "live" in shop.deployments:
        assert list(shop.shares) == [plot.serves]
        assert shop.deployments["live"] == "v1"
    else:
        shop.assert_alone(plot.serves)
