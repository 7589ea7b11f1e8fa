"""Where a verb's wishes go: a store and the hands of this process, or a daemon that has both."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.cli.checkup import Checked
    from orchestrator.cli.planning import Prospect
    from orchestrator.engine import Engine
    from orchestrator.manifest.loader import Loaded
    from orchestrator.store.ports import Store
    from orchestrator.store.records import LeaseRecord, Suspension
    from orchestrator.telemetry.log import Log
    from orchestrator.wiring import App
    from orchestrator.wish import Submission, Wish
    from strategies.model import Rollout
    from watchers.reference import Reference


class Desk(Protocol):
    """All that a verb asks of whoever can look at the world and remember; errors are the store's and the ports' own.

    What only reads may be asked again at will. Each other method says what a second call does.
    """

    @property
    def store(self) -> Store:
        """What is remembered; raises `orchestrator.store.errors` when it is used and does not answer."""
        ...

    def engine(self) -> Engine | None:
        """An engine of this process; None where a daemon's goes on and this process only follows."""
        ...

    def holder(self, key: str) -> LeaseRecord | None:
        """The lease of a process that, as far as can be told, works on `key` now."""
        ...

    def digest(self, image: Reference) -> str:
        """Ask the registry what an image's tag stands for; raises `watchers.errors`."""
        ...

    def tags(self, image: Reference) -> tuple[str, ...]:
        """Ask the registry for every tag of the image's repository; raises `watchers.errors`."""
        ...

    def submit(self, wish: Wish) -> Submission:
        """Begin, attach or refuse, as `orchestrator.submit.submit` says. Idempotent; a crash leaves what it says."""
        ...

    def undo(self, service: str, to: str | None, *, steps: bool, actor: str, reason: str) -> Submission:
        """Go back to `to`, or to what served before the last release: turn the rollout under way, or submit a new one.

        Raises Refused. Idempotent as `submit` is; see `orchestrator.undo`.
        """
        ...

    def pardon(self, service: str, actor: str) -> Rollout:
        """Lift the poison of what was rolled back last; see `orchestrator.sayings.pardon`. Not idempotent."""
        ...

    def suspend(self, suspension: Suspension) -> bool:
        """Hold back one service or all; whether anything is known of it. See `orchestrator.sayings.suspend`."""
        ...

    def unsuspend(self, service: str | None, *, actor: str, reason: str) -> bool:
        """Let go of one service, or of all; whether anything is known of it. See `orchestrator.sayings.unsuspend`."""
        ...

    def prospect(self, loaded: Loaded, digest: str | None, tag: str | None) -> Prospect:
        """Begin the wanted rollout in thought; changes nothing, and does not even make a store."""
        ...

    def checkup(self, loaded: Loaded, image: str | None, tag: str | None) -> Iterable[Checked]:
        """Check all that a rollout would stumble over, in that order; changes nothing."""
        ...

    def close(self) -> None:
        """Let go of connections; idempotent, and nothing is lost by not calling it."""
        ...


class LocalDesk:
    """The desk of a process that has a store and hands of its own; safe between threads as its app and store are."""

    def __init__(self, app: App, memory: Callable[[], Store | None] | None = None, log: Log | None = None) -> None:
        """Work with `app`. `memory` answers the store for what must not make one; by default it is the app's.

        `log` is told what people do to services, some of which have no journal.
        """
        self.app, self._log = app, log
        self._memory = memory or (lambda: app.store)

    @property
    def store(self) -> Store:
        """The app's store."""
        return self.app.store

    def engine(self) -> Engine | None:
        """An engine over the app's hands."""
        return self.app.engine()

    def holder(self, key: str) -> LeaseRecord | None:
        """Who works on `key`, as this host can tell."""
        from orchestrator.holder import live_holder
        from orchestrator.lease import this_process

        return live_holder(self.store, key, self.app.clock.now(), this_process())

    def digest(self, image: Reference) -> str:
        """Ask the registry with this process's credentials."""
        from orchestrator.wiring import digest_of

        return digest_of(image)

    def tags(self, image: Reference) -> tuple[str, ...]:
        """Ask the registry with this process's credentials."""
        from orchestrator.wiring import tags_of

        return tags_of(image)

    def submit(self, wish: Wish) -> Submission:
        """Submit with the app's hands."""
        from orchestrator.submit import submit

        answer = submit(self.app, wish)
        self._remember(wish, answer)
        return answer

    def _remember(self, wish: Wish, answer: Submission) -> None:
        """Leave what must wait to the daemon, where there is one: whoever asked may be gone by then."""
        from orchestrator.holder import PRESENCE
        from orchestrator.wish import Way, recorded

        service, wanted = wish.loaded.manifest.service, answer.revision
        if answer.way is Way.AFTER and answer.rollout is not None and wanted is not None:
            if self.holder(PRESENCE) is not None:
                waits = replace(wish, digest=wanted.digest, tag=wanted.tag, behind=answer.rollout.id)
                self.store.keep_next(service, recorded(waits))
            return
        waiting = self.store.next_wish(service)
        if waiting is not None and wanted is not None and waiting.digest == wanted.digest:
            self.store.forget_next(service)

    def undo(self, service: str, to: str | None, *, steps: bool, actor: str, reason: str) -> Submission:
        """Take the rollout under way back where the old side is still warm, else find the way in the store."""
        from orchestrator.undo import go_no_further, take_back, way_back

        back = take_back(self.app, service, to, steps=steps, actor=actor, reason=reason)
        if back is not None:
            return back
        answer = self.submit(way_back(self.app, service, to, steps=steps, actor=actor, reason=reason).wish)
        go_no_further(self.app, answer, actor=actor, reason=reason)
        return answer

    def pardon(self, service: str, actor: str) -> Rollout:
        """Lift the poison in the store."""
        from orchestrator.sayings import pardon

        return pardon(self.store, self.app.clock, service, actor)

    def suspend(self, suspension: Suspension) -> bool:
        """Write the suspension into the store and its journals."""
        from orchestrator.sayings import suspend
        from orchestrator.stamps import stamp

        suspend(self.store, suspension)
        name, until = suspension.service, stamp(suspension.until)
        self._note("service_suspended", name, actor=suspension.actor, reason=suspension.reason, until=until)
        return self._known(name)

    def unsuspend(self, service: str | None, *, actor: str, reason: str) -> bool:
        """Lift the suspension in the store, with a line in the journals."""
        from orchestrator.sayings import unsuspend

        unsuspend(self.store, self.app.clock, service, actor=actor, reason=reason)
        self._note("service_unsuspended", service, actor=actor, reason=reason)
        return self._known(service)

    def prospect(self, loaded: Loaded, digest: str | None, tag: str | None) -> Prospect:
        """Look around with the app's hands."""
        from orchestrator.cli.planning import prospect

        return prospect(self.app, loaded, digest, tag, self._memory())

    def checkup(self, loaded: Loaded, image: str | None, tag: str | None) -> Iterable[Checked]:
        """Check with the app's hands, one finding after the other as they come."""
        from orchestrator.cli.checkup import checkup

        return checkup(self, loaded, image, tag)

    def close(self) -> None:
        """Close the app's clients and its store."""
        self.app.close()

    def _known(self, service: str | None) -> bool:
        from orchestrator.sayings import known

        return service is None or known(self.store, service)

    def _note(self, happened: str, service: str | None, **keys: str | None) -> None:
        if self._log is not None:
            self._log.info(happened, service=service or "*", **keys)
