"""Adapters made of what a manifest says."""

from __future__ import annotations

from typing import Any

import pytest

from providers.metrics.adapters import counting
from providers.metrics.prometheus import PrometheusMetrics
from providers.metrics.settings import Access, Prometheus, Source, Webhook
from providers.metrics.webhook import WebhookMetrics
from providers.secrets import LocalSecrets
from strategies.gates import MetricRule


def no_token(_: str) -> str:
    raise AssertionError("nothing is signed in to when an adapter is made")


def no_azure() -> Any:
    raise AssertionError("Azure is not needed")


@pytest.mark.parametrize(
    ("source", "kind"),
    [(Prometheus(Access("http://p"), "x"), PrometheusMetrics), (Webhook(Access("http://w")), WebhookMetrics)],
)
def test_each_source_has_its_adapter(source: Source, kind: type) -> None:
    made = counting(MetricRule("m"), source, secrets=LocalSecrets({}), token=no_token, azure=no_azure)
    assert type(made.source) is kind
