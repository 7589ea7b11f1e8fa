"""Which port of a Service leads to the port that is probed, read once in a while."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.errors import Invalid, Missing
from providers.kubernetes.api import Api

_FRESH = timedelta(seconds=60)


class ProbePorts:
    """The Services of one namespace, and which port of each leads to the container's port `port`."""

    def __init__(self, api: Api, namespace: str, port: int) -> None:
        self._api, self._namespace, self._port = api, namespace, port
        self._known: dict[str, tuple[datetime, int]] = {}

    def of(self, service: str) -> int:
        """Return the Service's own port; raises `providers.errors`, Invalid when none leads where it should."""
        known = self._known.get(service)
        if known is not None and self._api.now() < known[0] + _FRESH:
            return known[1]
        found = self._find(service)
        self._known[service] = (self._api.now(), found)
        return found

    def forget(self, service: str) -> None:
        """Read it anew next time: what was known of it did not answer."""
        self._known.pop(service, None)

    def _find(self, service: str) -> int:
        path = f"/api/v1/namespaces/{self._namespace}/services/{service}"
        try:
            body = self._api.read(f"reading Service {service}", path)
        except Missing as error:
            raise Missing(f"Service {service} does not exist", code=error.code) from error
        spec: Mapping[str, Any] = body.get("spec") or {}
        ports = [item for item in spec.get("ports") or () if item.get("protocol", "TCP") == "TCP"]
        for item in ports:
            if item.get("targetPort", item.get("port")) == self._port:
                return int(item["port"])
        named = {str(item["targetPort"]): item for item in ports if isinstance(item.get("targetPort"), str)}
        pod = self._pod(spec.get("selector") or {}) if named else None
        if named and pod is None:
            message = f"only a pod can say where port {', '.join(named)} of Service {service} leads, and there is none"
            raise Missing(message, code="NoPod")
        for name, item in named.items():
            if self._port in _numbers(pod, name):
                return int(item["port"])
        listed = ", ".join(f"{item.get('port')} to {item.get('targetPort', item.get('port'))}" for item in ports)
        message = f"Service {service} has no port that leads to {self._port} (it has {listed or 'none'})"
        raise Invalid(f"{message}: put gates.probe.port right", code="NoPort")

    def _pod(self, selector: Mapping[str, str]) -> Any:
        wanted = ",".join(f"{key}={value}" for key, value in selector.items())
        query = {"labelSelector": wanted, "limit": "1"}
        listed = self._api.read("reading a pod", f"/api/v1/namespaces/{self._namespace}/pods", query)
        return next(iter(listed.get("items") or ()), None)


def _numbers(pod: Any, name: str) -> set[int]:
    """The numbers of the ports called `name` in a pod's containers."""
    spec = pod.get("spec") or {}
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    ports = [port for container in containers for port in container.get("ports") or ()]
    return {int(port["containerPort"]) for port in ports if port.get("name") == name}
