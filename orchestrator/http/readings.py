"""Bodies of strangers: so many are read at once, and when there are more, the slowest gives way, never the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestrator.http.answers import Refusal


class Readings:
    """At most `most` bodies at once, and at most `most_of_one` of them of one peer.

    Nobody is turned away: who comes when all places are taken has sent a head only, and is as likely as anybody to be
    the one that is waited for. A sender that is known sends its body with the head; so it is the one that has taken
    longest that gives way, of the same peer first, which then harms only itself.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        """Nothing is read yet."""
        self._most, self._most_of_one = most, most_of_one
        self._open: dict[asyncio.Timeout, str] = {}

    @asynccontextmanager
    async def of(self, peer: str) -> AsyncIterator[None]:
        """Hold a place while the block reads; raises Refusal 408 out of it once others need the place more."""
        same = [scope for scope, known in self._open.items() if known == peer]
        if len(same) >= self._most_of_one:
            self._end(same[0])
        elif len(self._open) >= self._most:
            self._end(next(iter(self._open)))
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._open[scope] = peer
                yield
        except TimeoutError:
            words = "too many bodies are being read, and this one took longest; send it in one piece with its head"
            raise Refusal(408, "tooSlow", words, {"Connection": "close"}) from None
        finally:
            self._open.pop(scope, None)

    def _end(self, scope: asyncio.Timeout) -> None:
        del self._open[scope]
        scope.reschedule(asyncio.get_running_loop().time())
