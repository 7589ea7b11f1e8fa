"""The part of the manifest that names places: workload hosts and the traffic in front of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from orchestrator.manifest.kube_types import Context, KubeService, Namespace, RouteNames, TemplateFiles
from orchestrator.manifest.types import (
    DnsLabel,
    EndpointName,
    Guid,
    Headers,
    HostName,
    HttpPath,
    Location,
    ProfileName,
    ResourceGroup,
    StatusRange,
    TemplatePath,
    WholeSeconds,
    Words,
)

Port = Annotated[int, Field(ge=1, le=65535)]
MOST_REPLICAS = 100
"""Both sides of a release together: 200 endpoints, all that a Traffic Manager profile holds."""


class Model(BaseModel):
    """What all parts of a manifest share: strict types, no unknown keys, no change afterwards."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
    )


class ContainerInstances(Model):
    """Container groups on Azure Container Instances, one per replica."""

    subscription: Guid = Field(description="The subscription's id, a GUID.")
    resource_group: ResourceGroup = Field(description="The resource group that holds the container groups.")
    location: Location = Field(description="The Azure region, such as westeurope.")
    template: TemplatePath = Field(description="The container group's file: YAML of `az container create` or ARM JSON.")
    container: Words | None = Field(
        default=None, description="Containers whose image is replaced; default: all that use it."
    )
    replicas: Annotated[int, Field(ge=1, le=MOST_REPLICAS)] = Field(
        default=1, description="Container groups per revision."
    )
    allow_system_identity: bool = Field(
        default=False, description="Accept a new principal without grants per revision."
    )


class Monitor(Model):
    """How Traffic Manager probes the endpoints of a profile that is created."""

    protocol: Literal["HTTP", "HTTPS", "TCP"] = Field(default="HTTP", description="What is spoken to the endpoint.")
    port: Port = Field(default=8080, description="The port that is probed.")
    path: HttpPath | None = Field(
        default=None, description="The path that is asked for; default /healthz, none for TCP."
    )
    interval: WholeSeconds = Field(default=10, description="10s or 30s.")
    timeout: WholeSeconds = Field(default=5, description="5s to 9s at an interval of 10s, 5s to 10s at 30s.")
    failures: Annotated[int, Field(ge=0, le=9)] = Field(default=3, description="Failures in a row that are tolerated.")
    expect: list[StatusRange] = Field(
        default=[(200, 200)], min_length=1, max_length=8, description="Statuses that are healthy."
    )
    headers: Headers = Field(default={}, max_length=8, description="Headers that the probe sends.")


class CreateProfile(Model):
    """How the profile is made where it does not exist."""

    dns_name: DnsLabel = Field(description="The label below trafficmanager.net; unique in the world.")
    ttl: WholeSeconds = Field(default=30, description="For how long clients may cache an answer.")
    tags: dict[str, str] = Field(default={}, description="Tags of the profile.")
    monitor: Monitor = Field(default=Monitor(), description="How Traffic Manager probes the endpoints.")


class Endpoint(Model):
    """Settings of our endpoints; what is not given is what the adopted endpoints had."""

    custom_headers: Headers | None = Field(default=None, description="Headers that Traffic Manager's probe sends.")
    always_serve: bool | None = Field(default=None, description="Serve without asking Traffic Manager's own probe.")


class Parent(Model):
    """A profile above ours."""

    resource_group: ResourceGroup = Field(description="The parent profile's resource group.")
    profile: ProfileName = Field(description="The parent profile's name.")
    endpoint: EndpointName = Field(description="The nested endpoint in it that leads to our profile.")
    subscription: Guid | None = Field(default=None, description="The parent's subscription; default: ours.")


class TrafficManager(Model):
    """A Traffic Manager profile with weighted routing."""

    resource_group: ResourceGroup = Field(description="The profile's resource group.")
    profile: ProfileName = Field(description="The profile's name; used if it exists, else made from `create`.")
    create: CreateProfile | None = Field(default=None, description="How the profile is made where it does not exist.")
    ttl_during_rollout: WholeSeconds | None = Field(
        default=None, description="The TTL while a rollout runs; restored after it."
    )
    adopt: list[EndpointName] = Field(
        default=[], description="Hand-made endpoints that are the first release's stable side."
    )
    adopted_groups: Literal["keep", "delete"] = Field(
        default="keep", description="What becomes of what stands behind them; `delete` is not run by this version yet."
    )
    weight: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The sum of our weights, whatever the split."
    )
    endpoint: Endpoint = Field(default=Endpoint(), description="Settings of our endpoints.")
    parents: list[Parent] = Field(default=[], description="Nested profiles above this one.")
    names: list[HostName] = Field(default=[], description="Vanity names that lead to the profile; checked by `doctor`.")
    on_drift: Literal["hold", "repair"] = Field(
        default="hold", description="What hand-made changes of our split lead to."
    )
    address: HostName | None = Field(
        default=None, description="The gateway's host name, beside kubernetes: this profile then leads to it."
    )
    subscription: Guid | None = Field(
        default=None, description="The profile's subscription; default: that of containerInstances."
    )


class Kubernetes(Model):
    """Deployments in a cluster, one per revision."""

    context: Context = Field(description="The kubeconfig context (AKS, Arc-enabled or any cluster), or in-cluster.")
    namespace: Namespace = Field(description="The namespace that holds the Deployments.")
    template: TemplateFiles = Field(
        description="Files with a Deployment and what belongs to it; `-` is rendered output on standard input."
    )
    container: Words | None = Field(
        default=None, description="Containers whose image is replaced; default: all that use it."
    )
    stable_service: KubeService | None = Field(
        default=None, description="A Service that always selects the stable revision, for callers in the cluster."
    )


class GatewayApi(Model):
    """Weighted backends of HTTPRoutes or GRPCRoutes."""

    http_route: RouteNames | None = Field(
        default=None, description="The HTTPRoutes whose backends are ours; name or namespace/name."
    )
    grpc_route: RouteNames | None = Field(
        default=None, description="The GRPCRoutes whose backends are ours; name or namespace/name."
    )
    adopt: list[KubeService] = Field(
        default=[], description="Live backends (Services) that are the first release's stable side."
    )
    weight: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="The sum of our weights in each rule, whatever the split; default 1000."
    )
    on_drift: Literal["hold", "repair"] = Field(
        default="hold", description="What hand-made changes of our split lead to."
    )
