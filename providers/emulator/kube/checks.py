"""Startup, readiness and liveness checks of containers, as a kubelet carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from providers.emulator.behaviour import seconds_between
from providers.emulator.kube.pod_run import Container, Pod

if TYPE_CHECKING:
    from providers.emulator.kube.kubelet import Kubelet


def begin(kubelet: Kubelet, pod: Pod, container: Container, at: datetime) -> None:
    """Plan the checks of a container that has just started; what has no check of a kind passes at once."""
    container.started = not container.check("startupProbe")
    container.ready = container.started and not container.check("readinessProbe")
    if container.started:
        _plan(kubelet, pod, container, at, "readinessProbe", "livenessProbe")
    else:
        _plan(kubelet, pod, container, at, "startupProbe")


def _plan(kubelet: Kubelet, pod: Pod, container: Container, at: datetime, *kinds: str) -> None:
    for kind in kinds:
        check = container.check(kind)
        if check:
            due = at + timedelta(seconds=max(check.get("initialDelaySeconds", 0), 0))
            _at(kubelet, pod, container, kind, due)


def _at(kubelet: Kubelet, pod: Pod, container: Container, kind: str, due: datetime) -> None:
    since = container.since

    def happening(_pod: Pod, at: datetime) -> None:
        if container.since is not None and container.since == since:
            _carry_out(kubelet, pod, container, kind, at)

    kubelet.plan(pod, due, happening)


def _carry_out(kubelet: Kubelet, pod: Pod, container: Container, kind: str, at: datetime) -> None:
    check = container.check(kind)
    why = _why_failed(kubelet, pod, container, check, at)
    passed, failed = container.passed, container.failed
    if why:
        passed[kind], failed[kind] = 0, failed.get(kind, 0) + 1
        kubelet.tell(pod, "Unhealthy", f"{kind.removesuffix('Probe').capitalize()} probe failed: {why}", "Warning")
    else:
        passed[kind], failed[kind] = passed.get(kind, 0) + 1, 0
    good = passed[kind] >= check.get("successThreshold", 1)
    bad = failed[kind] >= check.get("failureThreshold", 3)
    if bad and kind != "readinessProbe":
        kubelet.tell(pod, "Killing", f"Container {container.name} failed {kind.removesuffix('Probe')} probe")
        kubelet.crash(pod, container, at)
        return
    if kind == "readinessProbe" and (good or bad) and container.ready is not good:
        container.ready = good
        kubelet.show(pod, at)
    if kind == "startupProbe" and good:
        container.started, container.ready = True, not container.check("readinessProbe")
        _plan(kubelet, pod, container, at, "readinessProbe", "livenessProbe")
        kubelet.show(pod, at)
        return
    if not (good and _steady(container)):
        _at(kubelet, pod, container, kind, at + timedelta(seconds=max(check.get("periodSeconds", 10), 1)))


def _steady(container: Container) -> bool:
    """Say whether a check that passes once passes for ever, so that it need not be carried out again."""
    behaviour = container.behaviour
    return behaviour.error_rate == 0 and behaviour.unhealthy_after_seconds is None


def _why_failed(kubelet: Kubelet, pod: Pod, container: Container, check: Mapping[str, Any], at: datetime) -> str:
    """Return why one check failed, empty when it passed."""
    if "tcpSocket" in check:
        return ""
    behaviour = container.behaviour
    if behaviour.latency_seconds > check.get("timeoutSeconds", 1):
        return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    headers = (check.get("httpGet") or {}).get("httpHeaders") or []
    host = next((entry["value"] for entry in headers if entry["name"].lower() == "host"), pod.address)
    if "httpGet" in check and behaviour.host is not None and host.lower() != behaviour.host.lower():
        return "HTTP probe failed with statuscode: 404"
    age = seconds_between(container.since or at, at)
    path = (check.get("httpGet") or {}).get("path", "/")
    status = behaviour.status(age, path, True, kubelet.rng)
    return "" if status < 400 else f"HTTP probe failed with statuscode: {status}"
