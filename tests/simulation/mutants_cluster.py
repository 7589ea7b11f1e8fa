"""Faults planted in what leads through clusters and waves: one real function each, turned into a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from providers import entrance
from providers.kubernetes import (
    deployments,
    gateway_routes,
    requests,
    route_requests,
    route_views,
    stable_service,
)
from providers.kubernetes.api import MERGE_PATCH
from providers.kubernetes.places import SERVICE, path
from providers.kubernetes.route_ours import items
from strategies import traffic, wake, waves
from strategies.detours import is_for_probes
from strategies.plan import Retire

Real = Callable[..., Any]
Patch = tuple[Any, str, Callable[[Real], Any]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted fault: `makes` turns each real function into the wrong one."""

    name: str
    patches: tuple[Patch, ...]
    clustered: bool = False
    """Whether it shows in worlds with clusters only."""
    counted: bool = False
    """Whether it shows only where somebody counts requests."""


def always(value: Any) -> Callable[[Real], Any]:
    """Whatever is asked, the same answer."""
    return lambda _real: lambda *_args, **_kwargs: value


def _first_rule_only(real: Real) -> Any:
    return lambda read, intent: real(replace(read, hosts=read.hosts[:1]), intent)


def _unguarded(real: Real) -> Any:
    def route_patch(read: Any, intent: Any) -> Any:
        patch = real(read, intent)
        return patch and [op for op in patch if op["op"] != "test" and op["path"] != "/metadata/resourceVersion"]

    return route_patch


def _forgets_foreign(real: Real) -> Any:
    def route_patch(read: Any, intent: Any) -> Any:
        patch = real(read, intent)
        for index in read.hosts if patch else ():
            refs = items(read.rules[index], "backendRefs")
            foreign = [at for at, ref in enumerate(refs) if read.ours.backend(ref, read.route) is None]
            removed = [op for op in patch if op["op"] == "remove" and "/backendRefs" in op["path"]]
            if foreign and not removed:
                patch.append({"op": "remove", "path": f"/spec/rules/{index}/backendRefs/{foreign[0]}"})
        return patch

    return route_patch


def _always_writes(real: Real) -> Any:
    def route_patch(read: Any, intent: Any) -> Any:
        version = str(read.body["metadata"]["resourceVersion"])
        return real(read, intent) or [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}]

    return route_patch


def _stays_at_zero(_real: Real) -> Any:
    return lambda *_args: ()


def _sees_no_zero(real: Real) -> Any:
    return lambda reads: [endpoint for endpoint in real(reads) if endpoint.enabled]


def _zero_stands(real: Real) -> Any:
    return lambda seen, member: member.weight == 0 or real(seen, member)


def _keeps_detours(real: Real) -> Any:
    def shift(self: Any, intent: Any, seen: Any) -> Any:
        return real(self, replace(intent, detours=tuple({*intent.detours, *seen.detours})), seen)

    return shift


def _blind_to_detours(_real: Real) -> Any:
    def led_as_wanted(seen: Any, intent: Any) -> bool:
        there = {detour for detour in intent.detours if not is_for_probes(detour)}
        return there <= set(seen.detours) and (intent.entrance is None or seen.entrance == intent.entrance)

    return led_as_wanted


def _opens_first(real: Real) -> Any:
    def shift(self: Any, intent: Any, seen: Any) -> Any:
        if intent.entrance:
            self._entrance.set(True)
        return real(self, intent, seen)

    return shift


def _entered_at_once(real: Real) -> Any:
    def entrance(state: Any, target: Any, *, closing: bool) -> Any:
        return real(state, target, closing=closing) if closing or not target.entrance else True

    return entrance


def _empties_at_once(real: Real) -> Any:
    def at_step(state: Any, target: Any, step: Any, *ids: Any) -> Any:
        return replace(real(state, replace(target, entrance=False), step, *ids), entrance=step.share > 0 or None)

    return at_step


