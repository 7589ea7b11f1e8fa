"""Envoy's configuration for the Gateways of a world, as they are programmed now; pure.

Everything is JSON as Envoy's file subscriptions read it. The lines of a Gateway's table become routes in their order,
so that Envoy decides as the built-in data plane does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from providers.emulator.kube.cluster import Cluster
from providers.emulator.kube.gateway import Backend, Line, Redirect
from providers.emulator.kube.gateways import ports_of
from providers.emulator.kube.matching import Value

Json = dict[str, Any]
_API = "type.googleapis.com/envoy."
NOWHERE = "nowhere"
"""A cluster that does not exist: whoever is led there is answered 500, which is what an invalid backend deserves."""
_REDIRECTS = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
CONNECT_TIMEOUT = "2s"
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """All that Envoy is told: listeners, and by name routes, clusters and endpoints."""

    listeners: Mapping[str, Json]
    routes: Mapping[str, Json]
    clusters: Mapping[str, Json]
    endpoints: Mapping[str, Json]


def configure(clusters: Iterable[Cluster], folder: str) -> Config:
    """Return the configuration of all clusters' Gateways; `folder` is where its files will stand."""
    listeners: dict[str, Json] = {}
    routes: dict[str, Json] = {}
    named: dict[str, Json] = {}
    endpoints: dict[str, Json] = {}
    for cluster in clusters:
        unusable = {one.group_id for one in cluster.gateways.workloads() if not one.listening}
        for gateway in cluster.gateways.all():
            metadata, address = gateway["metadata"], cluster.gateways.address_of(gateway)
            if address is None or cluster.id_of("gateways", metadata["namespace"], metadata["name"]) in unusable:
                continue
            for port in ports_of(gateway, ("HTTP",)):
                name = file_name(cluster.name, metadata["namespace"], metadata["name"], str(port))
                lines = cluster.gateways.lines(gateway, port)
                listeners[name] = _listener(name, address, port, folder)
                routes[name] = _routes(cluster, name, lines)
                for backend in _backends(cluster, lines):
                    key = _cluster_name(cluster, backend)
                    named[key] = _cluster(key, folder)
                    endpoints[key] = _endpoints(cluster, key, backend)
    return Config(listeners, routes, named, endpoints)


def file_name(*parts: str) -> str:
    """Join names into one that can be a file's; different parts never give the same name."""
    return "~".join(re.sub(r"[^A-Za-z0-9._-]", lambda found: f"%{ord(found[0]):x}", part) for part in parts)


def resources(entries: Iterable[Json], version: str) -> Json:
    """Return entries as the content of a file that Envoy subscribes to."""
    return {"version_info": version, "resources": list(entries)}


def places(endpoints: Mapping[str, Json]) -> set[tuple[str, str]]:
    """Return every cluster with each `address:port` behind it, as Envoy writes them where it lists its clusters."""
    return {
        (name, f"{at['address']}:{at['port_value']}")
        for name, body in endpoints.items()
        for group in body["endpoints"]
        for at in (one["endpoint"]["address"]["socket_address"] for one in group["lb_endpoints"])
    }


def bootstrap(folder: str) -> Json:
    """Return what Envoy is started with: an admin port of its own, and where to look for the rest."""
    return {
        "node": {"id": "emulator", "cluster": "emulator"},
        "admin": {"address": _address("127.0.0.1", 0)},
        "dynamic_resources": {
            "lds_config": _source(folder, "lds", "listeners"),
            "cds_config": _source(folder, "cds", "clusters"),
        },
    }


def _source(folder: str, kind: str, name: str) -> Json:
    where = f"{folder}/{kind}"
    watched = {"path": f"{where}/{name}.json", "watched_directory": {"path": where}}
    return {"resource_api_version": "V3", "path_config_source": watched}


def _address(address: str, port: int) -> Json:
    return {"socket_address": {"address": address, "port_value": port}}


def _listener(name: str, address: str, port: int, folder: str) -> Json:
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": _API + "extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": True,
        },
    }
    manager = {
        "@type": _API + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "rds": {"route_config_name": name, "config_source": _source(folder, "rds", name)},
        "http_filters": [router],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "@type": _API + "config.listener.v3.Listener",
        "name": name,
        "address": _address(address, port),
        # Two processes that share a port would take each other's requests; better that one of them fails.
        "enable_reuse_port": False,
        "filter_chains": [chain],
    }


