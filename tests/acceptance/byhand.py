"""What somebody does in the portal: groups, profiles and endpoints made, changed and deleted without us."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.request import Request, urlopen

from tests.acceptance.shop import Shop

_KINDS = {
    "containerGroups": ("Microsoft.ContainerInstance", "2023-05-01"),
    "trafficManagerProfiles": ("Microsoft.Network", "2022-04-01"),
}


def arm(shop: Shop, method: str, path: str, body: Any = None) -> Any:
    """Send one ARM call for the shop's resource group; `path` begins with the kind of resource."""
    provider, version = _KINDS[path.partition("/")[0]]
    scope = f"/subscriptions/{shop.subscription}/resourceGroups/shop/providers"
    url = f"{shop.cloud.emulator.url}{scope}/{provider}/{path}?api-version={version}"
    headers = {"Authorization": "Bearer by-hand", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers, method=method), timeout=10) as response:
        text = response.read()
    return json.loads(text) if text else None


def make_group(shop: Shop, name: str, tag: str) -> str:
    """Make a container group without any mark of ours; returns its host name once it runs."""
    body = copy.deepcopy(shop.template)
    body["properties"]["ipAddress"]["dnsNameLabel"] = f"{shop.dns_name}-{name}"
    web = body["properties"]["containers"][0]["properties"]
    web["image"] = f"{shop.spec['image']}@{shop.digests[tag]}"
    arm(shop, "PUT", f"containerGroups/{name}", body)
    while (group := arm(shop, "GET", f"containerGroups/{name}"))["properties"]["provisioningState"] != "Succeeded":
        time.sleep(0.05)
    host: str = group["properties"]["ipAddress"]["fqdn"]
    return host


def make_profile(shop: Shop, endpoints: Mapping[str, Mapping[str, Any]], ttl: int = 0, **tags: str) -> None:
    """Make the profile; each endpoint is given as its properties."""
    kind = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
    body = {
        "location": "global",
        "tags": tags,
        "properties": {
            "trafficRoutingMethod": "Weighted",
            "dnsConfig": {"relativeName": shop.dns_name, "ttl": ttl},
            "monitorConfig": {"protocol": "HTTP", "port": shop.cloud.port, "path": "/healthz"},
            "endpoints": [
                {"name": name, "type": kind, "properties": {"endpointStatus": "Enabled", **properties}}
                for name, properties in endpoints.items()
            ],
        },
    }
    arm(shop, "PUT", "trafficManagerProfiles/shop", body)


def change_profile(shop: Shop, **properties: Any) -> None:
    """Change some properties of the profile; `endpoints`, where given, become all that it has."""
    arm(shop, "PATCH", "trafficManagerProfiles/shop", {"properties": properties})
