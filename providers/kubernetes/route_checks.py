"""What `doctor` and the start of a rollout check of routes before anything is touched; reads only."""

from __future__ import annotations

from collections.abc import Iterator

from providers.errors import Conflict, Denied, Invalid, Missing, ProviderError, Unsupported
from providers.kubernetes import backend_checks, gateway_checks, gitops_checks
from providers.kubernetes.access import Access, refused, role_of, role_rule
from providers.kubernetes.api import FIELD_MANAGER, JSON_PATCH, Api
from providers.kubernetes.route_limits import unfit
from providers.kubernetes.route_ours import GROUP, PLURALS, Body, Ours, items, route_path, routes_path
from providers.kubernetes.route_read import RouteRead, read_route
from providers.kubernetes.route_rules import detour_rules, mirror_filters
from providers.kubernetes.route_status import not_taken
from providers.kubernetes.settings import Route
from providers.kubernetes.stable_service import get_service
from providers.ports import Finding
from strategies.detours import for_probes

KEYS = {"HTTPRoute": "gatewayApi.httpRoute", "GRPCRoute": "gatewayApi.grpcRoute"}
_OTHER = {"HTTPRoute": "GRPCRoute", "GRPCRoute": "HTTPRoute"}
_DRY = {"dryRun": "All", "fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
_INSTALL = "install the Gateway API's standard CustomResourceDefinitions (v1) and a controller that serves them"


def findings(api: Api, ours: Ours) -> tuple[Finding, ...]:
    """Check routes, gateways, backends, permissions and other writers; routes that cannot be read end the list."""
    kinds = dict.fromkeys(route.kind for route in ours.settings.routes)
    missing = [f for kind in kinds if (f := _not_served(api, kind)) is not None]
    if missing:
        return tuple(missing)
    found: list[Finding] = []
    reads: list[RouteRead] = []
    for route in ours.settings.routes:
        read, problem = _read(api, route, ours)
        reads += [read] if read is not None else []
        found += [problem] if problem is not None else []
    if len(reads) < len(ours.settings.routes):
        return tuple(found)
    found += backend_checks.findings(api, ours, reads)
    for read in reads:
        found += _route(read)
        found += _trial(api, read)
        found += gateway_checks.findings(api, read)
        found += gitops_checks.findings(api, read)
    found += _permissions(api, ours)
    return tuple(found)


def _not_served(api: Api, kind: str) -> Finding | None:
    """Whether the cluster does not know this kind of route; None when it does, or does not let us ask."""
    subject = f"Gateway API ({kind})"
    try:
        body = api.read(f"asking what the cluster serves of {GROUP}/v1", f"/apis/{GROUP}/v1")
    except (Missing, Unsupported):
        return Finding(False, subject, f"the cluster does not serve {GROUP}/v1", _INSTALL)
    except ProviderError:
        return None
    served = {str(item.get("name")) for item in items(body, "resources")}
    if not served or PLURALS[kind] in served:
        return None
    return Finding(False, subject, f"the cluster serves {GROUP}/v1 without {PLURALS[kind]}", _INSTALL)


def _read(api: Api, route: Route, ours: Ours) -> tuple[RouteRead | None, Finding | None]:
    try:
        return read_route(route, api.read(f"reading {route}", route_path(route)), ours), None
    except (Missing, Unsupported):
        return None, _missing(api, route)
    except Denied as error:
        rule = role_rule(GROUP, PLURALS[route.kind], ("get", "patch"), route.name)
        return None, Finding(False, str(route), str(error), role_of(route.namespace, rule))
    except ProviderError as error:
        return None, Finding(False, str(route), str(error), "try again when the cluster answers")


def _missing(api: Api, route: Route) -> Finding:
    other = _OTHER[route.kind]
    if _exists(api, routes_path(other, route.namespace) + f"/{route.name}"):
        word = KEYS[other].rpartition(".")[2]
        message = f"does not exist, but a {other} of that name does"
        return Finding(False, str(route), message, f"name it with {word} in the manifest", key=KEYS[route.kind])
    names = _names(api, route)
    remedy = f"namespace {route.namespace} has {names}" if names else f"name a route of namespace {route.namespace}"
    return Finding(False, str(route), "does not exist", remedy, key=KEYS[route.kind])


def _exists(api: Api, path: str) -> bool:
    try:
        api.read("looking for a route of another kind", path)
    except ProviderError:
        return False
    return True


def _names(api: Api, route: Route) -> str:
    try:
        body = api.read(f"listing the routes of namespace {route.namespace}", routes_path(route.kind, route.namespace))
    except ProviderError:
        return ""
    return ", ".join(str((item.get("metadata") or {}).get("name")) for item in items(body, "items"))


def _route(read: RouteRead) -> Iterator[Finding]:
    subject, settings = str(read.route), read.ours.settings
    if not read.hosts:
        if not settings.adopt:
            message = "has no rule for us: none holds a backend of ours, and none is without backends"
            remedy = "add a rule without backendRefs, or say in gatewayApi.adopt which live Service is replaced"
            yield Finding(False, subject, message, remedy, key=KEYS[read.route.kind])
        return
    why = _too_full(read)
    if why:
        yield Finding(False, subject, why, "take rules, matches or filters away, or split the route in two")
    untaken = not_taken(read.route, read.body)
    if untaken:
        message = f"is not in force as it stands: {untaken}"
        remedy = "no split of ours can be confirmed before its gateway says Accepted and ResolvedRefs to what stands"
        yield Finding(False, subject, message, remedy)
    if not why and not untaken:
        yield Finding(True, subject, f"accepted, {len(read.hosts)} of {len(read.rules)} rules carry the split")


def _trial(api: Api, read: RouteRead) -> Iterator[Finding]:
    """Let the server judge a rule such as detours need, in a dry run: older definitions know no names of rules."""
    settings, subject = read.ours.settings, str(read.route)
    if not read.hosts or not (settings.matches or settings.probes) or _too_full(read):
        return
    name = next(iter(read.weights(read.hosts[0])), "rollout-trial")
    version = str((read.body.get("metadata") or {}).get("resourceVersion"))
    try:
        (rule, *_) = detour_rules(read, (for_probes(name, name),))
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": "/spec/rules/-", "value": rule},
        ]
        api.write(
            f"trying a rule in {subject}", "PATCH", route_path(read.route), patch, content_type=JSON_PATCH, query=_DRY
        )
    except Invalid as error:
        remedy = "names of rules need the Gateway API's definitions of v1.4 or newer; weights alone need none"
        yield Finding(False, subject, f"would be refused a rule of ours: {error}", remedy)
    except Conflict:
        # Somebody has written it since we read it: what a server can store does not change with that.
        return
    except ProviderError as error:
        yield Finding(False, subject, f"a rule of ours could not be tried: {error}", "try again", fatal=False)


