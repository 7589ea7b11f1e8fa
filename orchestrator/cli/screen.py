"""A picture that is redrawn in place in a terminal; elsewhere nothing is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestrator.cli.output import Output
from orchestrator.telemetry.writing import visible

if TYPE_CHECKING:
    from rich.live import Live


class Screen:
    """Shows one picture after another; the last one stays when it is left, unless it is `passing`."""

    def __init__(self, out: Output, *, passing: bool = False) -> None:
        """Draw nothing yet; a passing picture is wiped in the end, because a result is printed in its place."""
        self._out, self._passing = out, passing
        self._live: Live | None = None

    def show(self, lines: Sequence[str]) -> None:
        """Show these lines in place of the ones before."""
        if self._live is not None:
            from rich.text import Text

            shown = visible("\n".join(lines), colours=self._out.style.colours)
            picture = Text.from_ansi(shown, no_wrap=True, overflow="ellipsis")
            self._live.update(picture, refresh=True)

    def __enter__(self) -> Self:
        if self._out.terminal:
            from rich.console import Console
            from rich.live import Live

            colours = self._out.style.colours
            console = Console(file=self._out.stream, no_color=not colours, highlight=False)
            self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop", transient=self._passing)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
