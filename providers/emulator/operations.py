"""Long-running operations: begun by a write, asked for by URL until they have ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from providers.emulator.group_view import group_json, stamp
from providers.emulator.lifecycle import Group
from providers.emulator.values import ArmError, Result

if TYPE_CHECKING:
    from providers.emulator.world import World


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on a group; `life` tells the deployment that it began from later ones."""

    id: str
    group: Group
    life: int
    deletes: bool
    began_at: datetime


class Operations:
    """Every operation of the world by its id."""

    def __init__(self, world: World) -> None:
        """Begin with none."""
        self._world = world
        self._operations: dict[str, Operation] = {}

    def begin(self, group: Group, deletes: bool = False) -> Operation:
        """Remember an operation that has just begun on a group."""
        made = f"{len(self._operations) + 1:08x}-0000-4000-8000-{group.created_at.microsecond:012x}"
        operation = Operation(made, group, group.life, deletes, self._world.now())
        self._operations[made] = operation
        return operation

    def headers(self, operation: Operation, api_version: str, location: bool = False) -> dict[str, str]:
        """Return the headers, relative to a door's base URL, by which a caller finds the operation again."""
        group = operation.group
        start = f"/subscriptions/{group.subscription}/providers/Microsoft.ContainerInstance/locations/{group.region}"
        end = f"{operation.id}?api-version={api_version}"
        if location:
            return {"Location": f"{start}/operationResults/{end}"}
        return {"Azure-AsyncOperation": f"{start}/operations/{end}"}

    def _require(self, name: str) -> Operation:
        operation = self._operations.get(name.lower())
        if operation is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{name}' was not found.")
        return operation

    def _outcome(self, operation: Operation) -> str:
        group = operation.group
        if operation.deletes:
            return "Succeeded" if self._world.groups.find(group.key) is not group else "Pending"
        if operation.life != group.life:
            return "Failed" if group.provisioning == "Failed" else "Canceled"
        return group.provisioning if group.provisioning in ("Succeeded", "Failed") else "Pending"

    def status(self, name: str) -> Result:
        """Answer a poll of `Azure-AsyncOperation`; a failure shows its events and, as the service does, no error."""
        operation = self._require(name)
        group, outcome = operation.group, self._outcome(operation)
        body: dict[str, Any] = {
            "id": group.id,
            "name": operation.id,
            "status": outcome,
            "startTime": stamp(operation.began_at),
        }
        if outcome == "Failed":
            body["properties"] = {"events": group_json(group, True)["properties"]["instanceView"]["events"]}
        return Result(200, body)

    def result(self, name: str, api_version: str) -> Result:
        """Answer a poll of `Location`: 202 while it runs, then 204."""
        operation = self._require(name)
        if self._outcome(operation) == "Pending":
            return Result(202, None, self.headers(operation, api_version, location=True))
        return Result(204)
