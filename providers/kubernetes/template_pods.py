"""What is wrong with a template's Deployment itself: its selector, its containers, and what keeps it from running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.images import repository
from providers.kubernetes.parts import Found, at, containers, mapping, pod_labels, pod_spec, sequence
from providers.kubernetes.selectors import of_labels
from providers.problems import Path, Problem, shown

_VIRTUAL = "virtual-kubelet"


def workload(found: Found, image: str, names: tuple[str, ...] | None) -> Iterator[Problem]:
    """Yield what is wrong with the Deployment; `names` are the containers that the manifest names (None: by image)."""
    yield from _spec(found)
    yield from _containers(found, image, names)


def notes(deployment: Any) -> Iterator[tuple[str, str]]:
    """Yield what may trouble two revisions side by side, though it is allowed: what is meant, and what happens."""
    pod = pod_spec(deployment)
    if pod.get("hostNetwork") is True:
        yield "hostNetwork", "pods of two revisions cannot share a node, for they would open the same ports"
    for _, container in containers(deployment):
        for port in sequence(container, "ports"):
            if at(port, "hostPort"):
                what = f"hostPort {at(port, 'hostPort')} of container {at(container, 'name')}"
                yield what, "pods of two revisions cannot share a node, for each has the port once"
    for volume in sequence(pod, "volumes"):
        claim = at(volume, "persistentVolumeClaim", "claimName")
        if claim is not None:
            yield f"volume {at(volume, 'name')}", f"both revisions mount claim {claim} at once: it must allow that"
    anti = mapping(pod, "affinity", "podAntiAffinity")
    for term in sequence(anti, "requiredDuringSchedulingIgnoredDuringExecution"):
        if of_labels(at(term, "labelSelector"), pod_labels(deployment)):
            yield "podAntiAffinity", "pods of two revisions keep apart as well: there must be places for both"
    if mapping(pod, "nodeSelector").get("type") == _VIRTUAL:
        yield from _on_virtual_nodes(deployment, pod)


def _on_virtual_nodes(deployment: Any, pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not any(str(at(item, "key")).startswith(_VIRTUAL) for item in sequence(pod, "tolerations")):
        says = "virtual nodes are tainted: add {key: virtual-kubelet.io/provider, operator: Exists}"
        yield "tolerations", says
    if sequence(pod, "initContainers") or sequence(pod, "hostAliases"):
        yield "initContainers and hostAliases", "virtual nodes have neither (Virtual Nodes v2 has init containers)"
    if any(at(container, "lifecycle") for _, container in containers(deployment)):
        yield "lifecycle hooks", "virtual nodes run none (Virtual Nodes v2 runs preStop)"


def _spec(found: Found) -> Iterator[Problem]:
    spec, path = mapping(found.value, "spec"), (*found.path, "spec")
    selector, labels = spec.get("selector"), pod_labels(found.value)
    if not isinstance(selector, Mapping) or not selector:
        yield Problem((*path, "selector"), f"expected a selector of the pods' labels; got {shown(selector)}")
    elif not of_labels(selector, labels):
        have = ", ".join(f"{key}: {value}" for key, value in labels.items()) or "none"
        yield Problem((*path, "selector"), f"expected a selector that matches the pods' labels ({have})")
    if spec.get("paused") is True:
        yield Problem((*path, "paused"), "expected a Deployment that is not paused, because a paused one makes no pods")
    if spec.get("replicas") == 0 and spec.get("replicas") is not False:
        yield Problem((*path, "replicas"), "expected at least 1; got 0, with which nothing would ever be ready")


def _containers(found: Found, image: str, names: tuple[str, ...] | None) -> Iterator[Problem]:
    place: Path = (*found.path, "spec", "template", "spec", "containers")
    listed = pod_spec(found.value).get("containers")
    if not isinstance(listed, list | tuple) or not listed:
        yield Problem(place, f"expected a list of containers; got {shown(listed)}")
        return
    known: list[tuple[str, str]] = []
    for below, container in containers(found.value):
        path = (*found.path, *below)
        name, reference = at(container, "name"), at(container, "image")
        if not isinstance(container, Mapping):
            yield Problem(path, f"expected a mapping with name and image; got {shown(container)}")
            continue
        if not isinstance(name, str) or not name:
            yield Problem((*path, "name"), f"expected the container's name; got {shown(name)}")
        elif not isinstance(reference, str) or not reference:
            yield Problem((*path, "image"), f"expected an image; got {shown(reference)}")
        else:
            known.append((name, reference))
        yield from _environment(container, path)
    have = ", ".join(f"{name} ({reference})" for name, reference in known) or "none"
    if names is None:
        if not any(repository(reference) == repository(image) for _, reference in known):
            hint = "if another image is meant, name its container with kubernetes.container"
            yield Problem(place, f"expected a container that uses {image}; found {have}; {hint}")
        return
    for missing in (name for name in names if name not in {each for each, _ in known}):
        yield Problem(place, f"expected a container called {missing!r}; found {have}")


def _environment(container: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """A list with two of one name cannot be applied: the server merges it by name."""
    known: set[str] = set()
    for number, variable in enumerate(sequence(container, "env")):
        name = at(variable, "name")
        if not isinstance(name, str) or not name:
            yield Problem((*path, "env", number, "name"), f"expected the variable's name; got {shown(name)}")
        elif name in known:
            yield Problem((*path, "env", number), f"expected each variable once; got {name} again")
        else:
            known.add(name)
