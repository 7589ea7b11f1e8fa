"""The bodies that change a Traffic Manager profile, made from a fresh read and the wanted split; pure.

A PATCH that carries `endpoints` replaces the whole list, so foreign endpoints go back exactly as they were read, with
fields that no SDK knows yet. Weights are 1 to 1000: a share of zero is a disabled endpoint that keeps its weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.azure import marks
from providers.azure.profile_views import Body, dns, endpoint_seen, endpoints, lower_tags, number, ttl_of
from providers.azure.settings import CreateProfile, Monitor, TrafficManager
from providers.errors import Conflict, Invalid
from strategies.model import Member, TrafficIntent
from strategies.names import holder, parse_endpoint

_EXTERNAL = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose part of a profile is written: one target of one service."""

    service: str
    target: str

    @property
    def holder(self) -> str:
        """The name under which this target stands in the tags of a profile that several share."""
        return holder(self.service, self.target)


def split_patch(body: Body, intent: TrafficIntent, settings: TrafficManager, owner: Owner) -> dict[str, Any]:
    """Make the PATCH that turns a profile, as just read, into the intent; TTL and tags only where they differ.

    Raises Invalid for a weight outside 0 to 1000.
    """
    wanted = {member.endpoint.lower(): member for member in intent.members}
    absent = {name.lower() for name in intent.absent}
    adopted = {name.lower() for name in settings.adopt}
    carried = _carried(body, settings, owner)
    listed: list[Any] = []
    for item in endpoints(body):
        key = str(item.get("name") or "").lower()
        if key in wanted:
            listed.append(changed(item, wanted.pop(key), keep_target=key in adopted))
        elif key not in absent:
            listed.append(item)
    listed += [new_endpoint(member, carried) for member in wanted.values()]
    properties: dict[str, Any] = {"endpoints": listed}
    wanted_ttl = _ttl(intent, ttl_of(body))
    if wanted_ttl != ttl_of(body):
        properties["dnsConfig"] = _dns(body, wanted_ttl)
    patch: dict[str, Any] = {"properties": properties}
    tags = _tags(body, intent, owner)
    if tags != (body.get("tags") or {}):
        patch["tags"] = tags
    return patch


def new_profile(create: CreateProfile, intent: TrafficIntent, settings: TrafficManager, owner: Owner) -> dict[str, Any]:
    """Make the PUT of a profile that does not exist yet, with our members in it."""
    tags = {**dict(create.tags), marks.MANAGER: marks.OURS}
    carried = settings_of(settings)
    ttl = create.ttl_seconds if intent.ttl_seconds is None else intent.ttl_seconds
    return {
        "location": "global",
        "tags": _tags({"tags": tags}, intent, owner),
        "properties": {
            "profileStatus": "Enabled",
            "trafficRoutingMethod": "Weighted",
            "dnsConfig": {"relativeName": create.dns_name, "ttl": ttl},
            "monitorConfig": _monitor(create.monitor),
            "endpoints": [new_endpoint(member, carried) for member in intent.members],
        },
    }


def parent_patch(body: Body, intent: TrafficIntent, owner: Owner) -> dict[str, Any] | None:
    """Make the PATCH that lowers a parent's TTL with ours, or restores it after its last holder; None: no change.

    While it is lowered, its own original stands in its `rollout-ttl`, and `rollout-active` lists who wants it low. A
    TTL that somebody raises meanwhile is left alone: the drain counts with what it reads.
    """
    tags = dict(body.get("tags") or {})
    have = lower_tags(body)
    holders = dict(marks.parse_active(have.get(marks.ACTIVE, "")))
    held = owner.holder in holders
    ttl, original = ttl_of(body), number(have.get(marks.TTL))
    lowering = intent.ttl_original is not None and intent.ttl_seconds is not None
    if lowering and not held:
        wanted = min(ttl, intent.ttl_seconds or 0)
        if wanted == ttl and original is None:
            return None
        holders[owner.holder] = intent.active or "unknown"
        original = ttl if original is None else original
    elif held and not lowering:
        del holders[owner.holder]
        wanted = ttl if holders or original is None else original
        original = original if holders else None
    else:
        return None
    _put(tags, marks.ACTIVE, marks.write_active(holders.items()) or None)
    _put(tags, marks.TTL, None if original is None else str(original))
    patch: dict[str, Any] = {"tags": tags}
    if wanted != ttl:
        patch["properties"] = {"dnsConfig": _dns(body, wanted)}
    return patch


def refuse_rival(body: Body, intent: TrafficIntent, owner: Owner) -> None:
    """Raise Conflict where another store's rollout of this very target has put its mark on the profile meanwhile."""
    found = dict(marks.parse_active(lower_tags(body).get(marks.ACTIVE, ""))).get(owner.holder)
    if found is not None and intent.own and found not in intent.own:
        raise Conflict(f"rollout {found}, of another store, moves the weights of {owner.holder}", code="OtherRollout")


def changed(item: Body, member: Member, *, keep_target: bool) -> dict[str, Any]:
    """One endpoint of ours as it was read, with a member's share and, where that is ours to say, its target."""
    before = item.get("properties") or {}
    inner = {key: value for key, value in before.items() if key != "endpointMonitorStatus"}
    external = str(item.get("type") or _EXTERNAL).lower() == _EXTERNAL.lower()
    moved = str(inner.get("target") or "").lower() != member.address.lower()
    if member.address and external and moved and not keep_target:
        inner["target"] = member.address
    return {**item, "properties": {**inner, **_share(member, endpoint_seen(item).weight)}}


