"""What is checked of the backends beside and behind our split: adopted ones, foreign weights, grants; reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from providers.errors import Denied, Missing, ProviderError, Unsupported
from providers.kubernetes import marks
from providers.kubernetes.api import Api
from providers.kubernetes.route_ours import GROUP, Body, Ours, items
from providers.kubernetes.route_read import RouteRead
from providers.kubernetes.route_views import foreign_endpoints
from providers.kubernetes.settings import DEFAULT_WEIGHT, Route
from providers.kubernetes.stable_service import get_service
from providers.ports import Finding

_ADOPT, _STABLE = "gatewayApi.adopt", "kubernetes.stableService"


def findings(api: Api, ours: Ours, reads: Sequence[RouteRead]) -> Iterator[Finding]:
    """Check everything that routes' backendRefs say about us and our neighbours."""
    standing = {name for read in reads for index in read.hosts for name in read.weights(index)}
    begun = any(name not in ours.settings.adopt for name in standing)
    if not begun:
        yield from _adopted(api, ours, reads)
    yield from _opened(ours, reads)
    yield from _weights(ours, reads, begun=begun)
    yield from _stable_service(api, ours)
    for route in ours.settings.routes:
        if route.namespace != ours.settings.namespace:
            yield from _grant(api, ours, route)


def _adopted(api: Api, ours: Ours, reads: Sequence[RouteRead]) -> Iterator[Finding]:
    for name in ours.settings.adopt:
        refs = [(read, ref) for read in reads for ref in _all(read) if ours.backend(ref, read.route) == name]
        without = [read for read in reads if not any(name in read.weights(index) for index in read.hosts)]
        for read in without:
            there = ", ".join(dict.fromkeys(str(ref.get("name")) for ref in _all(read))) or "none"
            message = f"has no backend to adopt called {name}"
            yield Finding(False, str(read.route), message, f"its backends are: {there}", key=_ADOPT)
        if refs:
            yield from _adopted_service(api, ours, name, [ref for _, ref in refs])
    for read in reads:
        for index in read.hosts:
            found = [ours.backend(ref, read.route) for ref in items(read.rules[index], "backendRefs")]
            for name in {name for name in found if name is not None and found.count(name) > 1}:
                message = f"rules[{index}] names {name} {found.count(name)} times, which no single weight can say"
                yield Finding(False, str(read.route), message, "name each backend once in a rule")


def _opened(ours: Ours, reads: Sequence[RouteRead]) -> Iterator[Finding]:
    """A revision's Service must open the port at which the route knows ours: beside them it is named by that port."""
    opened = [port.get("port") for port in ours.settings.service_ports]
    for read in reads:
        refs = [ref for ref in _all(read) if ours.backend(ref, read.route) is not None]
        for port in dict.fromkeys(ref.get("port") for ref in refs) if opened else ():
            if port not in opened:
                known = ", ".join(map(str, opened))
                message = f"leads to ours at port {port}, which a new revision's Service would not open (only {known})"
                remedy = f"add a Service to the template that opens it: {{port: {port}, targetPort: ...}}"
                yield Finding(False, str(read.route), message, remedy)


def _adopted_service(api: Api, ours: Ours, name: str, refs: Sequence[Body]) -> Iterator[Finding]:
    subject = f"Service {ours.settings.namespace}/{name}"
    try:
        body = get_service(api, ours.settings.namespace, name)
    except ProviderError as error:
        yield Finding(False, subject, str(error), "it can only be checked by trying", fatal=False)
        return
    if body is None:
        message, remedy = "is to be adopted and does not exist", "adopt a Service that serves, or nothing"
        yield Finding(False, subject, message, remedy, key=_ADOPT)
        return
    opened = [port.get("port") for port in items(body.get("spec") or {}, "ports")]
    for port in dict.fromkeys(ref.get("port") for ref in refs):
        if port not in opened:
            message = f"does not open port {port}, which the route names; it opens {', '.join(map(str, opened))}"
            yield Finding(False, subject, message, "put the route's backendRef or the Service right")


def _all(read: RouteRead) -> list[Body]:
    return [ref for rule in read.rules for ref in items(rule, "backendRefs")]


