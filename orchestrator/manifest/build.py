"""The typed manifest to what the rest works with: the head's `Service`, and the settings of each target's adapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.manifest import hosts, metric_build, schema
from orchestrator.manifest.target_checks import DEFAULT_WEIGHT, HIGHEST_ROUTE_WEIGHT, routed
from providers.azure.settings import ContainerInstances, CreateProfile, Monitor, Parent, TrafficManager
from providers.probes.settings import ProbeSettings
from strategies import plan
from strategies.detours import Match

if TYPE_CHECKING:
    from providers.kubernetes.settings import Deployments, Routes

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
    """What the adapters of a profile need; it is in the host's subscription unless it names another."""
    headers = traffic.endpoint.custom_headers
    return TrafficManager(
        subscription=traffic.subscription or subscription,
        resource_group=traffic.resource_group,
        profile=traffic.profile,
        create=None if traffic.create is None else _create(traffic.create),
        weight=traffic.weight,
        adopt=tuple(traffic.adopt),
        custom_headers=None if headers is None else _pairs(headers),
        always_serve=traffic.endpoint.always_serve,
        parents=tuple(Parent(p.resource_group, p.profile, p.endpoint, p.subscription) for p in traffic.parents),
        names=tuple(traffic.names),
        address=traffic.address,
    )


def deployments(manifest: schema.Manifest, target: schema.Target, objects: tuple[Any, ...]) -> Deployments:
    """What the Deployments adapter needs of one target; `objects` are its template's, parsed."""
    from providers.kubernetes.settings import Deployments

    host, gateway = target.kubernetes, target.gateway_api
    if host is None:
        raise ValueError(f"target {target.name} is in no cluster")
    return Deployments(
        context=host.context,
        namespace=host.namespace,
        objects=objects,
        containers=None if host.container is None else tuple(host.container),
        inject=manifest.inject,
        probe_port=None if via_of(manifest, target) == "gateway" else probe_of(manifest, target).port,
        proxied=via_of(manifest, target) == "apiProxy",
        adopt=() if gateway is None else tuple(gateway.adopt),
        stable_service=host.stable_service,
    )


def routes(manifest: schema.Manifest, target: schema.Target, objects: tuple[Any, ...]) -> Routes:
    """What the routes' adapter needs of one target."""
    from providers.kubernetes.settings import Route, RouteKind, Routes
    from providers.kubernetes.template import port, service_ports

    host, gateway = target.kubernetes, target.gateway_api
    if host is None or gateway is None:
        raise ValueError(f"target {target.name} has no routes")
    made = deployments(manifest, target, objects)
    kinds: tuple[tuple[RouteKind, list[str] | None], ...] = (
        ("HTTPRoute", gateway.http_route),
        ("GRPCRoute", gateway.grpc_route),
    )
    strategy = target.strategy or manifest.strategy
    return Routes(
        context=host.context,
        namespace=host.namespace,
        routes=tuple(Route(kind, *routed(name, host.namespace)) for kind, names in kinds for name in names or ()),
        port=port(objects),
        adopt=made.adopt,
        weight=gateway.weight,
        stable_service=host.stable_service,
        service_ports=service_ports(objects, made.probe_port),
        matches=strategy.ab_test is not None,
        mirrors=strategy.shadow is not None,
        probes=via_of(manifest, target) == "gateway",
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


def via_of(manifest: schema.Manifest, target: schema.Target) -> str:
    """The way of a target's probes; the service's own word is for its targets in clusters."""
    if target.kubernetes is None:
        return "direct"
    return probe_of(manifest, target).via or "apiProxy"


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
    probe, traffic, gateway = probe_of(manifest, target), target.traffic_manager, target.gateway_api
    rule = plan.ProbeRule(probe.interval, probe.before, probe.failures, routed=via_of(manifest, target) == "gateway")
    common = plan.Target(
        name=target.name,
        plan=steps(target.strategy or manifest.strategy),
        wave=target.wave,
        probe=rule,
        drain=_drain(manifest.drain),
        metrics=metric_build.rules(manifest, target),
        longest_seconds=metric_build.gates_of(manifest, target, "longest_hold").longest_hold,
    )
    if target.kubernetes is not None and gateway is not None:
        return replace(
            common,
            weight=gateway.weight or DEFAULT_WEIGHT,
            most=HIGHEST_ROUTE_WEIGHT,
            entrance=traffic is not None,
            adopt=tuple(gateway.adopt),
            on_drift=plan.OnDrift(gateway.on_drift),
        )
    if target.container_instances is None or traffic is None:
        raise ValueError(f"target {target.name} has no host and traffic that this version runs")
    return replace(
        common,
        replicas=target.container_instances.replicas,
        weight=traffic.weight,
        ttl_during=traffic.ttl_during_rollout,
        adopt=tuple(traffic.adopt),
        on_drift=plan.OnDrift(traffic.on_drift),
        by_resolver=True,
    )


def steps(strategy: schema.Strategy) -> plan.Plan:
    """The strategy as a plan; raises ValueError where the steps do not rise."""
    if strategy.canary is not None:
        canary = strategy.canary
        rising = _rising(canary.steps, canary.hold)
        return plan.canary(rising, preview_hold=canary.preview.hold, preview_approve=canary.preview.approve)
    if strategy.ab_test is not None:
        test = strategy.ab_test
        headers = tuple(sorted((name.lower(), value) for name, value in test.match.headers.items()))
        return plan.ab_test(
            Match(headers, tuple(sorted(test.match.cookies.items()))),
            hold=test.hold,
            approve=test.approve,
            steps=_rising(test.steps, test.hold),
            preview_hold=test.preview.hold,
            preview_approve=test.preview.approve,
        )
    if strategy.shadow is not None:
        shadow = strategy.shadow
        return plan.shadow(
            shadow.percent,
            hold=shadow.hold,
            approve=shadow.approve,
            steps=_rising(shadow.steps, shadow.hold),
            preview_hold=shadow.preview.hold,
            preview_approve=shadow.preview.approve,
        )
    green = strategy.blue_green or schema.BlueGreen()
    return plan.blue_green(preview_hold=green.preview.hold, preview_approve=green.preview.approve, hold=green.hold)


def _rising(given: list[schema.Step], hold: float) -> tuple[plan.Step, ...]:
    return tuple(plan.Step(step.share, hold if step.hold is None else step.hold, step.approve) for step in given)


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
