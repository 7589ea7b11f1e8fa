"""Every exception that Azure's libraries can raise means one thing in our own tree."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import azure.core.exceptions as azure_exceptions
import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    SerializationError,
    ServiceRequestError,
)

from providers.azure.errors import retry_after, translate
from providers.errors import (
    Conflict,
    Denied,
    Exhausted,
    Invalid,
    Missing,
    NotSent,
    ProviderError,
    Throttled,
    Transient,
)


class Answer:
    """As much of an HTTP response as the exceptions of azure.core read."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self.status_code, self.reason, self.headers = status, "reason", headers or {}
        self.request = SimpleNamespace(method="GET", url="https://management.azure.com")
        self._text = json.dumps(body)

    def text(self, encoding: str | None = None) -> str:
        return self._text

    def body(self) -> bytes:
        return self._text.encode()


def failed(status: int, code: str = "", headers: dict[str, str] | None = None, **more: Any) -> ProviderError:
    body = {"error": {"code": code, "message": "it is so.", **more}} if code else {}
    return translate(HttpResponseError(response=Answer(status, body, headers)), "doing it")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind",
    [kind for _, kind in inspect.getmembers(azure_exceptions, inspect.isclass) if issubclass(kind, AzureError)],
)
def test_every_exception_of_azure_core_is_mapped(kind: type[AzureError]) -> None:
    takes_answer = "response" in inspect.signature(kind).parameters and not issubclass(kind, HttpResponseError)
    takes_answer = takes_answer or kind is azure_exceptions.ODataV4Error
    make: Any = kind
    found = translate(make(Answer(500, {"error": {}}) if takes_answer else "it is so"), "doing it")
    expected = NotSent if kind is ClientAuthenticationError else Transient
    assert type(found) is expected
    assert found.message.startswith("doing it: ")


def test_the_exceptions_that_are_no_azure_errors_are_mapped_as_well() -> None:
    assert type(translate(SerializationError("x"), "doing it")) is Invalid
    assert type(translate(azure_exceptions.DeserializationError("x"), "doing it")) is Transient
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("")
    assert translate(caught.value, "deleting").code == "Unreadable"


def test_a_fault_of_our_own_is_not_dressed_up() -> None:
    with pytest.raises(KeyError):
        translate(KeyError("x"), "doing it")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "ExpiredAuthenticationToken", NotSent),
        (401, "InvalidAuthenticationToken", Denied),
        (403, "AuthorizationFailed", Denied),
        (403, "Conflict", Denied),
        (409, "ScopeLocked", Denied),
        (403, "RequestDisallowedByPolicy", Denied),
        (404, "ResourceNotFound", Missing),
        (404, "", Missing),
        (408, "", Transient),
        (409, "Conflict", Conflict),
        (409, "ContainerGroupTransitioning", Conflict),
        (409, "", Conflict),
        (409, "ServiceUnavailable", Exhausted),
        (503, "ServiceUnavailable", Transient),
        (409, "ContainerGroupQuotaReached", Exhausted),
        (400, "ContainerGroupQuotaReached", Exhausted),
        (200, "InsufficientCapacity.", Exhausted),
        (409, "RegistryErrorResponse", Throttled),
        (409, "MissingSubscriptionRegistration", Invalid),
        (400, "InaccessibleImage", Invalid),
        (400, "ContainerLimitGreaterThanContainerGroupTotalRequest", Invalid),
        (412, "", Conflict),
        (423, "", Denied),
        (429, "TooManyRequests", Throttled),
        (429, "RetryableErrorDueToAnotherOperation", Throttled),
        (429, "", Throttled),
        (500, "InternalServerError", Transient),
        (502, "", Transient),
        (200, "", Transient),
    ],
)
def test_the_code_decides_before_the_status(status: int, code: str, kind: type[ProviderError]) -> None:
    found = failed(status, code)
    assert type(found) is kind
    assert found.code == (code or f"Http{status}")


def test_subclasses_that_the_sdk_chooses_by_status_do_not_hide_the_code() -> None:
    answer: Any = Answer(409, {"error": {"code": "ServiceUnavailable", "message": "no room"}})
    assert type(translate(ResourceExistsError(response=answer), "x")) is Exhausted
    answer = Answer(404, {"error": {"code": "ResourceGroupNotFound", "message": "no group"}})
    assert "az group create" in translate(ResourceNotFoundError(response=answer), "x").message


def test_the_message_says_what_was_done_what_azure_said_and_what_to_do() -> None:
    found = failed(409, "MissingSubscriptionRegistration", details=[{"code": "x", "message": "More of it"}])
    assert found.message == (
        "doing it: it is so. More of it (register the provider once: az provider register --namespace "
        "Microsoft.ContainerInstance)"
    )


def test_a_connection_that_failed_says_so_in_one_line() -> None:
    assert translate(ServiceRequestError("no route\nmore"), "reading it").message == "reading it: no route"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After-Ms": "250", "Retry-After": "9"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, 0.0),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
    assert failed(429, "TooManyRequests", headers).retry_after == seconds


def test_retry_after_as_a_date_counts_from_now() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    header = {"Retry-After": format_datetime(now + timedelta(seconds=40), usegmt=True)}
    assert retry_after(header, now) == 40
    assert retry_after(header, now + timedelta(hours=1)) == 0