def _per_wave(real: Real) -> Any:
    def before_retiring(rollout: Any, name: str, now: Any) -> Any:
        rule = replace(rollout.service.waves, retire=Retire.PER_WAVE)
        return real(replace(rollout, service=replace(rollout.service, waves=rule)), name, now)

    return before_retiring


def _last_wave_only(real: Real) -> Any:
    def taken_back(rollout: Any) -> Any:
        return frozenset(n for n in real(rollout) if rollout.service.target(n).wave == rollout.wave)

    return taken_back


def _rewrites_adopted(real: Real) -> Any:
    def complete(self: Any, name: str, mark: Any, uid: str) -> None:
        real(self, name, mark, uid)
        for adopted in self._settings.adopt:
            where = path(SERVICE, self._settings.namespace, adopted)
            body = {"spec": {"selector": {"app": None, "rollout/workload": name}}}
            self._api.write("adopting", "PATCH", where, body, content_type=MERGE_PATCH)

    return complete


def _applies_again(real: Real) -> Any:
    def get(self: Any, kind: str, name: str) -> Any:
        found = real(self, kind, name)
        return None if kind == "Deployment" and getattr(self, "_creating", False) else found

    return get


def _creates(real: Real) -> Any:
    def ensure(self: Any, name: str, mark: Any) -> None:
        self._creating = True
        try:
            real(self, name, mark)
        finally:
            self._creating = False

    return ensure


def _without_owner(real: Real) -> Any:
    return lambda *args, **kwargs: real(*args, **{**kwargs, "uid": None})


def _newest(_real: Real) -> Any:
    def wanted(serving: Any) -> Any:
        newest = max(serving, key=lambda item: item[1], default=None)
        return None if newest is None else stable_service.Wanted(*newest)

    return wanted


_MUTANTS = (
    Mutant("shift the first rule only", ((gateway_routes, "route_patch", _first_rule_only),)),
    Mutant("confirm a route without its conditions", ((route_views, "not_taken", always("")),)),
    Mutant("write a route without its version", ((gateway_routes, "route_patch", _unguarded),)),
    Mutant("forget a foreign backend", ((gateway_routes, "route_patch", _forgets_foreign),)),
    Mutant("write a settled route", ((gateway_routes, "route_patch", _always_writes),)),
    Mutant(
        "delete the Deployment before the route has left it",
        (
            (route_requests, "_gone", _stays_at_zero),
            (route_views, "our_endpoints", _sees_no_zero),
            (traffic, "_stands", _zero_stands),
        ),
    ),
    Mutant(
        "forget a detour on the way back",
        ((gateway_routes.GatewayRoutes, "shift", _keeps_detours), (traffic, "_led_as_wanted", _blind_to_detours)),
    ),
    Mutant("count probes before their detour is in force", ((wake, "_reached", always(True)),)),
    Mutant(
        "open the entrance before the route is taken",
        ((entrance.Behind, "shift", _opens_first), (traffic, "_entrance", _entered_at_once)),
    ),
    Mutant("empty the route as soon as the entrance is closed", ((traffic, "at_step", _empties_at_once),)),
    Mutant("skip the bake", ((waves, "_baked", always("")),)),
    Mutant("begin every wave at once", ((waves, "before_wave", always("")),)),
    Mutant("retire at the wave's end although atEnd", ((waves, "before_retiring", _per_wave),)),
    Mutant("take back the last wave only", ((waves, "taken_back", _last_wave_only),)),
    Mutant("adopt by rewriting the Service", ((deployments.DeploymentWorkloads, "_complete", _rewrites_adopted),)),
    Mutant(
        "apply a Deployment that stands",
        (
            (deployments.DeploymentWorkloads, "_get", _applies_again),
            (deployments.DeploymentWorkloads, "ensure", _creates),
        ),
    ),
    Mutant("leave what belongs to a Deployment without an owner", ((requests, "bodies", _without_owner),)),
    Mutant("let the stable Service follow too early", ((stable_service, "wanted", _newest),)),
)
CLUSTER_MUTANTS = tuple(replace(mutant, clustered=True) for mutant in _MUTANTS)
