"""What the sightings say of manifests: what is wrong with one, and since when nothing watches its service.

What was handled outlives the manifest. One that is away for a scan (a checkout, a file written anew) must not let the
same find act once more when it is back, over what a person has chosen meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.clock import Clock
    from orchestrator.store.ports import Watches
    from orchestrator.store.records import Sighting

REMEMBERED = timedelta(days=7)
"""How long what was handled is remembered of a service that nothing watches any more."""


class Told:
    """Writes into the store what people are told of manifests, each word into its own place of a sighting."""

    def __init__(self, store: Watches, clock: Clock) -> None:
        """Write nothing yet."""
        self._store, self._clock = store, clock

    def note(self, service: str, said: str, image: str = "") -> None:
        """Tell what is wrong with the manifest on disk; "" for nothing. Idempotent."""
        self._store.note_manifest(service, said, self._clock.now() if said else None, image=image)

    def mark(self, service: str, *, watched: bool, before: bool, unsure: bool) -> None:
        """Tell when a service is watched no longer, and when it is again; idempotent.

        `unsure` where the store may remember as unwatched a service that was not watched `before`.
        """
        if before and not watched:
            self._store.note_unwatched(service, self._clock.now())
        elif watched and not before and unsure:
            self._store.note_unwatched(service, None)

    def forget_old(self, others: Iterable[Sighting]) -> None:
        """Forget those of `others` that nothing has watched for long."""
        long_ago = self._clock.now() - REMEMBERED
        old = [each.service for each in others if each.unwatched_at is not None and each.unwatched_at < long_ago]
        in_force = self._store.manifest_files() if old else {}
        for service in old:
            if service not in in_force:  # in another folder it may be known without a rule
                self._store.forget_watch(service)
