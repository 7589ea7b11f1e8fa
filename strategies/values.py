"""Changing a frozen value: the same value when nothing differs, else a copy."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def evolve(value: T, **changes: Any) -> T:
    """Return `value` with these fields changed, and `value` itself where all of them are so already.

    For dataclasses whose construction checks nothing, and which keep their fields in a dictionary: that is copied at
    once, while `dataclasses.replace` goes through `__init__` field by field, and slots one by one. A tick mostly finds
    the world as it was. Raises AttributeError for a field that the value does not have.
    """
    for name, wanted in changes.items():
        if getattr(value, name) != wanted:
            break
    else:
        return value
    copy = object.__new__(type(value))
    fields = copy.__dict__
    fields.update(value.__dict__)
    fields.update(changes)
    return copy
