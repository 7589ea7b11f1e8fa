"""The lines by which a CI system's log takes commands, and how no other line can be one.

GitHub's runner takes `::name …::` at the start of a line and, from its older days, `##[name …]` anywhere in it. The
agent of Azure Pipelines takes `##vso[name …]` anywhere. Both read standard output and standard error alike, so text
from outside (an error's message, a reason, a tag) is broken up wherever it could be read as a command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

_BREAKS = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""Controls and what no reader sees: the runner compares as people do, for whom these are not there."""
_AT_START = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
_SIGNS = re.compile("#(?=#)")


_IN_STRINGS = re.compile(f"##+|{_UNSEEN.pattern}|[\x85\u2028\u2029]")


class System(StrEnum):
    """A CI system whose log takes commands."""

    GITHUB = "github"
    AZURE = "azure"


def system_of(environment: Mapping[str, str]) -> System | None:
    """The system that a process's environment says it runs under; None where the log takes no commands.

    Gitea and Forgejo call themselves GitHub and understand the same commands.
    """
    if environment.get("GITHUB_ACTIONS", "").lower() == "true":
        return System.GITHUB
    return System.AZURE if environment.get("TF_BUILD", "").lower() == "true" else None


def harmless(text: str) -> str:
    """The same text with no line that either system would take for a command; idempotent.

    Every kind of line break becomes the plain one, what nobody sees is left out, and a marker gets a space inside.
    """
    text = _UNSEEN.sub("", _BREAKS.sub("\n", text))
    return _AT_START.sub(r"\1: ", _SIGNS.sub("# ", text))


def harmless_json(text: str) -> str:
    """The same JSON document, to its readers, with neither system's markers in it.

    Number signs and what nobody sees stand in its strings alone, where they may be written as numbers; no line of JSON
    begins with a colon.
    """
    import json

    return _IN_STRINGS.sub(
        lambda found: "".join(f"\\u{ord(sign):04x}" if sign == "#" else json.dumps(sign)[1:-1] for sign in found[0]),
        text,
    )


def guards(system: System | None) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """What text, and what JSON, goes through before it is printed: unchanged where the log takes no commands."""
    return (harmless, harmless_json) if system is not None else (str, str)


def command(system: System, name: str, message: str = "", **properties: str) -> str:
    """One command as the line to print; names and property names are ours, everything else is escaped.

    `name` is the system's own (`error`, `task.logissue`). A property without a value is left out.
    """
    message, given = harmless(message), {key: harmless(value) for key, value in properties.items() if value}
    if system is System.GITHUB:
        said = ",".join(f"{key}={_github(value, property_=True)}" for key, value in given.items())
        return f"::{name}{' ' if said else ''}{said}::{_github(message)}"
    said = "".join(f"{key}={_azure(value)};" for key, value in given.items())
    return f"##vso[{name}{' ' if said else ''}{said}]{_azure(message)}"


def folded(system: System, title: str) -> tuple[str, str]:
    """The lines between which the log is folded away under a title."""
    title = harmless(title).replace("\n", " ")
    if system is System.GITHUB:
        return command(system, "group", title), command(system, "endgroup")
    return f"##[group]{title}", "##[endgroup]"


def _github(text: str, *, property_: bool = False) -> str:
    text = text.replace("%", "%25").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property_ else text


def _azure(text: str) -> str:
    # Since agent 2.194 a percent sign is written so; `%25` would stay as it stands.
    text = text.replace("%", "%AZP25").replace("\n", "%0A")
    return text.replace(";", "%3B").replace("]", "%5D")
