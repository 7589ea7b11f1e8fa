"""Writing to streams that may be full, gone or closed, and of texts that strangers wrote: neither may do harm."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Any, TextIO

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
# What turns the direction of a line around, so that it reads as something else.
_CONTROLS |= {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
# JSON has its own escapes for those below 0x20, and no other for these.
_BEYOND_JSON = {code: f"\\u{code:04x}" for code in _CONTROLS if code >= 0x7F}
_OUR_COLOURS = "(\x1b\\[(?:0|1|2|31|32|33|36)m)"
"""What `cli.style` paints with: these can do nothing but colour."""


def visible(text: str, *, colours: bool = False) -> str:
    """The same text with every control character but newline and tab written out, as `\\x1b`, so that it does nothing.

    `colours` leaves the sequences of our own colours as they are.
    """
    if not colours or "\x1b" not in text:
        return text.translate(_CONTROLS)
    import re

    parts = re.split(_OUR_COLOURS, text)
    return "".join(part if number % 2 else part.translate(_CONTROLS) for number, part in enumerate(parts))


def visible_json(text: str) -> str:
    """The same JSON document, to its readers, with the control characters escaped that JSON would let stand."""
    return text.translate(_BEYOND_JSON)


def put(stream: TextIO, text: str) -> Exception | None:
    """Write a text and send it; answers what was in the way instead of raising it.

    Characters that the stream's encoding does not have are written as escapes.
    """
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError as error:
            stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
        stream.flush()
    except (OSError, ValueError) as error:  # a closed stream is a ValueError
        return error
    return None


def silence(stream: TextIO) -> None:
    """Point a stream's file at nothing: Python flushes it once more at exit, and would complain then. Idempotent."""
    with suppress(OSError, ValueError):  # without a file there is nothing that could complain
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, number)
        finally:
            os.close(nowhere)


class Unfailing:
    """A stream whose writing never raises: what cannot be written is dropped and counted. Safe between threads.

    Each write is sent at once and tried anew, so that a log goes on as soon as its disk has room again. All else that
    may be asked of a stream is asked of the one beneath.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write nothing yet."""
        self._stream, self._lock = stream, threading.Lock()
        self.dropped = 0
        """How many texts could not be written when it was their turn."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write and send a text, or count it."""
        with self._lock:
            if put(self._stream, text) is not None:
                self.dropped += 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: each text has been sent when it was written."""
