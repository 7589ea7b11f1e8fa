"""What Traffic Manager accepts: pure checks of a whole profile as it would stand after a write."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from providers.emulator.values import ArmError

METHODS = ("Weighted", "Priority", "Performance", "Geographic", "MultiValue", "Subnet")
KINDS = {
    "externalendpoints": "externalEndpoints",
    "azureendpoints": "azureEndpoints",
    "nestedendpoints": "nestedEndpoints",
}
MOST_ENDPOINTS, MOST_TTL = 200, 2_147_483_647
_DOCUMENTATION = [
    ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}\.?")


def bad(message: str) -> ArmError:
    """Return a 400 in Traffic Manager's manner."""
    return ArmError(400, "BadRequest", message)


def kind_of(text: str) -> str | None:
    """Return the canonical endpoint kind of a resource type (any letter case, with or without its namespace)."""
    return KINDS.get(text.rsplit("/", 1)[-1].lower())


def _whole(value: Any, least: int, most: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise bad(f"The value '{value}' of {what} is invalid: it must be a whole number from {least} to {most}.")
    return value


def _one_of(value: Any, allowed: Sequence[str], what: str) -> str:
    found = next((entry for entry in allowed if isinstance(value, str) and entry.lower() == value.lower()), None)
    if found is None:
        raise bad(f"The value '{value}' of {what} is invalid: it must be one of {', '.join(allowed)}.")
    return found


def check_profile(location: Any, properties: dict[str, Any]) -> None:
    """Raise ArmError (400) for what the service would refuse, and put defaults and canonical words in place."""
    if not isinstance(location, str) or location.lower() != "global":
        raise bad(f"The location '{location}' is invalid: Traffic Manager profiles are 'global'.")
    properties["profileStatus"] = _one_of(
        properties.get("profileStatus", "Enabled"), ("Enabled", "Disabled"), "profileStatus"
    )
    properties["trafficRoutingMethod"] = _one_of(
        properties.get("trafficRoutingMethod"), METHODS, "trafficRoutingMethod"
    )
    dns = properties.get("dnsConfig")
    if not isinstance(dns, Mapping):
        raise bad("The property 'dnsConfig' is required.")
    relative = dns.get("relativeName")
    if not isinstance(relative, str) or _NAME.fullmatch(relative) is None:
        raise bad(f"The relative DNS name '{relative}' is invalid.")
    _whole(dns.get("ttl"), 0, MOST_TTL, "dnsConfig.ttl")
    if not isinstance(properties.get("monitorConfig"), Mapping):
        raise bad("The property 'monitorConfig' is required.")
    properties["monitorConfig"] = check_monitor(properties["monitorConfig"])


def check_monitor(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the monitor settings with defaults in place; raises ArmError (400) for impossible ones."""
    monitor = {key: value for key, value in given.items() if value is not None and key != "profileMonitorStatus"}
    monitor["protocol"] = _one_of(monitor.get("protocol"), ("HTTP", "HTTPS", "TCP"), "monitorConfig.protocol")
    _whole(monitor.get("port"), 1, 65535, "monitorConfig.port")
    path = monitor.get("path")
    if monitor["protocol"] == "TCP":
        if path:
            raise bad("The property 'monitorConfig.path' must not be given when the protocol is TCP.")
    elif not isinstance(path, str) or not path.startswith("/"):
        raise bad(f"The value '{path}' of monitorConfig.path is invalid: it must begin with '/'.")
    interval = monitor.setdefault("intervalInSeconds", 30)
    if interval not in (10, 30):
        raise bad(f"The value '{interval}' of monitorConfig.intervalInSeconds is invalid: it must be 10 or 30.")
    least, most = (5, 10) if interval == 30 else (5, 9)
    timeout = monitor.setdefault("timeoutInSeconds", most)
    _whole(timeout, least, most, f"monitorConfig.timeoutInSeconds (with an interval of {interval})")
    tolerated = monitor.setdefault("toleratedNumberOfFailures", 3)
    _whole(tolerated, 0, 9, "monitorConfig.toleratedNumberOfFailures")
    for key in ("expectedStatusCodeRanges", "customHeaders"):
        if len(monitor.get(key) or []) > 8:
            raise bad(f"The property 'monitorConfig.{key}' must not have more than 8 entries.")
    for entry in monitor.get("expectedStatusCodeRanges") or []:
        low = _whole(entry.get("min"), 100, 999, "monitorConfig.expectedStatusCodeRanges.min")
        _whole(entry.get("max"), low, 999, "monitorConfig.expectedStatusCodeRanges.max")
    return monitor


def check_endpoint(name: Any, kind: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return one endpoint's properties with defaults in place; raises ArmError (400) for impossible ones."""
    if not isinstance(name, str) or not name or len(name) > 260 or "/" in name:
        raise bad(f"The endpoint name '{name}' is invalid.")
    if kind is None:
        raise bad(f"The type of endpoint '{name}' is invalid: it must be one of {', '.join(KINDS.values())}.")
    mine = {key: value for key, value in given.items() if value is not None and key != "endpointMonitorStatus"}
    where = f"of endpoint '{name}'"
    mine["endpointStatus"] = _one_of(
        mine.get("endpointStatus", "Enabled"), ("Enabled", "Disabled"), f"endpointStatus {where}"
    )
    _whole(mine.setdefault("weight", 1), 1, 1000, f"weight {where}")
    if "priority" in mine:
        _whole(mine["priority"], 1, 1000, f"priority {where}")
    mine["alwaysServe"] = _one_of(mine.get("alwaysServe", "Disabled"), ("Enabled", "Disabled"), f"alwaysServe {where}")
    if str(mine.get("endpointLocation", "")).lower() == "global":
        raise bad(f"The value 'global' of endpointLocation {where} is invalid.")
    if len(mine.get("customHeaders") or []) > 8:
        raise bad(f"The property 'customHeaders' {where} must not have more than 8 entries.")
    if kind == "externalEndpoints":
        check_target(mine.get("target"), name)
    elif not isinstance(mine.get("targetResourceId"), str):
        raise bad(f"The property 'targetResourceId' {where} is required.")
    if kind == "nestedEndpoints":
        mine.setdefault("minChildEndpoints", 1)
        _whole(mine["minChildEndpoints"], 1, MOST_ENDPOINTS, f"minChildEndpoints {where}")
    return mine


def record_kind(target: str) -> str:
    """Return DomainName, IPv4Address or IPv6Address."""
    try:
        return "IPv4Address" if ipaddress.ip_address(target).version == 4 else "IPv6Address"
    except ValueError:
        return "DomainName"


def check_target(target: Any, name: str) -> None:
    """Raise ArmError (400) unless a target is a public host name or a public IP address, without a port."""
    if not isinstance(target, str) or not target:
        raise bad(f"The property 'target' of endpoint '{name}' is required.")
    if record_kind(target) != "DomainName":
        address = ipaddress.ip_address(target)
        documented = any(address in net for net in _DOCUMENTATION if net.version == address.version)
        if not address.is_global and not documented:
            raise bad(f"The target '{target}' of endpoint '{name}' is invalid: it is not a public IP address.")
    elif _DOMAIN.fullmatch(target) is None:
        raise bad(f"The target '{target}' of endpoint '{name}' is invalid: it is not a fully qualified domain name.")


def check_endpoints(method: str, endpoints: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
    """Raise ArmError (400) for what cannot stand together; each entry is (name, kind, checked properties)."""
    if len(endpoints) > MOST_ENDPOINTS:
        raise bad(f"A profile must not have more than {MOST_ENDPOINTS} endpoints.")
    names, targets = set(), set()
    records: set[str] = set()
    for name, kind, mine in endpoints:
        if name.lower() in names:
            raise bad(f"The endpoint name '{name}' occurs more than once in the profile.")
        names.add(name.lower())
        target = str(mine.get("target") if kind == "externalEndpoints" else mine.get("targetResourceId")).lower()
        if target.rstrip(".") in targets:
            raise bad(f"The target '{target}' occurs more than once in the profile: each endpoint needs its own.")
        targets.add(target.rstrip("."))
        if kind == "externalEndpoints":
            records.add(record_kind(str(mine["target"])))
    if method != "MultiValue" and len(records) > 1:
        raise bad(f"The endpoints of a profile must have one kind of target; found {', '.join(sorted(records))}.")
    if method == "MultiValue" and any(kind == "nestedEndpoints" for _, kind, _ in endpoints):
        raise bad("A profile with the routing method MultiValue cannot have nested endpoints.")
