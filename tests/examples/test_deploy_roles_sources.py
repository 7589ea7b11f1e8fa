"""The roles of sources that stand in Azure: enough for what the adapters ask, and nothing that changes anything."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from providers.metrics.azure_monitor import AzureMonitorMetrics
from providers.metrics.settings import AzureMonitor, PlatformMetric
from providers.ports import Arm, Question
from strategies.gates import MetricKind, MetricRule
from strategies.model import Side
from tests.examples.test_deploy_roles import ROLES, SUBSCRIPTION, actions, azure
from tests.unit.orchestrator.forecast.stage import Clock

PROFILE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Network/trafficManagerProfiles/shop"
RULE = MetricRule("dns", MetricKind.QUIET, interval_seconds=60.0, lag_seconds=120.0)
SOURCE = AzureMonitor(PROFILE, PlatformMetric("QpsByEndpoint", "EndpointName eq '$endpoints'"))


def question(clock: Clock) -> Question:
    """What is asked of a source about the last ten minutes."""
    sides = [Arm(side, "", "", (side.value,), (side.value,)) for side in (Side.STABLE, Side.CANDIDATE)]
    return Question("storefront", "westeurope", clock.now() - timedelta(minutes=10), clock.now(), 60.0, *sides)


def test_platform_metrics_are_checked_and_counted_with_a_role_of_one_action() -> None:
    with azure("azure-metrics") as here:
        counting = AzureMonitorMetrics(RULE, SOURCE, here.clients)
        counting.preflight(question(here.clock))
        counting.read(question(here.clock))
    assert here.guard.used == actions("azure-metrics") == {"Microsoft.Insights/metrics/read"}
    assert here.guard.refused == set()


def test_without_that_role_doctor_names_one_that_would_do() -> None:
    with azure("azure-workloads", "azure-traffic") as here:
        (found,) = AzureMonitorMetrics(RULE, SOURCE, here.clients).preflight(question(here.clock))
    assert (found.ok, "Monitoring Reader" in found.remedy) == (False, True)
    assert here.guard.refused == actions("azure-metrics")


def test_logs_are_queried_with_a_role_that_names_the_table_of_the_query_in_the_readme() -> None:
    queries = re.findall(r"query: \|\n +(\w+)\n", (ROLES.parents[2] / "README.md").read_text())
    queried = "Microsoft.OperationalInsights/workspaces/query"
    assert len(queries) == 1
    assert actions("azure-logs") == {
        "Microsoft.OperationalInsights/workspaces/read",
        f"{queried}/read",
        *(f"{queried}/{table}/read" for table in queries),
        *(f"Microsoft.Insights/logs/{table}/read" for table in queries),
    }


@pytest.mark.parametrize("name", ["azure-metrics", "azure-logs"])
def test_whoever_only_counts_changes_nothing(name: str) -> None:
    assert {action.rpartition("/")[2] for action in actions(name)} == {"read"}
