"""What the watcher shall roll out, as the manifest says it: the watcher's own check, and how often to look."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.manifest.problems import Path
from orchestrator.manifest.schema import Follow
from watchers.policies import Policy, mistakes, policy_of


def follow_mistakes(follow: Follow) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with a rule, as path below `follow` and message."""
    for problem in mistakes(_plain(follow)):
        yield problem.path, problem.message
    if follow.every < 1:
        yield ("every",), f"must be at least 1s; got {follow.every:g}s"


def followed(follow: Follow) -> Policy:
    """Make the policy of a manifest that passed its checks; raises PolicyProblem for one that did not."""
    return policy_of(_plain(follow))


def _plain(follow: Follow) -> dict[str, object]:
    return follow.model_dump(by_alias=True, exclude_none=True)
