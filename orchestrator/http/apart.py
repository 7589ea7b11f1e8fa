"""Work that blocks, apart from the loop that answers everybody."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def apart(function: Callable[[], T], seconds: float) -> T:
    """Run a function on a thread of its own and return its result; raises TimeoutError when it takes too long.

    Not on a shared pool: one stuck store would take all its threads, and health could no more be told. The thread of a
    function that never returns stays, so callers let only one of a kind run at a time; it does not keep the process.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)  # type: ignore[arg-type]

    def run() -> None:
        value, error = None, None
        try:
            value = function()
        except BaseException as raised:  # noqa: BLE001 - handed to whoever waits for it
            error = raised
        # A loop that was closed meanwhile has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, name="rollout-apart", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await result
