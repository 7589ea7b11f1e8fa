"""What is checked of the gateways in front of a route: there, programmed, and able to do what is asked; reads only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from providers.errors import Denied, Missing, ProviderError
from providers.kubernetes.api import Api
from providers.kubernetes.route_ours import GROUP, Body, gateway_path, items
from providers.kubernetes.route_read import RouteRead
from providers.kubernetes.route_status import condition, parent_name
from providers.ports import Finding

_PART = "HTTPRouteRequestPercentageMirror"


def findings(api: Api, read: RouteRead) -> Iterator[Finding]:
    """Check every Gateway that the route names, once each, and its class."""
    parents = items(read.body.get("spec") or {}, "parentRefs")
    paths = {gateway_path(read.route, p): p for p in parents if (p.get("kind") or "Gateway") == "Gateway"}
    for path, parent in paths.items():
        subject = f"{parent_name(parent)} of {read.route}"
        try:
            body = api.read(f"reading {subject}", path)
        except Missing:
            yield Finding(False, subject, "does not exist", "put the route's parentRefs right")
            continue
        except Denied as error:
            remedy = "its state and abilities were not checked: allow get of gateways and gatewayclasses"
            yield Finding(False, subject, str(error), remedy, fatal=False)
            continue
        except ProviderError as error:
            yield Finding(False, subject, str(error), "try again when the cluster answers")
            continue
        programmed = condition(body.get("status") or {}, "Programmed")
        if programmed and programmed.get("status") != "True":
            message = f"is not programmed: {programmed.get('message') or programmed.get('reason')}"
            yield Finding(False, subject, message, "see the Gateway's conditions and its controller")
        yield from _abilities(api, read, subject, body)


def _abilities(api: Api, read: RouteRead, subject: str, gateway: Body) -> Iterator[Finding]:
    settings = read.ours.settings
    if not (settings.matches or settings.mirrors or settings.probes):
        return
    name = str((gateway.get("spec") or {}).get("gatewayClassName") or "")
    try:
        body = api.read(f"reading GatewayClass {name}", f"/apis/{GROUP}/v1/gatewayclasses/{name}")
    except ProviderError as error:
        remedy = "whether it can match and mirror was not checked: allow get of gatewayclasses"
        yield Finding(False, f"GatewayClass {name}", str(error), remedy, fatal=False)
        return
    features = _features(body)
    if features is None:
        message = f"does not publish what it supports, so {_asked(read)} can only be found out by trying"
        yield Finding(False, f"GatewayClass {name}", message, "see the documentation of its controller", fatal=False)
        return
    yield from _lacking(read, subject, name, features)


def _lacking(read: RouteRead, subject: str, name: str, features: set[str]) -> Iterator[Finding]:
    settings, kind = read.ours.settings, read.route.kind
    if kind not in features:
        message = f"its class {name} does not support {kind}, so {_asked(read)} cannot be done"
        yield Finding(False, subject, message, "use a route and a class that can, or a strategy without it")
        return
    if not settings.mirrors:
        return
    if kind == "HTTPRoute" and "HTTPRouteRequestMirror" not in features:
        message = f"its class {name} does not support RequestMirror, so a shadow step cannot be done here"
        yield Finding(False, subject, message, "use a class that can, or a strategy without mirrors")
    elif kind == "HTTPRoute" and _PART not in features:
        message = f"its class {name} mirrors all requests or none: a mirror of less than 100 % would get all"
        yield Finding(False, subject, message, "mirror 100 %, or use a class that can mirror a part", fatal=False)
    elif kind == "GRPCRoute":
        message = f"no class publishes whether it mirrors a GRPCRoute; {name} may not"
        yield Finding(False, subject, message, "see the documentation of its controller", fatal=False)


def _features(body: Any) -> set[str] | None:
    """The names of what a class supports; None where it does not publish any. Earlier releases list bare names."""
    listed = (body.get("status") or {}).get("supportedFeatures")
    if not listed:
        return None
    return {str(item.get("name")) if isinstance(item, dict) else str(item) for item in listed}


def _asked(read: RouteRead) -> str:
    settings = read.ours.settings
    words = (
        (settings.matches, "matching headers"),
        (settings.mirrors, "mirroring"),
        (settings.probes, "probing by a header"),
    )
    return " and ".join(word for asked, word in words if asked)
