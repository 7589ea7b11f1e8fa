"""Counts of both sides, read from a server that speaks Prometheus' HTTP API."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from providers.ports import Arm
from strategies.model import Side
from strategies.seen import Reading
from tests.unit.providers.metrics.prometheus_stage import (
    CANDIDATE,
    CLIENTS,
    FAILURES,
    REQUESTS,
    RULE,
    STABLE,
    START,
    counts,
    growing,
    healthy,
    metrics,
    of,
    question,
    read,
)
from tests.unit.providers.metrics.servers import Data, Value, http_date


def test_both_sides_are_counted_in_the_same_intervals() -> None:
    reading = read(healthy().decide)
    assert reading.problem is None
    assert counts(reading.stable) == [(500, 10)] * 4
    assert counts(reading.candidate) == [(50, 1)] * 4
    bounds = [(tally.since, tally.until) for tally in reading.stable]
    assert bounds == [(tally.since, tally.until) for tally in reading.candidate]
    assert bounds[0][0] == START
    assert bounds[-1][1] == START + timedelta(seconds=20)
    assert all(one[1] == other[0] for one, other in pairwise(bounds))


def test_a_look_goes_on_where_the_last_one_ended_and_nothing_is_lost_between() -> None:
    data = Data()
    data.one(of(REQUESTS, STABLE), growing(7.3))
    data.one(of(REQUESTS, CANDIDATE), growing(0.61))
    with metrics(data.decide, failed=None) as (source, _):
        since, total = START, 0
        for later in (7, 31, 32, 58, 111):
            now = START + timedelta(seconds=later)
            found = source.read(replace(question(), since=since, now=now)).candidate
            assert all(tally.since >= since for tally in found)
            total += sum(tally.requests for tally in found)
            since = found[-1].until if found else since
    assert since == START + timedelta(seconds=110)
    assert total == round(0.61 * 110)


def test_intervals_begin_at_multiples_of_their_length_whenever_they_are_asked_for() -> None:
    early = read(healthy().decide, question(23, since=START + timedelta(seconds=1.7)))
    assert [tally.since for tally in early.stable] == [START + timedelta(seconds=5 * n) for n in (1, 2, 3)]


def test_what_is_not_settled_yet_is_not_asked_for() -> None:
    reading = read(healthy().decide, question(19), rule=replace(RULE, lag_seconds=7.0))
    assert [tally.until for tally in reading.stable] == [START + timedelta(seconds=5), START + timedelta(seconds=10)]


def test_nothing_is_sent_while_no_interval_is_complete() -> None:
    with metrics(healthy().decide) as (source, server):
        assert source.read(question(4)) == Reading("errors", START + timedelta(seconds=4))
        assert server.got == []


def test_a_look_is_two_questions_for_each_side_over_one_connection() -> None:
    with metrics(healthy().decide) as (source, server):
        source.read(question())
        source.read(question())
        assert len(server.got) == 8
        assert server.clients == 1


def test_a_source_that_only_counts_requests_is_asked_once_for_each_side() -> None:
    with metrics(healthy().decide, failed=None) as (source, server):
        reading = source.read(question())
        assert len(server.got) == 2
    assert counts(reading.stable) == [(500, 0)] * 4


def test_after_a_long_outage_the_newest_intervals_are_read_and_nothing_is_left_for_the_next_look() -> None:
    data, back = healthy(), START + timedelta(seconds=5 * 900)

    def since_then(value: Value) -> Value:
        return lambda at: value(at) if at >= back.timestamp() else None

    for query, ((_, value),) in list(data.series.items()):
        data.one(query, since_then(value))
    with metrics(data.decide) as (source, _):
        read = source.read(question(5 * 1000))
        assert source.read(replace(question(5 * 1000), since=read.stable[-1].until)).stable == ()
    assert [tally.since for tally in read.stable] == [back + timedelta(seconds=5 * n) for n in range(100)]
    assert len(read.candidate) == 100


def test_a_restart_within_an_interval_makes_its_number_unknown() -> None:
    data, restart = healthy(), START.timestamp() + 7

    def restarted(at: float) -> float:
        return 1000 + 10 * (at - START.timestamp()) if at < restart else 10 * (at - restart)

    data.one(of(REQUESTS, CANDIDATE), restarted)
    reading = read(data.decide)
    assert [tally.reset for tally in reading.candidate] == [False, True, False, False]
    assert counts(reading.candidate)[1] == (0, 0)
    assert [tally.requests for tally in reading.candidate] == [50, 0, 50, 50]
    assert not any(tally.reset for tally in reading.stable)


def test_the_first_failure_after_a_restart_is_counted() -> None:
    data, since = healthy(), START.timestamp()

    def failed(at: float) -> float:
        return 1 if at < since + 7 else float(at >= since + 12)

    data.one(of(REQUESTS, CANDIDATE), lambda at: 500.0 + 10 * (at - since) if at < since + 7 else 10 * (at - since - 7))
    data.one(of(FAILURES, CANDIDATE), failed)
    found = read(data.decide).candidate
    assert [(tally.failures, tally.reset) for tally in found] == [(0, False), (0, True), (1, False), (0, False)]


def test_a_workload_back_after_a_missed_scrape_is_not_counted_twice_even_by_the_next_look() -> None:
    data, since = healthy(), START.timestamp()

    def missed(at: float) -> float:
        both = 10_000 + 10 * (at - since)
        return both - 4_000 if since + 6 <= at < since + 14 else both

    data.one(of(REQUESTS, CANDIDATE), missed)
    with metrics(data.decide) as (source, _):
        first = source.read(question(10)).candidate
        second = source.read(question(20, since=START + timedelta(seconds=10))).candidate
    assert [tally.reset for tally in first] == [False, True]
    assert [(tally.requests, tally.reset) for tally in second] == [(0, True), (50, False), (50, False), (50, False)]


def test_a_query_with_the_interval_counts_each_interval_itself() -> None:
    data = Data()
    query = 'sum(increase(hits{r="$revision8"}[$interval]))'
    data.one(of(query, STABLE), lambda at: 12.4)
    data.one(of(query, CANDIDATE), lambda at: 1.5)
    reading = read(data.decide, requests=query, failed=None)
    assert counts(reading.stable) == [(12, 0)] * 4
    assert counts(reading.candidate) == [(2, 0)] * 4


def test_what_adding_up_leaves_behind_makes_no_more_failures_than_requests() -> None:
    data = Data()
    query = 'sum(increase(hits{r="$revision8"}[$interval]))'
    bad = 'sum(increase(bad{r="$revision8"}[$interval]))'
    for arm in (STABLE, CANDIDATE):
        data.one(of(query, arm), lambda at: 7.5)
        data.one(of(bad, arm), lambda at: 7.500000000000001)
    assert counts(read(data.decide, requests=query, failed=bad).candidate) == [(8, 8)] * 4


def test_an_interval_is_a_whole_number_of_seconds_in_the_query_and_in_the_answer() -> None:
    with metrics(healthy().decide) as (source, server):
        source.read(question(20, step=2.5))
        assert {got.asked["step"] for got in server.got} == {"3"}


def test_an_adopted_side_is_asked_for_by_the_word_of_the_manifest() -> None:
    data = healthy()
    data.one('sum(hits{r="legacy"})', growing(20))
    data.one('sum(hits{r="legacy", code=~"5.."}) or vector(0)', growing(0))
    adopted = Arm(Side.STABLE, "", "", ("shop",))
    reading = read(data.decide, question(stable=adopted), stable="legacy")
    assert counts(reading.stable) == [(100, 0)] * 4


def test_who_still_talks_to_the_leaving_side_is_asked_for_only_while_one_leaves() -> None:
    data = healthy()
    busy = [({"client": "10.0.0.4"}, lambda at: 0.5), ({"client": "10.0.0.5"}, lambda at: 7.25)]
    idle = [({"client": "10.0.0.6"}, lambda at: 0.0), ({"client": "10.0.0.7"}, lambda at: "NaN")]
    data.series[of(CLIENTS, STABLE)] = [*busy, *idle]
    with metrics(data.decide, clients=CLIENTS) as (source, server):
        assert source.read(question()).talkers == ()
        assert len(server.got) == 4
        reading = source.read(question(leaving=Side.STABLE))
        assert len(server.got) == 9
    assert reading.talkers == (("10.0.0.5", 7.25), ("10.0.0.4", 0.5))
    assert reading.problem is None


def test_clients_of_several_labels_are_told_with_their_names() -> None:
    data = healthy()
    labels = {"__name__": "hits", "pod": "web-1", "zone": "b"}
    data.series[of(CLIENTS, CANDIDATE)] = [(labels, lambda at: 2.0), ({}, lambda at: 1.0)]
    reading = read(data.decide, question(leaving=Side.CANDIDATE), clients=CLIENTS)
    assert reading.talkers == (("pod=web-1, zone=b", 2.0), ("without a label", 1.0))


def test_clients_are_asked_for_though_no_new_interval_is_complete() -> None:
    data = healthy()
    data.series[of(CLIENTS, STABLE)] = [({"client": "a"}, lambda at: 1.0)]
    reading = read(data.decide, question(1, leaving=Side.STABLE), clients=CLIENTS)
    assert reading.talkers == (("a", 1.0),)
    assert reading.stable == ()


def test_a_mistake_in_the_question_for_clients_takes_no_counts_away() -> None:
    reading = read(healthy().decide, question(leaving=Side.STABLE), clients='x{r="$nobody"}')
    assert len(reading.stable) == 4
    assert "`clients` holds $nobody, which means nothing" in str(reading.problem)
    assert not reading.mistaken


def test_a_query_too_long_for_an_address_is_sent_as_a_form() -> None:
    data = Data()
    long = 'sum(hits{r="$revision8", path!~"' + "x" * 5000 + '"})'
    for arm in (STABLE, CANDIDATE):
        data.one(of(long, arm), growing(2))
    with metrics(data.decide, requests=long, failed=None) as (source, server):
        assert counts(source.read(question()).stable) == [(10, 0)] * 4
        assert {got.method for got in server.got} == {"POST"}


def test_a_path_in_front_of_the_api_is_kept() -> None:
    with metrics(healthy().decide, access={}) as (_, server):
        base = server.url
        with metrics(healthy().decide, access={"url": f"{base}/tenants/one/?org=7"}) as (source, _):
            assert len(source.read(question()).stable) == 4
        got = server.got[-1]
    assert got.path.startswith("/tenants/one/api/v1/query_range?org=7&query=")


@pytest.mark.parametrize("behind", [0, 3, 9, 4000])
def test_what_the_server_has_not_lived_through_by_its_own_clock_is_not_counted(behind: int) -> None:
    data = healthy()
    now = START + timedelta(seconds=20)
    data.date = http_date(now - timedelta(seconds=behind))
    reading = read(data.decide)
    served: datetime = now - timedelta(seconds=behind)
    assert all(tally.until <= served + timedelta(seconds=1) for tally in reading.stable)
    assert len(reading.stable) == len(reading.candidate) == {0: 4, 3: 3, 9: 2, 4000: 0}[behind]
    assert (reading.problem is None) == (behind == 0)
    if behind:
        assert f"the server's clock is {behind} s behind ours" in str(reading.problem)


def test_a_server_whose_clock_is_ahead_is_believed() -> None:
    data = healthy()
    data.date = http_date(START + timedelta(hours=1))
    assert len(read(data.decide).stable) == 4


def test_the_failures_of_a_side_are_those_of_its_own_query() -> None:
    data = healthy()
    data.one(of(FAILURES, CANDIDATE), growing(4, base=3))
    assert counts(read(data.decide).candidate) == [(50, 20)] * 4
