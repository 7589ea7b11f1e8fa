"""Management locks that would stop a write or a deletion, where we may read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from providers.azure.clients import Clients
from providers.errors import ProviderError
from providers.ports import Finding

_API_VERSION = "2016-09-01"


def findings(clients: Clients, subscription: str, scope: str) -> Iterator[Finding]:
    """Yield a finding per lock on a scope (a path below the subscription); none where locks may not be read.

    A read-only lock stops a rollout; a delete lock only leaves the old groups standing.
    """
    for lock in _locks(clients, subscription, scope):
        inner = lock.get("properties") or {}
        level, name = str(inner.get("level") or ""), str(lock.get("name") or "")
        remedy = f"az lock delete --name {name}, or choose another resource group"
        if level.lower() == "readonly":
            yield Finding(False, f"lock {name}", f"a read-only lock forbids every write to {scope}", remedy)
        elif level.lower() == "cannotdelete":
            message = f"a delete lock on {scope} will leave what a rollout retires standing, switched off"
            yield Finding(False, f"lock {name}", message, remedy, fatal=False)


def _locks(clients: Clients, subscription: str, scope: str) -> list[dict[str, Any]]:
    from azure.core.rest import HttpRequest

    url = f"/subscriptions/{subscription}{scope}/providers/Microsoft.Authorization/locks"

    def ask(**options: Any) -> list[dict[str, Any]]:
        request = HttpRequest("GET", url, params={"api-version": _API_VERSION})
        response = clients.containers(subscription)._send_request(request, **options)
        response.raise_for_status()
        found: list[dict[str, Any]] = response.json().get("value") or []
        return found

    try:
        return clients.read(f"reading the locks of {scope}", ask)
    except ProviderError:
        # Reading locks needs a role of its own, which a rollout does not need: not knowing is no finding.
        return []
