"""The daemon as a process: settings, sockets and signals around its loop, from the first line to the last."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from orchestrator.daemon.daemon import Daemon
from orchestrator.daemon.directory import Directory
from orchestrator.daemon.heed import heed
from orchestrator.daemon.notify import BEGINNING, EXTEND_SECONDS, READY, STOPPING, Notify
from orchestrator.daemon.workers import ThreadWorkers
from orchestrator.desk import LocalDesk
from orchestrator.http.api import api
from orchestrator.http.credentials import UnfitSetting
from orchestrator.http.health import health
from orchestrator.http.receiver import receiver
from orchestrator.http.scrape import metrics
from orchestrator.http.server import Server
from orchestrator.http.settings import http_settings
from orchestrator.telemetry.log import Lines, event_log
from orchestrator.telemetry.metrics import Meters
from orchestrator.telemetry.writing import Unfailing
from orchestrator.wiring import App, registries
from watchers.watch import look

if TYPE_CHECKING:
    from orchestrator.clock import Clock
    from orchestrator.manifest.variables import Variables
    from orchestrator.store.ports import Store
    from watchers.registries import Registries

ANSWERS_SECONDS = 5.0
"""How long answers in hand may take when the server closes."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a daemon is started with; `listen` None leaves it to ROLLOUT_LISTEN. Logs go to `stream`."""

    path: str
    variables: Variables
    store: Store
    clock: Clock
    stream: TextIO
    log_format: str = "text"
    listen: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


