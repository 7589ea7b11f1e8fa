"""What `doctor` and the start of a rollout check of Traffic Manager before anything is touched; reads only."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator

from providers.azure import locks
from providers.azure.clients import Clients, raw, read_profile
from providers.azure.profile_requests import Owner
from providers.azure.profile_views import (
    Body,
    dns,
    duplicate_targets,
    endpoint_seen,
    endpoints,
    is_enabled,
    is_weighted,
    nested,
    parent_healthy,
)
from providers.azure.settings import CreateProfile, Parent, TrafficManager
from providers.errors import Denied, ProviderError
from providers.ports import Finding
from providers.probes.resolver import canonical_names

_PROFILE = "trafficManager.profile"
_ADOPTABLE = ("externalendpoints", "azureendpoints")


Judge = Callable[[Body, TrafficManager, Owner, str], Iterator[Finding]]


def findings(
    clients: Clients, settings: TrafficManager, owner: Owner, judge: Judge | None = None
) -> tuple[Finding, ...]:
    """Check the profile, its endpoints, those above it and the vanity names; a profile we cannot read ends the list.

    `judge` says what is wrong with the endpoints where they are not one for each slot.
    """
    subject = f"profile {settings.profile}"
    try:
        body = read_profile(clients, settings.subscription, settings.resource_group, settings.profile)
    except Denied as error:
        remedy = "give this identity Microsoft.Network/trafficManagerProfiles/* on the profile"
        return (Finding(False, subject, str(error), remedy),)
    except ProviderError as error:
        return (Finding(False, subject, str(error), "try again, or see Azure's status page"),)
    if body is None:
        return tuple(_creatable(clients, settings, subject))
    found = [*_profile(body, subject), *(judge or _endpoints)(body, settings, owner, subject)]
    for above in settings.parents:
        found += _parent(clients, settings, above, body)
    scope = f"/resourceGroups/{settings.resource_group}"
    found += locks.findings(clients, settings.subscription, scope)
    found += _names(settings, str(dns(body).get("fqdn") or ""))
    return tuple(found)


def _creatable(clients: Clients, settings: TrafficManager, subject: str) -> Iterator[Finding]:
    if settings.create is None:
        remedy = "make it, or say trafficManager.create in the manifest and rollout makes it"
        yield Finding(False, subject, f"does not exist in {settings.resource_group}", remedy)
        return
    if settings.adopt:
        message = f"does not exist, so there is nothing to adopt ({', '.join(settings.adopt)})"
        yield Finding(False, subject, message, "take `adopt` out of the manifest, or name the right profile")
        return
    try:
        free, said = _name_available(clients, settings, settings.create)
    except ProviderError as error:
        yield Finding(False, subject, str(error), "the name can only be checked by trying", fatal=False)
        return
    name = f"{settings.create.dns_name}.trafficmanager.net"
    if free:
        yield Finding(True, subject, f"does not exist yet and will be created; {name} is free")
    else:
        yield Finding(False, subject, f"{name} cannot be had: {said}", "choose another create.dnsName")


def _name_available(clients: Clients, settings: TrafficManager, create: CreateProfile) -> tuple[bool, str]:
    asked = json.dumps({"name": create.dns_name, "type": "Microsoft.Network/trafficManagerProfiles"}).encode()
    profiles = clients.traffic(settings.subscription).profiles
    answer = clients.read(
        f"checking the name {create.dns_name}",
        profiles.check_traffic_manager_name_availability_v2,
        asked,
        content_type="application/json",
        cls=raw,
    )
    return bool(answer.get("nameAvailable")), str(answer.get("message") or answer.get("reason") or "it is taken")


def _profile(body: Body, subject: str) -> Iterator[Finding]:
    inner = body.get("properties") or {}
    if not is_weighted(body):
        method = inner.get("trafficRoutingMethod")
        remedy = "az network traffic-manager profile update --routing-method Weighted, or nest a Weighted profile in it"
        yield Finding(False, subject, f"must be Weighted; it shares its traffic by {method}", remedy, key=_PROFILE)
    if not is_enabled(body):
        remedy = "az network traffic-manager profile update --status Enabled"
        yield Finding(False, subject, "is disabled, so nobody is answered", remedy)
    kinds = [str(kind).lower() for kind in inner.get("allowedEndpointRecordTypes") or ()]
    record = str(inner.get("recordType") or "").upper()
    addresses = [item.name for item in map(endpoint_seen, endpoints(body)) if _is_address(item.address)]
    if record in ("A", "AAAA") or (kinds and not {"domainname", "any"} & set(kinds)) or addresses:
        what = f"endpoints by address ({', '.join(addresses)})" if addresses else "addresses only"
        remedy = "use a profile whose endpoints are host names: container groups change their address when they restart"
        yield Finding(False, subject, f"holds {what}, which cannot stand beside host names", remedy, key=_PROFILE)
    for target, first, second in duplicate_targets(body):
        message = f"endpoints {first} and {second} have the same target {target}"
        yield Finding(
            False, subject, message, "Traffic Manager refuses such a profile: remove one of them", key=_PROFILE
        )
    if is_weighted(body) and is_enabled(body):
        yield Finding(True, subject, f"Weighted, TTL {dns(body).get('ttl')} s, {len(endpoints(body))} endpoints")


def _endpoints(body: Body, settings: TrafficManager, owner: Owner, subject: str) -> Iterator[Finding]:
    listed = {str(item.get("name") or "").lower(): item for item in endpoints(body)}
    for name in settings.adopt:
        item = listed.get(name.lower())
        kind = str((item or {}).get("type") or "").rpartition("/")[2].lower()
        if item is not None and kind not in _ADOPTABLE:
            message = f"endpoint {name} is a nested profile, which is not a stable side that could be drained"
            yield Finding(False, subject, message, "adopt External or Azure endpoints")
    seen = list(map(endpoint_seen, endpoints(body)))
    adopted = {name.lower() for name in settings.adopt}
    ours = [e for e in seen if e.mark and (e.mark.service, e.mark.target) == (owner.service, owner.target)]
    foreign = [e.name for e in seen if e.enabled and e.name.lower() not in adopted and e not in ours]
    if adopted - set(listed) and not ours:
        missing = ", ".join(sorted(adopted - set(listed)))
        yield Finding(
            False, subject, f"has no endpoint to adopt called {missing}", f"it has {', '.join(listed) or 'none'}"
        )
    if foreign and settings.weight is None and not adopted and not ours:
        message = f"has other enabled endpoints ({', '.join(foreign)}), so the share that is ours must be said"
        yield Finding(False, subject, message, "say trafficManager.weight: the sum of our weights beside theirs")


def _parent(clients: Clients, settings: TrafficManager, above: Parent, child: Body) -> Iterator[Finding]:
    subject = f"parent profile {above.profile}"
    try:
        body = read_profile(clients, above.subscription or settings.subscription, above.resource_group, above.profile)
    except ProviderError as error:
        remedy = "its TTL is part of every drain: give this identity read access to it"
        yield Finding(False, subject, str(error), remedy)
        return
    found = None if body is None else nested(above, body)
    if body is None or found is None:
        what = "does not exist" if body is None else f"has no endpoint called {above.endpoint}"
        yield Finding(False, subject, what, "put the parents of the manifest right")
        return
    leads_to = str((found.get("properties") or {}).get("targetResourceId") or "").lower()
    if leads_to != str(child.get("id") or "").lower():
        message = f"endpoint {above.endpoint} leads to {leads_to or 'nothing'}, not to {settings.profile}"
        yield Finding(False, subject, message, "put the parents of the manifest right")
        return
    healthy = parent_healthy(above, body, child)
    state = endpoint_seen(found).monitor
    needed = (found.get("properties") or {}).get("minChildEndpoints") or 1
    message = f"TTL {dns(body).get('ttl')} s, endpoint {above.endpoint} {state}, needs {needed} healthy of ours"
    remedy = "" if healthy else "the parent does not send clients here: see its endpoint's monitor status"
    yield Finding(healthy, subject, message, remedy, fatal=False)


def _names(settings: TrafficManager, fqdn: str) -> Iterator[Finding]:
    wanted = fqdn.rstrip(".").lower()
    for name in settings.names:
        chain = canonical_names(name)
        if chain is None:
            yield Finding(False, f"name {name}", "could not be resolved from here", "check it by hand", fatal=False)
        elif wanted in chain:
            yield Finding(True, f"name {name}", f"leads to {fqdn}")
        else:
            shown = " -> ".join(chain) or "no alias at all"
            remedy = f"make it a CNAME of {fqdn}"
            yield Finding(False, f"name {name}", f"does not lead to {fqdn}: {shown}", remedy, fatal=False)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
