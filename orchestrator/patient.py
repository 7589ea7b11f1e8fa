"""Sources that take their time: a tick goes on without them, and hears their answer at a later look."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from queue import Empty, Queue

from orchestrator.ports import TargetPorts
from providers.ports import Finding, Metrics, Question
from strategies.seen import Reading

BUDGET_SECONDS = 0.5
"""How long a look waits for one source: probes, the lease and a person's abort wait with it."""
_STALE_SECONDS = 60.0


def patient(ports: TargetPorts) -> TargetPorts:
    """The same ports for looks: none of their sources delays one."""
    return replace(ports, metrics={name: Patient(name, source) for name, source in ports.metrics.items()})


class Patient:
    """A `Metrics` that asks another one aside, in a thread of its own that ends with the answer.

    An answer that comes too late for its look is given at the next one: what it says of the time since is only less.
    """

    def __init__(self, metric: str, source: Metrics, budget_seconds: float = BUDGET_SECONDS) -> None:
        self._metric, self._source, self._budget = metric, source, budget_seconds
        self._asked: Question | None = None
        self._answers: Queue[Reading] = Queue()

    def read(self, question: Question) -> Reading:
        """Return what the source says by now; empty while it has not answered, with the reason when that takes long."""
        if self._asked is None:
            self._asked = question
            threading.Thread(target=self._ask, args=(question,), name=f"source-{self._metric}", daemon=True).start()
        asked = self._asked
        with suppress(Empty):
            reading = self._answers.get(timeout=self._budget)
            self._asked = None
            return reading
        waited = (question.now - asked.now).total_seconds()
        slow = f"it has not answered for {waited:.0f} s" if waited >= _STALE_SECONDS else None
        return Reading(self._metric, question.now, problem=slow)

    def preflight(self, question: Question) -> tuple[Finding, ...]:
        """Ask the source at once, and wait for it: nothing is under way yet."""
        return self._source.preflight(question)

    def _ask(self, question: Question) -> None:
        try:
            reading = self._source.read(question)
        except Exception as error:  # noqa: BLE001 - whatever it is, a look must hear of it
            reading = Reading(self._metric, question.now, problem=f"{type(error).__name__}: {error}")
        self._answers.put(reading)