@dataclass(slots=True)
class Signals:
    """What the process was asked for by signals: to stop (the number), or to look at its manifests at once."""

    stop: int = 0
    reload: bool = False

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal down; the second one that asks to stop leaves at once, as safely as a crash does."""
        if number == signal.SIGHUP:
            self.reload = True
        elif self.stop:
            os._exit(128 + number)
        else:
            self.stop = number

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to SIGTERM, SIGINT and SIGHUP while the block runs; only the main thread can."""
        before = {number: signal.signal(number, self.note) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(setup: Setup, started: Callable[[str, Daemon, Directory], None], signals: Signals | None = None) -> int:
    """Run a daemon until SIGTERM or SIGINT asks for its end; answers the signal's number.

    `started` is told the address once the manifests have been read. Raises UnfitSetting for a setting that cannot be
    used, and CannotListen for an address that cannot be had.
    """
    signals = signals or Signals()
    # One for both logs, so that their lines never mix and what is dropped is counted once.
    stream = Unfailing(setup.stream)
    log = Lines(stream, setup.log_format, setup.clock.now)
    with ExitStack() as stack:
        stack.enter_context(signals.heard())
        settings = http_settings(setup.environment, listen=setup.listen, log=log)
        meters, workers, clients = Meters(version("rollout")), ThreadWorkers(), _clients()
        stack.callback(clients.close)
        tell = (event_log(stream, setup.log_format), meters.listener())
        app = App(setup.store, setup.clock, listeners=tell, log=log)
        stack.callback(app.disconnect)
        directory = Directory(setup.path, setup.variables, setup.store, setup.clock)
        daemon = Daemon(
            app,
            directory,
            workers,
            log,
            meters,
            registry_of=clients.of,
            look=look,
            heed=heed,
            seed=secrets.randbits(32),
        )
        _measure(meters, daemon, directory, workers, stream)
        routes = [
            *receiver(settings.secrets, daemon.hear, counts=meters, log=log),
            *health(daemon),
            *metrics(meters.render, settings.guard),
            *api(
                LocalDesk(app, log=log),
                settings.guard,
                clock=setup.clock,
                problems=lambda: [problem.message for problem in directory.problems],
            ),
        ]
        server = Server(settings.listen, routes, guard=settings.guard, log=log)
        host, port = server.start()
        stack.callback(server.stop, ANSWERS_SECONDS)
        address = f"http://{host}:{port}"
        turn = _Turn(daemon, signals, Notify(setup.environment), setup.clock)
        try:
            turn.begin()
            if daemon.begun:
                log.info("daemon_started", listening=address, services=len(directory.known), directory=directory.path)
                started(address, daemon, directory)
            turn.go_on()
            log.info("daemon_stopping", signal=signal.Signals(signals.stop).name, in_flight=daemon.jobs.in_flight)
        finally:
            # Once, whatever happened: twice would be twice the wait, and service managers kill after thirty seconds.
            in_time = daemon.stop()
    log.info("daemon_stopped", in_time=in_time)
    return signals.stop


def _clients() -> Registries:
    try:
        return registries()
    except ValueError as error:
        # The ears say what was expected of a setting; they know nothing of how this process tells it.
        raise UnfitSetting(str(error)) from error


class _Turn:
    """The daemon's two stretches, and what is asked between two turns of its loop."""

    def __init__(self, daemon: Daemon, signals: Signals, notify: Notify, clock: Clock) -> None:
        self._daemon, self._signals, self._notify, self._clock = daemon, signals, notify, clock
        self._said_at = self._asked_at = clock.monotonic()

    def begin(self) -> None:
        """Run until the manifests have been read, however long that takes, or until asked to stop."""
        self._notify.say(BEGINNING)
        self._daemon.begin()
        self._daemon.run(lambda: self._asked_to_stop() or self._begun())

    def go_on(self) -> None:
        """Run until asked to stop."""
        if self._daemon.begun:
            self._notify.say(READY)
        self._daemon.run(self._asked_to_stop)
        self._notify.say(STOPPING)

    def _begun(self) -> bool:
        now = self._clock.monotonic()
        if not self._daemon.begun and now - self._asked_at >= EXTEND_SECONDS / 2 and self._daemon.alive()[0]:
            self._asked_at = now
            self._notify.say(BEGINNING)
        return self._daemon.begun

    def _asked_to_stop(self) -> bool:
        """Whether to stop; on the way, a reload is begun and the service manager hears that we are alive."""
        if self._signals.reload:
            self._signals.reload = False
            self._daemon.jobs.nudge("scan")
        every, now = self._notify.every_seconds, self._clock.monotonic()
        if every is not None and now - self._said_at >= every:
            self._said_at = now
            self._notify.alive(lambda: self._daemon.alive()[0])
        return bool(self._signals.stop)


def _measure(meters: Meters, daemon: Daemon, directory: Directory, workers: ThreadWorkers, stream: Unfailing) -> None:
    for name, words, value in (
        ("rollout_daemon_services", "Services whose manifest is in force.", lambda: len(directory.known)),
        ("rollout_daemon_watched", "Services whose repository is looked at.", lambda: len(daemon.watching)),
        ("rollout_daemon_unseen", "Services whose repository cannot be seen now.", lambda: daemon.watching.troubled),
        ("rollout_daemon_manifest_problems", "Mistakes in manifests.", lambda: len(directory.problems)),
        ("rollout_daemon_active", "Rollouts under way in the store.", lambda: daemon.driving.active),
        ("rollout_daemon_held", "Rollouts whose lease this process holds.", lambda: daemon.driving.held),
        ("rollout_daemon_present", "1 while this daemon is the one that others see.", lambda: daemon.presence.held),
        ("rollout_daemon_jobs", "Jobs that are planned or in flight.", lambda: len(daemon.jobs)),
        ("rollout_daemon_in_flight", "Jobs in flight.", lambda: daemon.jobs.in_flight),
        ("rollout_daemon_queued", "Jobs that wait for a thread.", lambda: workers.waiting),
        ("rollout_daemon_threads", "Threads that have been started for jobs.", lambda: workers.threads),
        ("rollout_schedule_delay_seconds", "How late the last due job came up.", lambda: daemon.jobs.behind_seconds),
        (
            "rollout_daemon_defects",
            "Runs of jobs that failed unforeseen.",
            lambda: daemon.jobs.defects + workers.defects,
        ),
        (
            "rollout_daemon_hanging",
            "Jobs that have not come back for far too long.",
            lambda: len(daemon.jobs.hanging()),
        ),
        ("rollout_daemon_lines_dropped", "Lines of the log that could not be written.", lambda: stream.dropped),
        ("rollout_daemon_store_silent", "1 while the store does not answer.", lambda: daemon.jobs.store_silent),
    ):
        meters.gauge(name, words, value)
