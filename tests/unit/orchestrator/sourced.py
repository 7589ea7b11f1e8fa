"""A service with a source of evidence and a check that say what a test tells them to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.manifest.loader import Loaded
from orchestrator.ports import TargetPorts
from orchestrator.wish import Submission
from providers.emulator.arm import Arm
from providers.ports import Errand, Finding, Question
from strategies.seen import CheckSeen, Reading
from tests.unit.orchestrator.yard import MANIFEST, Yard, YardApp

METRICS = """\
  metrics:
    - name: errors
      prometheus: {url: "http://prom:9090", requests: 'r{v="$revision"}', failures: 'f{v="$revision"}'}
    - {name: own, probes: {}}
    - {name: smoke, command: {run: ./smoke}}
"""
SOURCED = MANIFEST.replace("drain:", f"  longestHold: 10m\n{METRICS}drain:").replace(
    "gates: {probe: {port: 80, interval: 1s, before: 2}}", "gates:\n  probe: {port: 80, interval: 1s, before: 2}"
)
LINE = SOURCED.splitlines().index("    - name: errors") + 1
DENIED = Finding(False, "metric errors", "the server refused (401)", "put `headers` right")
SILENT = Finding(False, "metric errors", "the server does not answer", "nothing is decided until it does", fatal=False)
BAD = Finding(False, "metric errors", "cannot be parsed", key="gates.metrics[errors].prometheus.failures")


@dataclass
class Source:
    """A source, and a check, that says what it is told to and keeps what it was asked."""

    findings: tuple[Finding, ...] = ()
    asked: list[Any] = field(default_factory=list)
    error: Exception | None = None

    def preflight(self, question: Any) -> tuple[Finding, ...]:
        self.asked.append(question)
        if self.error is not None:
            raise self.error
        return self.findings

    def read(self, question: Question) -> Reading:
        raise AssertionError("nothing has begun")

    def look(self, errand: Errand) -> CheckSeen:
        raise AssertionError("nothing has begun")

    def stop(self) -> None:
        raise AssertionError("nothing was begun")


class SourcedApp(YardApp):
    """An app whose targets have one source and one check."""

    source: Source
    check: Source

    def hands(self, loaded: Loaded, rollout_id: str = "") -> Mapping[str, TargetPorts]:
        found = super().hands(loaded, rollout_id)
        if not loaded.manifest.gates.metrics:
            return found
        mine: dict[str, Any] = {"metrics": {"errors": self.source}, "checks": {"smoke": self.check}}
        return {name: replace(ports, **mine) for name, ports in found.items()}


@dataclass
class Bench(Yard):
    """A yard in which v1 serves, released before there were any sources."""

    source: Source = field(default_factory=Source)
    check: Source = field(default_factory=Source)

    @property
    def app(self) -> SourcedApp:
        app = SourcedApp(self.store, self.clock)
        app.yard, app.source, app.check = self, self.source, self.check
        return app

    def begin(self, version: str = "v2", **more: Any) -> Submission:
        """Submit with what the source and the check say now; nothing may be touched unless it is granted."""
        self.manifest = SOURCED
        return self.submit(version, **more)


def adopting(weight: int) -> Bench:
    """A bench in which nothing of ours serves, but an endpoint that was made by hand has this weight (0: disabled)."""
    bench = Bench()
    state = "Enabled" if weight else "Disabled"
    hand_made = {"target": "blue.example.com", "weight": weight or 1, "endpointStatus": state}
    kind = "Microsoft.Network/trafficManagerProfiles"
    body = {
        "location": "global",
        "properties": {
            "trafficRoutingMethod": "Weighted",
            "dnsConfig": {"relativeName": "contoso-shop", "ttl": 0},
            "monitorConfig": {"protocol": "HTTP", "port": 80, "path": "/healthz", "intervalInSeconds": 10},
            "endpoints": [{"name": "blue", "type": f"{kind}/externalEndpoints", "properties": hand_made}],
        },
    }
    where = f"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers/{kind}/shop"
    assert Arm(bench.world).call("PUT", where, body, "2022-04-01").result.status < 300
    own = next(line for line in SOURCED.splitlines() if "create: " in line)
    bench.manifest = SOURCED.replace(own, "      adopt: [blue]").replace("prometheus: {", "prometheus: {stable: old, ")
    return bench
