"""Adapters made of what a manifest says of its sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from providers.metrics.brief import Brief
from providers.metrics.http import Caller, Tokens
from providers.metrics.settings import AzureMonitor, LogAnalytics, Prometheus, Source, Webhook
from providers.ports import Metrics
from providers.secrets import Secrets
from strategies.gates import MetricRule

if TYPE_CHECKING:
    from providers.azure.clients import Clients


def counting(
    rule: MetricRule, source: Source, *, secrets: Secrets, token: Tokens, azure: Callable[[], Clients]
) -> Brief:
    """Make the adapter of one source without any I/O; what it needs of Azure is loaded only where it is named.

    `token` gives an Entra token for a scope, `azure` this process's clients of Azure. Whatever the source says is cut.
    """
    return Brief(_counting(rule, source, secrets, token, azure))


def _counting(
    rule: MetricRule, source: Source, secrets: Secrets, token: Tokens, azure: Callable[[], Clients]
) -> Metrics:
    match source:
        case Prometheus(access=access):
            from providers.metrics.prometheus import PrometheusMetrics

            return PrometheusMetrics(rule, source, Caller(access, secrets, token))
        case Webhook(access=access):
            from providers.metrics.webhook import WebhookMetrics

            return WebhookMetrics(rule, source, Caller(access, secrets, token))
        case AzureMonitor():
            from providers.metrics.azure_monitor import AzureMonitorMetrics

            return AzureMonitorMetrics(rule, source, azure())
        case LogAnalytics():
            from providers.metrics.log_analytics import LogQueries

            return LogQueries(rule, source, azure())
