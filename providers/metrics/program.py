"""One run of a program: in a process group of its own, watched by a thread, so that nothing waits and nothing is left.

The thread reads what the program writes and keeps the end of it, ends the whole group when its time is over, and takes
the exit status from the system as soon as there is one: no zombie stays, even when nobody looks again. POSIX only.
"""

from __future__ import annotations

import atexit
import os
import re
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

KEPT_BYTES = 65536
"""How much of the end of the output is kept."""
GRACE_SECONDS = 2.0
"""How long a program that is told to end may take to clean up before it is killed."""
_LOOK_SECONDS = 0.02
_LINES, _LONGEST = 8, 300
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_SHORTEST_LINE = 8


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: `status` as subprocess has it (negative for a signal), `timed_out` and `stopped` by us.

    `status` is None where somebody else in this process took it from the system first.
    """

    status: int | None
    seconds: float
    timed_out: bool = False
    stopped: bool = False


@dataclass(slots=True)
class _Tail:
    """The end of what was written."""

    data: bytearray = field(default_factory=bytearray)
    cut: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, chunk: bytes) -> None:
        with self.lock:
            self.data += chunk
            if len(self.data) > KEPT_BYTES:
                del self.data[:-KEPT_BYTES]
                self.cut = True

    def read(self) -> tuple[bytes, bool]:
        with self.lock:
            return bytes(self.data), self.cut


class Run:
    """A program that was started; raises OSError from the constructor when it could not be."""

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], directory: str | None, timeout_seconds: float
    ) -> None:
        self._began, self._timeout = time.monotonic(), timeout_seconds
        self._tail, self._over, self._stopping = _Tail(), threading.Event(), threading.Event()
        self._ended: Ended | None = None
        self._lost = False
        self._process = subprocess.Popen(  # noqa: S603 - the manifest says what is run, without a shell
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )
        _RUNNING.add(self)
        threading.Thread(target=self._watch, name=f"watches {self._process.pid}", daemon=True).start()

    @property
    def ended(self) -> Ended | None:
        """How it ended; None while it runs."""
        return self._ended

    @property
    def seconds(self) -> float:
        """For how long it has run so far."""
        return time.monotonic() - self._began

    def stop(self) -> None:
        """Tell the program to end with all that it started; it is killed after `GRACE_SECONDS`."""
        self._stopping.set()

    def wait(self) -> None:
        """Wait until it is gone, which is not much longer than `GRACE_SECONDS` after it was stopped."""
        self._over.wait(GRACE_SECONDS * 2)

    def output(self, secrets: Sequence[str] = ()) -> str:
        """The last lines of what it wrote, with every secret in it replaced and nothing that moves a cursor."""
        data, cut = self._tail.read()
        text = masked(data.decode(errors="replace"), secrets)
        if cut:
            # What begins in the middle of a line may begin in the middle of a secret.
            longest = max(map(len, secrets), default=0)
            text = text.partition("\n")[2] if "\n" in text else text[longest:]
        text = _ESCAPES.sub("", text).replace("\r", "\n")
        lines = ("".join(c for c in line.expandtabs() if c.isprintable()).strip() for line in text.splitlines())
        kept = [line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…" for line in lines if line]
        return " | ".join(kept[-_LINES:])

    def _watch(self) -> None:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - it was asked for as a pipe
        os.set_blocking(stream.fileno(), False)
        timed_out = False
        try:
            with selectors.DefaultSelector() as ready:
                ready.register(stream, selectors.EVENT_READ)
                while not self._has_exited():
                    late = self.seconds > self._timeout
                    if late or self._stopping.is_set():
                        timed_out = late and not self._stopping.is_set()
                        self._terminate(ready)
                        break
                    self._drain(ready)
        finally:
            self._reap(timed_out)

    def _drain(self, ready: selectors.BaseSelector) -> None:
        """Read what there is, or wait a moment for it."""
        if not ready.get_map():
            time.sleep(_LOOK_SECONDS)
            return
        for key, _ in ready.select(_LOOK_SECONDS):
            chunk = os.read(key.fd, KEPT_BYTES)
            self._tail.add(chunk)
            if not chunk:
                ready.unregister(key.fileobj)

    def _terminate(self, ready: selectors.BaseSelector) -> None:
        """Ask the group to end, and wait for it as long as it may clean up."""
        self._signal(signal.SIGTERM)
        end = time.monotonic() + GRACE_SECONDS
        while not self._has_exited() and time.monotonic() < end:
            self._drain(ready)

    def _has_exited(self) -> bool:
        """Whether it is over, without taking its status: until that is taken nobody else can get its group's number."""
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            self._lost = True
            return True

    def _reap(self, timed_out: bool) -> None:
        stopped = self._stopping.is_set()
        # What it has left running in its group ends with it.
        self._signal(signal.SIGKILL)
        # Popen takes a status that it cannot get for 0, which would be a pass.
        status = self._process.wait()
        stream = self._process.stdout
        if stream is not None:
            with suppress(OSError):
                while chunk := os.read(stream.fileno(), KEPT_BYTES):
                    self._tail.add(chunk)
            stream.close()
        self._ended = Ended(None if self._lost else status, self.seconds, timed_out, stopped and not timed_out)
        _RUNNING.discard(self)
        self._over.set()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def stop_all(runs: Iterable[Run]) -> None:
    """End these runs all at once, and wait until they are gone."""
    told = [run for run in runs if run.ended is None]
    for run in told:
        run.stop()
    for run in told:
        run.wait()


_RUNNING: set[Run] = set()
# A process that ends takes its checks along; one that is killed cannot, and they run to their own end.
atexit.register(lambda: stop_all(tuple(_RUNNING)))


def masked(text: str, secrets: Sequence[str]) -> str:
    """Replace every secret in a text, and every long line of one that has several; the longest first."""
    found = {secret for secret in secrets if secret}
    found |= {line for secret in found for line in secret.splitlines() if len(line) >= _SHORTEST_LINE}
    for secret in sorted(found, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
