"""The targets of a manifest: each with its template read and judged, as the settings that its adapters are made of."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator.manifest import build, metric_build
from orchestrator.manifest.document import Document
from orchestrator.manifest.job_template import job_mistakes
from orchestrator.manifest.kube_types import STANDARD_INPUT
from orchestrator.manifest.objects import read_objects
from orchestrator.manifest.problems import ManifestError, Path, within
from orchestrator.manifest.schema import Manifest, Target
from orchestrator.manifest.template import Template, check_template, read_template
from orchestrator.manifest.typed import Typed
from orchestrator.manifest.variables import Variables
from providers.azure.settings import ContainerInstances, TrafficManager
from providers.metrics.settings import Header, Named
from providers.probes.settings import ProbeSettings

if TYPE_CHECKING:
    from providers.kubernetes.settings import Deployments, Routes


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """What the adapters of one target need to be made; host and traffic are both Azure's, or both a cluster's.

    `entrance` is the profile in front of a cluster's gateway, `via` the way of our own probes: `direct`, `apiProxy` or
    `gateway`.
    """

    name: str
    workloads: ContainerInstances | Deployments
    traffic: TrafficManager | Routes
    probe: ProbeSettings
    entrance: TrafficManager | None = None
    via: str = "direct"
    sources: tuple[Named, ...] = ()
    """Where its requests are counted and what is run against its candidate, in the order of `gates.metrics`."""

    @property
    def azure(self) -> tuple[ContainerInstances, TrafficManager] | None:
        """Host and traffic where they are Azure's."""
        if isinstance(self.workloads, ContainerInstances) and isinstance(self.traffic, TrafficManager):
            return self.workloads, self.traffic
        return None

    @property
    def cluster(self) -> tuple[Deployments, Routes] | None:
        """Host and traffic where they are a cluster's."""
        if isinstance(self.workloads, ContainerInstances) or isinstance(self.traffic, TrafficManager):
            return None
        return self.workloads, self.traffic


Say = Callable[[Sequence[tuple[Path, str]]], None]


