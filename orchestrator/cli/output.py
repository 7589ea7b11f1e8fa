"""Where words go: the result to standard output, progress and errors to standard error, nothing to a closed pipe."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO, cast

from orchestrator.ci.commands import guards, system_of
from orchestrator.cli.options import Format, Options
from orchestrator.cli.style import Style


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


class _Guarded:
    """A stream whose every text goes through a guard first; all that a log needs of a stream."""

    def __init__(self, stream: TextIO, guard: Callable[[str], str]) -> None:
        self._stream, self._guard = stream, guard

    def write(self, text: str) -> int:
        """Write the guarded text."""
        return self._stream.write(self._guard(text))

    def flush(self) -> None:
        """Send what is still buffered."""
        self._stream.flush()


class Output:
    """The two streams of one run, and whether they may be coloured.

    Where a CI system takes commands from the log, nothing that is written here can be one, but for `command`.

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
        self.hear: Callable[[Mapping[str, Any]], None] | None = None
        """Who is told of the one document, whether or not it is printed."""
        self._plain, self._json = guards(system_of(os.environ))
        self.style = self._style(self._out)
        self.err_style = self._style(self._err)

    @property
    def terminal(self) -> bool:
        """Whether the result goes to a terminal as text, so that it may be redrawn."""
        in_ci = self._plain is not str
        return not (self.options.json or in_ci) and self._out.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def wants_document(self) -> bool:
        """Whether anybody reads the one document, so that it has to be made."""
        return self.options.json or self.hear is not None

    @property
    def stream(self) -> TextIO:
        """Standard output, for what draws by itself."""
        return self._out

    @property
    def err_stream(self) -> TextIO:
        """Standard error, for what logs by itself."""
        guard = self._json if self.options.log_format is Format.JSON else self._plain
        return self._err if guard is str else cast("TextIO", _Guarded(self._err, guard))

    def text(self, text: str) -> None:
        """Write a part of the result for people; nothing with `--output json`."""
        if not self.options.json:
            self._write(self._out, self._plain(f"{text}\n"))

    def document(self, document: Mapping[str, Any]) -> None:
        """Write the one JSON document; nothing with `--output text`."""
        if self.hear is not None:
            self.hear(document)
        if self.options.json:
            self._write(self._out, self._json(json.dumps(document, ensure_ascii=False, indent=2) + "\n"))

    def raw(self, text: str) -> None:
        """Write to standard output as it is, whatever the format: a part of a document that is streamed."""
        self._write(self._out, self._json(text))

    def note(self, text: str) -> None:
        """Write progress to standard error; nothing with `--quiet`."""
        if not self.options.quiet:
            self._write(self._err, self._plain(f"{text}\n"))

    def error(self, message: str) -> None:
        """Write an error to standard error: the sentence first, what to do below it."""
        self._write(self._err, self._plain(f"{self.err_style.bad('error:')} {message}\n"))

    def command(self, line: str) -> None:
        """Write a line that is meant as a command to the CI system, made by `orchestrator.ci`, to standard error."""
        self._write(self._err, f"{line}\n")

    def flush(self) -> None:
        """Send what is still buffered, or drop it when nobody reads."""
        self._write(self._out, "")

    def _style(self, stream: TextIO) -> Style:
        plain = (
            self.options.no_color
            or self._plain is not str
            or bool(os.environ.get("NO_COLOR"))
            or os.environ.get("TERM") == "dumb"
        )
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
