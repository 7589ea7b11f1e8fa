"""The daemon that `tests.benchmarks.daemon` measures, in a process of its own.

    python -m tests.benchmarks.daemon_client watch HOST COUNT EVERY_SECONDS EACH_FILE
    python -m tests.benchmarks.daemon_client keep HOST COUNT EACH_FILE
    python -m tests.benchmarks.daemon_client drive STORE KNOWN SECONDS

`watch` and `keep` print what it costs, in time and in memory, while nothing new is pushed; their manifests are real
files, EACH_FILE of them in one, and so is the directory that keeps an eye on them. `drive` moves its clock by
hand, so that every run does the same; its instructions are counted from outside.
"""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from orchestrator.daemon.daemon import Daemon
from orchestrator.daemon.directory import Changes, Directory, Watched
from orchestrator.daemon.heed import Heeded, notice
from orchestrator.daemon.workers import InlineWorkers, ThreadWorkers, Workers
from orchestrator.lease import Lease, this_process
from orchestrator.ports import TargetPorts
from orchestrator.store.opening import open_store
from orchestrator.store.records import Sighting, Snapshot
from orchestrator.telemetry.log import Lines
from orchestrator.telemetry.metrics import Meters
from orchestrator.wiring import App
from strategies.phases import Phase
from strategies.seen import ProbeSeen, TargetSeen
from tests.benchmarks.daemon_manifests import named, written
from tests.benchmarks.decision import held
from watchers.docker_config import Keychain
from watchers.policies import policy_of
from watchers.registries import Registries
from watchers.watch import Sight, look

ACTIVE = 10
WARM_SECONDS = 3.0
A_YEAR_SECONDS = 365 * 86400.0


class Named:
    """A directory of services that are only known by name, where manifests are not what is measured."""

    def __init__(self, host: str, count: int, every_seconds: float) -> None:
        policy = policy_of({"digest": "prod"})
        self.watched = [
            Watched(
                named(number),
                f"/manifests/service-{number:05}.yaml",
                host,
                f"team/service-{number:05}",
                policy,
                every_seconds,
            )
            for number in range(count)
        ]

    def scan(self) -> Changes:
        """Everything at the first scan, nothing new afterwards."""
        found, self.watched = tuple(self.watched), []
        return Changes(added=found)

    def load(self, service: str) -> Any:
        """Nobody asks: nothing new is ever seen."""
        raise AssertionError(f"{service} was to be rolled out")


def watch(host: str, count: int, every_seconds: float, each_file: int) -> None:
    """Watch so many repositories and print what one interval of it costs, in which each is looked at once."""
    with tempfile.TemporaryDirectory() as folder:
        app, meters = App(open_store(f"sqlite:///{folder}/store.db")), Meters("0")
        registries = Registries(keychain=Keychain({}), rate=1e6)
        # A few are watched before, so that the store knows what a sighting of them looks like.
        warm = _watching(app, ThreadWorkers(), meters, registries, Named(host, 16, 1.0))
        _until(warm, time.monotonic() + WARM_SECONDS)
        warm.stop()
        _seen_before(app, f"{folder}/store.db", count)
        directory = written(folder, app.store, host, count, each_file, every_seconds)
        daemon = _watching(app, ThreadWorkers(), meters, registries, directory)
        daemon.run(lambda: daemon.begun)
        # From the middle between the first looks and the second to the middle between the second and the third.
        _until(daemon, time.monotonic() + every_seconds / 2)
        began, busy, looks = time.monotonic(), time.process_time(), _looks(meters)
        _until(daemon, began + every_seconds)
        told = {
            "seconds": time.monotonic() - began,
            "busy": time.process_time() - busy,
            "looks": _looks(meters) - looks,
        }
        daemon.stop()
        registries.close()
        app.close()
    print(json.dumps(told))


def keep(host: str, count: int, each_file: int) -> None:
    """Print how much memory is taken by the daemon's objects when all repositories have been looked at.

    Counted by tracemalloc: the database's own caches have a fixed size, whatever is watched.
    """
    with tempfile.TemporaryDirectory() as folder:
        clock = Stepped()
        app, meters = App(open_store(f"sqlite:///{folder}/store.db"), clock), Meters("0")
        registries = Registries(keychain=Keychain({}), rate=1e6)
        _turned(_watching(app, InlineWorkers(), meters, registries, Named(host, 16, 60.0)))
        _seen_before(app, f"{folder}/store.db", count)
        # Whatever reading manifests loads is there already.
        written(f"{folder}/few", app.store, host, 2, 1, 60.0).scan()
        made = written(folder, app.store, host, count, each_file, 60.0)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        daemon = _turned(_watching(app, InlineWorkers(), meters, registries, made))
        gc.collect()
        told = {"bytes": tracemalloc.get_traced_memory()[0] - before, "watched": len(daemon.watching)}
        tracemalloc.stop()
        daemon.stop()
        registries.close()
        app.close()
    print(json.dumps(told))


def _turned(daemon: Daemon) -> Daemon:
    while daemon.turn():
        pass
    return daemon


def _seen_before(app: App, path: str, count: int) -> None:
    """Let the store remember what all of them will show, as after a restart; written all at once, as rows."""
    one = app.store.sighting(named(0))
    if one is None:
        raise SystemExit("nothing was seen")
    with closing(sqlite3.connect(path)) as connection, connection:
        body = connection.execute("SELECT body FROM sightings WHERE service = ?", (named(0),)).fetchone()[0]
        rows = [(named(number), body.replace(named(0), named(number))) for number in range(count)]
        connection.executemany("INSERT OR REPLACE INTO sightings (service, body) VALUES (?, ?)", rows)


