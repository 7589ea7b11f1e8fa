"""A source that repeats what it was sent does not make a reading or a finding repeat it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.metrics.http import Caller
from providers.metrics.http_answers import Answer, excerpt, json_of, refusal
from providers.metrics.prometheus import PrometheusMetrics
from providers.metrics.settings import Access, Header, Prometheus, Webhook
from providers.metrics.webhook import WebhookMetrics
from providers.secrets import LocalSecrets, SecretRef
from strategies.model import Side
from tests.unit.providers.metrics.prometheus_stage import CLIENTS, FAILURES, REQUESTS, RULE, question
from tests.unit.providers.metrics.servers import Got, Say, serving

SECRET = "planted-secret-123"
TIMES = {"since": "2026-01-01T12:00:00Z", "until": "2026-01-01T12:00:05Z"}


def told(kind: str, decide: Any, secret: str = SECRET, header: Header | None = None) -> str:
    """All that a reading and the findings say of a server that decides so."""
    headers = {"Authorization": header or ("Bearer ", SecretRef("env", "T"))}
    environment = LocalSecrets({"T": secret, "A": "ab1", "B": "cd2"})
    with serving(decide) as server:
        caller = Caller(Access(server.url, headers), environment)
        asked: PrometheusMetrics | WebhookMetrics = (
            PrometheusMetrics(RULE, Prometheus(caller.access, REQUESTS, FAILURES, CLIENTS), caller)
            if kind == "prometheus"
            else WebhookMetrics(RULE, Webhook(caller.access), caller)
        )
        said = question(leaving=Side.STABLE)
        found = f"{asked.read(said)} {asked.preflight(said)}"
        asked.close()
        assert server.got
    return found


def result(kind: str, *series: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": list(series)}}


def series(metric: Any, value: Any = "1") -> dict[str, Any]:
    at = 1767268800
    return {"metric": metric, "values": [[at, value]], "value": [at, value]}


PLANTED = {
    "text": lambda sent: f"you sent {sent}",
    "text at the edge": lambda sent: "x" * 50 + sent,
    "text far behind": lambda sent: "x" * 290 + sent,
    "a bare one": lambda sent: sent,
    "a string": json.dumps,
    "a list": lambda sent: [sent],
    "an object": lambda sent: {sent: sent},
    "an object, cut": lambda sent: {"x" * 86: sent},
    "error": lambda sent: {"status": "error", "errorType": "bad_data", "error": f"bad token {sent}"},
    "error, passing": lambda sent: {"status": "error", "errorType": "timeout", "error": f"bad token {sent}"},
    "kind of error": lambda sent: {"status": "error", "errorType": sent, "error": "no"},
    "warnings": lambda sent: {**result("matrix", series({})), "warnings": ["x" * 290 + sent]},
    "kind": result,
    "status": lambda sent: {"status": sent},
    "labels": lambda sent: result("matrix", series({"a": sent}), series({"a": "b"})),
    "labels, cut": lambda sent: result("matrix", series({"a": "x" * 190, "b": sent}), series({"a": "b"})),
    "pair": lambda sent: result("matrix", {"metric": {}, "values": [[sent]]}),
    "value": lambda sent: result("matrix", series({}, sent)),
    "clients": lambda sent: result("vector", series({"client": sent})),
    "intervals": lambda sent: {"intervals": sent},
    "interval": lambda sent: {"intervals": [sent]},
    "time": lambda sent: {"since": sent},
    "side": lambda sent: {**TIMES, "stable": sent},
    "key of a side": lambda sent: {**TIMES, "stable": {sent: 1}},
    "count": lambda sent: {**TIMES, "stable": {"requests": sent}},
    "count, cut": lambda sent: {**TIMES, "stable": {"requests": "x" * 90 + sent}},
    "client": lambda sent: {"intervals": [], "clients": {sent: 1}},
    "bad client": lambda sent: {"intervals": [], "clients": {sent: -1}},
}


@pytest.mark.parametrize("secret", [SECRET, "q\"uo\\te'd-1"])
@pytest.mark.parametrize("status", [200, 400, 403, 500])
@pytest.mark.parametrize("kind", ["prometheus", "webhook"])
@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
def test_a_secret_that_a_source_repeats_is_in_nothing_that_is_kept(
    planted: Any, kind: str, status: int, secret: str
) -> None:
    found = told(kind, lambda got: Say(status, planted(got.headers["Authorization"])), secret)
    assert secret[:4] not in found
    assert secret[-6:] not in found
    for form in (repr(secret)[1:-1], json.dumps(secret)[1:-1]):
        assert form[-6:] not in found


def test_what_stands_around_the_secret_is_said() -> None:
    assert "it begins with 'you sent Bearer ***'" in told("webhook", lambda got: Say(200, f"you sent {sent(got)}"))
    bad = {"status": "error", "errorType": "bad_data", "error": f"bad token Bearer {SECRET}"}
    assert "says: bad token Bearer ***" in told("prometheus", lambda _: Say(200, bad))


def sent(got: Got) -> str:
    return got.headers["Authorization"]


def test_clients_named_by_a_secret_are_shown_without_it() -> None:
    assert "('***', 1.0)" in told("webhook", lambda _: Say(200, {"intervals": [], "clients": {SECRET: 1}}))


def test_a_redirect_that_repeats_a_secret_shows_it_neither_plain_nor_for_a_url() -> None:
    secret = "planted/secret+123"
    for form in (secret, quote(secret), quote(secret, safe="")):
        found = told("webhook", lambda _, form=form: Say(302, "", {"Location": f"https://p/{form}/x"}), secret)
        assert "sends us to https://p/***/x" in found
        assert "planted" not in found


@pytest.mark.parametrize(
    ("header", "hidden", "seen"),
    [
        (("Bearer ", SecretRef("env", "T")), ["ab9z"], ["Bearer"]),
        (SecretRef("env", "T"), ["ab9z"], []),
        # Of several parts the short ones alone would mask words that say nothing of them; what they make up does not.
        ((SecretRef("env", "A"), ":", SecretRef("env", "B")), ["ab1:cd2"], []),
    ],
)
def test_a_short_secret_is_masked_where_it_is_all_that_a_header_hides(
    header: Header, hidden: list[str], seen: list[str]
) -> None:
    found = told("webhook", lambda got: Say(200, f"you sent {sent(got)}"), "ab9z", header)
    assert all(each not in found for each in hidden)
    assert all(each in found for each in ("***", *seen))


def test_what_is_too_short_to_hide_anything_is_not_masked() -> None:
    assert "you sent Bearer abc" in told("webhook", lambda got: Say(200, f"you sent {sent(got)}"), "abc")


def test_a_short_secret_changes_nothing_that_is_counted() -> None:
    def decide(_: Got) -> Say:
        return Say(200, {**TIMES, "stable": {"requests": 20260, "failures": 0}, "candidate": None})

    assert "requests=20260" in told("webhook", decide, "2026")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=40), st.integers(0, 400))
def test_wherever_a_secret_stands_no_end_of_it_is_left(secret: str, before: int) -> None:
    # Every cut of a text comes after its masking, so that a cut leaves no part of a secret that is not known as one.
    answer = Answer("p", 200, {}, b"\x00" * before + secret.encode() + b"\x00", secrets=(secret,))
    shown = excerpt(answer)
    assert set(shown) <= {"\x00", "*"}
    assert shown.count("*") <= 3


def test_secrets_are_in_no_representation_of_an_answer() -> None:
    assert SECRET not in repr(Answer("p", 200, {}, b"", secrets=(SECRET,)))


def test_the_longest_of_secrets_that_begin_alike_is_masked_whole() -> None:
    answer = Answer("p", 500, {}, b"got planted-secret-123", secrets=("planted", SECRET))
    assert str(refusal(answer, "asking")).endswith("says 500: got ***")
    assert json_of(Answer("p", 200, {}, b'"planted"', secrets=("planted",)), "asking") == "planted"
