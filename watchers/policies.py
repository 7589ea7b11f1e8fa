"""Which tag is the one to roll out: a rule over the tags of a repository, with a filter before it.

    policy_of({"semver": ">=1.4 <2", "pattern": "^v(.+)$", "extract": "$1"}).best(tags)

Pure. The rules are those of Flux's image policies, and `digest`, which follows what one tag stands for. What a rule
cannot read does not match, whatever the others are; the tags of signatures and attestations match no rule.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from weakref import WeakValueDictionary

from watchers import filters
from watchers.rules import RULES, Rule, is_attached, mistake, rule_of, shown

KEYS = (*RULES, "pattern", "extract", "allowDowngrade", "every")


class PolicyProblem(ValueError):  # noqa: N818 - said of the rule, as the sentence does
    """A rule that is none: `path` leads to it below `follow`, `message` says what was expected and what was found."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(path, message)
        self.path, self.message = path, message

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.message}" if self.path else self.message


@dataclass(frozen=True, slots=True)
class Weighed:
    """One tag and what became of it: the text that was `compared`, whether it `matched`, and `why` not or why so."""

    tag: str
    compared: str | None
    matched: bool
    why: str


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Policy:
    """A rule with its filter; `text` are its canonical words, the same for whatever is the same question.

    `follows` is the tag whose digest is followed, None for the rules that choose among tags. Where tags rank the same,
    as when a filter extracts one text from several, the later one wins.
    """

    text: str
    follows: str | None
    allow_downgrade: bool
    _filter: filters.Filter | None = field(default=None, repr=False)
    _rule: Rule = field(kw_only=True, repr=False, compare=False)

    def best(self, tags: Iterable[str]) -> str | None:
        """Return the winning tag, None when none matches; linear in the number of tags, and nothing is kept."""
        read, worse = self._rule.read, self._worse
        best: str | None = None
        best_rank: Any = None
        for tag in tags:
            compared = self._compared(tag)
            if compared is None:
                continue
            rank, why = read(compared)
            if not why and (best is None or not worse(rank, best_rank)):
                best, best_rank = tag, rank
        return best

    def older(self, tag: str, than: str) -> bool:
        """Say whether a tag ranks strictly below another; False when the rule cannot order one of them.

        A version outside the range has a place in the order too: narrowing a range is no way back by accident.
        """
        ranks = [self._rule.read(text)[0] for text in map(self._compared, (tag, than)) if text is not None]
        return len(ranks) == 2 and None not in ranks and bool(self._worse(*ranks))

    def weigh(self, tags: Iterable[str]) -> tuple[Weighed, ...]:
        """Say of every tag what became of it: those that match first, the best one in front.

        Then comes what has a place in the order and does not match, the best in front too, and the rest as it came.
        """
        matched: list[tuple[Any, Weighed]] = []
        ranked: list[tuple[Any, Weighed]] = []
        rest: list[Weighed] = []
        for tag in tags:
            compared = self._compared(tag)
            rank, why = (None, self._unfit(tag)) if compared is None else self._rule.read(compared)
            weighed = Weighed(tag, compared, not why, why)
            if not why:
                matched.append((rank, weighed))
            elif rank is not None:
                ranked.append((rank, weighed))
            else:
                rest.append(weighed)
        for ordered in (matched, ranked):
            # Sorting is stable, so of those that rank the same the later one comes first, as `best` has it.
            ordered.reverse()
            ordered.sort(key=operator.itemgetter(0), reverse=not self._rule.lowest_wins)
        return (*self._placed(matched), *(weighed for _, weighed in ranked), *rest)

    def _placed(self, matched: list[tuple[Any, Weighed]]) -> Iterator[Weighed]:
        for place, (rank, weighed) in enumerate(matched):
            if place == 0:
                why = self._rule.winner
            elif rank == matched[place - 1][0]:
                why = f"ranks the same as {matched[place - 1][1].tag}, which comes later"
            else:
                why = f"ranks below {matched[0][1].tag}"
            yield Weighed(weighed.tag, weighed.compared, True, why)

    @property
    def _worse(self) -> Callable[[Any, Any], Any]:
        return operator.gt if self._rule.lowest_wins else operator.lt

    def _compared(self, tag: str) -> str | None:
        if is_attached(tag):
            return None
        return tag if self._filter is None else self._filter(tag)

    def _unfit(self, tag: str) -> str:
        return "a signature or attestation of an image" if is_attached(tag) else "does not match the pattern"


