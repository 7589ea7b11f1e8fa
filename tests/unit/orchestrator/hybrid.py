"""A service in a region of Azure and in a cluster, both emulated without sockets, driven by the real engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.manifest.loader import Loaded, from_snapshot
from orchestrator.ports import TargetPorts
from orchestrator.store.records import Snapshot
from orchestrator.wish import Wish
from providers.emulator.behaviour import Behaviour
from providers.emulator.inprocess import InProcessProbes, InProcessTraffic, InProcessWorkloads
from providers.emulator.inprocess_entrance import InProcessEntrance
from providers.emulator.kube.cluster import Cluster
from providers.emulator.kube.inprocess import InProcessApi
from providers.emulator.kube.kinds import DEPLOYMENT, HTTP_ROUTE
from providers.entrance import Behind
from providers.kubernetes.deployments import DeploymentWorkloads
from providers.kubernetes.gateway_routes import GatewayRoutes
from providers.kubernetes.probes import ApiProxyProbes
from providers.ports import Traffic
from tests.unit.orchestrator.yard import IMAGE, Yard, YardApp
from tests.unit.orchestrator.yard import MANIFEST as YARD
from tests.unit.orchestrator.yard import TEMPLATE as GROUP

GATEWAY = "gw.contoso.com"
ONPREM = """\
  - name: onprem
    wave: 2
    kubernetes: {context: arc, namespace: shop, template: deployment.yaml}
    gatewayApi: {httpRoute: shop}
"""
ENTRANCE = """\
    trafficManager:
      subscription: 11111111-2222-3333-4444-555555555555
      resourceGroup: shop
      profile: world
      address: gw.contoso.com
      create: {dnsName: contoso-world, ttl: 10s, monitor: {protocol: HTTP, port: 80, path: /healthz}}
"""
WEST = YARD.replace("hold: 60s", "hold: 5s")
HYBRID = WEST.replace("strategy:", f"{ONPREM}waves: {{bake: 15s}}\nstrategy:")
"""Azure first, the cluster a while after it."""
BACKWARDS = HYBRID.replace("  - name: west\n", "  - name: west\n    wave: 2\n").replace(
    "  - name: onprem\n    wave: 2\n", "  - name: onprem\n    wave: 1\n"
)
"""The cluster first."""
CLUSTER = WEST[: WEST.index("  - name: west")] + ONPREM.replace("wave: 2", "wave: 1") + WEST[WEST.index("strategy:") :]
"""The cluster alone."""
DEPLOYMENT_FILE = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
      containers:
      - name: web
        image: {IMAGE}
        env: [{{name: FLAVOUR, value: FLAVOUR_OF_TODAY}}]
        ports: [{{containerPort: 80}}]
        resources: {{requests: {{cpu: 250m, memory: 512Mi}}}}
"""


class HybridApp(YardApp):
    """An app whose hands reach into the yard's Azure and its clusters."""

    yard: HybridYard

    def hands(self, loaded: Loaded, rollout_id: str = "") -> Mapping[str, TargetPorts]:
        world, service = self.yard.world, loaded.manifest.service
        found = {}
        for each in loaded.targets:
            whose: dict[str, Any] = {"service": service, "target": each.name}
            if each.azure is not None:
                found[each.name] = TargetPorts(
                    InProcessWorkloads(world, each.azure[0], image=IMAGE, **whose),
                    InProcessTraffic(world, each.azure[1], **whose),
                    InProcessProbes(world, each.probe),
                )
                continue
            assert each.cluster is not None
            made, routing = each.cluster
            api = InProcessApi(world.cluster(made.context))
            traffic: Traffic = GatewayRoutes(routing, api=api, **whose)
            if each.entrance is not None:
                traffic = Behind(traffic, InProcessEntrance(world, each.entrance, **whose))
            found[each.name] = TargetPorts(
                DeploymentWorkloads(made, image=IMAGE, api=api, **whose),
                traffic,
                ApiProxyProbes(each.probe, namespace=made.namespace, api=api, together=False),
            )
        return found


@dataclass
class HybridYard(Yard):
    """The world with a gateway and a route in the cluster `arc`; versions have behaviours of their own."""

    manifest: str = HYBRID

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cluster.gateway("shop", "edge", 80, GATEWAY)
        body = HTTP_ROUTE.new("shop", "shop")
        body["spec"] = {"parentRefs": [{"name": "edge"}], "hostnames": [GATEWAY], "rules": [{"backendRefs": []}]}
        self.cluster.objects.put(HTTP_ROUTE, body)
        self.clock.sleep(30.0)
        self.world.tick()

    @property
    def cluster(self) -> Cluster:
        """The cluster of the manifests."""
        return self.world.cluster("arc")

    @property
    def app(self) -> HybridApp:
        app = HybridApp(self.store, self.clock)
        app.yard = self
        return app

    def loaded(self, flavour: str = "plain") -> Loaded:
        """The manifest with its templates."""
        templates = (
            ("t.yaml", GROUP.replace("FLAVOUR_OF_TODAY", flavour)),
            ("deployment.yaml", DEPLOYMENT_FILE.replace("FLAVOUR_OF_TODAY", flavour)),
        )
        return from_snapshot(Snapshot(self.manifest, "shop.yaml", templates))

    def wish(self, version: str | None, *, flavour: str = "plain", **more: Any) -> Wish:
        """A wish for a version; `behaviour` says what is special about its image."""
        behaviour = more.pop("behaviour", {})
        digest = None
        if version is not None:
            made = Behaviour(version, **{"start_seconds": 2.0, **behaviour})
            digest = self.world.register_image("shop/web", version, made).digest
        return Wish(self.loaded(flavour), digest, version, **{"actor": "ana", **more})

    def route(self) -> dict[str, int]:
        """The weights in the route, by the names of its backends."""
        body = self.cluster.objects.get(HTTP_ROUTE, "shop", "shop")
        refs = [ref for rule in body["spec"]["rules"] for ref in rule.get("backendRefs") or ()]
        return {ref["name"]: ref.get("weight", 1) for ref in refs}

    def deployments(self) -> list[str]:
        """The Deployments that stand, once deletions have had their time."""
        self.clock.sleep(60.0)
        self.world.tick()
        return sorted(body["metadata"]["name"] for body in self.cluster.objects.all(DEPLOYMENT, "shop"))