def _routes(cluster: Cluster, name: str, lines: tuple[Line, ...]) -> Json:
    hosts = [
        {"name": host or "*", "domains": [host or "*"], "routes": [_route(cluster, line) for line in own]}
        for host, own in groupby(lines, key=lambda line: line.host)
    ]
    return {
        "@type": _API + "config.route.v3.RouteConfiguration",
        "name": name,
        "ignore_port_in_host_matching": True,
        "virtual_hosts": hosts,
    }


def _route(cluster: Cluster, line: Line) -> Json:
    return {"match": _match(line), **_action(cluster, line)}


def _match(line: Line) -> Json:
    pattern = line.pattern
    if pattern.way == "Exact":
        found: Json = {"path": pattern.path}
    elif pattern.way == "RegularExpression":
        found = {"safe_regex": {"regex": pattern.path}}
    else:
        stem = pattern.path.rstrip("/")
        found = {"path_separated_prefix": stem} if stem else {"prefix": "/"}
    headers = [_value(value) for value in pattern.headers]
    if pattern.method is not None:
        headers.append({"name": ":method", "string_match": {"exact": pattern.method}})
    if headers:
        found["headers"] = headers
    if pattern.queries:
        found["query_parameters"] = [_value(value) for value in pattern.queries]
    return found


def _value(value: Value) -> Json:
    how: Json = {"safe_regex": {"regex": value.value}} if value.is_pattern else {"exact": value.value}
    return {"name": value.name, "string_match": how}


def _action(cluster: Cluster, line: Line) -> Json:
    if line.redirect is not None:
        return {"redirect": _redirect(line.redirect)}
    weighted = [(backend, backend.weight) for backend in line.backends if backend.weight]
    if not weighted:
        return {"direct_response": {"status": 500}}
    action: Json = {
        "timeout": f"{line.timeout_seconds or 0:g}s",
        "cluster_not_found_response_code": "INTERNAL_SERVER_ERROR",
        "weighted_clusters": {"clusters": [_weight(cluster, backend, weight) for backend, weight in weighted]},
    }
    mirrors = [
        {
            "cluster": _cluster_name(cluster, one.backend),
            "runtime_fraction": {
                "default_value": {
                    "numerator": round(one.numerator * _MILLION / one.denominator),
                    "denominator": "MILLION",
                }
            },
            "disable_shadow_host_suffix_append": True,
        }
        for one in line.copies
        if one.backend.problem(cluster.objects) is None
    ]
    if mirrors:
        action["request_mirror_policies"] = mirrors
    return {"route": action}


def _weight(cluster: Cluster, backend: Backend, weight: int) -> Json:
    is_good = backend.problem(cluster.objects) is None
    return {"name": _cluster_name(cluster, backend) if is_good else NOWHERE, "weight": weight}


def _redirect(told: Redirect) -> Json:
    found: Json = {"response_code": _REDIRECTS.get(told.status, "FOUND")}
    for key, value in (
        ("scheme_redirect", told.scheme),
        ("host_redirect", told.hostname),
        ("port_redirect", told.port),
        ("path_redirect", told.path),
    ):
        if value is not None:
            found[key] = value
    return found


def _backends(cluster: Cluster, lines: tuple[Line, ...]) -> list[Backend]:
    every = [backend for line in lines for backend in (*line.backends, *(one.backend for one in line.copies))]
    return [backend for backend in every if backend.problem(cluster.objects) is None]


def _cluster_name(cluster: Cluster, backend: Backend) -> str:
    return file_name(cluster.name, backend.namespace, backend.name, str(backend.port or ""))


def _cluster(name: str, folder: str) -> Json:
    return {
        "@type": _API + "config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"service_name": name, "eds_config": _source(folder, "eds", name)},
        "connect_timeout": CONNECT_TIMEOUT,
        "lb_policy": "ROUND_ROBIN",
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    }


def _endpoints(cluster: Cluster, name: str, backend: Backend) -> Json:
    places = cluster.services.behind(backend.namespace, backend.name, backend.port) or []
    found = [{"endpoint": {"address": _address(place.pod.address, place.port)}} for place in places]
    return {
        "@type": _API + "config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": found}] if found else [],
    }
