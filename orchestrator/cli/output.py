"""Where words go: the result to standard output, progress and errors to standard error, nothing to a closed pipe."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from orchestrator.cli.options import Options
from orchestrator.cli.style import Style


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


class Output:
    """The two streams of one run, and whether they may be coloured.

    When the reader of a stream has gone (`rollout events X | head`) what is written there is dropped, so that the work
    goes on and its exit code stays true; `closed` tells loops that only write.
    """

    def __init__(self, options: Options, out: TextIO | None = None, err: TextIO | None = None) -> None:
        """Use the process's own streams unless others are given."""
        self.options = options
        # A process that was started without them (`>&-`) has None there.
        self._out = out or sys.stdout or _nowhere()
        self._err = err or sys.stderr or _nowhere()
        self.closed = False
        self.style = self._style(self._out)
        self.err_style = self._style(self._err)

    @property
    def terminal(self) -> bool:
        """Whether the result goes to a terminal as text, so that it may be redrawn."""
        return not self.options.json and self._out.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def stream(self) -> TextIO:
        """Standard output, for what draws by itself."""
        return self._out

    @property
    def err_stream(self) -> TextIO:
        """Standard error, for what logs by itself."""
        return self._err

    def text(self, text: str) -> None:
        """Write a part of the result for people; nothing with `--output json`."""
        if not self.options.json:
            self._write(self._out, f"{text}\n")

    def document(self, document: Mapping[str, Any]) -> None:
        """Write the one JSON document; nothing with `--output text`."""
        if self.options.json:
            self._write(self._out, json.dumps(document, ensure_ascii=False, indent=2) + "\n")

    def raw(self, text: str) -> None:
        """Write to standard output as it is, whatever the format: a part of a document that is streamed."""
        self._write(self._out, text)

    def note(self, text: str) -> None:
        """Write progress to standard error; nothing with `--quiet`."""
        if not self.options.quiet:
            self._write(self._err, f"{text}\n")

    def error(self, message: str) -> None:
        """Write an error to standard error: the sentence first, what to do below it."""
        self._write(self._err, f"{self.err_style.bad('error:')} {message}\n")

    def flush(self) -> None:
        """Send what is still buffered, or drop it when nobody reads."""
        self._write(self._out, "")

    def _style(self, stream: TextIO) -> Style:
        plain = self.options.no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        wide = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
        return Style(colours=stream.isatty() and not plain, symbols=wide)

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text if self.style.symbols else self.style.ascii(text))
            stream.flush()
        except BrokenPipeError:
            self._drop(stream)

    def _drop(self, stream: TextIO) -> None:
        """Point the stream's file at nothing: Python flushes it once more at exit, and would complain then."""
        if stream is self._out:
            self.closed = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
