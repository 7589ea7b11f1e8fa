"""The manifest's sources of evidence to what decides (`MetricRule`) and to what the adapters are made of (`Named`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from orchestrator.manifest import metric_models as models
from orchestrator.manifest.problems import Path
from orchestrator.manifest.schema import Gates, Manifest, Target
from providers.metrics import settings
from strategies.gates import MetricKind, MetricRule, When

KINDS = ("prometheus", "azureMonitor", "logAnalytics", "webhook", "probes", "command", "job")
CHECKS = ("command", "job")
"""Kinds that count nothing: they pass or fail."""
MINUTES = ("azureMonitor", "logAnalytics")
"""Kinds that count by the minute and no finer."""
_INTERVAL_SECONDS, _MINUTE = 5.0, 60.0
_LAG_SECONDS = {"prometheus": 2.0, "azureMonitor": 180.0, "logAnalytics": 300.0}
_SIGNED_IN_LAG_SECONDS = 60.0
MANAGED = tuple(f".prometheus.monitor.azure.{end}" for end in ("com", "us", "cn"))
"""What the names of Azure Monitor's Prometheus servers end with, in each cloud."""


def gates_of(manifest: Manifest, target: Target, key: str) -> Gates:
    """Whose gates a target is held to in `key`, a field's name: its own where it has a word of its own."""
    own = target.gates
    return own if own is not None and key in own.model_fields_set else manifest.gates


def metrics_at(manifest: Manifest, number: int) -> tuple[list[models.Metric], Path]:
    """The sources of the target of this number, and where their list stands in the manifest."""
    gates = gates_of(manifest, manifest.targets[number], "metrics")
    mine = gates is not manifest.gates
    return gates.metrics, (*(("targets", number) if mine else ()), "gates", "metrics")


def kind_of(metric: models.Metric) -> str | None:
    """The first of its kinds by the manifest's word; None where it has none."""
    parts = (
        metric.prometheus,
        metric.azure_monitor,
        metric.log_analytics,
        metric.webhook,
        metric.probes,
        metric.command,
        metric.job,
    )
    return next((word for word, part in zip(KINDS, parts, strict=True) if part is not None), None)


def counted(metric: models.Metric) -> MetricKind:
    """What it tells."""
    for part in (metric.prometheus, metric.azure_monitor):
        if part is not None:
            if part.failures is not None:
                return MetricKind.FAILURES
            return MetricKind.LATENCY if part.slow is not None else MetricKind.QUIET
    for answer in (metric.log_analytics, metric.webhook):
        if answer is not None:
            words = {"failures": MetricKind.FAILURES, "slow": MetricKind.LATENCY, "none": MetricKind.QUIET}
            return words[answer.counts]
    return MetricKind.FAILURES if metric.probes is not None else MetricKind.CHECK


def interval_of(metric: models.Metric) -> float:
    """The finest interval, in seconds."""
    finest = _MINUTE if kind_of(metric) in MINUTES else _INTERVAL_SECONDS
    return finest if metric.interval is None else float(metric.interval)


def lag_of(metric: models.Metric) -> float:
    """How old the newest complete interval normally is, in seconds."""
    if metric.lag is not None:
        return metric.lag
    if metric.prometheus is not None and metric.prometheus.auth == "azure":
        return _SIGNED_IN_LAG_SECONDS
    return _LAG_SECONDS.get(kind_of(metric) or "", 0.0)


def rules(manifest: Manifest, target: Target) -> tuple[MetricRule, ...]:
    """The sources that a target is held to, as far as decisions need to know them."""
    return tuple(_rule(metric) for metric in gates_of(manifest, target, "metrics").metrics)


def _rule(metric: models.Metric) -> MetricRule:
    kind = counted(metric)
    default = [When.BEFORE] if kind is MetricKind.CHECK else [When.DURING, When.AFTER]
    return MetricRule(
        name=metric.name,
        kind=kind,
        when=tuple(default if metric.when is None else map(When, metric.when)),
        dry_run=metric.dry_run,
        weight=1.0 if metric.weight is None else metric.weight,
        interval_seconds=interval_of(metric),
        lag_seconds=lag_of(metric),
        sampled=metric.prometheus is not None,
        own=metric.probes is not None,
    )


def named(
    metric: models.Metric, target: Target, path: Path, secrets: Mapping[Path, settings.Header], job: Any
) -> settings.Named:
    """One source's settings for one target; `path` is where it stands, `job` its Job's parsed template if it has one.

    `secrets` gives every header and variable that is one, or holds one, by its path in the manifest.
    """
    return settings.Named(metric.name, _source(metric, target, path, secrets, job))


