"""Sources that take their time: a look asks all of them at once, goes on, and hears who is late at a later look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, Queue

from orchestrator.ports import TargetPorts
from providers.ports import Metrics, Question
from strategies.seen import Reading

BUDGET_SECONDS = 0.5
"""How long after its question a source is waited for: probes, the lease and a person's abort wait with it."""
_STALE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PatientPorts(TargetPorts):
    """The ports of one target for looks: sources answer beside each other, and none of them delays a look for long."""

    patients: Mapping[str, Patient] = field(default_factory=dict)

    def ask(self, metric: str, question: Question) -> Callable[[], Reading]:
        """Ask a source aside; what is returned waits for its answer, but no longer than the budget allows."""
        return self.patients[metric].ask(question)


def patient(ports: TargetPorts, budget_seconds: float = BUDGET_SECONDS) -> PatientPorts:
    """The same ports for looks."""
    return PatientPorts(
        ports.workloads,
        ports.traffic,
        ports.probes,
        metrics=ports.metrics,
        checks=ports.checks,
        routing_keys=ports.routing_keys,
        patients={name: Patient(name, source, budget_seconds) for name, source in ports.metrics.items()},
    )


class Patient:
    """A source that is asked aside, in a thread of its own that ends with the answer.

    An answer that comes too late for its look is given at the next one: what it says of the time since is only less.
    """

    def __init__(self, metric: str, source: Metrics, budget_seconds: float) -> None:
        self._metric, self._source, self._budget = metric, source, budget_seconds
        self._asked: Question | None = None
        self._until = 0.0
        self._answers: Queue[Reading] = Queue()

    def ask(self, question: Question) -> Callable[[], Reading]:
        """Ask, unless an answer is still owed, and return at once.

        What is returned gives what the source says by the end of its budget, which begins with the question; empty
        while it has not answered, with the reason when that takes long.
        """
        asked = self._asked or question
        if self._asked is None:
            self._asked, self._until = question, time.monotonic() + self._budget
            threading.Thread(target=self._read, args=(question,), name=f"source-{self._metric}", daemon=True).start()
        return partial(self._hear, question, (question.now - asked.now).total_seconds())

    def _hear(self, question: Question, waited: float) -> Reading:
        with suppress(Empty):
            reading = self._answers.get(timeout=max(self._until - time.monotonic(), 0.0))
            self._asked = None
            return reading
        slow = f"it has not answered for {waited:.0f} s" if waited >= _STALE_SECONDS else None
        return Reading(self._metric, question.now, problem=slow)

    def _read(self, question: Question) -> None:
        try:
            reading = self._source.read(question)
        except Exception as error:  # noqa: BLE001 - whatever it is, a look must hear of it
            # Its text may hold what nobody should read.
            said = f"it failed in a way that nobody foresaw ({type(error).__name__})"
            reading = Reading(self._metric, question.now, problem=said)
        self._answers.put(reading)
