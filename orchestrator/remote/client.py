"""The store and the desk of a verb whose wishes go to a daemon: nothing is kept here, nothing is signed in to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from orchestrator.remote import sending
from orchestrator.remote.calls import CALLS, Served
from orchestrator.remote.wire import Wire
from orchestrator.store.ports import Store

if TYPE_CHECKING:
    from orchestrator.cli.checkup import Checked
    from orchestrator.cli.planning import Prospect
    from orchestrator.engine import Engine
    from orchestrator.manifest.loader import Loaded
    from orchestrator.store.records import LeaseRecord, Suspension
    from orchestrator.wish import Submission, Wish
    from strategies.model import Rollout
    from watchers.reference import Reference


class Remote:
    """Every call of the table as a method of this object: `remote.load(id)` asks the daemon to load it.

    It has the methods of `Store` and `Served` that are in the table, with their types, because the table is made of
    them; anything else is the daemon's alone and is refused here as a mistake of ours.
    """

    def __init__(self, wire: Wire) -> None:
        """Ask nothing yet."""
        self._wire = wire

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in CALLS:
            raise AttributeError(f"{name} is the daemon's own: it is not in the table of orchestrator.remote.calls")
        return partial(self._asked, name)

    def close(self) -> None:
        """Close every connection."""
        self._wire.close()

    def _asked(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._wire.ask(CALLS[name], args, kwargs)


def remote_store(wire: Wire) -> Store:
    """The daemon's store, as far as verbs read it and speak to it; raises what a store raises."""
    return cast(Store, Remote(wire))


class RemoteDesk:
    """The desk of a verb that was given `--server`: the daemon looks, submits and drives, this process follows."""

    def __init__(self, wire: Wire) -> None:
        """Connect to nobody yet."""
        self._wire = wire
        self.store: Store = remote_store(wire)
        self._daemon = cast(Served, Remote(wire))

    @classmethod
    def at(cls, server: str, token: str | None) -> Self:
        """The desk behind this URL; raises NoDaemon for one that can never work."""
        return cls(Wire(server, token))

    def engine(self) -> Engine | None:
        """None: the daemon's goes on."""
        return None

    def holder(self, key: str) -> LeaseRecord | None:
        """Who works on `key`, as the daemon can tell."""
        return self.store.lease_of(key)

    def digest(self, image: Reference) -> str:
        """Let the daemon ask the registry, with its credentials."""
        return self._daemon.digest(str(image))

    def tags(self, image: Reference) -> tuple[str, ...]:
        """Let the daemon ask the registry, with its credentials."""
        return self._daemon.tags(str(image))

    def submit(self, wish: Wish) -> Submission:
        """Send the manifest as it stands; raises ManifestError for secrets that are written out in a template."""
        return self._daemon.submit(sending.sent(wish))

    def undo(self, service: str, to: str | None, *, steps: bool, actor: str, reason: str) -> Submission:
        """Let the daemon find the way back in its own store."""
        return self._daemon.undo(service, to, steps=steps, actor=actor, reason=reason)

    def pardon(self, service: str, actor: str) -> Rollout:
        """Let the daemon lift the poison."""
        return self._daemon.pardon(service, actor)

    def suspend(self, suspension: Suspension) -> bool:
        """Let the daemon hold back one service or all, by its own clock."""
        return self._daemon.suspend(suspension)

    def unsuspend(self, service: str | None, *, actor: str, reason: str) -> bool:
        """Let the daemon let go of one service, or of all."""
        return self._daemon.unsuspend(service, actor=actor, reason=reason)

    def prospect(self, loaded: Loaded, digest: str | None, tag: str | None) -> Prospect:
        """Let the daemon look around; the forecast is made here."""
        sending.refuse_written(loaded)
        return sending.prospect_received(self._daemon.prospect(loaded.snapshot, digest, tag), loaded)

    def checkup(self, loaded: Loaded, image: str | None, tag: str | None) -> Iterable[Checked]:
        """Let the daemon check with its identity, its network and its secrets; all findings come at once."""
        from orchestrator.cli.checkup import Checked

        sending.refuse_written(loaded)
        for finding, target in self._daemon.checkup(loaded.snapshot, image, tag):
            yield Checked(finding, target)

    def close(self) -> None:
        """Close every connection."""
        self._wire.close()
