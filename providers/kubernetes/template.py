"""What is wrong with a template of Kubernetes objects, all at once and before anything is touched; pure.

A template is what one would apply: a Deployment, and any Service, HorizontalPodAutoscaler, PodDisruptionBudget and
ConfigMaps that belong to it. Rules: contract.md "Template rules". Output of `kubectl get -o yaml` is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from providers.kubernetes import marks, ports
from providers.kubernetes.parts import Found, at, by_kind, expanded, mapping, name_of, pod_labels, sequence
from providers.kubernetes.places import BUDGET, CONFIG_MAP, DEPLOYMENT, OF_TEMPLATES, PLACES, SCALER, SERVICE
from providers.kubernetes.ports import port, service_ports
from providers.kubernetes.selectors import of_labels, of_service
from providers.kubernetes.shapes import misshapen
from providers.kubernetes.template_pods import workload
from providers.problems import Path, Problem, shown
from strategies.names import GROUP_NAME_LIMIT, group_name

__all__ = ["check", "port", "service_ports"]
_MOST_ROLLOUTS = 999_999
_ONCE = (SERVICE, SCALER, BUDGET)
_ALONE = "only a Deployment can run in two revisions side by side; make it one, or keep it beside the template"
_BEFORE = "apply it before the rollout, and keep it out of the template"
_WAYS_OUT = {
    "Secret": "no copy per revision is made of secrets: make it beforehand, keep it out of the template and reference"
    " it (secretKeyRef, secretRef, or a volume)",
    "ScaledObject": "use a HorizontalPodAutoscaler, which is copied per revision, or keep it beside the template",
    "VerticalPodAutoscaler": "use a HorizontalPodAutoscaler, or keep it beside the template",
    "Ingress": "traffic is shared by a route: make an HTTPRoute and name it under gatewayApi.httpRoute",
    "HTTPRoute": "apply it beforehand, keep it out of the template, and name it under gatewayApi.httpRoute",
    "GRPCRoute": "apply it beforehand, keep it out of the template, and name it under gatewayApi.grpcRoute",
    "Gateway": "apply it beforehand and keep it out of the template; its routes are named under gatewayApi",
    "Kustomization": "render it first (kubectl kustomize) and give the output, as a file or as `-`",
    "HelmRelease": "render it first (helm template) and give the output, as a file or as `-`",
    **dict.fromkeys(("StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job", "DeploymentConfig", "Rollout"), _ALONE),
}


def check(
    objects: Any,
    *,
    service: str,
    image: str,
    namespace: str,
    containers: tuple[str, ...] | None = None,
    adopt: tuple[str, ...] = (),
    probe_port: int | None = None,
) -> list[Problem]:
    """Return every problem of a template's parsed objects, object by object; an empty list when it can be deployed.

    A problem's path begins with the object's index. `image` is the manifest's repository, `containers` the names it
    gives (None: by repository), `namespace` where the target lives, `adopt` the live Services that it names.
    """
    if not isinstance(objects, list | tuple):
        return [Problem((), f"expected Kubernetes objects; got {shown(objects)}")]
    found = by_kind(objects)
    problems = [*_names(service, adopt), *_kinds(expanded(objects)), *_counts(found, objects)]
    for kind, items in found.items():
        for item in items:
            problems += [*misshapen(kind, item.value, item.path), *_head(item, namespace)]
    for deployment in found[DEPLOYMENT][:1]:
        problems += workload(deployment, image, containers)
        problems += [problem for item in found[SERVICE] for problem in _service(item, deployment, probe_port)]
        problems += [problem for item in found[SCALER] for problem in _scaler(item, deployment)]
        problems += [problem for item in found[BUDGET] for problem in _budget(item, deployment)]
        if not found[SERVICE]:
            problems += _reachable(deployment)
    return sorted(problems, key=lambda problem: problem.path[:1])


def _names(service: str, adopt: Iterable[str]) -> Iterator[Problem]:
    name = group_name(service, "0" * 8, _MOST_ROLLOUTS, 0)
    if len(name) > GROUP_NAME_LIMIT:
        over = len(name) - GROUP_NAME_LIMIT
        limit = f"the names of a revision's objects have at most {GROUP_NAME_LIMIT} characters"
        yield Problem(
            (), f"{limit}; {service!r} with its revision suffix has {over} too many: shorten the service's name"
        )
    if service.endswith("-"):
        yield Problem((), f"expected a service that can be a label's value, which ends in no hyphen; got {service!r}")
    for live in adopt:
        if marks.of_backend(service, "", live) is not None:
            yield Problem((), f"expected no Service of rollout's own in `adopt`; {live!r} is one: leave it out")


def _kinds(everything: Iterable[tuple[Path, Any]]) -> Iterator[Problem]:
    allowed = ", ".join(OF_TEMPLATES)
    for path, value in everything:
        kind, name = at(value, "kind"), name_of(value) or "without a name"
        if not isinstance(value, Mapping) or not isinstance(kind, str) or not kind:
            got = shown(value) if not isinstance(value, Mapping) else f"kind {shown(kind)}"
            yield Problem(path, f"expected a Kubernetes object (apiVersion, kind, metadata); got {got}")
        elif kind not in OF_TEMPLATES:
            way_out = _WAYS_OUT.get(kind, _BEFORE)
            yield Problem((*path, "kind"), f"expected one of {allowed}; got {kind} {name}: {way_out}")
        elif value.get("apiVersion") != PLACES[kind].api_version:
            wanted, got = PLACES[kind].api_version, shown(value.get("apiVersion"))
            yield Problem((*path, "apiVersion"), f"expected {wanted} for {kind} {name}; got {got}")


def _counts(found: Mapping[str, list[Found]], objects: Any) -> Iterator[Problem]:
    if not found[DEPLOYMENT]:
        have = [f"{at(value, 'kind')} {name_of(value)}" for _, value in expanded(objects)]
        yield Problem((), f"expected exactly one Deployment (apps/v1); found {', '.join(have) or 'nothing'}")
    for kind in (DEPLOYMENT, *_ONCE):
        for item in found[kind][1:]:
            most = "exactly one" if kind == DEPLOYMENT else "at most one"
            yield Problem(item.path, f"expected {most} {kind}; got {item.name!r} beside {found[kind][0].name!r}")
    known: set[str] = set()
    for item in found[CONFIG_MAP]:
        if item.name in known:
            yield Problem((*item.path, "metadata", "name"), f"expected each ConfigMap once; got {item.name!r} again")
        known.add(item.name)


def _head(item: Found, namespace: str) -> Iterator[Problem]:
    if not item.name:
        yield Problem(
            (*item.path, "metadata", "name"), f"expected a name; got {shown(at(item.value, 'metadata', 'name'))}"
        )
    own = at(item.value, "metadata", "namespace")
    if isinstance(own, str) and own != namespace:
        says = f"expected {namespace!r} as the manifest says, or no namespace here; got {own!r}"
        yield Problem((*item.path, "metadata", "namespace"), says)


def _service(item: Found, deployment: Found, probe_port: int | None) -> Iterator[Problem]:
    spec, path = mapping(item.value, "spec"), (*item.path, "spec")
    if spec.get("type") == "ExternalName":
        yield Problem((*path, "type"), "expected a Service that selects the Deployment's pods; got ExternalName")
        return
    yield from _selects(of_service, spec.get("selector"), deployment, (*path, "selector"))
    listed = sequence(spec, "ports")
    if not listed:
        yield Problem((*path, "ports"), f"expected at least one port; got {shown(spec.get('ports'))}")
        return
    names = {name for name, _, _ in ports.of_containers(deployment.value)}
    for number, each in enumerate(listed):
        place = (*path, "ports", number)
        target = at(each, "targetPort")
        if at(each, "port") is None:
            yield Problem((*place, "port"), "expected a port from 1 to 65535; got nothing")
        elif isinstance(target, str) and target not in names:
            have = ", ".join(sorted(name for name in names if name)) or "none has a name"
            yield Problem((*place, "targetPort"), f"expected the name of a container's port ({have}); got {target!r}")
        elif probe_port is not None and ports.hides(each, probe_port, deployment.value):
            way_out = f"the probe is for the container's port {probe_port}: choose another number for one of the two"
            yield Problem((*place, "port"), f"expected no port {probe_port} that leads elsewhere; {way_out}")
    if ports.first_tcp(listed) is None:
        yield Problem((*path, "ports"), "expected a TCP port, for a route leads to no other; got none")


def _reachable(deployment: Found) -> Iterator[Problem]:
    if ports.first_container_port(deployment.value) is None:
        place = (*deployment.path, "spec", "template", "spec", "containers")
        way_out = "say containerPort, or put a Service with the port into the template"
        yield Problem(place, f"expected a container with a TCP port for the route to lead to; got none: {way_out}")


def _scaler(item: Found, deployment: Found) -> Iterator[Problem]:
    target, path = mapping(item.value, "spec", "scaleTargetRef"), (*item.path, "spec", "scaleTargetRef")
    if (target.get("kind"), target.get("name")) != (DEPLOYMENT, deployment.name):
        got = (
            f"{target.get('kind')} {target.get('name')}" if target else shown(at(item.value, "spec", "scaleTargetRef"))
        )
        yield Problem(path, f"expected the template's Deployment {deployment.name!r}; got {got}")
    replicas = at(deployment.value, "spec", "replicas")
    if replicas is not None:
        says = f"expected no replicas beside {SCALER} {item.name!r}; got {shown(replicas)}, which pins a replica count"
        way_out = "fighting the HPA: take `replicas` out of the Deployment, or the HPA out of the template"
        yield Problem((*deployment.path, "spec", "replicas"), f"{says} {way_out}")


def _budget(item: Found, deployment: Found) -> Iterator[Problem]:
    yield from _selects(of_labels, at(item.value, "spec", "selector"), deployment, (*item.path, "spec", "selector"))


def _selects(selects: Any, selector: Any, deployment: Found, path: Path) -> Iterator[Problem]:
    labels = pod_labels(deployment.value)
    if not isinstance(selector, Mapping):
        yield Problem(path, f"expected a selector of the pods of {deployment.name!r}; got {shown(selector)}")
    elif not selects(selector, labels):
        have = ", ".join(f"{key}: {value}" for key, value in labels.items()) or "none"
        yield Problem(path, f"expected a selector that matches the pods' labels ({have}); it selects other pods")
