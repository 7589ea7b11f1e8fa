"""The logs: every event that the engine saves, and what the daemon does beside it; events with keys, never prose."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from orchestrator.result import stamp

if TYPE_CHECKING:
    from orchestrator.engine import Listener
    from strategies.journal import Event
    from strategies.model import Rollout

_WARNINGS = frozenset(
    {
        "verdict_unhealthy",
        "target_unhealthy",
        "group_faulty",
        "group_left_over",
        "probe_failing",
        "look_failed",
        "drift_seen",
        "rollout_aborted",
    }
)
_OWN = frozenset({"service", "rollout", "target", "at", "level", "event", "self"})


Word = str | int | float | bool | None
"""What may stand behind a key."""


class Log(Protocol):
    """Lines that belong to no rollout: an event with its keys. Safe between threads; never raises."""

    def info(self, event: str, /, **keys: Word) -> None:
        """Write what happened; keys without a value are left out."""
        ...

    def warning(self, event: str, /, **keys: Word) -> None:
        """Write what somebody should look at."""
        ...


class Lines:
    """A log that writes to `stream`, one line per event: `json`, or `text` as `key=value`; `now` stamps them in UTC."""

    def __init__(self, stream: TextIO, form: str, now: Callable[[], datetime]) -> None:
        """Write nothing yet."""
        self._logger, self._now = _logger(stream, form), now

    def info(self, event: str, /, **keys: Word) -> None:
        """Write what happened."""
        self._write(self._logger.info, event, keys)

    def warning(self, event: str, /, **keys: Word) -> None:
        """Write what somebody should look at."""
        self._write(self._logger.warning, event, keys)

    def _write(self, write: Callable[..., object], event: str, keys: dict[str, Word]) -> None:
        said = {key: value for key, value in keys.items() if value is not None and value != ""}
        with suppress(BrokenPipeError):
            write(event, at=stamp(self._now()), **said)


def event_log(stream: TextIO, form: str) -> Listener:
    """Make a listener that writes to `stream`, one line per event: `json`, or `text` as `key=value`.

    Nothing global is configured: two logs in one process do not disturb each other. A stream that nobody reads any more
    is passed over, because a listener must not raise.
    """
    logger = _logger(stream, form)

    def listen(rollout: Rollout, events: tuple[Event, ...]) -> None:
        bound = logger.bind(service=rollout.service.name, rollout=rollout.id)
        for event in events:
            write = bound.warning if event.kind in _WARNINGS else bound.info
            with suppress(BrokenPipeError):
                write(event.kind, at=stamp(event.at), target=event.target, **_values(event))

    return listen


def _logger(stream: TextIO, form: str) -> Any:
    import structlog

    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.processors.LogfmtRenderer(
            key_order=["at", "level", "event", "service", "rollout", "target"], drop_missing=True, bool_as_flag=False
        )
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[structlog.processors.add_log_level, renderer],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _values(event: Event) -> dict[str, str | int | float | bool | None]:
    """The event's values; a key that the line itself uses gets an underscore."""
    return {
        f"{key}_" if key in _OWN else key.replace(".", "_"): value for key, value in event.data if value is not None
    }
