"""Where words go: the result to standard output, progress and errors to standard error; neither ever stops the work."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, cast

from orchestrator.ci.commands import guards, system_of
from orchestrator.cli.options import Format, Options
from orchestrator.cli.style import Style
from orchestrator.telemetry.writing import Unfailing, put, silence, visible, visible_json


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _columns(stream: TextIO) -> int | None:
    """How wide the terminal behind a stream is; None where it does not say."""
    with suppress(OSError, ValueError):  # no file behind it, or no terminal
        return os.get_terminal_size(stream.fileno()).columns or None
    return None


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

    Where a CI system takes commands from the log, nothing that is written here can be one, but for `command`. Control
    characters are written out, so that no name or reason can steer the terminal.

    What cannot be written (`rollout events X | head`, a full disk) is dropped, so that the work goes on and its exit
    code stays true; `closed` tells loops that only write.
    """

    def __init__(self, options: Options, out: TextIO | None = None, err: TextIO | None = None) -> None:
        """Use the process's own streams unless others are given."""
        self.options = options
        # A process that was started without them (`>&-`) has None there.
        self._out = out or sys.stdout or _nowhere()
        self._err = err or sys.stderr or _nowhere()
        self.closed = False
        self.answered = False
        """Whether the one document, or the beginning of one that is streamed, has been given."""
        self.hear: Callable[[Mapping[str, Any]], None] | None = None
        """Who is told of the one document, whether or not it is printed."""
        self._plain, self._json = guards(system_of(os.environ))
        self._out_style = self._style(self._out)
        self.err_style = self._style(self._err)

    @property
    def style(self) -> Style:
        """How the result is painted, as wide as its terminal is now."""
        return replace(self._out_style, columns=_columns(self._out) if self.terminal else None)

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
        """Standard output, for what draws by itself; it never raises when it is written to."""
        return cast("TextIO", Unfailing(self._out))

    @property
    def err_stream(self) -> TextIO:
        """Standard error, for what logs by itself."""
        guard = self._json if self.options.log_format is Format.JSON else self._plain
        return self._err if guard is str else cast("TextIO", _Guarded(self._err, guard))

    def text(self, text: str) -> None:
        """Write a part of the result for people; nothing with `--output json`."""
        if not self.options.json:
            self._write(self._out, self._harmless(f"{text}\n", self.style))

    def document(self, document: Mapping[str, Any]) -> None:
        """Write the one JSON document; nothing with `--output text`."""
        self.answered = True
        if self.hear is not None:
            self.hear(document)
        if self.options.json:
            self.raw(json.dumps(document, ensure_ascii=False, indent=2) + "\n")

    def raw(self, text: str) -> None:
        """Write JSON to standard output as it is, whatever the format: a part of a document that is streamed."""
        self.answered = True
        self._write(self._out, visible_json(self._json(text)))

    def note(self, text: str) -> None:
        """Write progress to standard error; nothing with `--quiet`."""
        if not self.options.quiet:
            self.trace(f"{text}\n")

    def error(self, message: str) -> None:
        """Write an error to standard error: the sentence first, what to do below it."""
        self.trace(f"{self.err_style.bad('error:')} {message}\n")

    def trace(self, text: str) -> None:
        """Write to standard error, whatever the options say."""
        self._write(self._err, self._harmless(text, self.err_style))

    def command(self, line: str) -> None:
        """Write a line that is meant as a command to the CI system, made by `orchestrator.ci`, to standard error."""
        self._write(self._err, f"{line}\n")

    def flush(self) -> None:
        """Send what is still buffered, or drop it where it cannot be written."""
        self._write(self._out, "")

    def _harmless(self, text: str, style: Style) -> str:
        return visible(self._plain(text), colours=style.colours)

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
        error = put(stream, text if self._out_style.symbols else self._out_style.ascii(text))
        if error is None:
            return
        if isinstance(error, BrokenPipeError):
            silence(stream)
        if stream is self._out and not self.closed:
            self.closed = True
            if not isinstance(error, BrokenPipeError):
                # A result of which a part is missing is none; standard error is tried anew each time.
                silence(stream)
                self.error(f"standard output cannot be written ({error}): what was to stand there is lost")
