"""The words of a query that are filled in when it is asked: `$revision`, `$groups` and the like; pure.

`$$` writes one dollar, and a dollar that no letter follows stays, as at the end of a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from providers.errors import Invalid, NotSent
from providers.ports import Arm, Question

WORDS = (
    "service",
    "target",
    "side",
    "revision",
    "revision8",
    "digest",
    "groups",
    "endpoints",
    "interval",
)
"""All words, without their dollar."""
SIDES = ("side", "revision", "revision8", "digest", "groups", "endpoints")
"""Those that differ between the two sides: a query without any of them counts both sides together."""
_LISTS = {"groups": "workloads", "endpoints": "endpoints"}
_TOKEN = re.compile(r"\$(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<dollar>\$))")
_PLAIN = re.compile(r"[A-Za-z0-9_-]")
_NO_CLASS = "\\^]['\"`"


def words_in(text: str) -> tuple[str, ...]:
    """Every word that a text holds, known or not, each once and in the order of the text."""
    found = (token["word"] for token in _TOKEN.finditer(text))
    return tuple(dict.fromkeys(word for word in found if word is not None))


def unknown_words(text: str) -> tuple[str, ...]:
    """The words of a text that mean nothing here."""
    return tuple(word for word in words_in(text) if word not in WORDS)


def tells_sides_apart(text: str) -> bool:
    """Whether a text asks something else for each side."""
    return any(word in SIDES for word in words_in(text))


def known_words() -> str:
    """All words as a person writes them, for messages."""
    return ", ".join(f"${word}" for word in WORDS)


def words_of(question: Question, arm: Arm, stable: str | None, interval_seconds: int) -> dict[str, str]:
    """What each word stands for when `question` is asked for one side; words that have no value are left out.

    `stable` is what the manifest calls the revision of a stable side that we did not make. Names of workloads and
    endpoints become a regular expression (RE2) that matches them and nothing else.
    """
    made = bool(arm.revision)
    values = {
        "service": question.service,
        "target": question.target,
        "side": arm.side.value,
        "revision": arm.revision if made else stable or "",
        "revision8": arm.revision[:8] if made else stable or "",
        "digest": arm.digest,
        "groups": any_of(arm.groups),
        "endpoints": any_of(arm.endpoints),
        "interval": f"{interval_seconds}s",
    }
    return {word: value for word, value in values.items() if value}


def fill(text: str, words: Mapping[str, str]) -> str:
    """Fill in the words of a text.

    Raises NotSent (code `NoNames`) while a side has no workloads or endpoints for the text to name, Invalid for a word
    that means nothing and for one that has no value on this side.
    """

    def value(token: re.Match[str]) -> str:
        word = token["word"]
        if word is None:
            return "$"
        if word in words:
            return words[word]
        if word not in WORDS:
            raise Invalid(f"${word} means nothing: expected one of {known_words()}, or $$ for a dollar", code="Words")
        side = words.get("side", "")
        if word in _LISTS:
            message = f"the {side} side has no {_LISTS[word]} yet that ${word} could stand for"
            raise NotSent(message, code="NoNames")
        remedy = "`stable:` beside the query says its revision" if word != "digest" else "ask by $revision or $groups"
        raise Invalid(f"${word} is not known of a {side} side that rollout did not make: {remedy}", code="Words")

    return _TOKEN.sub(value, text)


def any_of(names: tuple[str, ...]) -> str:
    """A regular expression for any of the names, to be written between quotes; empty without names.

    It holds no backslash, which PromQL and KQL read differently within quotes.
    """
    written = ["".join(map(_literal, name)) for name in names]
    return written[0] if len(written) == 1 else f"(?:{'|'.join(written)})" if written else ""


def _literal(character: str) -> str:
    if _PLAIN.fullmatch(character):
        return character
    return "." if character in _NO_CLASS else f"[{character}]"
