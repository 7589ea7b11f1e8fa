"""The manifest's keys, meanings and defaults as typed models; what needs more than one key to judge is in `checks`.

Keys are camelCase in files and snake_case here; durations are seconds. Every model refuses unknown keys.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from orchestrator.manifest.hosts import ContainerInstances, GatewayApi, Kubernetes, Model, Port, TrafficManager
from orchestrator.manifest.kube_types import Cookies, Wanted
from orchestrator.manifest.metric_models import Metric
from orchestrator.manifest.types import (
    Headers,
    HostName,
    HttpPath,
    Margin,
    QuietWord,
    Repository,
    Seconds,
    ServiceName,
    Share,
    StatusRange,
    TargetName,
    share,
)


class Follow(Model):
    """What the watcher rolls out: exactly one of semver, numerical, alphabetical and digest."""

    semver: str | None = Field(default=None, description='A range of versions, such as ">=1.4 <2".')
    numerical: Literal["asc", "desc"] | None = Field(
        default=None, description="The highest (asc) or lowest (desc) number wins."
    )
    alphabetical: Literal["asc", "desc"] | None = Field(
        default=None, description="The last (asc) or first (desc) word wins."
    )
    digest: str | None = Field(default=None, description="A tag whose digest is followed.")
    pattern: str | None = Field(default=None, description="Only tags that match this RE2 regular expression count.")
    extract: str | None = Field(default=None, description="What of the match is compared, such as $version.")
    allow_downgrade: bool = Field(
        default=False, description="Whether a tag that ranks below the one that serves is rolled out."
    )
    every: Seconds = Field(default=300.0, description="How often the registry is asked; at least 1s.")


class Preview(Model):
    """What must hold while the candidate is ready and has no traffic yet."""

    hold: Seconds = Field(default=0.0, description="How long it is probed with share 0.")
    approve: bool = Field(default=False, description="Whether a person must approve the first shift.")


class Step(Model):
    """One share of the traffic and what must hold before the next."""

    share: Share = Field(description="Percent of the traffic.")
    hold: Seconds | None = Field(default=None, description="How long it is judged; default: the canary's hold.")
    approve: bool = Field(default=False, description="Whether a person must approve the next step.")


def _step(value: Any) -> Any:
    return value if isinstance(value, dict) else {"share": share(value)}


StepOrShare = Annotated[Step, BeforeValidator(_step, json_schema_input_type=Share | Step)]


class Canary(Model):
    """Rising shares; 100 is implied after the last."""

    steps: list[StepOrShare] = Field(
        default=[Step(share=1), Step(share=10), Step(share=50)],
        min_length=1,
        max_length=50,
        description="Rising shares, percent.",
    )
    hold: Seconds = Field(default=60.0, description="How long each step is judged.")
    preview: Preview = Field(default=Preview(), description="Before the first step.")


class BlueGreen(Model):
    """One shift of everything."""

    preview: Preview = Field(default=Preview(), description="Before the switch.")
    hold: Seconds = Field(default=0.0, description="After the switch, before the drain.")


class Match(Model):
    """What a request must carry, all of it and exactly."""

    headers: Wanted = Field(default={}, max_length=15, description="Headers, each with its value.")
    cookies: Cookies = Field(default={}, max_length=3, description="Cookies, each with its value.")


class AbTest(Model):
    """Requests that match go to the candidate, before any share of the others does."""

    match: Match = Field(description="Which requests the candidate gets.")
    hold: Seconds = Field(default=60.0, description="How long the test, and each step, is judged.")
    approve: bool = Field(default=False, description="Whether a person must approve what comes after the test.")
    steps: list[StepOrShare] = Field(
        default=[], max_length=50, description="Rising shares of the other requests after the test, percent."
    )
    preview: Preview = Field(default=Preview(), description="Before the test.")


class Shadow(Model):
    """Requests are copied to the candidate, whose answers nobody gets, before it has any share."""

    percent: Share = Field(default=100.0, description="The part of all requests that is copied.")
    hold: Seconds = Field(default=60.0, description="How long the copies, and each step, are judged.")
    approve: bool = Field(default=False, description="Whether a person must approve what comes after the copies.")
    steps: list[StepOrShare] = Field(default=[], max_length=50, description="Rising shares after the copies, percent.")
    preview: Preview = Field(default=Preview(), description="Before the copies.")


class Strategy(Model):
    """Exactly one of canary, blueGreen, abTest and shadow."""

    canary: Canary | None = Field(default=None, description="Rising shares.")
    blue_green: BlueGreen | None = Field(default=None, description="One shift of everything.")
    ab_test: AbTest | None = Field(default=None, description="Requests that match first; behind a route only.")
    shadow: Shadow | None = Field(default=None, description="Copies of requests first; behind a route only.")


class Probe(Model):
    """Our own requests to every endpoint's real address."""

    scheme: Literal["http", "https"] = Field(default="http", description="What is spoken.")
    port: Port = Field(default=8080, description="The port that is probed.")
    path: HttpPath = Field(default="/healthz", description="The path that is asked for.")
    interval: Seconds = Field(default=2.0, description="Time between two probes of one endpoint.")
    timeout: Seconds = Field(default=2.0, description="After which a probe has failed.")
    before: Annotated[int, Field(ge=1)] = Field(default=10, description="Clean probes in a row before any traffic.")
    failures: Annotated[int, Field(ge=1)] = Field(
        default=3, description="Failures in a row that condemn the candidate."
    )
    expect: list[StatusRange] = Field(default=[(200, 299)], min_length=1, description="Statuses that are healthy.")
    host: str | None = Field(default=None, description="The Host header; default: the endpoint's own name.")
    server_name: HostName | None = Field(
        default=None, description="The name asked for and checked in TLS; default: host."
    )
    verify: bool = Field(default=True, description="Whether the certificate is checked.")
    headers: Headers = Field(default={}, description="Headers that the probe sends.")
    via: Literal["direct", "apiProxy", "gateway"] | None = Field(
        default=None, description="The way to an endpoint; default: apiProxy in clusters, direct elsewhere."
    )


