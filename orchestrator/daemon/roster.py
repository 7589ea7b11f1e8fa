"""Who is on watch, found by service and by repository at a cost that does not grow with how many there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator.daemon.pace import Watch

if TYPE_CHECKING:
    from orchestrator.daemon.directory import Watched
    from watchers.signals import Signal


class Roster:
    """All watches by service; safe between threads."""

    def __init__(self) -> None:
        """Nobody is on watch."""
        self._watches: dict[str, Watch] = {}
        # A name alone where only one service follows the repository, which is the rule.
        self._by_repository: dict[str, str | tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._watches)

    def __iter__(self) -> Iterator[Watch]:
        return iter(list(self._watches.values()))

    def get(self, service: str) -> Watch | None:
        """Return a service's watch; None when it is not watched."""
        return self._watches.get(service)

    def put(self, watched: Watched) -> Watch:
        """Take a service in, or as it is now; what was seen is kept while the question is the same."""
        with self._lock:
            watch = self._watches.get(watched.service)
            if watch is not None and _question(watch.watched) == _question(watched):
                watch.watched = watched
                return watch
            if watch is not None:
                self._unlist(watch.watched)
            listed = self._services(watched.repository)
            self._by_repository[watched.repository] = (*listed, watched.service) if listed else watched.service
            watch = self._watches[watched.service] = Watch(watched)
            return watch

    def remove(self, service: str) -> bool:
        """Let a service go; False when it was not watched."""
        with self._lock:
            watch = self._watches.pop(service, None)
            if watch is not None:
                self._unlist(watch.watched)
            return watch is not None

    def concerned(self, signal: Signal) -> list[Watch]:
        """Return the watches on the signal's repository; on any host of that name where the signal names none."""
        with self._lock:
            found = [self._watches[service] for service in self._services(signal.repository)]
        return [watch for watch in found if signal.host in (None, watch.watched.host)]

    def _services(self, repository: str) -> tuple[str, ...]:
        found = self._by_repository.get(repository, ())
        return (found,) if isinstance(found, str) else found

    def _unlist(self, watched: Watched) -> None:
        left = tuple(each for each in self._services(watched.repository) if each != watched.service)
        if left:
            self._by_repository[watched.repository] = left[0] if len(left) == 1 else left
        else:
            self._by_repository.pop(watched.repository, None)


def _question(watched: Watched) -> tuple[object, ...]:
    """What a look answers: another image or rule makes it another question."""
    return (watched.host, watched.repository, watched.image, watched.policy)
