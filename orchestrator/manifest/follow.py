"""What the watcher shall roll out: one rule, an optional filter, and how often to look."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.manifest.problems import Path, shown
from orchestrator.manifest.schema import Follow

_RULES = ("semver", "numerical", "alphabetical", "digest")
_NUMBER = r"(0|[1-9]\d*|[xX*])"
_VERSION = rf"v?{_NUMBER}(\.{_NUMBER}(\.{_NUMBER}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?)?)?"
_COMPARISON = re.compile(rf"(>=|<=|!=|>|<|=|~|\^)?{_VERSION}")
_SPACE_AFTER = re.compile(r"(>=|<=|!=|>|<|=|~|\^) +")
_BETWEEN = re.compile(r" *(?:,|\|\|) *| +- +| +")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LONGEST_RANGE = 200
_LONGEST_PATTERN = 500


def follow_mistakes(follow: Follow) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with a rule, as path below `follow` and message."""
    given = [name for name in _RULES if getattr(follow, name) is not None]
    if len(given) != 1:
        yield (), f"must have exactly one of {', '.join(_RULES)}; got {' and '.join(given) or 'none'}"
    if follow.semver is not None and not _is_range(follow.semver):
        yield ("semver",), f'must be a range of versions, such as ">=1.4 <2"; got {shown(follow.semver)}'
    if follow.digest is not None and not _TAG.fullmatch(follow.digest):
        yield ("digest",), f"must be a tag whose digest is followed, such as latest; got {shown(follow.digest)}"
    if follow.every < 1:
        yield ("every",), f"must be at least 1s; got {follow.every:g}s"
    yield from _filter(follow)


def _is_range(text: str) -> bool:
    comparisons = _BETWEEN.split(_SPACE_AFTER.sub(r"\1", text.strip())) if len(text) <= _LONGEST_RANGE else [""]
    return all(_COMPARISON.fullmatch(comparison) for comparison in comparisons)


def _filter(follow: Follow) -> Iterator[tuple[Path, str]]:
    groups: frozenset[str] = frozenset()
    if follow.pattern is not None:
        if len(follow.pattern) > _LONGEST_PATTERN:
            yield ("pattern",), f"must have at most {_LONGEST_PATTERN} characters; got {len(follow.pattern)}"
            return
        try:
            compiled = re.compile(follow.pattern)
        except (re.error, RecursionError, OverflowError) as error:
            yield ("pattern",), f"must be a regular expression ({error}); got {shown(follow.pattern)}"
            return
        groups = frozenset(compiled.groupindex) | {str(number) for number in range(compiled.groups + 1)}
    if follow.extract is None:
        return
    if follow.pattern is None:
        yield ("extract",), f"must stand beside a pattern; got {shown(follow.extract)} alone"
        return
    for name in re.findall(r"\$\{?(\w+)\}?", follow.extract):
        if name not in groups:
            known = ", ".join(f"${group}" for group in sorted(groups))
            yield ("extract",), f"must name groups of the pattern ({known}); got ${name}"
