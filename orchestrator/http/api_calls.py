"""The daemon's end of `orchestrator.remote.calls`: the same table, answered by a desk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from orchestrator.clock import Clock
from orchestrator.desk import Desk
from orchestrator.http.answers import Refusal
from orchestrator.http.api_asked import signed
from orchestrator.remote import sending
from orchestrator.remote.calls import WIRE, Call
from orchestrator.store.records import LeaseRecord, Snapshot, StoredEvent, Suspension, WishRecord
from orchestrator.words import demand_fit, demand_reason, demand_sensible
from strategies.model import Command, CommandKind, Rollout

if TYPE_CHECKING:
    from orchestrator.remote.sending import ProspectSent
    from orchestrator.wish import Submission
    from providers.ports import Finding

_MOST_HISTORY = 10_000
_LAST_EVENT = 2**62
_NEVER = datetime.max.replace(tzinfo=UTC)


def answered(call: Call, body: bytes, desk: Desk, clock: Clock, token: str) -> bytes:
    """Do what a call asks and write its result; raises Refusal or BadInput for arguments that do not fit."""
    try:
        arguments = call.read(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        words = f"the arguments of {call.name} cannot be read: {error}"
        raise Refusal(400, "versionSkew", words) from error
    demand_fit(arguments)
    serving = Serving(desk, clock, token)
    method: Callable[..., Any] = getattr(serving, call.name, None) or getattr(desk.store, call.name)
    return msgspec.json.encode(method(**arguments))


def check_wire(spoken: str | None) -> None:
    """Raise Refusal for a client of another wire than ours."""
    if spoken != str(WIRE):
        raise Refusal(
            400,
            "versionSkew",
            f"this daemon speaks wire {WIRE}, the client {(spoken or 'none')[:10]!r}; tools of your own use the other "
            "paths of /api/v1/openapi.json",
        )


@dataclass(frozen=True, slots=True)
class Serving:
    """What is not simply the store's: the daemon's hands, and words recorded by its clock and with the token."""

    desk: Desk
    clock: Clock
    token: str

    def command(
        self, rollout_id: str, kind: CommandKind, actor: str, *, at: datetime, reason: str = "", argument: str = ""
    ) -> Command:
        """Record a word at the daemon's time: a client's clock (`at`) must not put the journal out of order."""
        del at
        demand_sensible(kind, argument, reason)
        store = self.desk.store
        return store.command(rollout_id, kind, self._by(actor), at=self.clock.now(), reason=reason, argument=argument)

    def suspend(self, suspension: Suspension) -> bool:
        """Hold back one service or all."""
        return self.desk.suspend(replace(suspension, actor=self._by(suspension.actor), at=self.clock.now()))

    def unsuspend(self, service: str | None, *, actor: str, reason: str) -> bool:
        """Let go of one service, or of all."""
        return self.desk.unsuspend(service, actor=self._by(actor), reason=reason)

    def events(self, service: str | None = None, *, rollout: str | None = None, after: int = 0) -> list[StoredEvent]:
        """Events of one service or rollout."""
        if service is None and rollout is None:
            raise Refusal(400, "badRequest", "service: must be given, or rollout; got neither")
        return self.desk.store.events(service, rollout=rollout, after=max(0, min(after, _LAST_EVENT)))

    def history(self, service: str | None = None, limit: int = 20) -> list[Rollout]:
        """Past rollouts, in bounded number."""
        return self.desk.store.history(service, max(1, min(limit, _MOST_HISTORY)))

    def lease_of(self, key: str) -> LeaseRecord | None:
        """The live holder, as this host and clock can tell; the expiry says no more than that."""
        held = self.desk.holder(key)
        return None if held is None else replace(held, expires_at=_NEVER)

    def digest(self, image: str) -> str:
        """Ask the registry what a reference stands for."""
        from watchers.reference import parse

        return self.desk.digest(parse(image))

    def tags(self, image: str) -> tuple[str, ...]:
        """Ask the registry for every tag."""
        from watchers.reference import parse

        return tuple(self.desk.tags(parse(image)))

    def submit(self, wish: WishRecord) -> Submission:
        """Begin, attach or refuse."""
        demand_reason(emergency=wish.emergency, reason=wish.reason)
        return self.desk.submit(sending.received(wish, self._by(wish.actor)))

    def undo(self, service: str, to: str | None, *, steps: bool, actor: str, reason: str) -> Submission:
        """Take the rollout under way back, or submit the way back."""
        return self.desk.undo(service, to, steps=steps, actor=self._by(actor), reason=reason)

    def pardon(self, service: str, actor: str) -> Rollout:
        """Lift the poison of what was rolled back last."""
        return self.desk.pardon(service, self._by(actor))

    def prospect(self, snapshot: Snapshot, digest: str | None, tag: str | None) -> ProspectSent:
        """Begin a rollout in thought."""
        return sending.prospect_sent(self.desk.prospect(sending.reread(snapshot), digest, tag))

    def checkup(self, snapshot: Snapshot, image: str | None, tag: str | None) -> list[tuple[Finding, str | None]]:
        """Check all that a rollout would stumble over."""
        found = self.desk.checkup(sending.reread(snapshot), image, tag)
        return [(each.finding, each.target) for each in found]

    def _by(self, said: str) -> str:
        return signed(said, self.token)