@dataclass(slots=True)
class Targets:
    """Reads the targets of one document; tells what is wrong to `say` instead of stopping at the first.

    `read_text` turns a template's path, as the manifest names it, into its text and absolute path. `secrets` are those
    that the manifest itself names, by their paths. `texts` and `used` are what was read and which variables it needed.
    """

    document: Document
    variables: Variables
    read_text: Callable[[str], tuple[str, str]]
    strict: bool
    say: Say
    secrets: Mapping[Path, Header] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def read(self, manifest: Manifest, number: int, result: Typed) -> TargetSettings | None:
        """The settings of one target; None where something of it is wrong, which was told."""
        in_cluster = manifest.targets[number].kubernetes is not None
        made = (self._cluster if in_cluster else self._azure)(manifest, number, result)
        sources = self._sources(manifest, number, result)
        return None if made is None else replace(made, sources=sources)

    def _sources(self, manifest: Manifest, number: int, result: Typed) -> tuple[Named, ...]:
        """The target's sources of evidence; what is wrong with a Job's file was told."""
        metrics, path = metric_build.metrics_at(manifest, number)
        made = []
        for place, metric in enumerate(metrics):
            where = (*path, place)
            job = None
            if metric.job is not None and not within((*where, "job", "template"), result.broken):
                job = self._job(metric.job.template, (*where, "job", "template"))
            made.append(metric_build.named(metric, manifest.targets[number], where, self.secrets, job))
        return tuple(made)

    def _job(self, name: str, path: Path) -> Any:
        """The parsed file of a Job."""
        read = read_objects(self._files([name], path), self.variables)
        self.used |= read.used
        found = list(read.problems)
        if self.strict and not found and name in self.texts:
            found += read.located(job_mistakes(read.values))
        self.say([(path, str(each)) for each in found])
        return read.values[0] if len(read.values) == 1 else None

    def _azure(self, manifest: Manifest, number: int, result: Typed) -> TargetSettings | None:
        target = manifest.targets[number]
        path: Path = ("targets", number, "containerInstances", "template")
        host, traffic = target.container_instances, target.traffic_manager
        if host is None or within(path, result.broken):
            return None
        template = self._group(host.template)
        workloads = build.container_instances(manifest, host, template.value)
        found = list(template.problems)
        if self.strict:
            facts = {"service": manifest.service, "image": manifest.image, "replicas": host.replicas}
            unjudged = {
                place
                for place, key in (("properties.containers", ("image",)), ("location", (*path[:-1], "location")))
                if within(key, result.broken)
            }
            found += [each for each in check_template(template, workloads, **facts) if each.path not in unjudged]
        self.say([(path, str(each)) for each in found])
        if self.strict and not found:
            self._port(manifest, target, template, ("targets", number))
        if found or traffic is None:
            return None
        probe = build.probe_settings(build.probe_of(manifest, target))
        return TargetSettings(target.name, workloads, build.traffic_manager(traffic, host.subscription), probe)

    def _cluster(self, manifest: Manifest, number: int, result: Typed) -> TargetSettings | None:
        target = manifest.targets[number]
        path: Path = ("targets", number, "kubernetes", "template")
        host, gateway, front = target.kubernetes, target.gateway_api, target.traffic_manager
        if host is None or within(path, result.broken):
            return None
        read = read_objects(self._files(host.template, path), self.variables)
        self.used |= read.used
        found, all_there = list(read.problems), all(name in self.texts for name in host.template)
        if self.strict and not found and all_there:
            found += read.located(self._judged(manifest, target, tuple(read.values), path, result))
        self.say([(path, str(each)) for each in found])
        if found or gateway is None or not all_there:
            return None
        probe = build.probe_of(manifest, target)
        return TargetSettings(
            target.name,
            build.deployments(manifest, target, tuple(read.values)),
            build.routes(manifest, target, tuple(read.values)),
            build.probe_settings(probe),
            None if front is None else build.traffic_manager(front, ""),
            build.via_of(manifest, target),
        )

    def _judged(
        self, manifest: Manifest, target: Target, objects: tuple[Any, ...], path: Path, result: Typed
    ) -> list[Any]:
        """The provider's own check, without what rests on a key that is broken itself."""
        from providers.kubernetes.template import check

        made = build.deployments(manifest, target, objects)
        unknown = within(("image",), result.broken) and made.containers is None
        found = check(
            objects,
            service=manifest.service,
            image=manifest.image,
            namespace=made.namespace,
            containers=() if unknown else made.containers,
            adopt=made.adopt,
            probe_port=made.probe_port,
        )
        elsewhere = within((*path[:-1], "namespace"), result.broken)
        return [each for each in found if not (elsewhere and each.path[-2:] == ("metadata", "namespace"))]

    def _files(self, names: Sequence[str], path: Path) -> list[tuple[str, str]]:
        files = []
        for number, name in enumerate(names):
            shown_as = name if name == STANDARD_INPUT else self._shown_as(name)
            try:
                text, _ = self.read_text(name)
            except ManifestError as error:
                place = (*path, number) if len(names) > 1 else path
                self.say([(place, str(each)) for each in error.problems])
                continue
            self.texts[name] = text
            files.append((shown_as, text))
        return files

    def _shown_as(self, name: str) -> str:
        return str(pathlib.Path(self.document.file).parent / name)

    def _group(self, name: str) -> Template:
        try:
            text, home = self.read_text(name)
        except ManifestError as error:
            return Template(problems=list(error.problems))
        template = read_template(text, self._shown_as(name), home, self.variables)
        self.texts[name] = template.text
        self.used |= template.used
        return template

    def _port(self, manifest: Manifest, target: Target, template: Template, path: Path) -> None:
        """A port that the group does not open can never be probed; better said now than after a deadline."""
        address = template.value["properties"].get("ipAddress") or {}
        ports = [item.get("port") for item in address.get("ports") or ()]
        probe = build.probe_of(manifest, target)
        if probe.port in ports:
            return
        own = target.gates is not None and "port" in target.gates.probe.model_fields_set
        place: Path = (*path, "gates", "probe", "port") if own else ("gates", "probe", "port")
        opened = ", ".join(str(port) for port in ports)
        self.say([(place, f"must be a port that target {target.name}'s template opens ({opened}); got {probe.port}")])
