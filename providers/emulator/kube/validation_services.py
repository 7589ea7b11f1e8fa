"""What Services and EndpointSlices must fulfil."""

from __future__ import annotations

import ipaddress
from typing import Any

from providers.emulator.kube import validation
from providers.emulator.kube.status import Causes
from providers.emulator.kube.validation_pods import PORT_RANGE

Json = dict[str, Any]


def service(causes: Causes, obj: Json) -> None:
    """Check a Service."""
    spec = obj["spec"]
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if spec["type"] not in types:
        causes.unsupported("spec.type", spec["type"], types)
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        causes.required("spec.ports")
    names: set[str] = set()
    for index, port in enumerate(ports):
        here = f"spec.ports[{index}]"
        name = port.get("name")
        if not name and len(ports) > 1:
            causes.required(f"{here}.name")
        elif name and validation.is_label(name):
            causes.invalid(f"{here}.name", name, str(validation.is_label(name)))
        elif name in names:
            causes.duplicate(f"{here}.name", name)
        names.add(name or "")
        _service_port(causes, here, port)
    if spec["sessionAffinity"] not in ("ClientIP", "None"):
        causes.unsupported("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"))
    validation.labels(causes, "spec.selector", spec.get("selector"))


def _service_port(causes: Causes, here: str, port: Json) -> None:
    if not 0 < port["port"] < 65536:
        causes.invalid(f"{here}.port", port["port"], PORT_RANGE)
    if port["protocol"] not in ("SCTP", "TCP", "UDP"):
        causes.unsupported(f"{here}.protocol", port["protocol"], ("SCTP", "TCP", "UDP"))
    target = port["targetPort"]
    if isinstance(target, int) and not 0 < target < 65536:
        causes.invalid(f"{here}.targetPort", target, PORT_RANGE)


def service_changed(causes: Causes, before: Json, after: Json) -> None:
    """Check that a Service keeps its address."""
    old, now = before["spec"], after["spec"]
    if old["type"] == now["type"] != "ExternalName" and old.get("clusterIPs") != now.get("clusterIPs"):
        causes.invalid("spec.clusterIPs[0]", now.get("clusterIPs"), "may not change once set")


def endpoint_slice(causes: Causes, obj: Json) -> None:
    """Check an EndpointSlice."""
    kinds = ("FQDN", "IPv4", "IPv6")
    if not obj.get("addressType"):
        causes.required("addressType")
    elif obj["addressType"] not in kinds:
        causes.unsupported("addressType", obj["addressType"], kinds)
    for index, endpoint in enumerate(obj.get("endpoints") or ()):
        here = f"endpoints[{index}].addresses"
        if not endpoint.get("addresses"):
            causes.required(here, "must contain at least 1 address")
        for at, address in enumerate(endpoint.get("addresses") or () if obj["addressType"] != "FQDN" else ()):
            try:
                found = ipaddress.ip_address(address)
            except ValueError:
                causes.invalid(
                    f"{here}[{at}]", address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
                )
                continue
            if found.is_loopback:
                told = "may not be in the loopback range (127.0.0.0/8, ::1/128)"
                causes.invalid(f"{here}[{at}]", address, told)
