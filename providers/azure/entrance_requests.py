"""One endpoint of a profile that leads to a whole gateway: what a body says of it, and the bodies that change it; pure.

It is the endpoint that the manifest adopts, or `<service>_<target>`, which no slot's endpoint is ever called. Closed is
Disabled: its weight and target stay, so that a person can see, and undo, what we did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from providers.azure.profile_requests import Owner, changed, new_endpoint, new_profile, settings_of
from providers.azure.profile_views import Body, dns, endpoint_seen, endpoints, is_enabled, is_weighted, ttl_of
from providers.azure.settings import CreateProfile, TrafficManager
from providers.ports import EntranceSeen, Finding
from strategies.model import Member, TrafficIntent
from strategies.seen import Monitor

_DEFAULT_WEIGHT = 1000
_WELL = (Monitor.ONLINE, Monitor.UNMONITORED)
_ADOPTABLE = ("externalendpoints", "azureendpoints")


def name_of(settings: TrafficManager, owner: Owner, body: Body | None = None) -> str:
    """Return what our endpoint is called: the adopted one's name unless a body shows that it is not there."""
    there = {_name(item).lower(): _name(item) for item in endpoints(body or {})}
    for name in settings.adopt:
        if body is None or name.lower() in there:
            return there.get(name.lower(), name)
    return f"{owner.service}_{owner.target}"


def entrance_seen(
    body: Body | None, above: list[Body | None], settings: TrafficManager, owner: Owner, at: datetime
) -> EntranceSeen:
    """Read a profile (None: does not exist) and those above it; `at` is when the profile's answer came.

    It is open when clients are led to our address: an endpoint that leads elsewhere is not, whatever its status.
    """
    if body is None:
        return EntranceSeen(at, open=False, why=f"profile {settings.profile} does not exist")
    item = _ours(body, settings, owner)
    name = name_of(settings, owner, body)
    ttl = max([ttl_of(body), *(ttl_of(each) for each in above if each is not None)])
    address = dns(body).get("fqdn") or None
    if item is None:
        return EntranceSeen(at, open=False, ttl_seconds=ttl, address=address, why=f"there is no endpoint {name}")
    found = endpoint_seen(item)
    whys = []
    if not found.enabled:
        whys.append(f"endpoint {name} is disabled")
    if not _leads_here(item, settings):
        whys.append(f"endpoint {name} leads to {found.address}, not to {settings.address}")
    if not is_enabled(body):
        whys.append(f"profile {settings.profile} is disabled")
    is_open = not whys
    online = found.monitor in _WELL
    if is_open and not online:
        whys.append(f"Traffic Manager takes endpoint {name} for {found.monitor.value}")
    return EntranceSeen(at, is_open, ttl, online, address, "; ".join(whys))


def entrance_patch(body: Body, settings: TrafficManager, owner: Owner, *, is_open: bool) -> dict[str, Any] | None:
    """Make the PATCH that opens or closes our endpoint; None when it is so already. Raises Invalid for a wrong weight.

    All other endpoints go back exactly as they were read; nothing but endpoints is in it.
    """
    item = _ours(body, settings, owner)
    found = None if item is None else endpoint_seen(item)
    if is_open:
        if item is not None and found is not None and found.enabled and _leads_here(item, settings):
            return None
        had = _DEFAULT_WEIGHT if found is None else found.weight
        member = _member(settings, name_of(settings, owner, body), settings.weight or had)
    else:
        if found is None or not found.enabled:
            return None
        member = Member(found.name, "", 0)
    listed: list[Any] = []
    for each in endpoints(body):
        listed.append(_with_settings(changed(each, member, keep_target=False), settings) if each is item else each)
    if item is None:
        listed.append(new_endpoint(member, settings_of(settings)))
    return {"properties": {"endpoints": listed}}


