"""What was asked for while another rollout was under way begins when that one has ended, whoever waits for it.

A wish is kept in the store by whoever handed it in. Beginning it is idempotent: a crash between beginning and
forgetting attaches to the same rollout the next time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.daemon.jobs import Jobs
from orchestrator.daemon.workers import Lane
from orchestrator.manifest.problems import ManifestError
from orchestrator.store.errors import StoreUnavailable
from orchestrator.submit import submit
from orchestrator.wiring import App
from orchestrator.wish import Refused, Way, wished
from providers.errors import ProviderError

if TYPE_CHECKING:
    from orchestrator.telemetry.log import Log

SEARCH_SECONDS = 5.0
AGAIN_SECONDS = 15.0
"""How soon a wish is tried again that Azure did not let us judge."""


class Nexts:
    """Begins what waits in the store, for every service of it."""

    def __init__(self, app: App, jobs: Jobs, log: Log) -> None:
        """Plan nothing yet."""
        self._app, self._jobs, self._log = app, jobs, log
        jobs.on("waiting", Lane.CHORE, self.find)
        jobs.on("next", Lane.SUBMIT, self.begin_next)

    def begin(self) -> None:
        """Plan the recurring search."""
        self._jobs.nudge("waiting")

    def ended(self, service: str) -> None:
        """A rollout of the service has ended: what waited for it begins at once."""
        self._jobs.nudge("next", service)

    def find(self, _name: str = "") -> float:
        """Find wishes whose way is free, as after a restart, or where another process ended what was in the way."""
        for service in self._app.store.next_services():
            if not self._jobs.knows("next", service) and self._app.store.active(service) is None:
                self._jobs.nudge("next", service)
        return SEARCH_SECONDS

    def begin_next(self, service: str) -> float | None:
        """Submit what waits for the service; None when nothing is left to do now."""
        from orchestrator.manifest.loader import from_snapshot

        store = self._app.store
        waiting = store.next_wish(service)
        if waiting is None:
            return None
        words = {"service": service, "tag": waiting.tag, "digest": waiting.digest, "actor": waiting.actor}
        try:
            answer = submit(self._app, wished(waiting, from_snapshot(waiting.snapshot)))
        except StoreUnavailable:
            raise
        except ProviderError as error:
            self._log.warning("wish_delayed", **words, message=str(error), again_in=AGAIN_SECONDS)
            return AGAIN_SECONDS
        except (Refused, ManifestError) as error:
            self._log.warning("wish_refused", **words, message=str(error))
            self._forget(service)
            return None
        if answer.way is Way.AFTER:
            return None
        self._log.info("wish_begun", **words, rollout=answer.rollout.id if answer.rollout else None)
        self._forget(service)
        self._jobs.nudge("stir")
        return None

    def _forget(self, service: str) -> None:
        self._app.store.forget_next(service)