class Gates(Model):
    """What must hold for the candidate to go on."""

    probe: Probe = Field(default=Probe(), description="Our own requests.")
    metrics: list[Metric] = Field(
        default=[], max_length=20, description="Sources that count both sides' requests, and checks that are run."
    )
    longest_hold: Seconds = Field(
        default=1800.0, description="How long a step may stay undecided before a person is asked."
    )


class Drain(Model):
    """When the leaving side may be retired."""

    propagation: Seconds = Field(default=60.0, description="How long a change takes to reach every name server.")
    margin: Margin = Field(default=None, description="Time beyond the TTL; auto: the larger of 10s and half the TTL.")
    quiet: QuietWord = Field(
        default="auto", description="For how long no requests may be counted, or how that is decided."
    )
    most: Seconds = Field(default=1800.0, description="After which `then` decides.")
    then: Literal["ask", "force", "extend"] = Field(
        default="ask", description="What happens when it is still not quiet."
    )


class Waves(Model):
    """How waves of targets follow each other."""

    retire: Literal["atEnd", "perWave"] = Field(default="atEnd", description="When the old groups of a wave go.")
    bake: Seconds = Field(default=900.0, description="Time between waves, and after the last of several.")
    on_failure: Literal["all", "wave"] = Field(default="all", description="How far a failure reaches back.")


class Deadline(Model):
    """The longest each stretch may take."""

    ready: Seconds = Field(default=600.0, description="Until the candidate is ready.")
    wave: Seconds = Field(default=21600.0, description="One wave.")
    total: Seconds = Field(default=86400.0, description="The rollout, waiting for people left out.")


class Target(Model):
    """One workload host and the traffic in front of it."""

    name: TargetName = Field(description="The target's name, unique in the service.")
    wave: Annotated[int, Field(ge=1)] = Field(default=1, description="Targets of a lower wave go first.")
    container_instances: ContainerInstances | None = Field(
        default=None, description="Azure Container Instances as the host."
    )
    kubernetes: Kubernetes | None = Field(default=None, description="A cluster as the host; beside gatewayApi.")
    traffic_manager: TrafficManager | None = Field(
        default=None, description="Traffic Manager in front; beside gatewayApi it leads to the gateway's address."
    )
    gateway_api: GatewayApi | None = Field(default=None, description="Routes of a gateway in front; beside kubernetes.")
    gates: Gates | None = Field(default=None, description="Overrides the service's gates, key by key.")
    strategy: Strategy | None = Field(default=None, description="Overrides the service's strategy.")


class Manifest(Model):
    """One service: what is rolled out, where, how carefully."""

    service: ServiceName = Field(description="The service's identity; names every resource made for it.")
    image: Repository = Field(description="The image's repository, without tag or digest.")
    follow: Follow | None = Field(default=None, description="What the watcher rolls out.")
    targets: list[Target] = Field(min_length=1, description="Where the service runs.")
    waves: Waves = Field(default=Waves(), description="How waves of targets follow each other.")
    strategy: Strategy = Field(
        default=Strategy(blue_green=BlueGreen()), description="How traffic moves; default: blueGreen."
    )
    gates: Gates = Field(default=Gates(), description="What must hold for the candidate to go on.")
    drain: Drain = Field(default=Drain(), description="When the leaving side may be retired.")
    on_failure: Literal["rollBack", "pause"] = Field(default="rollBack", description="What a failed verdict leads to.")
    deadline: Deadline = Field(default=Deadline(), description="The longest each stretch may take.")
    retain: Seconds = Field(default=0.0, description="How long the drained old side keeps running for an instant undo.")
    while_running: Literal["replace", "queue", "refuse"] = Field(
        default="replace", description="What a newer revision does."
    )
    inject: bool = Field(default=True, description="Tell the containers ROLLOUT_SERVICE, _REVISION and _TARGET.")
    hooks: dict[str, Any] = Field(default={}, description="Reserved; not run by this version yet.")
