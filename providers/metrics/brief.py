"""How much of what a source says is kept: its texts go into the state, the journal and every message about them."""

from __future__ import annotations

from dataclasses import replace

from providers.ports import Finding, Metrics, Question
from strategies.seen import Reading

MOST = 500
"""Characters of a problem, a finding or its remedy that are kept."""
MOST_OF_A_NAME = 100


class Brief:
    """A source whose texts are one line each, of what can be printed, and cut to what a person reads."""

    def __init__(self, source: Metrics) -> None:
        self.source = source

    def read(self, question: Question) -> Reading:
        """Return what the source read, its problem and the names of those who talk to it cut; never raises."""
        found = self.source.read(question)
        return replace(
            found,
            problem=None if found.problem is None else cut(found.problem),
            talkers=tuple((cut(name, MOST_OF_A_NAME), rate) for name, rate in found.talkers),
        )

    def preflight(self, question: Question) -> tuple[Finding, ...]:
        """Return what the source found, its texts cut."""
        found = self.source.preflight(question)
        return tuple(replace(each, message=cut(each.message), remedy=cut(each.remedy)) for each in found)


def cut(text: str, most: int = MOST) -> str:
    """A text as one line without what cannot be printed; of one that is longer than `most` the middle is left out."""
    if len(text) > most:
        # A remedy stands at the end.
        end = (most - 1) // 3
        text = f"{text[: most - 1 - end]}…{text[-end:]}"
    return "".join(each if each.isprintable() else " " if each.isspace() else "�" for each in text)
