"""What Prometheus may ask of a daemon: one registry of its own, filled by the engine's events and the watcher's looks.

    rollout_build_info{version}                       1
    rollout_rollouts_total{service, outcome}          rollouts that ended here, or got stuck
    rollout_release_seconds{outcome}                  from submission to the end
    rollout_phase_changes_total{phase}                targets that entered a phase
    rollout_watch_looks_total{host, outcome}          questions to registries
    rollout_watch_look_seconds{host}                  how long they took
    rollout_webhook_deliveries_total{source, outcome} taken, ignored, handshake, or why refused
    rollout_evidence{service, target}                 against a candidate under way; at 1000 it is taken back
    rollout_proof{service, target}                    for it: at 20 it may have everything
    rollout_trouble{service, kind}                    1 while a service has this trouble
    rollout_troubles_total{kind}                      how often one began

Labels are bounded by what is watched: `keep` drops those of services and registries that no longer are.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from orchestrator.result import outcome_of
from orchestrator.store.rules import ENDS
from strategies.model import Outcome
from strategies.proof import e_of
from strategies.telling import lost, proof_of

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

    from orchestrator.engine import Listener
    from strategies.journal import Event
    from strategies.model import Rollout

WATCH, MANIFEST, ROLLOUT, TELEMETRY = "watch", "manifest", "rollout", "telemetry"
"""What a trouble is of: a service may have one of each at once."""
_CALLS_A_PERSON = {"waiting": "WaitsForPerson", "stuck": "Stuck"}
_LOST = "TelemetryLost"
_RELEASE_SECONDS = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
_LOOK_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Meters:
    """Counters and gauges of one daemon; every method may be called from any thread, and none raises for a label."""

    def __init__(self, version: str) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

        self._registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._gauges: dict[str, Gauge] = {}
        self._series: dict[tuple[Any, str], set[tuple[str, ...]]] = {}
        self._troubles: dict[tuple[str, str], str] = {}
        self._weighed: set[tuple[str, str]] = set()
        ProcessCollector(registry=self._registry)
        registry = self._registry
        Gauge("rollout_build_info", "The version that runs.", ["version"], registry=registry).labels(version).set(1)
        self._rollouts = Counter(
            "rollout_rollouts", "Rollouts that ended or got stuck.", ["service", "outcome"], registry=registry
        )
        self._release_seconds = Histogram(
            "rollout_release_seconds",
            "Seconds from submission to the end.",
            ["outcome"],
            buckets=_RELEASE_SECONDS,
            registry=registry,
        )
        self._phases = Counter("rollout_phase_changes", "Targets that entered a phase.", ["phase"], registry=registry)
        self._looks = Counter("rollout_watch_looks", "Looks at registries.", ["host", "outcome"], registry=registry)
        self._look_seconds = Histogram(
            "rollout_watch_look_seconds",
            "Seconds that a look took.",
            ["host"],
            buckets=_LOOK_SECONDS,
            registry=registry,
        )
        self._deliveries = Counter(
            "rollout_webhook_deliveries", "Webhooks by what became of them.", ["source", "outcome"], registry=registry
        )
        self._evidence = Gauge(
            "rollout_evidence",
            "Evidence against the candidate; the mean over targets takes it back at 1000.",
            ["service", "target"],
            registry=registry,
        )
        self._proof = Gauge(
            "rollout_proof",
            "Proof for the candidate; it may have everything at 20.",
            ["service", "target"],
            registry=registry,
        )
        self._trouble = Gauge(
            "rollout_trouble", "1 while a service has this trouble.", ["service", "kind"], registry=registry
        )
        self._troubles_begun = Counter("rollout_troubles", "Troubles that began.", ["kind"], registry=registry)

    def listener(self) -> Listener:
        """Make the engine's listener: it counts phases, ends and how long they took."""
        return self._listen

    def looked(self, host: str, outcome: str, seconds: float) -> None:
        """Count one look at a registry: `outcome` is a word such as `changed`, `unchanged` or the kind of error."""
        with self._lock:
            self._labelled(self._looks, host, outcome).inc()
            self._labelled(self._look_seconds, host).observe(seconds)

    def heard(self, source: str, outcome: str) -> None:
        """Count one delivery of a webhook."""
        self._deliveries.labels(source, outcome).inc()

    def troubled(self, service: str, kind: str, of: str = WATCH) -> None:
        """Say that a service has a trouble, in place of the one of this origin; said again it changes nothing."""
        with self._lock:
            if self._troubles.get((service, of)) == kind:
                return
            self._end_trouble(service, of)
            self._troubles[service, of] = kind
            self._trouble.labels(service, kind).set(1)
            self._troubles_begun.labels(kind).inc()

    def well(self, service: str, of: str = WATCH) -> None:
        """Say that a service has no trouble of this origin; idempotent."""
        with self._lock:
            self._end_trouble(service, of)

    def gauge(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Show a number that is asked for at each scrape, on the scrape's thread; one that cannot be told is NaN.

        The same name again replaces what is asked.
        """
        from prometheus_client import Gauge

        def told() -> float:
            try:
                return float(value())
            except Exception:  # noqa: BLE001 - one number that cannot be told must not hide all the others
                return math.nan

        with self._lock:
            if name not in self._gauges:
                self._gauges[name] = Gauge(name, help_text, registry=self._registry)
            self._gauges[name].set_function(told)

    def keep(self, services: Collection[str], hosts: Collection[str]) -> None:
        """Drop the labels of all other services and registries: call it when something is watched no longer."""
        with self._lock:
            for (metric, first), series in list(self._series.items()):
                if first not in (services if metric is self._rollouts else hosts):
                    for labels in series:
                        metric.remove(*labels)
                    del self._series[metric, first]
            for service, of in list(self._troubles):
                if of == WATCH and service not in services:
                    self._end_trouble(service, of)

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(_Told(self._registry))

    def _listen(self, rollout: Rollout, events: tuple[Event, ...]) -> None:
        outcome = outcome_of(rollout)
        if outcome in _CALLS_A_PERSON:
            self.troubled(rollout.service.name, _CALLS_A_PERSON[outcome], ROLLOUT)
        else:
            self.well(rollout.service.name, ROLLOUT)
        if lost(rollout):
            self.troubled(rollout.service.name, _LOST, TELEMETRY)
        else:
            self.well(rollout.service.name, TELEMETRY)
        with self._lock:
            self._weigh(rollout)
            for event in events:
                if event.kind == "phase_changed":
                    self._phases.labels(str(dict(event.data)["after"])).inc()
                elif event.kind == "rollout_ended":
                    self._ended(rollout, Outcome(str(dict(event.data)["outcome"])), event)

    def _weigh(self, rollout: Rollout) -> None:
        """Show the evidence of what is under way where sources decide, and of nothing else; under the lock."""
        name, shown = rollout.service.name, set[tuple[str, str]]()
        for state in () if rollout.outcome in ENDS else rollout.targets:
            target = rollout.service.target(state.name)
            proof = proof_of(state, target)
            if proof is not None:
                shown.add((name, state.name))
                self._evidence.labels(name, state.name).set(e_of(state, target))
                self._proof.labels(name, state.name).set(proof)
        for labels in {known for known in self._weighed if known[0] == name} - shown:
            self._evidence.remove(*labels)
            self._proof.remove(*labels)
        self._weighed = {known for known in self._weighed if known[0] != name} | shown

    def _ended(self, rollout: Rollout, outcome: Outcome, event: Event) -> None:
        self._labelled(self._rollouts, rollout.service.name, outcome.value).inc()
        if outcome in ENDS:
            ended_at = rollout.ended_at or event.at
            self._release_seconds.labels(outcome.value).observe((ended_at - rollout.created_at).total_seconds())

    def _labelled(self, metric: Any, *labels: str) -> Any:
        """A series that goes with its first label; under the lock."""
        self._series.setdefault((metric, labels[0]), set()).add(labels)
        return metric.labels(*labels)

    def _end_trouble(self, service: str, of: str) -> None:
        kind = self._troubles.pop((service, of), None)
        if kind is not None:
            self._trouble.remove(service, kind)


class _Told:
    """A registry's metrics without the times at which their series were made, which nobody asks for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