def _too_full(read: RouteRead) -> str:
    """Why what the strategy adds would not fit: a candidate, a mirror, and a copy of each host for each detour."""
    settings = read.ours.settings
    copies = (1 if settings.matches else 0) + (2 if settings.probes else 0)
    hosts: list[Body] = []
    added: list[Body] = []
    for index in read.hosts:
        rule, mirroring = read.rules[index], mirror_filters(read, index)
        kept = [item for at, item in enumerate(items(rule, "filters")) if at not in mirroring]
        backends = [*items(rule, "backendRefs"), *([{}] if len(read.weights(index)) < 2 else [])]
        hosts.append({**rule, "backendRefs": backends, "filters": [*kept, *([{}] if settings.mirrors else [])]})
        matches = [{"headers": [*items(match, "headers"), {}]} for match in items(rule, "matches") or [{}]]
        added += [{"filters": kept, "matches": matches}] * copies
    others = [rule for i, rule in enumerate(read.rules) if i not in read.added and i not in read.hosts]
    return unfit([*hosts, *others, *added])


def _permissions(api: Api, ours: Ours) -> Iterator[Finding]:
    settings = ours.settings
    wanted: list[Access] = []
    for route in settings.routes:
        wanted += [Access(GROUP, PLURALS[route.kind], v, route.namespace, route.name) for v in ("get", "patch")]
    if settings.stable_service is not None:
        name, namespace = settings.stable_service, settings.namespace
        wanted += [Access("", "services", verb, namespace, name) for verb in ("get", "patch")]
        if _is_absent(api, namespace, name):
            wanted.append(Access("", "services", "create", namespace))
    for access in wanted:
        problem = refused(api, access)
        if problem is not None:
            yield problem


def _is_absent(api: Api, namespace: str, name: str) -> bool:
    try:
        return get_service(api, namespace, name) is None
    except ProviderError:
        return False
