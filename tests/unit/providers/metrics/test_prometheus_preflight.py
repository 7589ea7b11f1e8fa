"""What of a Prometheus source can never be counted is said before a rollout begins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.ports import Arm, Finding
from providers.secrets import SecretRef
from strategies.gates import MetricKind
from strategies.model import Side
from tests.unit.providers.metrics.prometheus_stage import (
    CANDIDATE,
    CLIENTS,
    FAILURES,
    REQUESTS,
    RULE,
    STABLE,
    START,
    growing,
    healthy,
    metrics,
    of,
    question,
)
from tests.unit.providers.metrics.servers import Data, Say, error

NOBODY = Arm(Side.STABLE, "", "")
ADOPTED = Arm(Side.STABLE, "", "", (), ("hand-made",))
COMING = replace(CANDIDATE, groups=())


def preflight(decide: Any, asked: Any = None, **more: Any) -> tuple[Finding, ...]:
    with metrics(decide, **more) as (source, _):
        return source.preflight(asked or question())


def bad(findings: tuple[Finding, ...]) -> list[tuple[str, bool, str]]:
    """What is wrong: the message, whether it is fatal, and the key."""
    return [(finding.message, finding.fatal, finding.key) for finding in findings if not finding.ok]


def only(findings: tuple[Finding, ...], *parts: str, fatal: bool, key: str = "") -> Finding:
    """The one finding that is not fine."""
    wrong = [finding for finding in findings if not finding.ok]
    assert len(wrong) == 1, wrong
    assert all(part in f"{wrong[0].message}; {wrong[0].remedy}" for part in parts), wrong
    assert (wrong[0].fatal, wrong[0].key) == (fatal, key)
    assert wrong[0].subject == "metric errors"
    return wrong[0]


def test_a_source_that_counts_says_how_much() -> None:
    data = healthy()
    data.series[of(CLIENTS, STABLE)] = [({"client": "a"}, lambda at: 1.0)]
    findings = preflight(data.decide, clients=CLIENTS)
    assert [finding.message for finding in findings] == [
        "`requests` counts 30000 for the stable side in 300 s",
        "`failures` counts 600 for the stable side in 300 s",
        "`clients` finds 1 clients",
    ]
    assert all(finding.ok for finding in findings)


@pytest.mark.parametrize(("kind", "key", "word"), [("failures", "failures", "failures"), ("slow", "slow", "slow ones")])
def test_more_failures_than_requests_are_a_wrong_configuration_with_both_numbers_and_the_way_out(
    kind: str, key: str, word: str
) -> None:
    data = healthy()
    data.one(of(FAILURES, STABLE), growing(150))
    rule = replace(RULE, kind=MetricKind.LATENCY) if kind == "slow" else RULE
    found = only(
        preflight(data.decide, rule=rule),
        f"45000 {word} are counted of 30000 requests to the stable side",
        "let both count the same requests",
        fatal=True,
        key=f"gates.metrics[errors].prometheus.{key}",
    )
    assert found.remedy
    (shown,) = [each for each in preflight(data.decide, rule=replace(rule, dry_run=True)) if not each.ok]
    assert not shown.fatal


def test_a_failure_that_is_counted_just_before_its_request_is_no_finding() -> None:
    data = healthy()
    data.one(of(REQUESTS, STABLE), lambda at: growing(1)(at - 1))
    data.one(of(FAILURES, STABLE), growing(1))
    assert all(finding.ok for finding in preflight(data.decide))


def test_it_asks_once_for_each_query() -> None:
    with metrics(healthy().decide, clients=CLIENTS) as (source, server):
        source.preflight(question())
        assert [got.asked["query"] for got in server.got] == [
            of(query, STABLE) for query in (REQUESTS, FAILURES, CLIENTS)
        ]


def test_an_error_in_one_query_names_its_key_and_the_others_are_asked() -> None:
    data = healthy()

    def decide(got: Any) -> Say:
        return error(400, "bad_data", "parse error")(got) if "vector" in got.asked["query"] else data.decide(got)

    findings = preflight(decide, clients=CLIENTS)
    only(findings, "says 400: parse error", fatal=True, key="gates.metrics[errors].prometheus.failures")
    assert len(findings) == 3


def test_what_is_too_slow_is_called_so() -> None:
    findings = preflight(error(400, "bad_data", "x"), rule=replace(RULE, kind=MetricKind.LATENCY))
    assert [key for _, _, key in bad(findings)] == [
        "gates.metrics[errors].prometheus.requests",
        "gates.metrics[errors].prometheus.slow",
    ]


def test_a_metric_that_only_reports_keeps_nothing_from_starting() -> None:
    findings = preflight(error(400, "bad_data", "x"), rule=replace(RULE, dry_run=True))
    assert len(bad(findings)) == 2
    assert not any(fatal for _, fatal, _ in bad(findings))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('sum(rate(hits{r="$revision"}[1m]))', "gives a rate"),
        ("sum(hits)", "asks the same of both sides"),
        ('sum(hits{r="$revison"})', "$revison, which means nothing"),
    ],
)
def test_a_query_that_can_never_count_is_not_even_sent(query: str, said: str) -> None:
    with metrics(healthy().decide, requests=query, failed=None) as (source, server):
        only(source.preflight(question()), said, fatal=True, key="gates.metrics[errors].prometheus.requests")
        assert server.got == []


def test_several_series_name_their_key() -> None:
    data = healthy()
    data.series[of(REQUESTS, STABLE)] = [({"pod": "a"}, growing(1)), ({"pod": "b"}, growing(1))]
    key = "gates.metrics[errors].prometheus.requests"
    only(preflight(data.decide), "2 series where one is meant", "sum(…)", fatal=True, key=key)


def test_no_series_for_the_side_that_serves_is_a_mistake_that_names_the_query() -> None:
    data = healthy()
    del data.series[of(REQUESTS, STABLE)]
    said = "`requests` finds no series: check the metric's name and labels"
    only(preflight(data.decide), said, "dryRun: true", fatal=True, key="gates.metrics[errors].prometheus.requests")


def test_values_that_are_no_counts_are_a_warning() -> None:
    data = healthy()
    data.one(of(REQUESTS, STABLE), lambda at: float("nan"))
    only(preflight(data.decide), "`requests` is NaN", fatal=False)


def test_what_goes_up_and_down_is_no_counter() -> None:
    data = healthy()
    data.one(of(REQUESTS, STABLE), lambda at: 100 + at % 7)
    only(preflight(data.decide), "goes up and down", "a counter that only grows", fatal=False)


def test_one_restart_is_none_of_it() -> None:
    data, restart = healthy(), START.timestamp() - 60
    data.one(of(REQUESTS, STABLE), lambda at: growing(5)(at) if at < restart else 5 * (at - restart))
    assert bad(preflight(data.decide)) == []


def test_requests_that_are_zero_where_nothing_is_scraped_are_a_warning() -> None:
    data, query = healthy(), f"{REQUESTS} or vector(0)"
    data.one(of(query, STABLE), growing(100))
    only(preflight(data.decide, requests=query), "leave `or vector(0)` out of `requests`", fatal=False)


def test_a_refused_identity_is_fatal_and_says_what_to_do() -> None:
    only(preflight(lambda _: Say(401, "who are you")), "says 401", "put `headers` right", fatal=True)
    with metrics(lambda _: Say(403, "not you")) as (_, server):
        access = {"url": server.url, "scope": "https://prometheus.monitor.azure.com/.default"}
        found = preflight(lambda _: Say(403, "not you"), access=access)
    only(found, "nobody here to get an Entra token from", fatal=True)


def test_an_address_without_the_api_names_the_url() -> None:
    key = "gates.metrics[errors].prometheus.url"
    only(preflight(lambda _: Say(404, "")), "without /api/v1", fatal=True, key=key)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_does_not_answer_now_keeps_nothing_from_starting(status: int) -> None:
    only(preflight(lambda _: Say(status, "")), f"says {status}", "until it answers", fatal=False)


def test_a_server_that_cannot_be_reached_keeps_nothing_from_starting() -> None:
    found = preflight(healthy().decide, access={"url": "http://127.0.0.1:1"})
    only(found, "http://127.0.0.1:1 cannot be reached: Connection refused", fatal=False)


def test_a_secret_that_is_not_there_is_fatal() -> None:
    access = {"headers": {"Authorization": SecretRef("env", "PROM_TOKEN")}}
    only(preflight(healthy().decide, access=access), "${env:PROM_TOKEN} cannot be resolved", fatal=True)


def test_an_adopted_side_that_nobody_named_is_told_with_its_key() -> None:
    asked = question(stable=ADOPTED)
    key = "gates.metrics[errors].prometheus.requests"
    only(preflight(healthy().decide, asked, failed=None), "`stable:` beside the query", fatal=True, key=key)


def test_a_mistyped_label_of_an_adopted_side_is_fatal_for_it_serves_and_nothing_counts_it() -> None:
    data = Data()
    data.one(REQUESTS.replace("$revision8", "legacy"), growing(100))
    asked = question(stable=ADOPTED, candidate=COMING)
    assert bad(preflight(data.decide, asked, failed=None, stable="legacy")) == []
    found = preflight(data.decide, asked, failed=None, stable="legcay")
    key = "gates.metrics[errors].prometheus.requests"
    only(found, "finds no series", "the stable side", "`stable: legcay`", "`dryRun: true`", fatal=True, key=key)


def test_a_range_that_finds_nothing_may_be_shorter_than_two_scrapes() -> None:
    found = preflight(Data().decide, question(), requests='sum(increase(hits{r="$revision"}[$interval]))', failed=None)
    key = "gates.metrics[errors].prometheus.requests"
    only(found, "finds no series", "[$interval], here 5 s, must hold two scrapes", fatal=True, key=key)


def test_before_the_first_release_only_the_language_is_checked() -> None:
    asked = question(stable=NOBODY, candidate=COMING)
    findings = preflight(Data().decide, asked)
    assert bad(findings) == []
    assert findings[0].message == "`requests` is understood; the candidate side does not run yet"
    assert len(bad(preflight(error(400, "bad_data", "parse error"), asked))) == 2


def test_workloads_that_do_not_run_yet_are_no_obstacle_to_the_check() -> None:
    asked = question(stable=NOBODY, candidate=COMING)
    assert bad(preflight(Data().decide, asked, requests='sum(hits{pod=~"$groups"})', failed=None)) == []
