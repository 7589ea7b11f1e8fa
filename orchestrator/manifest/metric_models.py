"""The part of the manifest that names where requests are counted, and what is run against the candidate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.manifest.hosts import Model
from orchestrator.manifest.kube_types import Context, Namespace
from orchestrator.manifest.metric_types import (
    Argv,
    Environment,
    JobFile,
    LocalPath,
    MetricName,
    Query,
    ResourceId,
    Scope,
    SourceUrl,
    Weight,
    Word,
)
from orchestrator.manifest.types import Guid, Headers, Seconds, WholeSeconds

Stretch = Literal["before", "during", "after"]


class Prometheus(Model):
    """A server that speaks Prometheus' HTTP API; each query gives one number for `$revision` or `$groups`."""

    url: SourceUrl = Field(description="The server's address, without /api/v1.")
    requests: Query = Field(description="A counter of all requests of one side, in PromQL.")
    failures: Query | None = Field(default=None, description="A counter of those that failed, in PromQL.")
    slow: Query | None = Field(
        default=None, description="A counter of those slower than an objective, in PromQL; instead of failures."
    )
    clients: Query | None = Field(
        default=None, description="One series for each client of the leaving side, in PromQL."
    )
    stable: Word | None = Field(default=None, description="What $revision stands for on an adopted stable side.")
    headers: Headers = Field(default={}, max_length=20, description="Headers that are sent; secrets may stand here.")
    auth: Literal["none", "azure"] = Field(
        default="none", description="azure: an Entra token is sent, as Azure Monitor managed Prometheus wants it."
    )
    verify: bool = Field(default=True, description="Whether the certificate is checked.")
    ca: LocalPath | None = Field(
        default=None, description="A file with authorities that are trusted beside the system's, where the engine runs."
    )
    timeout: Seconds = Field(default=5.0, description="After which a question has no answer; at most 60s.")


class PlatformMetric(Model):
    """One of the platform's metrics."""

    metric: Word = Field(description="The metric's name, such as Requests.")
    filter: Query | None = Field(default=None, description="An OData filter on its dimensions.")
    aggregation: Literal["Total", "Count", "Average"] = Field(
        default="Total", description="What of it is a number of requests; Average for a rate per second."
    )
    absent: Literal["unknown", "zero"] = Field(
        default="unknown", description="What a minute without a value means: nothing is known of it, or none came."
    )


class AzureMonitor(Model):
    """Platform metrics of one Azure resource."""

    resource: ResourceId = Field(description="The resource's id.")
    namespace: Word | None = Field(default=None, description="The metrics' namespace; default: the resource's own.")
    requests: PlatformMetric = Field(description="All requests of one side.")
    failures: PlatformMetric | None = Field(default=None, description="Those that failed.")
    slow: PlatformMetric | None = Field(default=None, description="Those slower than an objective; not with failures.")
    stable: Word | None = Field(default=None, description="What $revision stands for on an adopted stable side.")
    timeout: Seconds = Field(default=5.0, description="After which a question has no answer; at most 60s.")


Counted = Literal["failures", "slow", "none"]


class LogAnalytics(Model):
    """A query in KQL over a workspace, or over a resource such as Application Insights."""

    workspace: Guid | None = Field(default=None, description="The workspace's id, a GUID.")
    resource: ResourceId | None = Field(default=None, description="A resource's id, instead of a workspace.")
    query: Query = Field(description="Rows, in KQL: for each `$interval` its time, requests, and what is counted.")
    counts: Counted = Field(default="failures", description="The rows' column beside requests; none: requests only.")
    clients: Query | None = Field(default=None, description="One row for each client of the leaving side, in KQL.")
    stable: Word | None = Field(default=None, description="What $revision stands for on an adopted stable side.")
    timeout: Seconds = Field(default=10.0, description="After which a question has no answer; at most 60s.")


class Webhook(Model):
    """An address of yours that is told the question as JSON, and answers with both sides' counts."""

    url: SourceUrl = Field(description="The address that is POSTed to.")
    counts: Counted = Field(default="failures", description="What is answered beside requests; none: requests only.")
    stable: Word | None = Field(default=None, description="What the question calls an adopted stable side's revision.")
    headers: Headers = Field(default={}, max_length=20, description="Headers that are sent; secrets may stand here.")
    auth: Literal["none", "azure"] = Field(default="none", description="azure: an Entra token for `scope` is sent.")
    scope: Scope | None = Field(default=None, description="The token's scope with auth: azure, as api://…/.default.")
    verify: bool = Field(default=True, description="Whether the certificate is checked.")
    ca: LocalPath | None = Field(
        default=None, description="A file with authorities that are trusted beside the system's, where the engine runs."
    )
    timeout: Seconds = Field(default=5.0, description="After which a question has no answer; at most 60s.")


class OwnProbes(Model):
    """Our own probes, counted; `gates.probe` says how they are made."""


class Command(Model):
    """A program that is run where the engine runs: exit status 0 passes, 75 cannot tell, any other fails."""

    run: Argv = Field(description="The program with its arguments, or one text for the shell.")
    env: Environment = Field(
        default={}, max_length=100, description="Variables beside its own; secrets may stand here."
    )
    directory: LocalPath | None = Field(default=None, description="Where it is run; default: where the engine is.")
    timeout: Seconds = Field(default=300.0, description="After which it is ended, and has told nothing.")


class Job(Model):
    """A Kubernetes Job: complete passes, failed fails."""

    template: JobFile = Field(description="The file of one batch/v1 Job, relative to the manifest.")
    context: Context | None = Field(default=None, description="The kubeconfig context; default: the target's.")
    namespace: Namespace | None = Field(default=None, description="The namespace; default: the target's.")
    timeout: Seconds = Field(default=300.0, description="After which it is ended, and has told nothing.")


class Metric(Model):
    """One named source of counts, or one check: exactly one of the kinds."""

    name: MetricName = Field(description="Its name, unique in the list.")
    when: list[Stretch] | None = Field(
        default=None, min_length=1, description="When it counts; default: during and after, of a command or job before."
    )
    dry_run: bool = Field(default=False, description="Whether it only reports and never decides.")
    weight: Weight | None = Field(
        default=None, description="Its part in the mean of all evidence of its target; default 1."
    )
    interval: WholeSeconds | None = Field(
        default=None, description="The finest interval; default 5s, of azureMonitor and logAnalytics 1m and not below."
    )
    lag: Seconds | None = Field(
        default=None, description="How old the newest complete interval normally is; each kind has its default."
    )
    prometheus: Prometheus | None = Field(default=None, description="Queries in PromQL.")
    azure_monitor: AzureMonitor | None = Field(default=None, description="Platform metrics of an Azure resource.")
    log_analytics: LogAnalytics | None = Field(default=None, description="A query in KQL.")
    webhook: Webhook | None = Field(default=None, description="An address of yours that answers as JSON.")
    probes: OwnProbes | None = Field(default=None, description="Our own probes, counted: {}.")
    command: Command | None = Field(default=None, description="A program that is run; a check.")
    job: Job | None = Field(default=None, description="A Kubernetes Job that is run; a check.")
