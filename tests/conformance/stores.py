"""What the store's tests share: rollouts to keep, a clock moved by hand, and a database server of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from orchestrator.store.memory import MemoryStore
from orchestrator.store.opening import open_store
from orchestrator.store.ports import Store
from orchestrator.store.records import LeaseRecord, Owner, Snapshot
from strategies import names
from strategies.echo import Echo
from strategies.evidence import Evidence, begin_step, update
from strategies.model import Outcome, Reason, Rollout, TargetState
from strategies.phases import Phase
from strategies.plan import Service, Step, Target, blue_green, canary
from strategies.seen import CheckSeen, CheckState, Counts
from strategies.tail import Tail

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SNAPSHOT = Snapshot(
    "service: shop\n", "shop.yaml", (("group.yaml", "name: é\n"),), (("size", "2"),), "reg.example/shop@sha256:1"
)
PHASES = {
    Outcome.RUNNING: Phase.HOLDING,
    Outcome.PROMOTED: Phase.PROMOTED,
    Outcome.ROLLED_BACK: Phase.ROLLED_BACK,
    Outcome.STUCK: Phase.STUCK,
}


class HandClock:
    """A clock that moves when told, its two hands together unless the date alone is made to jump."""

    def __init__(self) -> None:
        self.date, self.elapsed = START, 1000.0

    def now(self) -> datetime:
        return self.date

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.pass_(seconds)

    def pass_(self, seconds: float) -> None:
        self.date += timedelta(seconds=seconds)
        self.elapsed += seconds


def owner(pid: int = 1, host: str = "h", boot: str = "b", started: str = "s") -> Owner:
    return Owner(host, boot, pid, started)


def a_rollout(rollout_id: str = "r1", service: str = "shop", number: int = 1, digest: str = "sha256:1") -> Rollout:
    targets = (Target("west", canary((Step(10, 1.5),))), Target("east", blue_green(), wave=2))
    return Rollout(
        id=rollout_id,
        service=Service(service, "reg.example/shop", targets),
        number=number,
        revision=names.revision(digest, "t", image="reg.example/shop", tag="v1"),
        created_at=START,
        ticked_at=START,
        targets=tuple(TargetState(target.name, START) for target in targets),
    )


def moved(rollout: Rollout, outcome: Outcome, why: str = "") -> Rollout:
    """The same rollout a second later with every target in the phase that makes this outcome."""
    if outcome is Outcome.SUPERSEDED:
        return replace(moved(rollout, Outcome.ROLLED_BACK), superseded_by="newer")
    states = tuple(
        replace(
            state,
            phase=PHASES[outcome],
            spent_seconds=state.spent_seconds + 0.1,
            metrics=(_counted(state.metrics[0] if state.metrics else Evidence("errors")),),
            checks=(CheckSeen("smoke", 1, CheckState.FAILED, rollout.ticked_at, "3 of 4"),),
            tail=Tail("errors", 1 / 3, 0.7, 8.1, 12, 31.3),
            talkers=(("10.0.0.7", 0.1),),
        )
        for state in rollout.targets
    )
    reason = Reason("probe", why, (("failures", 3), ("rate", 0.5))) if why else None
    return replace(rollout, targets=states, ticked_at=rollout.ticked_at + timedelta(seconds=1), failure=reason)


def _counted(seen: Evidence) -> Evidence:
    """The evidence of one more step and one more interval: numbers that only exact floats keep."""
    since = seen.until or START
    batch = Counts(since, since + timedelta(seconds=5), 97, 3, 31, 7, 2)
    return replace(update(begin_step(seen), batch, ttl=10.0), echo=Echo(True, START, since, since, 3, 4, 1 / 3))


def take(store: Store, key: str = "shop", pid: int = 1) -> LeaseRecord:
    """Take the lease over from whoever has it."""
    taken = store.lease_take(key, owner(pid), START, seen=store.lease_of(key))
    assert taken is not None
    return taken


def finish(store: Store, rollout: Rollout, outcome: Outcome, why: str = "") -> Rollout:
    """Bring a submitted rollout to its end under a lease of its own."""
    fence = take(store, rollout.service.name).fence
    return store.save(moved(rollout, outcome, why), expected=rollout.version, fence=fence, events=())


DOORS = ("memory", "memory through JSON", "sqlite", "postgresql")
_CASES = count()


def opener(request: pytest.FixtureRequest, folder: Path) -> Callable[[], Store]:
    """Give what opens the store behind the door that the fixture's parameter names, and closes it with the test."""
    if request.param.startswith("memory"):
        store = MemoryStore(through_json=request.param != "memory")
        return lambda: store
    if request.param == "sqlite":
        url = f"sqlite:///{folder}/rollout.db"
    else:
        url = _fresh_database(request.getfixturevalue("server"))

    def opened() -> Store:
        database = open_store(url)
        request.addfinalizer(database.close)
        return database

    return opened


def _fresh_database(server: str) -> str:
    import psycopg

    name = f"case{next(_CASES)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.removesuffix("postgres") + name


def without_postgresql() -> str | None:
    """Why no PostgreSQL can be started here; None when one can."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "the optional driver psycopg is not installed"
    if not (shutil.which("initdb") and shutil.which("postgres")):
        return "no PostgreSQL server (initdb, postgres) on the PATH"
    if os.geteuid() == 0 and _server_user() is None:
        return "PostgreSQL does not run as root, and there is no user `postgres` to run it as"
    return None


def _server_user() -> str | None:
    import pwd

    return next((entry.pw_name for entry in pwd.getpwall() if entry.pw_name == "postgres"), None)


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a server of our own on a free loopback port; give the URL of its empty database."""
    if reason := without_postgresql():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="rollout-pg-"))
    user = _server_user() if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = str(folder / "data")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "user": user, "cwd": folder}
    try:
        subprocess.run(["initdb", "-D", data, "-U", "test", "-A", "trust", "-N", "-E", "UTF8"], check=True, **quiet)
        place = ["-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
        server = subprocess.Popen(["postgres", "-D", data, "-F", *place], **quiet)
        try:
            url = f"postgresql://test@127.0.0.1:{port}/postgres"
            _wait_until_it_answers(url)
            yield url
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(url: str) -> None:
    import psycopg
    from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

    @retry(retry=retry_if_exception_type(psycopg.OperationalError), stop=stop_after_delay(20), wait=wait_fixed(0.05))
    def answer() -> None:
        psycopg.connect(url, connect_timeout=2).close()

    answer()
