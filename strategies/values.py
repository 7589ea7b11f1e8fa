"""Changing a frozen value: the same value when nothing differs, else a copy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")
Put = Callable[[Any, Any], None]


def evolve(value: T, **changes: Any) -> T:
    """Return `value` with these fields changed, and `value` itself where all of them are so already.

    For the slotted dataclasses of this package whose construction checks nothing. A tick mostly finds the world as it
    was, and `dataclasses.replace` costs several times as much, for it goes through `__init__` field by field. Raises
    AttributeError for a field that the value does not have.
    """
    for name, wanted in changes.items():
        if getattr(value, name) != wanted:
            break
    else:
        return value
    kind: type = type(value)
    read, puts, write = _access(kind)
    copy: T = object.__new__(kind)
    for put, old in zip(puts, read(value)):  # noqa: B905 - as many of one as of the other, and this is the hot spot
        put(copy, old)
    for name, wanted in changes.items():
        write[name](copy, wanted)
    return copy


@cache
def _access(kind: type) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[Put, ...], dict[str, Put]]:
    """How to read all fields of a class at once, and how to write each past its own guard against change."""
    names: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
    read = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)
    write = {name: kind.__dict__[name].__set__ for name in names}
    return read, tuple(write.values()), write
