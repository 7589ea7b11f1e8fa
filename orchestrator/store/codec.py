"""Values to JSON and back, exactly: every float bit for bit, every time to the microsecond in UTC.

Fields a newer version wrote are passed over, fields an older version did not know take their defaults.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import msgspec

from orchestrator.store.errors import UnreadableRecord
from strategies.model import Revision

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encoder = msgspec.json.Encoder()


_decoders: dict[type, msgspec.json.Decoder[object]] = {}


def decode(text: str | bytes, kind: type[T], what: str) -> T:
    """Read a value of `kind` from JSON text; raises UnreadableRecord naming `what` and the path in it."""
    try:
        if kind not in _decoders:
            _decoders[kind] = msgspec.json.Decoder(kind)
        return cast(T, _decoders[kind].decode(text))
    except (msgspec.MsgspecError, ValueError) as error:
        raise UnreadableRecord(
            f"{what}: {error}; it was probably written by a newer rollout: upgrade this one, or name another --store"
        ) from error


def encode(value: object, what: str) -> str:
    """Write a value as JSON text; raises UnreadableRecord naming `what` if it would not read back as the same value.

    What cannot be loaded again must not replace what can: JSON has no word for infinity or not-a-number.
    """
    try:
        text = _encoder.encode(value)
    except (TypeError, ValueError) as error:
        raise UnreadableRecord(f"{what}: cannot be written as JSON: {error}") from error
    if decode(text, type(value), what) != value:
        raise UnreadableRecord(f"{what}: does not survive JSON; every number must be finite and every type plain")
    return text.decode()


def to_micros(at: datetime) -> int:
    """Turn an aware time into whole microseconds since 1970 UTC; raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"expected an aware datetime; got the naive {at.isoformat()}: use Clock.now()")
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Turn whole microseconds since 1970 into an aware time in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


class RevisionOnly(msgspec.Struct):
    """The one part of a stored rollout that an undo chooses by; the rest is passed over unread."""

    revision: Revision
