"""From bytes that anybody may have sent to typed values: JSON without surprises, and names that a registry can have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from watchers.reference import ReferenceProblem, canonical_host, check_repository, check_tag, is_digest
from watchers.signals import Signal

T = TypeVar("T")
_LONGEST_SAID = 200
# Longer names are none, and a sentence about them would be as long.
LONGEST_NAME = 512


class Source(StrEnum):
    """Who may send webhooks; each has a path of its own."""

    ACR = "acr"
    EVENTGRID = "eventgrid"
    DISTRIBUTION = "distribution"
    DOCKERHUB = "dockerhub"
    GITHUB = "github"
    SIGNED = "signed"


class Junk(ValueError):  # noqa: N818 - said of what was sent
    """What was sent is not what this source sends; the sentence says what was expected and where."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """The sender asks whether it may send at all: answer 200 with this document and these headers."""

    document: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header's value; empty where there is none."""
    return headers.get(name) or headers.get(name.lower()) or ""


def decode(body: bytes) -> Any:
    """Read JSON as every reader reads it: UTF-8, no key twice, no NaN, not deeper than anybody writes. Raises Junk."""
    try:
        text = body.decode("utf-8")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Junk(f"the body: expected JSON in UTF-8; byte {error.start} is none") from None
    except RecursionError:
        raise Junk("the body: expected JSON of a few levels; got one inside another without end") from None
    except json.JSONDecodeError as error:
        raise Junk(f"the body: expected JSON; {error.msg} at line {error.lineno}, column {error.colno}") from None
    except Junk:
        raise
    except ValueError:
        raise Junk("the body: expected JSON; a number in it has more digits than can be read") from None


def shaped(value: Any, shape: type[T], where: str = "the body") -> T:
    """Take a decoded value for what it should be; raises Junk with the path to what is missing or of another type."""
    import msgspec

    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        said = str(error).replace("Object missing required field", "expected the field")
        raise Junk(f"{where}: {cut(said[:1].lower() + said[1:])}") from None
    except RecursionError:
        raise Junk(f"{where}: expected a few levels; got one inside another without end") from None


def signal(
    source: Source, host: str | None, repository: str, tag: str | None, *, digest: str | None = None, where: str
) -> Signal:
    """Make a signal of names that a registry can have; raises Junk for others, a strange digest is only left out."""
    if max(map(len, (host or "", repository, tag or ""))) > LONGEST_NAME:
        raise Junk(f"{where}: expected an image's name of at most {LONGEST_NAME} characters")
    try:
        known_host = canonical_host(host) if host else None
        check_repository(repository)
        if tag:
            check_tag(tag)
    except ReferenceProblem as problem:
        raise Junk(f"{where}: {cut(str(problem))}") from None
    return Signal(known_host, repository, tag or None, digest if digest and is_digest(digest) else None, source.value)


def cut(text: str) -> str:
    """Shorten what a stranger's words have made long."""
    return text if len(text) <= _LONGEST_SAID else f"{text[: _LONGEST_SAID - 3]}..."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers of a key that stands there twice see two different things, so nobody shall read it."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise Junk(f"the body: expected each key once; {cut(twice)!r} stands there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise Junk(f"the body: expected JSON; {text} is no number there")
