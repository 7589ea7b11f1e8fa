"""The logs: every event that the engine saves, and what the daemon does beside it; events with keys, never prose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast

from orchestrator.stamps import stamp
from orchestrator.telemetry.writing import Unfailing, visible

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
        "routing_lags",
        "drift_seen",
        "metric_failing",
        "probes_counted",
        "telemetry_lost",
        "check_failed",
        "check_unknown",
        "step_undecided",
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
    """A log that writes to `stream`, one line per event: `json`, or `text` as `key=value`; `now` stamps them in UTC.

    Two logs on one `Unfailing` never mix their lines.
    """

    def __init__(self, stream: TextIO | Unfailing, form: str, now: Callable[[], datetime]) -> None:
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
        write(event, at=stamp(self._now()), **said)


def event_log(stream: TextIO | Unfailing, form: str) -> Listener:
    """Make a listener that writes to `stream`, one line per event: `json`, or `text` as `key=value`.

    Nothing global is configured: two logs in one process do not disturb each other. What cannot be written is dropped,
    because a listener must not raise.
    """
    logger = _logger(stream, form)

    def listen(rollout: Rollout, events: tuple[Event, ...]) -> None:
        bound = logger.bind(service=rollout.service.name, rollout=rollout.id)
        for event in events:
            write = bound.warning if event.kind in _WARNINGS else bound.info
            write(event.kind, at=stamp(event.at), target=event.target, **_values(event))

    return listen


def _logger(stream: TextIO | Unfailing, form: str) -> Any:
    import structlog

    text = structlog.processors.LogfmtRenderer(
        key_order=["at", "level", "event", "service", "rollout", "target"], drop_missing=True, bool_as_flag=False
    )
    sink = stream if isinstance(stream, Unfailing) else Unfailing(stream)
    return structlog.wrap_logger(
        # Writes a line with its end in one piece.
        structlog.WriteLogger(cast("TextIO", sink)),
        processors=[
            structlog.processors.add_log_level,
            *([structlog.processors.JSONRenderer()] if form == "json" else [text, _harmless]),
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _harmless(_logger: object, _level: str, line: str) -> str:
    """What names and reasons bring along must not steer the terminal that shows them."""
    return visible(line)


def _values(event: Event) -> dict[str, str | int | float | bool | None]:
    """The event's values; a key that the line itself uses gets an underscore."""
    return {
        f"{key}_" if key in _OWN else key.replace(".", "_"): value for key, value in event.data if value is not None
    }
