"""What a container group's body says about its state; pure.

Only `Succeeded` with every container running counts as running: a group with a crash loop stays `Succeeded`, and a
`Failed` one may go on trying (Azure Container Instances, container states).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.azure import marks
from strategies.seen import GroupSeen, GroupState

_FAILED = frozenset({"failed", "canceled", "cancelled"})
_GOING = frozenset({"deleting", "deleted"})
_ENDED = frozenset({"failed", "stopped", "succeeded"})
_EVENTS_SHOWN = 3


def group_seen(name: str, body: Mapping[str, Any], at: datetime) -> GroupSeen:
    """Read a GET's body; `name` is what was asked for, `at` (UTC) when the answer came."""
    properties = body.get("properties") or {}
    address = properties.get("ipAddress") or {}
    state = _state(properties)
    return GroupSeen(
        name=name,
        state=state,
        at=at,
        address=address.get("fqdn") or None,
        restarts=sum(int(_view(item).get("restartCount") or 0) for item in properties.get("containers") or ()),
        why="" if state is GroupState.RUNNING else _why(properties),
        id=str(body.get("id") or ""),
        mark=marks.from_tags(body.get("tags")),
        keep_until=marks.keep_until(body.get("tags")),
    )


def _state(properties: Mapping[str, Any]) -> GroupState:
    provisioning = str(properties.get("provisioningState") or "").lower()
    if provisioning in _GOING:
        return GroupState.GOING
    if provisioning in _FAILED:
        return GroupState.FAILED
    containers = properties.get("containers") or ()
    running = containers and all(_current(item) == "running" for item in containers)
    if provisioning == "succeeded" and running:
        return GroupState.RUNNING
    whole = str((properties.get("instanceView") or {}).get("state") or "").lower()
    if provisioning == "succeeded" and whole in _ENDED:
        return GroupState.FAILED
    return GroupState.COMING


def _why(properties: Mapping[str, Any]) -> str:
    whole = properties.get("instanceView") or {}
    parts = [f"provisioning {properties.get('provisioningState') or 'unknown'}"]
    if whole.get("state"):
        parts.append(f"group {whole['state']}")
    events = list(whole.get("events") or ())
    for key in ("initContainers", "containers"):
        for item in properties.get(key) or ():
            view = _view(item)
            events += view.get("events") or ()
            current = view.get("currentState") or {}
            if str(current.get("state") or "").lower() not in ("running", ""):
                parts.append(_container(str(item.get("name") or ""), current))
    return "; ".join([*parts, *(_event(event) for event in _worst(events))])


def _container(name: str, current: Mapping[str, Any]) -> str:
    exit_code = current.get("exitCode")
    ended = f", exit code {exit_code}" if exit_code is not None else ""
    detail = f" ({current['detailStatus']})" if current.get("detailStatus") else ""
    return f"container {name} {current.get('state')}{detail}{ended}"


def _worst(events: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The latest warnings; without any the latest events, because Azure calls some failures Normal."""
    warnings = [event for event in events if str(event.get("type") or "Warning").lower() == "warning"]
    return sorted(warnings or events, key=lambda event: str(event.get("lastTimestamp") or ""))[-_EVENTS_SHOWN:]


def _event(event: Mapping[str, Any]) -> str:
    count = int(event.get("count") or 1)
    times = f" ({count} times)" if count > 1 else ""
    return f"{str(event.get('name') or 'event').rstrip('.')}: {str(event.get('message') or '').strip()}{times}"


def _view(container: Mapping[str, Any]) -> Mapping[str, Any]:
    return (container.get("properties") or {}).get("instanceView") or {}


def _current(container: Mapping[str, Any]) -> str:
    return str((_view(container).get("currentState") or {}).get("state") or "").lower()
