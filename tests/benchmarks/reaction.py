"""G6: from a push to the call that creates the group, by webhook and by polling, with a real daemon."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from providers.emulator.calls import Call
from tests.acceptance.cloud import Cloud
from tests.acceptance.daemon import Daemon
from tests.acceptance.shop import Shop
from tests.benchmarks.goals import Goal

SERVICES = 20
PUSHES = 200
POLLED_PUSHES = 60
INTERVAL_SECONDS = 2.0
_PAUSE_SECONDS = 0.8
"""Between two pushes, so that what is measured is a push and not a queue of rollouts on a small machine."""


def run() -> list[Goal]:
    """Measure 200 pushes told by webhook, and 60 found by polling at moments that know nothing of the polls."""
    with Cloud() as cloud:
        hooked = _measured(cloud, every="1h", pushes=PUSHES, hook=True)
        polled = _measured(cloud, every=f"{INTERVAL_SECONDS:g}s", pushes=POLLED_PUSHES, hook=False)
    mean = sum(polled) / len(polled) / INTERVAL_SECONDS
    return [
        Goal("G6", f"webhook to create call, p99 of {PUSHES}", _quantile(hooked, 0.99), 1.0, "s"),
        Goal("-", f"webhook to create call, median of {PUSHES}", _quantile(hooked, 0.5), 1.0, "s"),
        Goal("G6", f"push to create call by polling, mean of {POLLED_PUSHES}", mean, 0.55, "intervals"),
    ]


def _quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


def _measured(cloud: Cloud, *, every: str, pushes: int, hook: bool) -> list[float]:
    """Seconds from each push to its create call, over services that take turns."""
    dice = random.Random(6)
    with tempfile.TemporaryDirectory() as folder, _town(cloud, Path(folder), every) as (daemon, shops):
        found = []
        for number in range(pushes):
            shop = shops[number % len(shops)]
            found.append(_one(cloud, daemon, shop, f"1.{number + 1}.0", hook=hook))
            time.sleep(_PAUSE_SECONDS + dice.random() * (0 if hook else INTERVAL_SECONDS))
    return found


@contextmanager
def _town(cloud: Cloud, folder: Path, every: str) -> Iterator[tuple[Daemon, list[Shop]]]:
    """Services of one store, each serving 1.0.0 and watched by one daemon."""
    with ExitStack() as stack:
        shops = []
        for number in range(SERVICES):
            home = folder / "manifests" / f"{number:02d}"
            home.mkdir(parents=True)
            shop = Shop(cloud, home)
            stack.callback(shop.close)
            shop.environment["ROLLOUT_STORE"] = f"sqlite:///{folder}/store.db"
            shop.spec |= {"service": f"shop{number:02d}", "follow": {"semver": "1.x", "every": every}}
            shop.serve("1.0.0")
            shops.append(shop)
        keeper = Shop(cloud, folder)
        stack.callback(keeper.close)
        daemon = Daemon(keeper)
        daemon.start()
        names = {shop.spec["service"] for shop in shops}
        daemon.until(lambda: {each.service for each in daemon.stored(lambda store: store.sightings())} >= names)
        yield daemon, shops


def _one(cloud: Cloud, daemon: Daemon, shop: Shop, tag: str, *, hook: bool) -> float:
    """Push once; seconds until Azure is asked for the new group."""
    created = threading.Event()
    at = 0.0

    def heard(call: Call) -> None:
        nonlocal at
        if call.method == "PUT" and "containergroups" in call.path.lower() and not created.is_set():
            at = time.perf_counter()
            created.set()

    cloud.listen(shop.subscription, heard)
    shop.image(tag)
    began = time.perf_counter()
    if hook:
        here, daemon.shop = daemon.shop, shop
        assert daemon.hook(tag) == 202
        daemon.shop = here
    assert created.wait(60), daemon.process.err[-4000:]
    cloud.listen(shop.subscription, None)
    return at - began
