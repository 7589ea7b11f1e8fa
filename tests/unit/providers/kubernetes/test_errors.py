"""Every refusal of an API server, and every exception on the way to it, means one thing in our own tree."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3.exceptions as http
from kubernetes.client import exceptions as client
from kubernetes.config.config_exception import ConfigException

from providers.errors import (
    Conflict,
    Denied,
    Exhausted,
    Invalid,
    Missing,
    ProviderError,
    Throttled,
    Transient,
    Unsupported,
)
from providers.kubernetes.errors import refused, retry_after, translate

TRANSCRIPTS = Path(__file__).parents[5] / "shared" / "kubernetes" / "transcripts"
_ARGUMENTS: dict[str, Any] = {
    "pool": None,
    "url": "https://a",
    "reason": None,
    "message": "it is so",
    "conn": None,
    "location": "a",
    "scheme": "ftp",
    "partial": 1,
    "expected": 2,
    "response": SimpleNamespace(tell=lambda: 0, length_remaining=0),
    "length": b"x",
    "error": OSError("it is so"),
    "defects": [],
    "unparsed_data": "x",
    "msg": "it is so",
    "host": "a",
}


def said(code: int, reason: str, message: str = "it is so", **details: Any) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}


def made(kind: type[Exception]) -> Exception:
    """Make an exception of any kind, whatever it wants to be told."""
    try:
        wanted = inspect.signature(kind).parameters
    except ValueError:
        return kind("it is so")
    return kind(**{name: _ARGUMENTS[name] for name, p in wanted.items() if p.default is p.empty and name != "args"})


def classes(module: Any, *roots: type[Exception]) -> list[type[Exception]]:
    found: list[type[Exception]] = [
        kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, roots)
    ]
    assert found
    return found


@pytest.mark.parametrize("kind", classes(http, http.HTTPError, http.HTTPWarning))
def test_every_exception_of_urllib3_is_mapped(kind: type[Exception]) -> None:
    found = translate(made(kind), "doing it")
    never = issubclass(kind, http.LocationValueError | http.ProxySchemeUnknown | http.UnrewindableBodyError)
    assert type(found) is (Invalid if never else Transient)
    assert found.message.startswith("doing it: ")
    assert "\n" not in found.message


@pytest.mark.parametrize("kind", classes(client, client.OpenApiException))
def test_every_exception_of_the_kubernetes_client_is_mapped(kind: type[Exception]) -> None:
    found = translate(made(kind), "doing it")
    assert type(found) is (Transient if issubclass(kind, client.ApiException) else Invalid)
    assert found.message.startswith("doing it: ")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Invalid), (401, Denied), (403, Denied), (404, Missing), (409, Conflict), (422, Invalid), (500, Transient)],
)
def test_an_exception_with_an_answer_is_judged_by_it(status: int, kind: type[ProviderError]) -> None:
    body = json.dumps(said(status, "Because", name="x"))
    found = translate(client.ApiException(status=status, body=body), "doing it")
    assert (type(found), found.code) == (kind, "Because")


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (ConfigException("no file"), Invalid, "Kubeconfig"),
        (json.JSONDecodeError("x", "", 0), Transient, "Unreadable"),
        (ConnectionResetError("gone"), Transient, "ConnectionResetError"),
        (Conflict("as it is"), Conflict, "Conflict"),
    ],
)
def test_what_comes_from_neither_package_is_mapped_where_it_may_come_up(
    error: Exception, kind: type[ProviderError], code: str
) -> None:
    found = translate(error, "doing it")
    assert (type(found), found.code) == (kind, code)


def test_a_fault_of_our_own_is_not_dressed_up() -> None:
    with pytest.raises(KeyError):
        translate(KeyError("x"), "doing it")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, said(400, "BadRequest"), Invalid, "BadRequest"),
        (401, said(401, "Unauthorized"), Denied, "Unauthorized"),
        (403, said(403, "Forbidden"), Denied, "Forbidden"),
        (403, said(403, "Forbidden", 'pods "x" is forbidden: exceeded quota: q'), Exhausted, "Forbidden"),
        (404, said(404, "NotFound", name="x", kind="deployments"), Missing, "NotFound"),
        (404, said(404, "NotFound"), Unsupported, "NotServed"),
        (404, "404 page not found\n", Unsupported, "NotServed"),
        (405, said(405, "MethodNotAllowed"), Invalid, "MethodNotAllowed"),
        (408, None, Transient, "Http408"),
        (409, said(409, "AlreadyExists"), Conflict, "AlreadyExists"),
        (409, said(409, "Conflict"), Conflict, "Conflict"),
        (409, "", Conflict, "Http409"),
        (410, said(410, "Expired"), Transient, "Expired"),
        (412, "", Conflict, "Http412"),
        (415, said(415, "UnsupportedMediaType"), Invalid, "UnsupportedMediaType"),
        (422, said(422, "Invalid"), Invalid, "Invalid"),
        (429, said(429, "TooManyRequests"), Throttled, "TooManyRequests"),
        (500, said(500, "InternalError"), Transient, "InternalError"),
        (502, "<html>", Transient, "Http502"),
        (503, "no healthy upstream", Transient, "Http503"),
        (504, said(504, "Timeout"), Transient, "Timeout"),
        (307, "", Denied, "Http307"),
        (422, ["not", "a", "status"], Invalid, "Http422"),
        (409, {"reason": "Conflict", "details": None}, Conflict, "Conflict"),
    ],
)
def test_the_status_decides_and_the_reason_is_the_code(
    status: int, body: Any, kind: type[ProviderError], code: str
) -> None:
    found = refused(status, body, {}, "doing it")
    assert (type(found), found.code) == (kind, code)
    assert found.message.startswith("doing it: ")


def test_a_refusal_that_may_have_been_taken_is_never_called_throttled() -> None:
    """A proxy in front of the server may say 503 after the server has acted."""
    found = refused(503, "", {"Retry-After": "2"}, "doing it")
    assert (type(found), found.retry_after) == (Transient, 2.0)
    assert refused(429, "", {"retry-after": "2"}, "doing it").retry_after == 2.0


@pytest.mark.parametrize(
    ("message", "details", "remedy"),
    [
        (
            'deployments.apps "web" is forbidden: User "v" cannot patch resource "deployments" in API group "apps" in'
            ' the namespace "shop"',
            {"name": "web", "group": "apps", "kind": "deployments"},
            'Role in the namespace shop the rule {"apiGroups": ["apps"], "resources": ["deployments"], "verbs":'
            ' ["patch"]}',
        ),
        (
            'nodes is forbidden: User "v" cannot list resource "nodes" in API group "" at the cluster scope',
            {"kind": "nodes"},
            'ClusterRole the rule {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}',
        ),
        (
            'services "x" is forbidden: User "v" cannot get resource "services/proxy" in API group "" in the namespace'
            ' "shop"',
            {"name": "x", "kind": "services"},
            'Role in the namespace shop the rule {"apiGroups": [""], "resources": ["services/proxy"], "verbs":'
            ' ["get"]}',
        ),
    ],
)
def test_a_forbidden_verb_comes_with_the_rule_to_add(message: str, details: dict[str, Any], remedy: str) -> None:
    found = refused(403, said(403, "Forbidden", message, **details), {}, "doing it")
    assert found.message == f"doing it: {message} (add to this identity's {remedy})"


def test_what_a_policy_forbids_comes_with_no_rule_to_add() -> None:
    message = 'admission webhook "policy.example" denied the request: no'
    assert refused(403, said(403, "Forbidden", message), {}, "doing it").message == f"doing it: {message}"


def test_a_namespace_that_does_not_exist_comes_with_the_command_that_makes_it() -> None:
    found = refused(404, said(404, "NotFound", "no", name="shop", kind="namespaces"), {}, "doing it")
    assert found.message == "doing it: no (make it first: kubectl create namespace shop)"


def test_every_cause_is_said_once() -> None:
    causes = [{"field": "spec.a", "message": "bad"}, {"field": "spec.b", "message": "worse"}, "odd"]
    found = refused(422, said(422, "Invalid", "x is invalid: spec.a: bad", causes=causes), {}, "doing it")
    assert found.message == "doing it: x is invalid: spec.a: bad; spec.b: worse"


def test_a_long_page_of_a_proxy_does_not_fill_the_journal() -> None:
    assert len(refused(502, "x" * 100_000, {}, "doing it").message) < 3000


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17.0),
        ({"RETRY-AFTER": "0.5"}, 0.5),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, 0.0),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date_counts_from_now() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    header = {"Retry-After": format_datetime(now + timedelta(seconds=40), usegmt=True)}
    assert retry_after(header, now) == 40
    assert retry_after(header, now + timedelta(hours=1)) == 0


def test_every_recorded_refusal_of_a_real_server_has_its_place() -> None:
    if not TRANSCRIPTS.is_dir():
        pytest.skip("needs the recorded exchanges of a real API server beside the repository")
    seen: dict[tuple[int, str], type[ProviderError]] = {}
    for path in sorted(TRANSCRIPTS.glob("*.json")):
        for exchange in json.loads(path.read_text()).get("exchanges", ()):
            answer = exchange.get("response") or {}
            if int(answer.get("status", 200)) < 400:
                continue
            body = answer.get("body")
            found = refused(int(answer["status"]), body, answer.get("headers") or {}, "doing it")
            reason = body.get("reason", "") if isinstance(body, dict) else "text"
            seen.setdefault((int(answer["status"]), reason), type(found))
            if isinstance(body, dict):
                assert str(body["message"]).strip()[-60:] in found.message, "the reason stands at the end"
    assert seen[(409, "AlreadyExists")] is Conflict
    assert seen[(403, "Forbidden")] is Denied
    assert seen[(404, "text")] is Unsupported
    assert seen[(410, "Expired")] is Transient
    assert seen[(504, "Timeout")] is Transient
