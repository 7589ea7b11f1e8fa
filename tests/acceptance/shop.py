"""One service of one test: its images, manifest, store and profile, the verbs to drive it, and what became of it."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.manifest.loader import load
from orchestrator.runner import Driver, Patience
from orchestrator.store.opening import open_store
from orchestrator.submit import Wish, submit
from orchestrator.wiring import App
from providers.emulator.behaviour import Behaviour
from providers.emulator.calls import Call
from providers.emulator.faults import Fault
from providers.emulator.load import LoadGenerator, LoadPlan
from strategies.model import Outcome
from tests.acceptance.cloud import Cloud
from tests.acceptance.command import PATIENCE_SECONDS, Done, Running, environment

SERVICE = "shop"
_MARKS = ("rollout-active", "rollout-ttl")


class Shop:
    """A service alone in its subscription; `spec` and `template` are written to files before each `start`."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud, self.folder = cloud, folder
        number = cloud.number()
        self.subscription = f"00000000-0000-4000-8000-{number:012d}"
        self.repository = f"shop/web{number}"
        self.dns_name = f"contoso-{number}"
        self.store = folder / "store.db"
        self.environment = environment(
            ROLLOUT_AZURE_ENDPOINT=cloud.emulator.url,
            ROLLOUT_DNS=cloud.emulator.dns,
            ROLLOUT_STORE=f"sqlite:///{self.store}",
            HOME=str(folder),
        )
        self.digests: dict[str, str] = {}
        self.spec = self._spec()
        self.template = self._template()
        self._running: list[Running] = []

    def _spec(self) -> dict[str, Any]:
        port = self.cloud.port
        monitor = {"protocol": "HTTP", "port": port, "path": "/healthz"}
        target = {
            "name": "west",
            "containerInstances": {
                "subscription": self.subscription,
                "resourceGroup": "shop",
                "location": "westeurope",
                "template": "container-group.yaml",
            },
            "trafficManager": {
                "resourceGroup": "shop",
                "profile": "shop",
                "create": {"dnsName": self.dns_name, "ttl": "0s", "monitor": monitor},
            },
        }
        return {
            "service": SERVICE,
            "image": f"{self.cloud.emulator.registry_host}/{self.repository}",
            "targets": [target],
            "strategy": {"blueGreen": {}},
            "gates": {"probe": {"port": port, "interval": "50ms", "timeout": "2s", "before": 2, "failures": 2}},
            "drain": {"propagation": "0s", "margin": "100ms", "quiet": "none"},
        }

    def _template(self) -> dict[str, Any]:
        port = self.cloud.port
        web = {
            "image": self.spec["image"],
            "ports": [{"port": port}],
            "resources": {"requests": {"cpu": 0.5, "memoryInGB": 0.5}},
        }
        address = {"type": "Public", "dnsNameLabel": self.dns_name, "ports": [{"port": port, "protocol": "TCP"}]}
        return {
            "name": SERVICE,
            "location": "westeurope",
            "properties": {
                "osType": "Linux",
                "restartPolicy": "Always",
                "ipAddress": address,
                "containers": [{"name": "web", "properties": web}],
            },
        }

    @property
    def routing(self) -> dict[str, Any]:
        """The manifest's `trafficManager`, to be changed before a start."""
        found: dict[str, Any] = self.spec["targets"][0]["trafficManager"]
        return found

    @property
    def hosting(self) -> dict[str, Any]:
        """The manifest's `containerInstances`, to be changed before a start."""
        found: dict[str, Any] = self.spec["targets"][0]["containerInstances"]
        return found

    @property
    def ttl(self) -> int:
        """The profile's own TTL in seconds, as the manifest says."""
        return int(self.routing["create"]["ttl"].removesuffix("s"))

    def canary(self, *steps: Any, **more: Any) -> None:
        """Make it a canary of these steps; a step is held for 100 ms unless it says otherwise."""
        self.spec["strategy"] = {"canary": {"steps": list(steps), "hold": "100ms", **more}}

    def image(self, tag: str, **behaviour: Any) -> str:
        """Register an image whose workload calls itself by its tag; returns the digest."""
        told = Behaviour.from_json({"version": tag, **behaviour})
        self.digests[tag] = self.cloud.emulator.register_image(self.repository, tag, told)
        return self.digests[tag]

    def write(self) -> None:
        """Write manifest and template as they stand now."""
        (self.folder / "rollout.yaml").write_text(yaml.safe_dump(self.spec, sort_keys=False))
        (self.folder / "container-group.yaml").write_text(yaml.safe_dump(self.template, sort_keys=False))

    def call(self, *words: str) -> Running:
        """Begin a command."""
        running = Running(words, self.folder, self.environment, f"command-{len(self._running)}")
        self._running.append(running)
        return running

    def run(self, *words: str, seconds: float = PATIENCE_SECONDS) -> Done:
        """Run a command to its end, with a JSON result."""
        return self.call(*words, "--output", "json").finish(seconds)

    def begin(self, tag: str | None, *options: str) -> Running:
        """Begin `rollout start`, its events logged as JSON lines on standard error."""
        self.write()
        image = () if tag is None else ("--tag", tag)
        return self.call("start", "rollout.yaml", *image, "--log-format", "json", "--output", "json", *options)

    def start(self, tag: str | None, *options: str) -> Done:
        """Run `rollout start` to its end."""
        return self.begin(tag, *options).finish()

    def serve(self, tag: str = "v1", **behaviour: Any) -> None:
        """Make the first release in this process, by the same engine: a third of a second instead of a whole one."""
        digest = self.image(tag, **behaviour)
        self.write()
        with self.cloud.alone, self._settings():
            (loaded,) = load([str(self.folder / "rollout.yaml")])
            with closing(App(open_store(self.environment["ROLLOUT_STORE"]))) as app:
                begun = submit(app, Wish(loaded, digest, tag, actor="tester")).rollout
                assert begun is not None
                ended = Driver(app.store, app.clock, app.engine(), begun.id, Patience()).run().rollout
        assert ended.outcome is Outcome.PROMOTED, ended

    @contextmanager
    def _settings(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in list(os.environ):
                if name.startswith("ROLLOUT_"):
                    patch.delenv(name)
            for name in ("ROLLOUT_AZURE_ENDPOINT", "ROLLOUT_DNS"):
                patch.setenv(name, self.environment[name])
            yield

    def sicken(self, tag: str) -> None:
        """Let every workload that runs this image fail its health path from now on."""
        groups = self.cloud.emulator.world.groups

        def change() -> None:
            for group in groups.all():
                for run in group.runs:
                    if run.image.endswith(self.digests[tag]):
                        run.behaviour = replace(run.behaviour, unhealthy_after_seconds=0.0)

        self.cloud.emulator.call(change)

    def sicken_once_served(self, running: Running, tag: str) -> None:
        """Let an image fail its health path once it has traffic; nothing when the command ends before that."""
        running.until(lambda: running.process.poll() is not None or tag in self.weights)
        if tag in self.weights:
            self.sicken(tag)

    def close(self) -> None:
        """End what still runs, and forget what was armed for this subscription."""
        for running in self._running:
            running.end()
        self.cloud.listen(self.subscription, None)

    def lose_store(self) -> None:
        """Delete the store, as on a CI runner whose disk is empty every time."""
        for path in self.folder.glob("store.db*"):
            path.unlink()
        shutil.rmtree(self.folder / ".local", ignore_errors=True)

    @property
    def writes(self) -> list[Call]:
        """Every write to Azure so far."""
        return self.cloud.writes_of(self.subscription)

    def written_since(self, count: int) -> list[str]:
        """Each write after the first `count`, as method and the last kind of resource in its path."""
        kinds = ("containerGroups", "trafficManagerProfiles")
        return [
            f"{call.method} {next((kind for kind in kinds if kind.lower() in call.path.lower()), call.path)}"
            for call in self.writes[count:]
        ]

    @property
    def groups(self) -> dict[str, str]:
        """Each container group by name, with the tag of the image that it runs."""
        return {group["name"]: self._tag(group) for group in self.cloud.resources("groups", self.subscription)}

    def _tag(self, group: dict[str, Any]) -> str:
        digest: str = group["images"][-1].rpartition("@")[2]
        return next((tag for tag, known in self.digests.items() if known == digest), digest)

    @property
    def profile(self) -> dict[str, Any]:
        """The profile as ARM shows it."""
        (found,) = self.cloud.resources("profiles", self.subscription)
        return copy.deepcopy(found)

    @property
    def endpoints(self) -> dict[str, dict[str, Any]]:
        """The profile's endpoints by name, each with its properties."""
        return {item["name"]: item["properties"] for item in self.profile["properties"]["endpoints"]}

    @property
    def weights(self) -> dict[str, int]:
        """The weight of every enabled endpoint, by the tag of the image that serves there (else its name)."""
        by_host = {g["fqdn"]: self._tag(g) for g in self.cloud.resources("groups", self.subscription)}
        found: dict[str, int] = {}
        for name, endpoint in self.endpoints.items():
            if endpoint["endpointStatus"] == "Enabled":
                key = by_host.get(endpoint["target"], name)
                found[key] = found.get(key, 0) + endpoint["weight"]
        return found

    def assert_serves_alone(self, tag: str, *, groups: int = 1, weight: int = 1000, ttl: int = 0) -> None:
        """Everything is as after a release that has ended: one version, its groups, its weight, no marks left."""
        assert self.weights == {tag: weight}
        assert sorted(self.groups.values()) == [tag] * groups
        assert len(self.endpoints) == groups
        assert self.profile["properties"]["dnsConfig"]["ttl"] == ttl
        assert not set(_MARKS) & set(self.profile["tags"])

    def fault(self, **told: Any) -> None:
        """Arm one fault for calls of this subscription; `path` is searched after it."""
        path = f"{self.subscription}.*{told.pop('path', '')}"
        self.cloud.emulator.call(self.cloud.emulator.world.faults.add, Fault.from_json({**told, "path": path}))

    @contextmanager
    def crowd(self, rate: float = 25.0) -> Iterator[LoadGenerator]:
        """Send constant load through DNS while the block runs, from clients that keep answers for their whole TTL."""
        world = self.cloud.emulator.world
        url = f"http://{self.dns_name}.trafficmanager.net:{self.cloud.port}/"
        plan = LoadPlan(url, self.cloud.emulator.dns, rate=rate, clients=10)
        with LoadGenerator(plan, retired=lambda address: world.addresses.retired_at(address) is not None) as load:
            yield load
