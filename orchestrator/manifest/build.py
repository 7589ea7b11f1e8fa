"""The typed manifest to what the rest works with: the head's `Service`, and the settings of each target's adapters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.manifest import hosts, schema
from providers.azure.settings import ContainerInstances, CreateProfile, Monitor, Parent, TrafficManager
from providers.probes.settings import ProbeSettings
from strategies import plan

_MONITOR_PATH = "/healthz"


def container_instances(manifest: schema.Manifest, host: hosts.ContainerInstances, template: Any) -> ContainerInstances:
    """What the Container Instances adapter needs of one target; `template` is the parsed file."""
    return ContainerInstances(
        subscription=host.subscription,
        resource_group=host.resource_group,
        location=host.location,
        template=template,
        containers=None if host.container is None else tuple(host.container),
        inject=manifest.inject,
        allow_system_identity=host.allow_system_identity,
    )


def traffic_manager(traffic: hosts.TrafficManager, subscription: str) -> TrafficManager:
    """What the Traffic Manager adapter needs of one target; the profile is in the host's subscription."""
    headers = traffic.endpoint.custom_headers
    return TrafficManager(
        subscription=subscription,
        resource_group=traffic.resource_group,
        profile=traffic.profile,
        create=None if traffic.create is None else _create(traffic.create),
        weight=traffic.weight,
        adopt=tuple(traffic.adopt),
        custom_headers=None if headers is None else _pairs(headers),
        always_serve=traffic.endpoint.always_serve,
        parents=tuple(Parent(p.resource_group, p.profile, p.endpoint, p.subscription) for p in traffic.parents),
        names=tuple(traffic.names),
    )


def _create(create: hosts.CreateProfile) -> CreateProfile:
    monitor = create.monitor
    asked = None if monitor.protocol == "TCP" else monitor.path or _MONITOR_PATH
    return CreateProfile(
        dns_name=create.dns_name,
        ttl_seconds=create.ttl,
        monitor=Monitor(
            protocol=monitor.protocol,
            port=monitor.port,
            path=asked,
            interval_seconds=monitor.interval,
            timeout_seconds=monitor.timeout,
            failures=monitor.failures,
            expect=tuple(monitor.expect),
            headers=_pairs(monitor.headers),
        ),
        tags=_pairs(create.tags),
    )


def _pairs(mapping: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(mapping.items())


def probe_of(manifest: schema.Manifest, target: schema.Target) -> schema.Probe:
    """The service's probe with what the target gives itself put over it, key by key."""
    base = manifest.gates.probe
    if target.gates is None or "probe" not in target.gates.model_fields_set:
        return base
    own = target.gates.probe
    return base.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})


def probe_settings(probe: schema.Probe) -> ProbeSettings:
    """What the prober needs for one request."""
    return ProbeSettings(
        scheme=probe.scheme,
        port=probe.port,
        path=probe.path,
        timeout_seconds=probe.timeout,
        expect=tuple(probe.expect),
        host=probe.host,
        server_name=probe.server_name,
        verify=probe.verify,
        headers=_pairs(probe.headers),
    )


def service(manifest: schema.Manifest) -> plan.Service:
    """What decisions need to know of the manifest."""
    return plan.Service(
        name=manifest.service,
        image=manifest.image,
        targets=tuple(_target(manifest, target) for target in manifest.targets),
        waves=plan.WaveRule(
            plan.Retire(manifest.waves.retire), manifest.waves.bake, plan.Scope(manifest.waves.on_failure)
        ),
        deadlines=plan.Deadlines(manifest.deadline.ready, manifest.deadline.wave, manifest.deadline.total),
        on_failure=plan.OnFailure(manifest.on_failure),
        while_running=plan.WhileRunning(manifest.while_running),
        retain_seconds=manifest.retain,
    )


def _target(manifest: schema.Manifest, target: schema.Target) -> plan.Target:
    host, traffic, probe = target.container_instances, target.traffic_manager, probe_of(manifest, target)
    if host is None or traffic is None:
        raise ValueError(f"target {target.name} has no host and traffic that this version runs")
    return plan.Target(
        name=target.name,
        plan=steps(target.strategy or manifest.strategy),
        wave=target.wave,
        replicas=host.replicas,
        weight=traffic.weight,
        ttl_during=traffic.ttl_during_rollout,
        adopt=tuple(traffic.adopt),
        on_drift=plan.OnDrift(traffic.on_drift),
        probe=plan.ProbeRule(probe.interval, probe.before, probe.failures),
        drain=_drain(manifest.drain),
    )


def steps(strategy: schema.Strategy) -> plan.Plan:
    """The strategy as a plan; raises ValueError where the steps do not rise."""
    if strategy.canary is not None:
        canary = strategy.canary
        rising = tuple(
            plan.Step(step.share, canary.hold if step.hold is None else step.hold, step.approve)
            for step in canary.steps
        )
        return plan.canary(rising, preview_hold=canary.preview.hold, preview_approve=canary.preview.approve)
    green = strategy.blue_green or schema.BlueGreen()
    return plan.blue_green(preview_hold=green.preview.hold, preview_approve=green.preview.approve, hold=green.hold)


def _drain(drain: schema.Drain) -> plan.DrainRule:
    timed = isinstance(drain.quiet, float)
    return plan.DrainRule(
        propagation_seconds=drain.propagation,
        margin_seconds=drain.margin,
        quiet=plan.Quiet.AUTO if timed else plan.Quiet(str(drain.quiet)),
        quiet_seconds=float(drain.quiet) if timed else None,
        most_seconds=drain.most,
        then=plan.AfterMost(drain.then),
    )
