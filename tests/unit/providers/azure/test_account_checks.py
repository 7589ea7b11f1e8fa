"""What is checked of identity, subscription and permissions, on answers that an emulator never gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from providers.azure import account_checks
from providers.azure.clients import Clients
from providers.azure.credentials import Credentials, Endpoint
from providers.errors import Denied, NotSent
from providers.ports import Finding

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
OWNER = {"actions": ["*"], "notActions": []}


@dataclass
class Answers:
    """Clients that answer every question with one body and its headers."""

    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def containers(self, _subscription: str) -> Any:
        answer = SimpleNamespace(json=lambda: self.body, headers=self.headers, raise_for_status=lambda: None)
        return SimpleNamespace(_send_request=lambda _request, **_options: answer)

    def read(self, _doing: str, ask: Callable[[], Any]) -> Any:
        return ask()


def _permissions(*grants: Mapping[str, Any]) -> Finding:
    clients = cast(Clients, Answers({"value": list(grants)}))
    needed = (*account_checks.GROUPS, *account_checks.PROFILES)
    return account_checks.permissions(clients, "s", "shop", needed)


def _identity(ends: datetime) -> tuple[Finding, float | None]:
    credential = SimpleNamespace(
        get_token=lambda *_scopes: SimpleNamespace(token="t", expires_on=ends.timestamp()), close=lambda: None
    )
    return account_checks.identity(Clients(Credentials(Endpoint(), credential)), NOW)


@pytest.mark.parametrize(
    "grants",
    [
        (OWNER,),
        ({"actions": ["microsoft.containerinstance/*", "Microsoft.Network/trafficManagerProfiles/*"]},),
        ({"actions": ["*/read"]}, {"actions": ["*/write", "*/delete"], "notActions": ["Microsoft.Authorization/*"]}),
    ],
)
def test_grants_in_any_letter_case_and_with_wildcards_are_enough(grants: tuple[Mapping[str, Any], ...]) -> None:
    assert _permissions(*grants).ok


def test_what_is_not_allowed_is_named() -> None:
    found = _permissions({"actions": ["*/read", "Microsoft.ContainerInstance/*"]})
    assert not found.ok
    assert found.fatal
    assert found.message == "not allowed: Microsoft.Network/trafficManagerProfiles/write"
    assert "resource group shop" in found.remedy


def test_what_one_grant_takes_away_another_may_give() -> None:
    less = {"actions": ["*"], "notActions": ["*/delete"]}
    assert "containerGroups/delete" in _permissions(less).message
    assert _permissions(less, {"actions": ["*/containerGroups/delete"]}).ok


def test_a_token_says_how_long_it_lives() -> None:
    found, rest = _identity(NOW + timedelta(minutes=61))
    assert found.ok
    assert found.message == "has a token until 13:01:00 UTC (1:01:00)"
    assert rest == 3660


def test_a_token_that_is_over_already_is_fatal() -> None:
    found, rest = _identity(NOW - timedelta(seconds=1))
    assert not found.ok
    assert found.fatal
    assert rest is None


def test_no_identity_is_fatal_and_the_remedy_is_to_sign_in() -> None:
    def refuse(*_scopes: str) -> Any:
        raise NotSent("nobody is signed in")

    credential = SimpleNamespace(get_token=refuse, close=lambda: None)
    found, rest = account_checks.identity(Clients(Credentials(Endpoint(), credential)), NOW)
    assert (found.ok, found.fatal, rest) == (False, True, None)
    assert "az login" in found.remedy


@pytest.mark.parametrize(("state", "good"), [("Enabled", True), ("Warned", True), ("Disabled", False)])
def test_a_subscription_that_takes_no_writes_is_fatal(state: str, good: bool) -> None:
    (found,) = account_checks.subscription(cast(Clients, Answers({"state": state})), "s", NOW)
    assert found.ok == good


@pytest.mark.parametrize(("off", "good", "fatal"), [(5, True, False), (60, False, False), (600, False, True)])
def test_the_clock_is_compared_with_the_answers_date(off: int, good: bool, fatal: bool) -> None:
    date = format_datetime(NOW + timedelta(seconds=off), usegmt=True)
    answers = cast(Clients, Answers({"state": "Enabled"}, {"Date": date}))
    _, clock = account_checks.subscription(answers, "s", NOW)
    assert (clock.ok, clock.fatal) == (good, fatal)


def test_a_subscription_that_may_not_be_read_is_only_a_warning() -> None:
    class Closed(Answers):
        def read(self, _doing: str, ask: Callable[[], Any]) -> Any:
            raise Denied("not yours", code="AuthorizationFailed")

    (found,) = account_checks.subscription(cast(Clients, Closed({})), "s", NOW)
    assert (found.ok, found.fatal) == (False, False)
