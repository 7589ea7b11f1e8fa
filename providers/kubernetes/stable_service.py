"""The Service that always selects the pods of the stable revision, for callers inside the cluster.

It follows the split: who has all of our weight is selected, and while both sides have some, the older one. One that was
there before us keeps the selector it had in an annotation until that serves again. Everything but the two calls at the
end is pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from providers.errors import Invalid, Missing
from providers.kubernetes import marks
from providers.kubernetes.api import FIELD_MANAGER, JSON, JSON_PATCH, Api
from providers.kubernetes.route_ours import Body, Ours
from providers.kubernetes.route_requests import Op, annotation_ops

BEFORE_US = -1
"""The number of what served before us: older than every slot."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom the Service shall select: the workload behind a backend, None for what was selected before us."""

    backend: str
    number: int

    @property
    def workload(self) -> str | None:
        """The name of our slot's workload."""
        return None if self.number == BEFORE_US else self.backend


@dataclass(frozen=True, slots=True)
class Write:
    """One write of the Service; `turns_back` says that it leads to an older side than the present one."""

    method: str
    body: Any
    turns_back: bool


def wanted(serving: Iterable[tuple[str, int]]) -> Wanted | None:
    """Whom backends with weight (names and numbers) make the Service select; None when nobody of ours serves."""
    oldest = min(serving, key=lambda item: item[1], default=None)
    return None if oldest is None else Wanted(*oldest)


def why_not(body: Body | None, want: Wanted | None, name: str) -> str:
    """Why a Service (None: does not exist) is not as wanted; empty when it is."""
    if want is None:
        return ""
    if body is None:
        return f"Service {name} does not exist"
    if want.workload is None:
        return f"Service {name} does not yet select what it did before" if _follows(body) else ""
    have = _selector(body)
    return "" if have == {marks.WORKLOAD: want.workload} else f"Service {name} does not yet select {want.workload}"


def change(body: Body, want: Wanted, number_of: Callable[[str], int]) -> Write | None:
    """Make the patch of a Service that exists; None when it is as wanted.

    `number_of` tells a workload's number. Raises Invalid when the selector it had before us is not known any more.
    """
    name = str(body["metadata"]["name"])
    if not why_not(body, want, name):
        return None
    before = _before(body)
    if want.workload is None:
        if before is None:
            message = f"Service {name} has lost the annotation {marks.SELECTOR_BEFORE}, so what it selected is unknown"
            raise Invalid(f"{message}: give it its selector by hand")
        selector, note = before, None
    else:
        selector = {marks.WORKLOAD: want.workload}
        note = None if before is None else json.dumps(before, sort_keys=True)
    verb = "add" if (body.get("spec") or {}).get("selector") is None else "replace"
    ops: list[Op] = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": body["metadata"].get("resourceVersion")},
        {"op": verb, "path": "/spec/selector", "value": selector},
        *annotation_ops(body, {marks.SELECTOR_BEFORE: note}),
    ]
    present = str(_selector(body).get(marks.WORKLOAD)) if _follows(body) else None
    return Write("PATCH", ops, want.number < (BEFORE_US if present is None else number_of(present)))


def creation(ours: Ours, want: Wanted, adopted: Body | None) -> Write:
    """Make a Service that does not exist; while an adopted one serves, it selects what that selected before us.

    Raises Invalid where that is not known.
    """
    settings = ours.settings
    before = (_before(adopted) or {}) if adopted is not None else {}
    if want.workload is None and not before:
        raise Invalid(f"Service {settings.stable_service} cannot be made: Service {want.backend} selects nothing")
    ports = [dict(port) for port in settings.service_ports] or [{"port": settings.port}]
    labels = {marks.MANAGED_BY: marks.OURS, marks.SERVICE: ours.service, marks.TARGET: ours.target}
    selector = before if want.workload is None else {marks.WORKLOAD: want.workload}
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": settings.stable_service, "namespace": settings.namespace, "labels": labels},
        "spec": {"ports": ports, "selector": selector},
    }
    return Write("POST", body, turns_back=False)


def get_service(api: Api, namespace: str, name: str) -> Any:
    """Return the body of a Service, or None when there is none."""
    try:
        return api.read(f"reading Service {namespace}/{name}", service_path(namespace, name))
    except Missing:
        return None


def send(api: Api, namespace: str, name: str, write: Write) -> None:
    """Make the one guarded write; Conflict when somebody else changed or made the Service meanwhile."""
    made = write.method == "POST"
    api.write(
        f"{'making' if made else 'changing'} Service {namespace}/{name}",
        write.method,
        service_path(namespace, None if made else name),
        write.body,
        content_type=JSON if made else JSON_PATCH,
        query={"fieldManager": FIELD_MANAGER},
    )


def service_path(namespace: str, name: str | None = None) -> str:
    """The path of a Service in the API, or of all in a namespace."""
    path = f"/api/v1/namespaces/{namespace}/services"
    return path if name is None else f"{path}/{name}"


def _selector(body: Body) -> dict[str, str]:
    return dict((body.get("spec") or {}).get("selector") or {})


def _follows(body: Body) -> bool:
    """Whether it selects one of our slots, and so was changed or made by us."""
    return marks.WORKLOAD in _selector(body)


def _before(body: Body) -> dict[str, str] | None:
    if not _follows(body):
        return _selector(body)
    text = ((body.get("metadata") or {}).get("annotations") or {}).get(marks.SELECTOR_BEFORE)
    try:
        found = json.loads(text or "null")
    except ValueError:
        return None
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else None
