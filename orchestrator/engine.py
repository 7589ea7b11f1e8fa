"""The tick: look, decide, save, act. State holds intent, observation holds fact, an act is the difference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orchestrator.act import Heard, MayAct, act
from orchestrator.clock import Clock
from orchestrator.lease import Lease, this_process
from orchestrator.look import look
from orchestrator.ports import PortsOf, TargetPorts
from orchestrator.store.ports import Store
from orchestrator.store.records import Retained
from strategies.advance import advance
from strategies.journal import Event, explain
from strategies.missing import Action, Remove, Shift, missing
from strategies.model import Rollout
from strategies.seen import Ack
from strategies.wake import wake

Listener = Callable[[Rollout, tuple[Event, ...]], None]


class Engine:
    """Runs rollouts tick by tick; remembers nothing but what its own acts returned since the last look.

    `listeners` are told of every saved state with its events, after the save; they read, and must not raise.
    """

    def __init__(self, store: Store, clock: Clock, ports_of: PortsOf, listeners: tuple[Listener, ...] = ()) -> None:
        self.store, self.clock, self.ports_of, self.listeners = store, clock, ports_of, listeners
        self._owner = this_process()
        self._locks: dict[str, Lease] = {}
        self._heard: dict[str, dict[str, tuple[Heard, ...]]] = {}

    def tick(self, rollout_id: str, fence: int, may_act: MayAct, between: Callable[[], None] = lambda: None) -> Rollout:
        """Advance one rollout once. Raises StaleWrite when somebody else holds it now; nothing was done then.

        A look may outlast the lease: `between` is called between its questions, to keep it; what that raises ends the
        tick with nothing done.
        """
        before = self.store.load(rollout_id)
        ports = self.ports_of(rollout_id)
        seen = look(before, ports, self._heard.get(rollout_id, {}), self.clock, between)
        self._heard.pop(rollout_id, None)
        now = self.clock.now()
        rollout = advance(before, seen, now)
        events = explain(before, rollout, now)
        rollout = self.store.save(rollout, expected=before.version, fence=fence, events=events)
        for listener in self.listeners:
            listener(rollout, events)
        for action in missing(rollout, seen):
            self._remember(rollout, action, self._act(action, ports[action.target], may_act))
        return rollout

    def _act(self, action: Action, ports: TargetPorts, may_act: MayAct) -> tuple[Heard, ...]:
        """One writer per profile or route: two services may share one, and a write replaces all of its endpoints."""
        if not isinstance(action, Shift):
            return act(action, ports, self.clock, may_act)
        held: list[Lease] = []
        try:
            # Whoever finds one taken lets go of all, so two that want the same never wait for each other.
            for key in sorted(ports.routing_keys):
                lock = self._locks.setdefault(key, Lease(self.store, key, self.clock, self._owner))
                if not lock.acquire():
                    return ()
                held.append(lock)
            return act(action, ports, self.clock, may_act)
        finally:
            for lock in held:
                lock.release()

    def wake(self, rollout: Rollout) -> datetime | None:
        """When to tick this rollout again; None when it has ended."""
        return wake(rollout, self.clock.now())

    def _remember(self, rollout: Rollout, action: Action, heard: tuple[Heard, ...]) -> None:
        by_target = self._heard.setdefault(rollout.id, {})
        by_target[action.target] = by_target.get(action.target, ()) + heard
        if isinstance(action, Remove) and action.keep_until is not None and rollout.previous is not None:
            for name in (h.name for h in heard if isinstance(h, Ack)):
                self.store.retain(
                    Retained(
                        rollout.service.name, action.target, name, rollout.id, rollout.previous.id, action.keep_until
                    )
                )
