"""What a request may hold: one table of fields that checks the request and describes itself in the API's document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from orchestrator.words import LONGEST_TEXT, BadInput, check_moment, check_text


class Kind(Enum):
    """What a field holds, by the words that say what was expected."""

    TEXT = "a text"
    FLAG = "true or false"
    NUMBER = "a whole number"
    AMOUNT = "a number"
    TEXTS = "an object whose values are texts"
    MOMENT = "a time such as 2030-01-31T18:00:00Z"


_NUMBERS = (Kind.NUMBER, Kind.AMOUNT)
_TYPES: dict[Kind, type | tuple[type, ...]] = {
    Kind.TEXT: str,
    Kind.FLAG: bool,
    Kind.NUMBER: int,
    Kind.AMOUNT: (int, float),
    Kind.TEXTS: dict,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body or a query; texts have at most `longest` characters, numbers lie in `least`..`most`."""

    name: str
    says: str
    kind: Kind = Kind.TEXT
    required: bool = False
    default: Any = None
    longest: int = LONGEST_TEXT
    pattern: str = ""
    example: str = ""
    one_of: tuple[str, ...] = ()
    least: int = 0
    most: int = 1_000_000_000

    def schema(self) -> dict[str, Any]:
        """Describe the field in JSON Schema."""
        schema: dict[str, Any] = {"description": self.says}
        match self.kind:
            case Kind.TEXT:
                schema |= {"type": "string", "maxLength": self.longest}
                schema |= {"pattern": f"^(?:{self.pattern})$"} if self.pattern else {}
                schema |= {"enum": list(self.one_of)} if self.one_of else {}
            case Kind.FLAG:
                schema |= {"type": "boolean"}
            case Kind.NUMBER | Kind.AMOUNT:
                kind = "integer" if self.kind is Kind.NUMBER else "number"
                schema |= {"type": kind, "minimum": self.least, "maximum": self.most}
            case Kind.TEXTS:
                schema |= {"type": "object", "additionalProperties": {"type": "string"}}
            case Kind.MOMENT:
                schema |= {"type": "string", "format": "date-time"}
        return schema if self.default is None else {**schema, "default": self.default}

    def read(self, value: Any) -> Any:
        """Check a JSON value and return it as the handler wants it; raises ValueError saying what was expected."""
        if self.kind is Kind.MOMENT:
            return _moment(value)
        fits = isinstance(value, _TYPES[self.kind]) and not (self.kind in _NUMBERS and isinstance(value, bool))
        if fits and self.kind is Kind.TEXTS:
            fits = all(isinstance(each, str) for each in value.values())
        if not fits:
            raise ValueError(f"must be {self.kind.value}; got {_shown(value)}")
        if self.kind is Kind.TEXT:
            self._check_text(value)
        if self.kind is Kind.TEXTS:
            for text in (*value, *value.values()):
                check_text(text, None)
        if self.kind in _NUMBERS and not self.least <= value <= self.most:
            raise ValueError(f"must be from {self.least} to {self.most}; got {value}")
        return value

    def _check_text(self, value: str) -> None:
        check_text(value, self.longest)
        if self.one_of and value not in self.one_of:
            raise ValueError(f"must be one of {', '.join(self.one_of)}; got {_shown(value)}")
        if self.pattern and re.fullmatch(self.pattern, value) is None:
            raise ValueError(f"must look like {self.example}; got {_shown(value)}")


def read_body(fields: Sequence[Field], body: bytes) -> dict[str, Any]:
    """Read a JSON object; raises BadInput with every problem at once, unknown fields among them."""
    if not body.strip():
        return read(fields, {})
    try:
        document = json.loads(body, object_pairs_hook=_once, parse_constant=_no_number)
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadInput([("", f"the body must be a JSON object; it cannot be read as JSON{where}")]) from None
    if not isinstance(document, dict):
        raise BadInput([("", f"the body must be a JSON object; got {_shown(document)}")])
    return read(fields, document)


def read_query(fields: Sequence[Field], query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Read a query's names and words; raises BadInput with every problem at once."""
    given: dict[str, Any] = _once(list(query))
    for field in fields:
        word = given.get(field.name)
        if field.kind is Kind.NUMBER and isinstance(word, str) and re.fullmatch(r"[0-9]{1,18}", word):
            given[field.name] = int(word)
    return read(fields, given)


def read(fields: Sequence[Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check every field; one that is absent or null has its default. Raises BadInput with every problem at once."""
    problems: list[tuple[str, str]] = []
    values: dict[str, Any] = {}
    for field in fields:
        value = given.get(field.name)
        if value is None:
            values[field.name] = field.default
            if field.required:
                problems.append((field.name, f"must be given: {field.kind.value}; got nothing"))
            continue
        try:
            values[field.name] = field.read(value)
        except ValueError as error:
            problems.append((field.name, str(error)))
    known = [field.name for field in fields]
    for name in given:
        if name not in known:
            problems.append((_shown(name)[1:-1], f"is not known here; expected {_listed(known)}"))
    if problems:
        raise BadInput(problems)
    return values


def _listed(known: Sequence[str]) -> str:
    return f"only {', '.join(known)}" if known else "nothing"


def _moment(value: Any) -> datetime:
    expected = f"must be {Kind.MOMENT.value}"
    if not isinstance(value, str):
        raise ValueError(f"{expected}; got {_shown(value)}")  # noqa: TRY004 - one kind of refusal for all fields
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{expected}; got {_shown(value)}") from None
    if at.tzinfo is None:
        raise ValueError(f"{expected}, with its zone; got {_shown(value)}")
    try:
        return check_moment(at)
    except ValueError:
        raise ValueError(f"{expected}; got {_shown(value)}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ in which of two equal keys they take, so there may be one only."""
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        twice = dict.fromkeys(name for name in names if names.count(name) > 1)
        raise BadInput([(_shown(name)[1:-1], "must be given once; got it several times") for name in twice])
    return document


def _no_number(word: str) -> Any:
    raise BadInput([("", f"the body must be JSON, which has no word {word}")])


def _shown(value: Any) -> str:
    """Show a found value in a message, shortened; texts that may be large or secret only by their beginning."""
    text = repr(value) if isinstance(value, str | int | float) else type(value).__name__
    return text if len(text) <= 60 else f"{text[:56]}...{text[0]}"
