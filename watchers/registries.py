"""The registries that a process watches: one client per host, so that all who ask it share what there is to share.

That is its connections, its tokens, its budget of questions and the time for which it wants to be left alone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from watchers.budget import DEFAULT_RATE, Budget, Considerate
from watchers.docker_config import Keychain
from watchers.patience import Patience
from watchers.reference import canonical_host
from watchers.registry import Registry
from watchers.tokens import Tokens
from watchers.transport import HttpTransport, Transport

_RATE = "ROLLOUT_REGISTRY_RATE"


class Registries:
    """Clients of registries by host, each made when it is first asked for; safe to be used by several threads.

    Each question is asked once: whoever polls comes back by himself. `rate` limits each host, in questions a second
    (default ROLLOUT_REGISTRY_RATE, else 200); raises ValueError, saying what was expected, when that is no rate.
    """

    def __init__(
        self,
        tokens: Tokens | None = None,
        *,
        keychain: Keychain | None = None,
        rate: float | None = None,
        transport: Callable[[], Transport] = HttpTransport,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._tokens, self._keychain = tokens, keychain or Keychain()
        self._rate = _rate(os.environ.get(_RATE, "")) if rate is None else rate
        self._transport, self._monotonic, self._sleep, self._now = transport, monotonic, sleep, now
        self._by_name: dict[str, Registry] = {}
        self._lock = threading.Lock()

    def of(self, host: str) -> Registry:
        """Return the client for `host[:port]` as image references name it; raises ReferenceProblem when it is none."""
        found = self._by_name.get(host)
        if found is not None:
            return found
        name = canonical_host(host)
        with self._lock:
            found = self._by_name.get(name)
            if found is None:
                found = self._by_name[name] = self._made(name)
            self._by_name[host] = found
            return found

    def close(self) -> None:
        """Close all connections; a later question opens new ones."""
        with self._lock:
            clients = set(self._by_name.values())
        for client in clients:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _made(self, host: str) -> Registry:
        budget = Budget(host, self._rate, monotonic=self._monotonic, sleep=self._sleep)
        return Registry(
            host,
            self._tokens,
            keychain=self._keychain,
            patience=Patience(attempts=1, sleep=self._sleep, monotonic=self._monotonic),
            transport=Considerate(self._transport(), budget, self._now),
            now=self._now,
        )


def _rate(text: str) -> float:
    if not text:
        return DEFAULT_RATE
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.001 <= rate <= 1e6:
        raise ValueError(f"{_RATE}: expected questions a second, from 0.001 to 1000000; got {text!r}")
    return rate
