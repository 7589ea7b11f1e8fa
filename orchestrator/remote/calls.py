"""What a verb may ask of a daemon: one table, by which the client asks and the daemon answers.

A call is a method of the store or of `Served`; its arguments and its result have the types that the method is annotated
with, and cross as JSON by the store's own codec. Adding a method to the table is all it takes to serve it. What is not
in it (saving states, taking leases) is the daemon's own business.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol, get_type_hints

import msgspec

from orchestrator.remote.sending import ProspectSent
from orchestrator.store.ports import Store
from orchestrator.store.records import Snapshot, Suspension, WishRecord
from orchestrator.wish import Submission
from providers.ports import Finding
from strategies.model import Rollout

WIRE = 1
"""Raised when what crosses changes in a way that an older end would misunderstand."""
WIRE_HEADER, VERSION_HEADER = "Rollout-Wire", "Rollout-Version"
PATH = "/api/v1/calls/"
MOST_BYTES = 4 * 1024 * 1024
"""The largest body that a daemon takes."""
_READ: Literal["read"] = "read"
_OPERATE: Literal["operate"] = "operate"


class Served(Protocol):
    """What a daemon does for its command line beside the store's methods; `orchestrator.desk.Desk` explains them."""

    def digest(self, image: str) -> str:
        """Ask the registry what a reference stands for."""
        ...

    def tags(self, image: str) -> tuple[str, ...]:
        """Ask the registry for every tag of a repository."""
        ...

    def submit(self, wish: WishRecord) -> Submission:
        """Begin, attach or refuse. Idempotent; a crash leaves nothing or a rollout that the next call attaches to."""
        ...

    def undo(self, service: str, to: str | None, *, steps: bool, actor: str, reason: str) -> Submission:
        """Submit the way back. Idempotent as `submit` is."""
        ...

    def pardon(self, service: str, actor: str) -> Rollout:
        """Lift the poison of what was rolled back last. Not idempotent: a second one finds nothing to pardon."""
        ...

    def suspend(self, suspension: Suspension) -> bool:
        """Hold back one service or all; whether anything is known of it. Idempotent."""
        ...

    def unsuspend(self, service: str | None, *, actor: str, reason: str) -> bool:
        """Let go of one service, or of all; whether anything is known of it. Idempotent."""
        ...

    def prospect(self, snapshot: Snapshot, digest: str | None, tag: str | None) -> ProspectSent:
        """Begin a rollout in thought."""
        ...

    def checkup(self, snapshot: Snapshot, image: str | None, tag: str | None) -> list[tuple[Finding, str | None]]:
        """Check all that a rollout would stumble over; each finding with its target."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One method: who may ask it, whether it may take long, and whether asking twice is as good as asking once."""

    name: str
    of: type[Any]
    scope: Literal["read", "operate"]
    slow: bool = False
    again: bool = True

    def write(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """Make the body that asks; raises TypeError as the method itself would."""
        bound = inspect.signature(getattr(self.of, self.name)).bind(None, *args, **kwargs)
        return msgspec.json.encode({name: value for name, value in bound.arguments.items() if name != "self"})

    def read(self, body: bytes) -> dict[str, Any]:
        """Read the arguments out of a body; raises msgspec.MsgspecError naming what does not fit."""
        return msgspec.structs.asdict(msgspec.json.decode(body, type=_arguments(self)))

    def answer(self, body: bytes) -> Any:
        """Read the result; raises msgspec.MsgspecError where it is none of this version."""
        return msgspec.json.decode(body, type=_hints(self)["return"])


def _calls(of: type[Any], scope: Literal["read", "operate"], *names: str, **facts: bool) -> dict[str, Call]:
    return {name: Call(name, of, scope, **facts) for name in names}


CALLS: dict[str, Call] = {
    **_calls(Store, _READ, "load", "active", "active_ids", "latest", "history", "promoted", "snapshot", "services"),
    **_calls(Store, _READ, "events", "stirrings", "is_poisoned", "poisoned", "retained", "suspended"),
    **_calls(Store, _READ, "manifest", "sighting", "sightings"),
    # The daemon answers it as judged by its own host and clock: a row that is shown belongs to a process that lives.
    **_calls(Store, _READ, "lease_of"),
    **_calls(Served, _OPERATE, "suspend", "unsuspend"),
    # A second command is a second word: two promotes skip two steps.
    **_calls(Store, _OPERATE, "command", again=False),
    **_calls(Served, _OPERATE, "pardon", again=False),
    # What makes the daemon speak to hosts that the caller names is never open to those who may only read.
    **_calls(Served, _OPERATE, "digest", "tags", "submit", "undo", "prospect", "checkup", slow=True),
}


@cache
def _hints(call: Call) -> dict[str, Any]:
    return get_type_hints(getattr(call.of, call.name))


@cache
def _arguments(call: Call) -> type[msgspec.Struct]:
    """A struct of the method's parameters, which refuses what the method does not know."""
    fields: list[Any] = []
    for each in list(inspect.signature(getattr(call.of, call.name)).parameters.values())[1:]:
        kind = _hints(call)[each.name]
        fields.append((each.name, kind) if each.default is inspect.Parameter.empty else (each.name, kind, each.default))
    return msgspec.defstruct(f"{call.name}_arguments", fields, kw_only=True, forbid_unknown_fields=True)
