"""The rules of Gateways beyond types and limits, each with its message, by the parts' names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Rule = tuple[str, Callable[[Any], bool]]
"""A message, and what must hold so that it is not said."""
_HOSTNAME = r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_MAP_KEY = (
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]"
)
_UNTYPED = ("HTTP", "TCP", "UDP")


def _unique(items: list[Json], key: Callable[[Json], Any]) -> bool:
    keys = [key(item) for item in items]
    return len(keys) == len(set(keys))


def _addresses(kind: str) -> Rule:
    def holds(items: list[Json]) -> bool:
        return _unique([one for one in items if one["type"] == kind and "value" in one], lambda one: one["value"])

    return f"{kind} values must be unique", holds


def _listeners(message: str, holds: Callable[[Json], bool]) -> Rule:
    return message, lambda listeners: all(holds(one) for one in listeners)


def _map_keys(word: str) -> tuple[Rule, ...]:
    return (
        (
            f"{word.capitalize()} keys must be in the form of an optional DNS subdomain prefix followed by a required"
            " name segment of up to 63 characters.",
            lambda it: all(re.fullmatch(_MAP_KEY, key) for key in it),
        ),
        (
            f"If specified, the {word} key's prefix must be a DNS subdomain not longer than 253 characters in total.",
            lambda it: all(len(key.split("/")[0]) < 253 for key in it),
        ),
    )


STRUCTS: dict[str, tuple[Rule, ...]] = {
    "GatewayAddress": (
        (
            f"Hostname value must be empty or contain only valid characters (matching ^{_HOSTNAME}$)",
            lambda it: it["type"] != "Hostname" or re.fullmatch(_HOSTNAME, it.get("value", "a")) is not None,
        ),
    ),
    "GatewayStatusAddress": (
        (
            f"Hostname value must only contain valid characters (matching ^{_HOSTNAME}$)",
            lambda it: it["type"] != "Hostname" or re.fullmatch(_HOSTNAME, it["value"]) is not None,
        ),
    ),
    "ListenerTLS": (
        (
            "certificateRefs or options must be specified when mode is Terminate",
            lambda it: it["mode"] != "Terminate" or bool(it.get("certificateRefs") or it.get("options")),
        ),
    ),
}
FIELDS: dict[str, tuple[Rule, ...]] = {
    "GatewaySpec.addresses": (_addresses("IPAddress"), _addresses("Hostname")),
    "GatewayInfrastructure.annotations": _map_keys("annotation"),
    "GatewayInfrastructure.labels": _map_keys("label"),
    "GatewaySpec.listeners": (
        _listeners(
            "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
            lambda it: it["protocol"] not in _UNTYPED or "tls" not in it,
        ),
        _listeners(
            "tls mode must be Terminate for protocol HTTPS",
            lambda it: it["protocol"] != "HTTPS" or "tls" not in it or it["tls"]["mode"] in ("", "Terminate"),
        ),
        _listeners(
            "tls mode must be set for protocol TLS",
            lambda it: it["protocol"] != "TLS" or bool((it.get("tls") or {}).get("mode")),
        ),
        _listeners(
            "hostname must not be specified for protocols ['TCP', 'UDP']",
            lambda it: it["protocol"] not in _UNTYPED[1:] or not it.get("hostname"),
        ),
        ("Listener name must be unique within the Gateway", lambda them: _unique(them, lambda it: it["name"])),
        (
            "Combination of port, protocol and hostname must be unique for each listener",
            lambda them: _unique(them, lambda it: (it["port"], it["protocol"], it.get("hostname"))),
        ),
    ),
    "GatewayFrontendTLS.perPort": (
        (
            "Port for TLS configuration must be unique within the Gateway",
            lambda them: _unique(them, lambda it: it["port"]),
        ),
    ),
}
