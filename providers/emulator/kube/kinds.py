"""The kinds of objects that the emulated cluster knows, and how their paths are spelt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of object: `group` is empty for the core group, `plural` is its word in paths.

    `generation` says what moves `metadata.generation` besides creation: nothing (the kind has none), `spec`, `spec`
    with annotations, or `all` that is neither metadata nor status. `custom` kinds come from CustomResourceDefinitions,
    which changes many small manners. `status` and `scale` say which subresources there are.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    generation: str = ""
    custom: bool = False
    status: bool = False
    scale: bool = False
    singular: str = ""
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`, as objects say it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """The path of the group and version: `/api/v1` or `/apis/<group>/<version>`."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def resource(self) -> str:
        """`plural.group`, or the plural alone in the core group, as error texts name the kind."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of one object, of a collection when `name` is None, of all namespaces when both are."""
        parts = [self.root]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        return "/".join(parts + [part for part in (name, subresource) if part is not None])

    def new(self, namespace: str | None, name: str, **fields: Any) -> dict[str, Any]:
        """The beginning of an object of this kind: apiVersion, kind and metadata, then `fields`."""
        where = {"namespace": namespace} if self.namespaced and namespace is not None else {}
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": {"name": name, **where},
            **fields,
        }


NAMESPACE = Kind("", "v1", "namespaces", "Namespace", namespaced=False, status=True, short=("ns",))
NODE = Kind("", "v1", "nodes", "Node", namespaced=False, status=True, short=("no",))
POD = Kind("", "v1", "pods", "Pod", generation="spec", status=True, short=("po",), categories=("all",))
SERVICE = Kind("", "v1", "services", "Service", status=True, short=("svc",), categories=("all",))
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap", short=("cm",))
EVENT = Kind("", "v1", "events", "Event", short=("ev",))
DEPLOYMENT = Kind(
    "apps",
    "v1",
    "deployments",
    "Deployment",
    generation="spec+annotations",
    status=True,
    scale=True,
    short=("deploy",),
    categories=("all",),
)
REPLICA_SET = Kind(
    "apps",
    "v1",
    "replicasets",
    "ReplicaSet",
    generation="spec",
    status=True,
    scale=True,
    short=("rs",),
    categories=("all",),
)
AUTOSCALER = Kind(
    "autoscaling",
    "v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
    status=True,
    short=("hpa",),
    categories=("all",),
)
JOB = Kind("batch", "v1", "jobs", "Job", generation="spec", status=True, categories=("all",))
DISRUPTION_BUDGET = Kind(
    "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", generation="spec", status=True, short=("pdb",)
)
LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", generation="all")

GATEWAY_GROUP = "gateway.networking.k8s.io"
GATEWAY_CLASS = Kind(
    GATEWAY_GROUP,
    "v1",
    "gatewayclasses",
    "GatewayClass",
    namespaced=False,
    generation="spec",
    custom=True,
    status=True,
    short=("gc",),
    categories=("gateway-api",),
)
GATEWAY = Kind(
    GATEWAY_GROUP,
    "v1",
    "gateways",
    "Gateway",
    generation="spec",
    custom=True,
    status=True,
    short=("gtw",),
    categories=("gateway-api",),
)
HTTP_ROUTE = Kind(
    GATEWAY_GROUP,
    "v1",
    "httproutes",
    "HTTPRoute",
    generation="spec",
    custom=True,
    status=True,
    categories=("gateway-api",),
)
GRPC_ROUTE = Kind(
    GATEWAY_GROUP,
    "v1",
    "grpcroutes",
    "GRPCRoute",
    generation="spec",
    custom=True,
    status=True,
    categories=("gateway-api",),
)
REFERENCE_GRANT = Kind(
    GATEWAY_GROUP,
    "v1",
    "referencegrants",
    "ReferenceGrant",
    generation="spec",
    custom=True,
    short=("refgrant",),
    categories=("gateway-api",),
)

KINDS: tuple[Kind, ...] = (
    NAMESPACE,
    NODE,
    POD,
    SERVICE,
    CONFIG_MAP,
    EVENT,
    DEPLOYMENT,
    REPLICA_SET,
    AUTOSCALER,
    JOB,
    DISRUPTION_BUDGET,
    LEASE,
    ENDPOINT_SLICE,
    GATEWAY_CLASS,
    GATEWAY,
    HTTP_ROUTE,
    GRPC_ROUTE,
    REFERENCE_GRANT,
)
"""All kinds, in the order of their groups."""


def find(group: str, version: str, plural: str) -> Kind | None:
    """Find a kind by the words of its path, None when there is none."""
    wanted = (group, version, plural)
    return next((kind for kind in KINDS if (kind.group, kind.version, kind.plural) == wanted), None)


def named(kind: str, api_version: str | None = None) -> Kind | None:
    """Find a kind by its name as objects say it, in any version unless one is given."""
    return next((one for one in KINDS if one.kind == kind and api_version in (None, one.api_version)), None)