def _weights(ours: Ours, reads: Sequence[RouteRead], *, begun: bool) -> Iterator[Finding]:
    """Our weights must be the same everywhere, and beside foreign ones their sum must be what it was or be said."""
    hosts = [(read, index) for read in reads for index in read.hosts]
    if not hosts:
        return
    first = hosts[0][0].weights(hosts[0][1])
    bare = next((read for read in reads if not read.hosts), None)
    if begun and bare is not None:
        message = f"holds no backend of ours any more, but {hosts[0][0].route} does"
        yield Finding(False, str(bare.route), message, "put one of ours back into its rules, or leave the route out")
        return
    for read, index in hosts[1:]:
        weights = read.weights(index)
        if weights != first:
            message = f"rules[{index}] gives ours {weights}, but {hosts[0][0].route} rules[{hosts[0][1]}] {first}"
            remedy = "one split stands in all rules: give our backends the same weights everywhere"
            yield Finding(False, str(read.route), message, remedy)
            return
    foreign = [(read, e) for read in reads for e in foreign_endpoints(read) if e.enabled]
    total, said = sum(first.values()), ours.settings.weight
    if not foreign or total == (DEFAULT_WEIGHT if said is None else said):
        return
    read, names = foreign[0][0], ", ".join(e.address for _, e in foreign)
    if said is not None:
        message = f"our weights go from {total} to {said} in all beside {names}, whose part changes with it"
        yield Finding(False, str(read.route), message, f"gatewayApi.weight: {total} would keep it", fatal=False)
        return
    message = f"has other backends with weight beside ours ({names}), so the share that is ours must be said"
    keeps = f"say gatewayApi.weight: {total} keeps their part as it is" if total else "say gatewayApi.weight"
    if 0 < total < 100:
        keeps += f"; it is too small for fine steps, so multiply all weights by {-(-DEFAULT_WEIGHT // total)} first"
    yield Finding(False, str(read.route), message, keeps)


def _stable_service(api: Api, ours: Ours) -> Iterator[Finding]:
    name = ours.settings.stable_service
    if name is None:
        return
    subject = f"Service {ours.settings.namespace}/{name}"
    try:
        body = get_service(api, ours.settings.namespace, name)
    except ProviderError as error:
        yield Finding(False, subject, str(error), "give this identity get and patch of that Service")
        return
    spec: Any = (body or {}).get("spec") or {}
    if body is not None and (spec.get("type") == "ExternalName" or not spec.get("selector")):
        message = "has no selector, so it cannot be made to select the stable revision"
        yield Finding(False, subject, message, "name a Service with a selector, or one to be made", key=_STABLE)
    elif body is not None and marks.WORKLOAD in spec["selector"]:
        yield Finding(True, subject, f"selects {spec['selector'][marks.WORKLOAD]}")


def _grant(api: Api, ours: Ours, route: Route) -> Iterator[Finding]:
    """A route in another namespace may lead to our Services only where a ReferenceGrant in ours says so."""
    namespace = ours.settings.namespace
    wanted = f"{{from: [{{group: {GROUP}, kind: {route.kind}, namespace: {route.namespace}}}]"
    remedy = f'make a ReferenceGrant in namespace {namespace} with spec: {wanted}, to: [{{group: "", kind: Service}}]}}'
    try:
        grants = _grants(api, namespace)
    except Denied as error:
        yield Finding(False, str(route), f"its ReferenceGrant cannot be read: {error}", remedy, fatal=False)
        return
    except ProviderError as error:
        yield Finding(False, str(route), str(error), "try again when the cluster answers")
        return
    if not any(_grants_it(grant.get("spec") or {}, route) for grant in grants):
        message = f"may not lead to Services of namespace {namespace}, whose names change with each revision"
        yield Finding(False, str(route), message, remedy)


def _grants(api: Api, namespace: str) -> list[Body]:
    """All grants of a namespace: v1beta1 is served by every release of the Gateway API so far, v1 by the newest."""
    for version in ("v1beta1", "v1"):
        try:
            path = f"/apis/{GROUP}/{version}/namespaces/{namespace}/referencegrants"
            return items(api.read(f"listing the ReferenceGrants of namespace {namespace}", path), "items")
        except (Missing, Unsupported):
            continue
    return []


def _grants_it(spec: Body, route: Route) -> bool:
    source = (GROUP, route.kind, route.namespace)
    comes = any((f.get("group"), f.get("kind"), f.get("namespace")) == source for f in items(spec, "from"))
    leads = any(not t.get("group") and t.get("kind") == "Service" and not t.get("name") for t in items(spec, "to"))
    return comes and leads
