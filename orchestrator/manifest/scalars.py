"""How a word of YAML becomes a value: the core schema of YAML 1.2, without what surprises people.

`on`, `off`, `yes`, `no`, dates, `1_000`, `12:30` and numbers with a leading zero stay text. So does a number that a
float cannot hold, so that nothing is lost on the way. Source: yaml.org/spec/1.2.2, chapter 10.3.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_CONSTANTS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,29})")
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASED = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,20}")
_TAGS = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),)}


def resolve(text: str) -> Scalar:
    """Read an unquoted word as null, truth value, whole number, number or text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if len(text) <= 40 and _FRACTION.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def exact(text: str) -> Scalar:
    """Read a word as `resolve` does, but only where writing the value again gives the same word: `1.10` stays text."""
    value = resolve(text)
    written = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    return value if written == text else text


def tagged(text: str, tag: str) -> Scalar:
    """Read a word with an explicit tag such as `!!str`; raises ValueError when it does not fit or is unknown."""
    name = tag.removeprefix("tag:yaml.org,2002:")
    if name not in _TAGS:
        raise ValueError(f"the tag {tag} is not supported here; write a plain value")
    if name == "str":
        return text
    value = resolve(text)
    if not isinstance(value, _TAGS[name]) or (isinstance(value, bool) and name != "bool"):
        raise ValueError(f"{text!r} is no value for the tag !!{name}")
    return float(value) if name == "float" and isinstance(value, int) else value
