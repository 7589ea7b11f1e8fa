"""What is asked of a server that speaks Prometheus' HTTP API, and which queries can never count requests; pure.

Source: "HTTP API" and "Querying basics" of the Prometheus documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from providers.metrics.grid import Grid
from providers.metrics.http import Request
from providers.metrics.settings import Prometheus
from providers.metrics.words import known_words, tells_sides_apart, unknown_words, words_in
from strategies.gates import MetricKind, MetricRule

HISTORY_SECONDS = 300
"""How far before the first interval a counter is looked at, to know what has fallen."""
_MOST_HISTORY = 300
_LOOKBACK_SECONDS = 90
_LOOKBACK_STEPS = 4
_LONGEST_URL = 4000
_FORM = "application/x-www-form-urlencoded"
_RATES = re.compile(r"\b(?:rate|irate|increase|delta|idelta|deriv)\s*\(")
_PER_SECOND = re.compile(r"\b(?:rate|irate|deriv)\s*\(")
_OR_ZERO = re.compile(r"\bor\s+(?:on\s*\(\s*\)\s*)?vector\s*\(\s*0\s*\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a manifest: what it is called there, its text, and whether it gives requests per second."""

    name: str
    text: str
    rate: bool = False

    @property
    def quoted(self) -> str:
        """Its name as messages show it."""
        return f"`{self.name}`"


def counts_intervals(query: str) -> bool:
    """Whether a query counts each interval itself, for it says `$interval`; else it is a counter that only grows."""
    return "interval" in words_in(query)


def points_before(query: str, grid: Grid) -> int:
    """How many points before a grid's first bound are asked for."""
    return 0 if counts_intervals(query) else min(HISTORY_SECONDS // grid.seconds, _MOST_HISTORY)


def range_request(query: str, grid: Grid, before: int, timeout_seconds: float) -> Request:
    """Ask for a query's values at every bound of a grid, and at `before` bounds that lie before it.

    A value is that of the newest sample; one that is older than a few steps says nothing of the interval, for then
    nobody scrapes. Servers from 2.43 on know `lookback_delta`; others pass it over and look back for five minutes.
    """
    lookback = max(_LOOKBACK_STEPS * grid.seconds, _LOOKBACK_SECONDS)
    parameters = (
        ("query", query),
        ("start", _seconds(grid.first - before * grid.step)),
        ("end", _seconds(grid.until)),
        ("step", str(grid.seconds)),
        ("timeout", f"{timeout_seconds:g}s"),
        ("lookback_delta", f"{lookback}s"),
    )
    return _request("/api/v1/query_range", parameters)


def instant_request(query: str, at: datetime, timeout_seconds: float) -> Request:
    """Ask for a query's value at one moment."""
    parameters = (("query", query), ("time", _seconds(at)), ("timeout", f"{timeout_seconds:g}s"))
    return _request("/api/v1/query", parameters)


@dataclass(frozen=True, slots=True)
class Queries:
    """The queries of one source; `failed` None where only requests are counted, `clients` where none is given."""

    requests: Query
    failed: Query | None = None
    clients: Query | None = None

    def __iter__(self) -> Iterator[Query]:
        """Those there are, in the order in which they are asked."""
        return (query for query in (self.requests, self.failed, self.clients) if query is not None)


def queries(source: Prometheus, rule: MetricRule) -> Queries:
    """The queries of a source, by the names that they have in the manifest."""
    word = "slow" if rule.kind is MetricKind.LATENCY else "failures"
    return Queries(
        Query("requests", source.requests),
        None if source.failed is None else Query(word, source.failed),
        None if source.clients is None else Query("clients", source.clients, rate=True),
    )


def never_counts(query: Query) -> str | None:
    """Why a query can never tell of one side's requests, with the way out; None where nothing speaks against it."""
    unknown = unknown_words(query.text)
    if unknown:
        return f"holds ${unknown[0]}, which means nothing: expected one of {known_words()}, or $$ for a dollar"
    if not tells_sides_apart(query.text):
        return "asks the same of both sides: tell them apart by a label with $revision, $groups or $side"
    if not query.rate and _RATES.search(query.text) and not counts_intervals(query.text):
        return "gives a rate, which counts nothing: give the counter itself, or increase(…[$interval])"
    return None


def doubtful(query: Query) -> str | None:
    """What makes a query's numbers doubtful, with the way out; None where nothing does."""
    if query.name == "requests" and _OR_ZERO.search(query.text):
        return "says zero where nothing is scraped, which looks like no traffic: leave `or vector(0)` out of `requests`"
    if not query.rate and _PER_SECOND.search(query.text):
        return "gives requests per second, and not their number: use increase(…[$interval])"
    return None


def _request(path: str, parameters: tuple[tuple[str, str], ...]) -> Request:
    """A GET, which proxies let through more often than a POST; a POST where its URL would be too long for them."""
    encoded = urlencode(parameters)
    if len(encoded) <= _LONGEST_URL:
        return Request(path=path, query=parameters)
    return Request("POST", path, body=encoded.encode(), content_type=_FORM)


def _seconds(when: datetime) -> str:
    """Seconds since 1970, written out to the millisecond where there are any."""
    return f"{(when - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds():.3f}".removesuffix(".000")
