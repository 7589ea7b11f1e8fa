"""The options that every verb takes, before it or after it on the command line, or as ROLLOUT_* in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

VALUED = frozenset({"--output", "-o", "--store", "--server", "--log-format"})
FLAGS = frozenset({"--quiet", "-q", "--no-color", "--debug"})
ASKING = frozenset({"--help", "-h", "--version"})


class Format(StrEnum):
    """How results or logs are written."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for beside the verb; `store` None means the platform's state directory."""

    output: Format = Format.TEXT
    store: str | None = None
    server: str | None = None
    quiet: bool = False
    log_format: Format | None = None
    """None shows progress for people; a format logs events instead, for machines."""
    no_color: bool = False
    debug: bool = False

    @property
    def json(self) -> bool:
        """Whether standard output carries one JSON document and nothing else."""
        return self.output is Format.JSON


@dataclass(frozen=True, slots=True)
class Line:
    """A command line taken apart: global options before the verb are simply moved behind it."""

    verb: str | None
    arguments: tuple[str, ...]
    asked: str | None = None
    """`--help` or `--version`, where it stands before any verb."""
    unknown: str | None = None
    """An option before the verb that is no global one."""


def split(words: Sequence[str]) -> Line:
    """Find the verb; an option that takes a value keeps the word behind it."""
    before: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        name = word.partition("=")[0]
        if word in ASKING:
            return Line(None, tuple(before), asked="--version" if word == "--version" else "--help")
        if word in VALUED:
            before += words[position : position + 2]
            position += 2
        elif word in FLAGS or ("=" in word and name in VALUED):
            before.append(word)
            position += 1
        elif word.startswith("-"):
            return Line(None, tuple(before), unknown=name)
        else:
            return Line(word, (*before, *words[position + 1 :]))
    return Line(None, tuple(before))


def wants_json(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Guess `--output json` from a command line that could not be parsed, so that its error can be JSON as well."""
    wanted = environment.get("ROLLOUT_OUTPUT", "")
    for position, word in enumerate(words):
        name, separator, value = word.partition("=")
        if name in ("--output", "-o"):
            wanted = value if separator else "".join(words[position + 1 : position + 2])
    return wanted.lower() == Format.JSON


def truthy(name: str) -> bool:
    """Whether an environment variable is set to something other than a word for no."""
    return os.environ.get(name, "").strip().lower() not in ("", "0", "false", "no", "off")