def new_endpoint(member: Member, carried: Mapping[str, Any]) -> dict[str, Any]:
    """An endpoint that does not exist yet, with the settings in `carried`; raises Invalid for one without a target."""
    if not member.address:
        raise Invalid(f"endpoint {member.endpoint}: expected the group's host name; got none")
    inner = {"target": member.address, **_share(member, 1), **carried}
    return {"name": member.endpoint, "type": _EXTERNAL, "properties": inner}


def _share(member: Member, before: int) -> dict[str, Any]:
    if not 0 <= member.weight <= _MOST:
        raise Invalid(f"endpoint {member.endpoint}: expected a weight from 0 to {_MOST}; got {member.weight}")
    if member.weight == 0:
        return {"endpointStatus": "Disabled", "weight": min(max(before, 1), _MOST)}
    return {"endpointStatus": "Enabled", "weight": member.weight}


def _carried(body: Body, settings: TrafficManager, owner: Owner) -> dict[str, Any]:
    """A new endpoint's own settings: the manifest's, else what the adopted ones have, else our earlier ones'."""
    adopted = {name.lower() for name in settings.adopt}
    all_ = endpoints(body)
    models = [item for item in all_ if str(item.get("name") or "").lower() in adopted]
    models += [item for item in all_ if _is_ours(str(item.get("name") or ""), owner)]
    inherited: dict[str, Any] = {}
    for item in models:
        inner = item.get("properties") or {}
        for key in ("customHeaders", "alwaysServe"):
            if inner.get(key) is not None:
                inherited.setdefault(key, inner[key])
    return {**inherited, **settings_of(settings)}


def _is_ours(name: str, owner: Owner) -> bool:
    mark = parse_endpoint(name)
    return mark is not None and (mark.service, mark.target) == (owner.service, owner.target)


def settings_of(settings: TrafficManager) -> dict[str, Any]:
    """An endpoint's own settings as the manifest gives them; empty where it does not."""
    found: dict[str, Any] = {}
    if settings.custom_headers is not None:
        found["customHeaders"] = [{"name": name, "value": value} for name, value in settings.custom_headers]
    if settings.always_serve is not None:
        found["alwaysServe"] = "Enabled" if settings.always_serve else "Disabled"
    return found


def _ttl(intent: TrafficIntent, present: int) -> int:
    """The TTL to write: a lowering never raises what another rollout of ours has lowered further."""
    if intent.ttl_seconds is None:
        return present
    return min(intent.ttl_seconds, present) if intent.ttl_original is not None else intent.ttl_seconds


def _dns(body: Body, ttl: int) -> dict[str, Any]:
    return {**{key: value for key, value in dns(body).items() if key != "fqdn"}, "ttl": ttl}


def _tags(body: Body, intent: TrafficIntent, owner: Owner) -> dict[str, str]:
    tags = dict(body.get("tags") or {})
    have = lower_tags(body)
    active = dict(marks.parse_active(have.get(marks.ACTIVE, "")))
    _set(active, owner.holder, intent.active)
    _put(tags, marks.ACTIVE, marks.write_active(active.items()) or None)
    back = dict(marks.parse_active(have.get(marks.ROLLED_BACK, "")))
    if intent.rolled_back is not None or _is_redeemed(intent, back.get(owner.holder)):
        _set(back, owner.holder, intent.rolled_back)
        _put(tags, marks.ROLLED_BACK, marks.write_active(back.items()) or None)
    others = any(name != owner.holder for name in active)
    if intent.ttl_original is not None:
        _put(tags, marks.TTL, str(intent.ttl_original))
    elif not others:
        # Another rollout on this profile may still need the original, so only the last one takes it away.
        _put(tags, marks.TTL, None)
    return tags


def _is_redeemed(intent: TrafficIntent, bad: str | None) -> bool:
    """Whether a revision that was taken back once has now won after all, so that the tag would accuse what serves."""
    winners = (parse_endpoint(member.endpoint) for member in intent.members if member.weight)
    return intent.active is None and bad is not None and any(m is not None and m.revision == bad for m in winners)


def _set(pairs: dict[str, str], name: str, value: str | None) -> None:
    if value is None:
        pairs.pop(name, None)
    else:
        pairs[name] = value


def _put(tags: dict[str, str], name: str, value: str | None) -> None:
    """Set or remove a tag under whatever letter case it already has."""
    key = next((have for have in tags if have.lower() == name), name)
    if value is None:
        tags.pop(key, None)
    else:
        tags[key] = value


def _monitor(monitor: Monitor) -> dict[str, Any]:
    config: dict[str, Any] = {
        "protocol": monitor.protocol.upper(),
        "port": monitor.port,
        "intervalInSeconds": monitor.interval_seconds,
        "timeoutInSeconds": monitor.timeout_seconds,
        "toleratedNumberOfFailures": monitor.failures,
    }
    if config["protocol"] != "TCP":
        config["path"] = monitor.path or "/"
        config["expectedStatusCodeRanges"] = [{"min": low, "max": high} for low, high in monitor.expect]
        if monitor.headers:
            config["customHeaders"] = [{"name": name, "value": value} for name, value in monitor.headers]
    return config
