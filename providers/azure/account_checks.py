"""What `doctor` checks of the identity, the subscription, its permissions and this machine's clock; reads only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from providers.azure.clients import Clients
from providers.errors import Denied, Missing, ProviderError
from providers.ports import Finding

GROUPS = tuple(f"Microsoft.ContainerInstance/containerGroups/{word}" for word in ("read", "write", "delete"))
PROFILES = tuple(f"Microsoft.Network/trafficManagerProfiles/{word}" for word in ("read", "write"))
_SUBSCRIPTIONS = "2022-12-01"
_PERMISSIONS = "2022-04-01"
_NEVER = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
_ODD_SECONDS, _REFUSED_SECONDS = 30.0, 300.0
_SIGN_IN = "sign in (az login), or give this process an identity (AZURE_CLIENT_ID and its kin, or a managed one)"


def identity(clients: Clients, now: datetime) -> tuple[Finding, float | None]:
    """Ask for a token; answers the finding and for how many seconds the token is good (None: none, or without end)."""
    endpoint = clients.credentials.endpoint
    subject = f"identity at {endpoint.host}"
    try:
        ends = clients.credentials.check()
    except ProviderError as error:
        return Finding(False, subject, str(error), _SIGN_IN), None
    if ends > _NEVER:
        return Finding(True, subject, "an emulator, which believes every token"), None
    rest = ends - now.timestamp()
    if rest <= 0:
        remedy = "sign in anew, or set this machine's clock"
        return Finding(False, subject, "the token it gives is over already", remedy), None
    until = datetime.fromtimestamp(ends, UTC)
    return Finding(True, subject, f"has a token until {until:%H:%M:%S} UTC ({timedelta(seconds=int(rest))})"), rest


def subscription(clients: Clients, name: str, now: datetime) -> Iterator[Finding]:
    """Read a subscription, and compare this machine's clock with the time in the answer."""
    subject = f"subscription {name}"
    try:
        body, headers = _get(clients, name, f"/subscriptions/{name}", _SUBSCRIPTIONS, f"reading {subject}")
    except Missing as error:
        remedy = "put containerInstances.subscription right, or sign in to the tenant that has it"
        yield Finding(False, subject, str(error), remedy)
        return
    except Denied as error:
        remedy = "a role on the resource groups is enough to roll out, but not to look at the subscription"
        yield Finding(False, subject, str(error), remedy, fatal=False)
        return
    except ProviderError as error:
        remedy = "check the network and ROLLOUT_AZURE_ENDPOINT, or see Azure's status page"
        yield Finding(False, subject, str(error), remedy)
        return
    state = str(body.get("state") or "Enabled")
    good = state.lower() in ("enabled", "warned")
    yield Finding(
        good, subject, f"readable, {state}", "" if good else "enable the subscription: it takes no writes now"
    )
    yield from _clock(headers.get("date") or headers.get("Date"), now)


def permissions(clients: Clients, name: str, resource_group: str, needed: Iterable[str]) -> Finding:
    """Check that this identity may do what a rollout needs in a resource group; a warning where that cannot be read."""
    subject = f"permissions on {resource_group}"
    url = f"/subscriptions/{name}/resourceGroups/{resource_group}/providers/Microsoft.Authorization/permissions"
    try:
        body, _ = _get(clients, name, url, _PERMISSIONS, f"reading the {subject}")
    except ProviderError as error:
        return Finding(False, subject, str(error), "they show when the rollout tries", fatal=False)
    granted = body.get("value") or []
    missing = [action for action in needed if not any(_grants(item, action) for item in granted)]
    if missing:
        remedy = f"az role assignment create with a role that holds them, on resource group {resource_group}"
        return Finding(False, subject, f"not allowed: {', '.join(missing)}", remedy)
    return Finding(True, subject, "may do all that a rollout does")


def _grants(item: Mapping[str, Any], action: str) -> bool:
    """Whether one grant allows an action: some of its actions match and none of its notActions does."""
    allowed = any(_matches(pattern, action) for pattern in item.get("actions") or ())
    return allowed and not any(_matches(pattern, action) for pattern in item.get("notActions") or ())


def _matches(pattern: str, action: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) is not None


def _clock(said: str | None, now: datetime) -> Iterator[Finding]:
    try:
        there = parsedate_to_datetime(said or "")
    except ValueError:
        return
    off = abs((now - there).total_seconds())
    remedy = "" if off < _ODD_SECONDS else "set the clock: timedatectl set-ntp true"
    message = f"{off:.0f} s from Azure's" if off >= _ODD_SECONDS else "agrees with Azure's"
    yield Finding(off < _ODD_SECONDS, "clock", message, remedy, fatal=off >= _REFUSED_SECONDS)


def _get(clients: Clients, name: str, url: str, version: str, doing: str) -> tuple[Any, Mapping[str, str]]:
    from azure.core.rest import HttpRequest

    def ask(**options: Any) -> tuple[Any, Mapping[str, str]]:
        request = HttpRequest("GET", url, params={"api-version": version})
        response = clients.containers(name)._send_request(request, **options)
        response.raise_for_status()
        return response.json(), response.headers

    return clients.read(doing, ask)
