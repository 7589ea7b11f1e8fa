"""One attempt of a call over HTTP, and connections that send nothing once the act is over.

A token, a name's addresses and a handshake can each take longer than an act may last, and none of them is bounded by
the timeouts of a request. So a connection looks at the act's end once more before the first byte leaves, and says
whether any did: what never left is told from what may have been taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from providers.errors import NotSent
from providers.retry import Retry


@dataclass(slots=True)
class Attempt:
    """One attempt of a call: how many seconds it may take, and how far it has come."""

    seconds: float
    left: Callable[[], float]
    """The seconds until the act ends."""
    ready: bool = False
    """Whether a request had its token and was handed to the transport."""
    began: bool = False
    """Whether any byte of a request has left on its connection."""


_PRESENT: ContextVar[Attempt | None] = ContextVar("the present attempt", default=None)


@contextmanager
def attempt(seconds: float, retry: Retry) -> Iterator[Attempt]:
    """Say to the connections used inside how long their requests may take; ends with the block."""
    made = Attempt(seconds, retry.left)
    token = _PRESENT.set(made)
    try:
        yield made
    finally:
        _PRESENT.reset(token)


def present() -> Attempt | None:
    """Return the attempt under way, or None outside of any."""
    return _PRESENT.get()


def refuse_late(left: float) -> None:
    """Raise NotSent when the act is over; `left` is the seconds until then."""
    if left <= 0:
        message = "getting a token or a connection took all the time that one act may take; nothing was sent"
        raise NotSent(message, code="OutOfTime")


def pool_classes() -> dict[str, Any]:
    """Return urllib3 pools by scheme whose connections look at the present attempt before they send."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Plain(HTTPConnection):
        def putrequest(self, *args: Any, **more: Any) -> None:
            _begin(self)
            super().putrequest(*args, **more)

        def getresponse(self) -> Any:
            _shorten(self)
            return super().getresponse()

    class Secure(HTTPSConnection):
        def putrequest(self, *args: Any, **more: Any) -> None:
            _begin(self)
            super().putrequest(*args, **more)

        def getresponse(self) -> Any:
            _shorten(self)
            return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _begin(connection: Any) -> None:
    under_way = _PRESENT.get()
    if under_way is None:
        return
    if connection.sock is None:
        connection.connect()
    refuse_late(under_way.left())
    under_way.began = True


def _shorten(connection: Any) -> None:
    """Wait for an answer no longer than the act lasts, whatever names and handshakes took of it."""
    under_way = _PRESENT.get()
    if under_way is not None and connection.timeout is not None:
        connection.timeout = max(min(connection.timeout, under_way.left()), 0.001)
