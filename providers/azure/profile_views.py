"""What a Traffic Manager profile's body says, as facts; pure.

Names, targets and types are compared without letter case, as the service does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.azure import marks
from providers.azure.settings import Parent
from strategies.model import TrafficIntent
from strategies.names import parse_endpoint
from strategies.seen import EndpointSeen, Monitor, TrafficSeen

Body = Mapping[str, Any]
ABSENT_TTL = 60
_MONITOR = {
    "online": Monitor.ONLINE,
    "checkingendpoint": Monitor.CHECKING,
    "degraded": Monitor.DEGRADED,
    "disabled": Monitor.OFF,
    "inactive": Monitor.OFF,
    "stopped": Monitor.OFF,
    "unmonitored": Monitor.UNMONITORED,
}
_ANSWERED = (Monitor.ONLINE, Monitor.CHECKING, Monitor.UNMONITORED)


def traffic_seen(body: Body, parents: Sequence[tuple[Parent, Body | None]], at: datetime) -> TrafficSeen:
    """Read a profile and those above it (None: does not exist); `at` is when the profile's answer came."""
    ttl = ttl_of(body)
    tags = lower_tags(body)
    return TrafficSeen(
        at=at,
        exists=True,
        endpoints=tuple(endpoint_seen(item) for item in endpoints(body)),
        ttl_seconds=ttl,
        ttl_chain=max([ttl, *(ttl_of(parent) for _, parent in parents if parent is not None)]),
        ttl_original=number(tags.get(marks.TTL)),
        active=marks.parse_active(tags.get(marks.ACTIVE, "")),
        rolled_back=marks.parse_active(tags.get(marks.ROLLED_BACK, "")),
        parents_healthy=all(parent is not None and parent_healthy(above, parent, body) for above, parent in parents),
        weighted=is_weighted(body) and is_enabled(body),
        address=dns(body).get("fqdn") or None,
    )


def endpoint_seen(item: Body) -> EndpointSeen:
    """Read one endpoint of a profile; one without a weight has Traffic Manager's default, 1."""
    inner = item.get("properties") or {}
    name = str(item.get("name") or "")
    return EndpointSeen(
        name=name,
        address=str(inner.get("target") or inner.get("targetResourceId") or ""),
        weight=int(inner.get("weight") or 1),
        enabled=str(inner.get("endpointStatus") or "Enabled").lower() != "disabled",
        monitor=_MONITOR.get(str(inner.get("endpointMonitorStatus") or "").lower(), Monitor.CHECKING),
        mark=parse_endpoint(name),
    )


def foreign_part(found: Sequence[EndpointSeen], intent: TrafficIntent) -> list[tuple[str, str, int, bool]]:
    """Return what must not have changed between two reads: every endpoint that the intent says nothing about."""
    ours = {name.lower() for name in (*(member.endpoint for member in intent.members), *intent.absent)}
    rest = [item for item in found if item.name.lower() not in ours]
    return sorted((item.name.lower(), item.address.lower(), item.weight, item.enabled) for item in rest)


def endpoints(body: Body) -> list[Body]:
    """Return the endpoints of a profile's body."""
    return list((body.get("properties") or {}).get("endpoints") or ())


def dns(body: Body) -> Body:
    """Return a profile's dnsConfig."""
    found: Body = (body.get("properties") or {}).get("dnsConfig") or {}
    return found


def ttl_of(body: Body) -> int:
    """Return a profile's TTL in seconds; 60 when the service does not say."""
    ttl = dns(body).get("ttl")
    return ABSENT_TTL if ttl is None else int(ttl)


def lower_tags(body: Body) -> dict[str, str]:
    """Return a resource's tags by their names in lower case."""
    return {name.lower(): value for name, value in (body.get("tags") or {}).items()}


def number(text: str | None) -> int | None:
    """Read a tag that holds a whole number of seconds; None when there is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def is_weighted(body: Body) -> bool:
    """Say whether a profile shares its traffic by weight."""
    return str((body.get("properties") or {}).get("trafficRoutingMethod") or "").lower() == "weighted"


def is_enabled(body: Body) -> bool:
    """Say whether a profile answers at all."""
    return str((body.get("properties") or {}).get("profileStatus") or "Enabled").lower() != "disabled"


def nested(above: Parent, body: Body) -> Body | None:
    """Return the nested endpoint through which a parent refers to us, or None."""
    return next((e for e in endpoints(body) if str(e.get("name") or "").lower() == above.endpoint.lower()), None)


def duplicate_targets(body: Body) -> Iterator[tuple[str, str, str]]:
    """Yield (target, first endpoint, second endpoint) for each target that stands twice in a profile."""
    first: dict[str, str] = {}
    for item in map(endpoint_seen, endpoints(body)):
        key = item.address.lower()
        if key and key in first:
            yield item.address, first[key], item.name
        first.setdefault(key, item.name)


def parent_healthy(above: Parent, parent: Body, child: Body) -> bool:
    """Say whether a parent sends clients to its child: both on and well, with enough healthy endpoints below."""
    found = nested(above, parent)
    if found is None or not is_enabled(parent):
        return False
    serving = [item for item in map(endpoint_seen, endpoints(child)) if item.enabled]
    if not serving:
        # Nothing of ours is answered yet, so the parent has nothing to be well or ill about.
        return True
    seen = endpoint_seen(found)
    needed = int((found.get("properties") or {}).get("minChildEndpoints") or 1)
    return seen.enabled and seen.monitor in _ANSWERED and sum(e.monitor in _ANSWERED for e in serving) >= needed