def _source(
    metric: models.Metric, target: Target, path: Path, secrets: Mapping[Path, settings.Header], job: Any
) -> settings.Source | settings.Errands | None:
    def with_secrets(texts: Mapping[str, str], *keys: str) -> dict[str, settings.Header]:
        return {name: secrets.get((*path, *keys, name), text) for name, text in texts.items()}

    if metric.prometheus is not None:
        return _prometheus(metric.prometheus, with_secrets(metric.prometheus.headers, "prometheus", "headers"))
    if metric.azure_monitor is not None:
        return _azure_monitor(metric.azure_monitor)
    if metric.log_analytics is not None:
        return _log_analytics(metric.log_analytics)
    if metric.webhook is not None:
        hook = metric.webhook
        scope = hook.scope if hook.auth == "azure" else None
        access = _access(hook, with_secrets(hook.headers, "webhook", "headers"), scope)
        return settings.Webhook(access, hook.stable)
    if metric.command is not None:
        told = with_secrets(metric.command.env, "command", "env")
        return settings.Command(tuple(metric.command.run), told, metric.command.directory, metric.command.timeout)
    return None if metric.job is None else _job(metric.job, target, job)


def _access(
    given: models.Prometheus | models.Webhook, headers: Mapping[str, settings.Header], scope: str | None
) -> Any:
    return settings.Access(given.url, headers, scope, given.verify, given.ca, given.timeout)


def _prometheus(given: models.Prometheus, headers: Mapping[str, settings.Header]) -> settings.Prometheus:
    scope = managed_scope(given.url) if given.auth == "azure" else None
    return settings.Prometheus(
        _access(given, headers, scope), given.requests, given.failures or given.slow, given.clients, given.stable
    )


def managed_scope(url: str) -> str:
    """The scope of tokens for Azure Monitor's Prometheus in the cloud that an address belongs to.

    Source: "Query Prometheus metrics using the API and PromQL".
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    suffix = next((end for end in MANAGED if host.endswith(end)), MANAGED[0])
    return f"https://{suffix.lstrip('.')}/.default"


def _azure_monitor(given: models.AzureMonitor) -> settings.AzureMonitor:
    def platform(metric: models.PlatformMetric) -> settings.PlatformMetric:
        zero = metric.absent == "zero"
        return settings.PlatformMetric(metric.metric, metric.filter, metric.aggregation, absent_is_zero=zero)

    failed = given.failures or given.slow
    return settings.AzureMonitor(
        given.resource,
        platform(given.requests),
        None if failed is None else platform(failed),
        given.namespace,
        given.stable,
        given.timeout,
    )


def _log_analytics(given: models.LogAnalytics) -> settings.LogAnalytics:
    return settings.LogAnalytics(
        given.query,
        given.workspace,
        given.resource,
        given.clients,
        given.stable,
        given.timeout,
    )


def _job(given: models.Job, target: Target, template: Any) -> settings.Job:
    host = target.kubernetes
    return settings.Job(
        context=given.context or (host.context if host else ""),
        namespace=given.namespace or (host.namespace if host else ""),
        template=template,
        timeout_seconds=given.timeout,
    )


def queries(metric: models.Metric) -> list[tuple[Path, str]]:
    """Every text in which words such as `$revision` are filled in, by its path below the source."""
    found: list[tuple[Path, str | None]] = []
    if (prometheus := metric.prometheus) is not None:
        keys = ("requests", "failures", "slow", "clients")
        found += [(("prometheus", key), getattr(prometheus, key)) for key in keys]
    if (monitor := metric.azure_monitor) is not None:
        found.append((("azureMonitor", "resource"), monitor.resource))
        found += [(("azureMonitor", key, "filter"), part.filter) for key, part in _platform_metrics(monitor).items()]
    if (logs := metric.log_analytics) is not None:
        found += [(("logAnalytics", key), getattr(logs, key)) for key in ("resource", "query", "clients")]
    return [(path, text) for path, text in found if text is not None]


def questions(metric: models.Metric) -> list[tuple[Path, list[str]]]:
    """What is asked once for each side, by its path below the source: the texts of one question."""
    texts = queries(metric)
    resources = [text for path, text in texts if path[-1] == "resource"]
    found = [(path, [text, *resources]) for path, text in texts if path[-1] not in ("resource", "filter")]
    if metric.azure_monitor is not None:
        parts = _platform_metrics(metric.azure_monitor)
        found += [(("azureMonitor", key), [part.filter or "", *resources]) for key, part in parts.items()]
    return found


def _platform_metrics(monitor: models.AzureMonitor) -> dict[str, models.PlatformMetric]:
    parts = {"requests": monitor.requests, "failures": monitor.failures, "slow": monitor.slow}
    return {key: part for key, part in parts.items() if part is not None}
