"""The event log: every event that the engine saves, as one structured line; events with keys, never prose."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

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


def event_log(stream: TextIO, form: str) -> Listener:
    """Make a listener that writes to `stream`, one line per event: `json`, or `text` as `key=value`.

    Nothing global is configured: two logs in one process do not disturb each other. A stream that nobody reads any more
    is passed over, because a listener must not raise.
    """
    import structlog

    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=["at", "level", "event", "service", "rollout", "target"])
    )
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[structlog.processors.add_log_level, renderer],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )

    def listen(rollout: Rollout, events: tuple[Event, ...]) -> None:
        bound = logger.bind(service=rollout.service.name, rollout=rollout.id)
        for event in events:
            write = bound.warning if event.kind in _WARNINGS else bound.info
            with suppress(BrokenPipeError):
                write(event.kind, at=stamp(event.at), target=event.target, **_values(event))

    return listen


def _values(event: Event) -> dict[str, str | int | float | bool | None]:
    """The event's values; a key that the line itself uses gets an underscore."""
    return {
        f"{key}_" if key in _OWN else key.replace(".", "_"): value for key, value in event.data if value is not None
    }