def entrance_profile(create: CreateProfile, settings: TrafficManager, owner: Owner) -> dict[str, Any]:
    """Make the PUT of a profile that does not exist yet, with our endpoint open in it."""
    member = _member(settings, f"{owner.service}_{owner.target}", settings.weight or _DEFAULT_WEIGHT)
    return new_profile(create, TrafficIntent(members=(member,)), settings, owner)


def foreign_part(body: Body, settings: TrafficManager, owner: Owner) -> list[Body]:
    """Return what must not have changed between two reads: every other endpoint, but for what the service thinks."""
    ours = _ours(body, settings, owner)
    return [_unmonitored(item) for item in endpoints(body) if item is not ours]


def entrance_findings(body: Body, settings: TrafficManager, owner: Owner, subject: str) -> Iterator[Finding]:
    """Check a profile's endpoints for what would keep ours from being opened; all that is wrong is fatal."""
    seen = list(map(endpoint_seen, endpoints(body)))
    name = name_of(settings, owner, body)
    item = _ours(body, settings, owner)
    adopt = ", ".join(settings.adopt)
    if len(settings.adopt) > 1:
        message = f"only one endpoint can lead to {settings.address}; the manifest adopts {adopt}"
        yield Finding(False, subject, message, "adopt the one that does", key="trafficManager.adopt")
    kind = str((item or {}).get("type") or _ADOPTABLE[0]).rpartition("/")[2].lower()
    if kind not in _ADOPTABLE:
        message = f"endpoint {name} is a nested profile, which does not lead to a gateway"
        yield Finding(False, subject, message, "adopt an External or Azure endpoint", key="trafficManager.adopt")
    if settings.adopt and item is None:
        listed = ", ".join(each.name for each in seen) or "none"
        yield Finding(False, subject, f"has no endpoint to adopt called {adopt}", f"it has {listed}")
    same = [each for each in seen if each.name.lower() != name.lower() and _is(each.address, settings.address)]
    for each in same:
        message = f"endpoint {each.name} leads to {settings.address} already, and no two endpoints may"
        remedy = f"say trafficManager.adopt: [{each.name}] and it becomes ours, or remove it"
        yield Finding(False, subject, message, remedy, key="trafficManager.adopt")
    foreign = [each.name for each in seen if each.enabled and each.name.lower() != name.lower() and each not in same]
    if foreign and item is None and settings.weight is None:
        message = f"has other enabled endpoints ({', '.join(foreign)}), so the share that is ours must be said"
        yield Finding(False, subject, message, "say trafficManager.weight: our endpoint's weight beside theirs")
    if item is not None and is_weighted(body):
        yield Finding(True, subject, f"endpoint {name} is ours to open and close")
    if item is not None and not endpoint_seen(item).enabled:
        remedy = "if it was closed on purpose, begin none before it may be open again"
        yield Finding(False, subject, f"endpoint {name} is disabled, and a rollout opens it", remedy, fatal=False)


def _member(settings: TrafficManager, name: str, weight: int) -> Member:
    return Member(name, settings.address or "", weight)


def _with_settings(item: dict[str, Any], settings: TrafficManager) -> dict[str, Any]:
    return {**item, "properties": {**item["properties"], **settings_of(settings)}}


def _ours(body: Body, settings: TrafficManager, owner: Owner) -> Body | None:
    wanted = name_of(settings, owner, body).lower()
    return next((item for item in endpoints(body) if _name(item).lower() == wanted), None)


def _leads_here(item: Body, settings: TrafficManager) -> bool:
    """Whether an endpoint leads to our address; one that names an Azure resource leads where that is."""
    inner = item.get("properties") or {}
    return bool(inner.get("targetResourceId")) or _is(str(inner.get("target") or ""), settings.address)


def _is(address: str, wanted: str | None) -> bool:
    return address.rstrip(".").lower() == (wanted or "").rstrip(".").lower()


def _name(item: Body) -> str:
    return str(item.get("name") or "")


def _unmonitored(item: Body) -> Mapping[str, Any]:
    inner = {key: value for key, value in (item.get("properties") or {}).items() if key != "endpointMonitorStatus"}
    return {**item, "properties": inner}
