"""What is asked of Azure Monitor for one side: the path and parameters of one metric; pure.

Source: "Metrics - List" of Azure Monitor's REST reference, api-version 2023-10-01.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

from providers.errors import Invalid, NotSent
from providers.metrics.grid import Grid, stamp
from providers.metrics.settings import AzureMonitor, PlatformMetric
from providers.ports import Arm

API_VERSION = "2023-10-01"
MINUTE_SECONDS = 60.0
AVERAGE = "average"
AGGREGATIONS = ("total", "count", AVERAGE)
_RESOURCE = re.compile(r"/subscriptions/(?P<subscription>[^/]+)/.+", re.IGNORECASE)
_CLAUSE = re.compile(
    r"(?P<dimension>[^\s'][^']*?)\s+(?P<operator>eq|ne|sw)\s+'(?P<value>(?:[^']|'')*)'(?:\s+(?:and|or)\s+)?",
    re.IGNORECASE,
)
_LISTS = ("$groups", "$endpoints")


def subscription(resource: str) -> str:
    """The subscription of a resource's id; raises Invalid for what is no id."""
    found = _RESOURCE.fullmatch(resource)
    if found is None:
        shape = "/subscriptions/…/resourceGroups/…/providers/…"
        raise Invalid(f"azureMonitor.resource: expected a resource id like {shape}; got {resource!r}")
    return found["subscription"]


def url(source: AzureMonitor, metric: PlatformMetric, condition: str | None, grid: Grid) -> str:
    """The path and query of one metric in minutes; `condition` is its filter with all words filled in.

    A dimension that may match several values is rolled up into one series, but not for an average: the average of two
    rates is not the rate of both.
    """
    asked = {
        "api-version": API_VERSION,
        "metricnames": metric.name,
        "aggregation": metric.aggregation,
        "interval": "PT1M",
        "timespan": f"{stamp(grid.first)}/{stamp(grid.until)}",
        # Said though it is the default: a dimension that does not exist must be an error, and not be passed over.
        "ValidateDimensions": "true",
    }
    if source.namespace is not None:
        asked["metricnamespace"] = source.namespace
    if condition is not None:
        asked["$filter"] = condition
        several = ",".join(rolled(condition))
        if several and metric.aggregation.lower() != AVERAGE:
            asked["rollupby"] = several
    path = quote(source.resource.rstrip("/"), safe="/")
    return f"{path}/providers/Microsoft.Insights/metrics?{urlencode(asked, safe='$', quote_via=quote)}"


def expanded(condition: str, arm: Arm) -> str:
    """Write out `Name eq '$groups'` and `Name eq '$endpoints'` of a filter as comparisons with each of them.

    Raises NotSent while the side has none, for without a comparison everybody's requests would be counted.
    """

    def names(word: str) -> tuple[str, ...]:
        found = arm.groups if word == _LISTS[0] else arm.endpoints
        if not found:
            what = "workloads" if word == _LISTS[0] else "endpoints"
            raise NotSent(f"the {arm.side.value} side has no {what} yet that {word} could stand for", code="NoNames")
        return found

    def written(clause: re.Match[str]) -> str:
        if clause["value"] not in _LISTS:
            return clause[0]
        begin = f"{clause['dimension']} {clause['operator']} "
        joined = " or ".join(begin + "'" + name.replace("'", "''") + "'" for name in names(clause["value"]))
        return joined + clause[0][clause.end("value") - clause.start() + 1 :]

    return _CLAUSE.sub(written, condition)


def rolled(condition: str) -> Iterator[str]:
    """The dimensions of a filter that it compares with several values, each once.

    One compared with `*` is not among them: that asks for one series per value.
    """
    clauses = list(_CLAUSE.finditer(condition))
    names = [clause["dimension"].strip() for clause in clauses]
    for name in dict.fromkeys(names):
        own = [clause for clause, each in zip(clauses, names, strict=True) if each == name]
        open_ended = any(clause["operator"].lower() != "eq" for clause in own)
        if (len(own) > 1 or open_ended) and not any(clause["value"] == "*" for clause in own):
            yield name