def policy_of(follow: Mapping[str, object]) -> Policy:
    """Make the policy of a `follow` mapping; equal rules share one object for as long as somebody holds it.

    Reads semver, numerical, alphabetical, digest, pattern, extract and allowDowngrade; None stands for what is not
    given. Raises PolicyProblem, the first of `mistakes`.
    """
    for problem in mistakes(follow):
        raise problem
    rule = next(rule_of(kind, str(follow[kind])) for kind in RULES if follow.get(kind) is not None)
    words = [rule.words]
    chosen: filters.Filter | None = None
    pattern, extract = follow.get("pattern"), follow.get("extract")
    if isinstance(pattern, str):
        words.append(f"of {pattern}")
        pieces = None
        if isinstance(extract, str) and extract:
            words.append(f"as {extract}")
            pieces, _ = filters.template(extract, filters.groups_of(pattern))
        chosen = filters.Filter(pattern, pieces)
    follows = follow.get("digest")
    made = Policy(
        " ".join(words),
        follows if isinstance(follows, str) else None,
        follow.get("allowDowngrade") is True,
        chosen,
        _rule=rule,
    )
    # The key must not hold the policy itself, or none would ever go.
    return _KNOWN.setdefault((made.text, made.allow_downgrade, chosen), made)


_KNOWN: WeakValueDictionary[tuple[str, bool, filters.Filter | None], Policy] = WeakValueDictionary()


def mistakes(follow: Mapping[str, object]) -> Iterator[PolicyProblem]:
    """Yield everything that is wrong with a rule; `every`, which says how often it is asked, is not looked at."""
    for key in follow:
        if key not in KEYS:
            close = get_close_matches(key.lower(), [known.lower() for known in KEYS], n=1)
            near = next((known for known in KEYS if close and known.lower() == close[0]), None)
            hint = f"did you mean {near!r}?" if near else f"known here: {', '.join(KEYS)}"
            yield PolicyProblem((key,), f"must be a known key; got {shown(key)}: {hint}")
    given = [name for name in RULES if follow.get(name) is not None]
    if len(given) != 1:
        yield PolicyProblem((), f"must have exactly one of {', '.join(RULES)}; got {' and '.join(given) or 'none'}")
    for name in given:
        wrong = mistake(name, follow[name])
        if wrong:
            yield PolicyProblem((name,), f"{wrong}; got {shown(follow[name])}")
    downgrade = follow.get("allowDowngrade")
    if downgrade is not None and not isinstance(downgrade, bool):
        yield PolicyProblem(("allowDowngrade",), f"must be true or false; got {shown(downgrade)}")
    yield from _filter_mistakes(follow, digest=given == ["digest"])


def _filter_mistakes(follow: Mapping[str, object], *, digest: bool) -> Iterator[PolicyProblem]:
    pattern, extract = follow.get("pattern"), follow.get("extract")
    for name, text, longest in (
        ("pattern", pattern, filters.LONGEST_PATTERN),
        ("extract", extract, filters.LONGEST_TEMPLATE),
    ):
        if text is not None and not isinstance(text, str):
            yield PolicyProblem((name,), f"must be text; got {shown(text)}")
        elif text is not None and len(text) > longest:
            yield PolicyProblem((name,), f"must have at most {longest} characters; got {len(text)}")
        elif text is not None and digest:
            message = f"must stand beside a rule that chooses among tags, digest follows one; got {shown(text)}"
            yield PolicyProblem((name,), message)
    if pattern is None and extract and isinstance(extract, str) and not digest:
        yield PolicyProblem(("extract",), f"must stand beside a pattern; got {shown(extract)} alone")
    if not isinstance(pattern, str) or len(pattern) > filters.LONGEST_PATTERN:
        return
    try:
        groups = filters.groups_of(pattern)
    except filters.FilterProblem as error:
        # The two things that people miss most in RE2 are said at once.
        kind = "a regular expression of RE2, which has no look-around and no back-references"
        yield PolicyProblem(("pattern",), f"must be {kind} ({error}); got {shown(pattern)}")
        return
    if isinstance(extract, str) and len(extract) <= filters.LONGEST_TEMPLATE:
        for name in dict.fromkeys(filters.template(extract, groups)[1]):
            hint = _shorter(name, groups)
            message = f"must name groups of the pattern ({groups.words}); got ${name}{hint}"
            yield PolicyProblem(("extract",), message)


def _shorter(name: str, groups: filters.Groups) -> str:
    """A name runs on as far as it can: `$1x` means a group called 1x, and the way out is `${1}x`."""
    for length in range(len(name) - 1, 0, -1):
        if groups.number(name[:length]) is not None:
            return f"; ${{{name[:length]}}}{name[length:]} puts text behind a group"
    return ""