def _watching(
    app: App, workers: Workers, meters: Meters, registries: Registries, directory: Named | Directory
) -> Daemon:
    log = Lines(Path(os.devnull).open("w"), "json", app.clock.now)  # noqa: SIM115 - open as long as the process is
    daemon = Daemon(
        app,
        cast(Directory, directory),
        workers,
        log,
        meters,
        registry_of=registries.of,
        look=look,
        heed=_serves_already,
    )
    daemon.begin()
    return daemon


def _serves_already(
    app: App, watched: Watched, _load: Callable[[], Any], sight: Sight, before: Sighting | None
) -> Heeded:
    """What was seen is dealt with, and remembered as in earnest; what the cloud would say is not measured here."""
    said = replace(notice(watched, sight, before, app.clock.now()), handled=sight.digest or "", outcome="nothing")
    app.store.keep_sighting(said)
    return Heeded(said)


def _until(daemon: Daemon, when: float) -> None:
    daemon.run(lambda: time.monotonic() >= when)


def _looks(meters: Meters) -> float:
    lines = meters.render().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("rollout_watch_looks_total{"))


class Still:
    """The hands of a rollout that holds: everything is as it was at the last look."""

    def __init__(self, seen: TargetSeen, now: Callable[[], datetime]) -> None:
        self._seen, self._now = seen, now

    def look(self, names: object = None) -> Any:
        """The groups by name, or the routing."""
        if names is not None:
            return self._seen.groups
        return None if self._seen.traffic is None else replace(self._seen.traffic, at=self._now())

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        """Every probe is clean."""
        return tuple(ProbeSeen(name, self._now(), True) for name in addresses)


class StillApp(App):
    """An app whose hands find everything as it should be."""

    found: Mapping[str, TargetPorts]

    def hands_of(self, rollout_id: str) -> Mapping[str, TargetPorts]:
        """The same hands for every rollout."""
        return self.found


class Stepped:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """The time that the last step left behind."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Step forward."""
        self.seconds += seconds


def remember(url: str, known: int) -> None:
    """Fill a store with so many rollouts of as many services, ten of them under way."""
    store, clock = open_store(url), Stepped()
    rollout, _ = held()
    for number in range(ACTIVE + 1):
        name = named(number)
        one = replace(rollout, id=f"r{number:05}", version=0, service=replace(rollout.service, name=name))
        stored = store.submit(one, Snapshot("", "x.yaml"))
        if number == ACTIVE:
            lease = Lease(store, name, clock, this_process())
            lease.acquire()
            over = tuple(replace(state, phase=Phase.PROMOTED) for state in stored.targets)
            store.save(replace(stored, targets=over), expected=stored.version, fence=lease.fence, events=())
    store.close()
    _copy(url.removeprefix("sqlite:///"), known)


def _copy(path: str, known: int) -> None:
    """Write the rows of the one that has ended again under other names: ten thousand releases would take minutes."""
    with closing(sqlite3.connect(path)) as connection, connection:
        columns = "version, outcome, active, state"
        row = connection.execute(f"SELECT {columns} FROM rollouts WHERE id = 'r{ACTIVE:05}'").fetchone()
        others = [(f"r{number:05}", named(number)) for number in range(ACTIVE + 1, known)]
        connection.executemany("INSERT INTO services VALUES (?, 1)", [(name,) for _, name in others])
        insert = f"INSERT INTO rollouts (id, service, {columns}) VALUES (?, ?, ?, ?, ?, ?)"
        connection.executemany(insert, [(*other, *row) for other in others])


def drive(url: str, known: int, seconds: float) -> None:
    """Drive what is under way for so long, with so many services on watch of which none is due."""
    clock = Stepped()
    app = StillApp(open_store(url), clock)
    _, seen = held()
    hands = {each.name: cast(Any, Still(each, clock.now)) for each in seen.targets}
    app.found = {name: TargetPorts(still, still, still) for name, still in hands.items()}
    registries = Registries(keychain=Keychain({}))
    daemon = _watching(app, InlineWorkers(), Meters("0"), registries, Named("127.0.0.1:9", 0, 60.0))
    for watched in Named("127.0.0.1:9", known, A_YEAR_SECONDS).scan().added:
        daemon.watching._roster.put(watched)
        daemon.jobs.nudge("look", watched.service, after=A_YEAR_SECONDS)
    while clock.seconds < seconds:
        while daemon.turn():
            pass
        clock.sleep(max(daemon.jobs.due_in(), 1e-3))
    if daemon.driving.held != ACTIVE or daemon.jobs.defects:
        raise SystemExit(f"{daemon.driving.held} rollouts are driven, {daemon.jobs.defects} jobs failed")
    app.close()


def main() -> None:
    """Run what was asked for."""
    what, place, *numbers = sys.argv[1:]
    if what == "watch":
        watch(place, int(numbers[0]), float(numbers[1]), int(numbers[2]))
    elif what == "keep":
        keep(place, int(numbers[0]), int(numbers[1]))
    else:
        drive(place, int(numbers[0]), float(numbers[1]))


if __name__ == "__main__":
    main()
