"""Changing a frozen value: the same value when nothing differs, else a copy."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def evolve(value: T, **changes: Any) -> T:
    """Return `value` with these fields changed, and `value` itself where all of them are so already.

    For the slotted dataclasses of this package whose construction checks nothing. A tick mostly finds the world as it
    was, and `dataclasses.replace` costs several times as much, for it goes through `__init__` field by field.
    """
    kind = type(value)
    for name, wanted in changes.items():
        if getattr(value, name) != wanted:
            break
    else:
        return value
    copy = object.__new__(kind)
    put = object.__setattr__
    for name in kind.__slots__:  # type: ignore[attr-defined]
        put(copy, name, changes[name] if name in changes else getattr(value, name))
    return copy
