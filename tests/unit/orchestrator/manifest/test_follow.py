"""The manifest's `follow` is the watcher's policy: checked by it, and turned into it."""

from __future__ import annotations

import pytest

from orchestrator.manifest.follow import follow_mistakes, followed
from orchestrator.manifest.schema import Follow
from watchers.policies import mistakes, policy_of

RULES: list[dict[str, object]] = [
    {"semver": ">=1.4 <2", "pattern": "^v(.+)$", "extract": "$1"},
    {"numerical": "desc", "allowDowngrade": True},
    {"alphabetical": "asc", "every": "1m"},
    {"digest": "latest"},
]
WRONG: list[dict[str, object]] = [
    {},
    {"semver": ">=1.4", "digest": "latest"},
    {"semver": "newest", "pattern": "(", "extract": "$1"},
    {"numerical": "asc", "extract": "$1"},
    {"semver": "1.2.3.4", "pattern": "(a)", "extract": "$2$3"},
    {"digest": "latest", "pattern": "x"},
    {"digest": "sha256-" + "0" * 64},
]


@pytest.mark.parametrize("written", RULES)
def test_a_good_rule_is_the_policy_that_the_watcher_would_make_of_it(written: dict[str, object]) -> None:
    follow = Follow.model_validate(written)
    assert list(follow_mistakes(follow)) == []
    assert followed(follow) is policy_of(written)


@pytest.mark.parametrize("written", WRONG)
def test_what_the_watcher_would_not_take_the_manifest_does_not_either(written: dict[str, object]) -> None:
    told = list(follow_mistakes(Follow.model_validate(written)))
    assert told == [(problem.path, problem.message) for problem in mistakes(written)]
    assert told


def test_going_back_must_be_allowed_by_name() -> None:
    assert followed(Follow.model_validate({"semver": "1.x"})).allow_downgrade is False
    assert followed(Follow.model_validate({"semver": "1.x", "allowDowngrade": True})).allow_downgrade is True


def test_how_often_is_the_manifests_own_business() -> None:
    follow = Follow.model_validate({"semver": "1.x", "every": "100ms"})
    assert list(follow_mistakes(follow)) == [(("every",), "must be at least 1s; got 0.1s")]
