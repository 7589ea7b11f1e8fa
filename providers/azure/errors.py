"""Azure's exceptions in our own tree, decided by the service's error code before its HTTP status.

One status means many things here: 409 is a concurrent writer, a used-up region, a locked scope or a registry that is
busy. Codes were collected from Azure Resource Manager, Container Instances and Traffic Manager.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from providers.errors import Conflict, Denied, Exhausted, Invalid, Missing, NotSent, ProviderError, Throttled, Transient

_THROTTLED = (
    "SubscriptionRequestsThrottled",
    "TenantRequestsThrottled",
    "ResourceRequestsThrottled",
    "TooManyRequests",
    "OperationThrottled",
    "RetryableErrorDueToAnotherOperation",
    # The registry had enough of Azure's pulls; the create was refused with "please retry later".
    "RegistryErrorResponse",
)
_NOT_YET = ("ExpiredAuthenticationToken",)
_CONFLICT = (
    "Conflict",
    "ConflictingOperation",
    "AnotherOperationInProgress",
    "ContainerGroupTransitioning",
    "ResourceOperationInProgress",
    "PreconditionFailed",
)
_DENIED = (
    "AuthorizationFailed",
    "LinkedAuthorizationFailed",
    "LinkedAccessCheckFailed",
    "AuthenticationFailed",
    "InvalidAuthenticationToken",
    "InvalidAuthenticationTokenTenant",
    "ScopeLocked",
    "RequestDisallowedByPolicy",
    "ReadOnlyDisabledSubscription",
    "DisabledSubscription",
)
_EXHAUSTED = (
    "ContainerGroupQuotaReached",
    "InsufficientCapacity",
    "QuotaExceeded",
    "ResourceQuotaExceeded",
    "OperationNotAllowedQuotaExceeded",
    "SkuNotAvailable",
    "ZonalAllocationFailed",
    "AllocationFailed",
)
_INVALID = (
    "InaccessibleImage",
    "InvalidContainerGroupUpdate",
    "MissingSubscriptionRegistration",
    "ResourceGroupBeingDeleted",
    "DnsNameLabelNotAvailable",
)
_MISSING = ("ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "SubscriptionNotFound", "NotFound")
_TRANSIENT = ("InternalServerError", "ServerTimeout", "GatewayTimeout")
_BY_CODE: dict[str, type[ProviderError]] = {
    code.lower(): kind
    for kind, codes in (
        (Throttled, _THROTTLED),
        (NotSent, _NOT_YET),
        (Conflict, _CONFLICT),
        (Denied, _DENIED),
        (Exhausted, _EXHAUSTED),
        (Invalid, _INVALID),
        (Missing, _MISSING),
        (Transient, _TRANSIENT),
    )
    for code in codes
}
_BY_STATUS: dict[int, type[ProviderError]] = {
    401: Denied,
    403: Denied,
    404: Missing,
    408: Transient,
    409: Conflict,
    412: Conflict,
    423: Denied,
    429: Throttled,
}
_REMEDIES = {
    "missingsubscriptionregistration": "register the provider once: az provider register --namespace {namespace}",
    "scopelocked": "a lock forbids it: az lock list shows it",
    "authorizationfailed": "the roles needed are in the README",
    "inaccessibleimage": "check that the digest exists and that the template's registry credentials may pull it",
    "resourcegroupnotfound": "make it first: az group create",
}


def translate(error: Exception, doing: str, namespace: str = "Microsoft.ContainerInstance") -> ProviderError:
    """Turn any exception of azure.core (or of reading its answers) into ours; `doing` begins the message.

    An answer that cannot be read is Transient: the act may have been taken, and the next look says whether. What is
    neither an exception of azure.core nor of a JSON parser is a fault of ours and is raised again as it is.
    """
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        DecodeError,
        DeserializationError,
        HttpResponseError,
        SerializationError,
    )

    if isinstance(error, ProviderError):
        return error
    if isinstance(error, SerializationError):
        return Invalid(f"{doing}: the request could not be written: {_first_line(error)}", code="Unwritable")
    if isinstance(error, DecodeError | DeserializationError | json.JSONDecodeError | RecursionError):
        return Transient(f"{doing}: the answer could not be read, so it has to be looked at again", code="Unreadable")
    if isinstance(error, ClientAuthenticationError) and error.response is None:
        remedy = "sign in (az login) or give this process a workload or managed identity"
        return NotSent(f"{doing}: no token could be had; {remedy}: {_first_line(error)}", code="NoCredential")
    if isinstance(error, HttpResponseError):
        return _from_response(error, doing, namespace)
    if isinstance(error, AzureError):
        return Transient(f"{doing}: {_first_line(error)}", code=type(error).__name__)
    raise error


def _from_response(error: Any, doing: str, namespace: str) -> ProviderError:
    status = int(error.status_code or 0)
    headers: Mapping[str, str] = error.response.headers if error.response is not None else {}
    inner = getattr(error, "error", None)
    code = str(getattr(inner, "code", None) or "")
    kind = _kind(status, code)
    said = str(getattr(inner, "message", None) or _first_line(error)).strip().rstrip(".")
    details = [str(getattr(item, "message", "") or "") for item in getattr(inner, "details", None) or ()]
    message = ". ".join(dict.fromkeys(part.strip().rstrip(".") for part in (said, *details) if part))
    remedy = _REMEDIES.get(code.lower(), "").format(namespace=namespace)
    return kind(
        f"{doing}: {message}" + (f" ({remedy})" if remedy else ""),
        code=code or f"Http{status}",
        retry_after=retry_after(headers),
    )


def _kind(status: int, code: str) -> type[ProviderError]:
    word = code.lower().rstrip(".")
    if word == "serviceunavailable":
        # A 409 of this code is a region without capacity for this size; a 503 is the service itself.
        return Exhausted if status == 409 else Transient
    if status == 429:
        return Throttled
    if word in _BY_CODE and (status not in (401, 403) or _BY_CODE[word] is NotSent):
        return _BY_CODE[word]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Invalid if 400 <= status < 500 else Transient


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds a service asks to wait, from any of the header's forms; None when it does not say.

    `now` (UTC) is what an HTTP date is counted from; the machine's clock unless given.
    """
    have = {name.lower(): value for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 1000.0), ("x-ms-retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = have.get(name)
        if text is None:
            continue
        try:
            seconds = float(text) / unit
        except ValueError:
            pass
        else:
            return max(seconds, 0.0) if isfinite(seconds) else None
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            continue
        aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return max((aware - (now or datetime.now(UTC))).total_seconds(), 0.0)
    return None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
