"""Who speaks: the person a CI system names, else the user of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping

_NAMED_BY_CI = (
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILD_REQUESTEDFOREMAIL",
    "BUILD_REQUESTEDFOR",
    "CIRCLE_USERNAME",
    "BUILDKITE_BUILD_AUTHOR_EMAIL",
    "BITBUCKET_STEP_TRIGGERER_UUID",
    "BUILD_USER_ID",
    "DRONE_COMMIT_AUTHOR",
)
"""GitHub Actions, GitLab, Azure Pipelines (twice), CircleCI, Buildkite, Bitbucket, Jenkins, Drone and Woodpecker."""


def actor(said: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The name that is written into the journal: as said, else the CI's, else user@host."""
    variables = os.environ if environment is None else environment
    for name in (said, *(variables.get(key) for key in _NAMED_BY_CI)):
        if name:
            return name
    import getpass
    import platform

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        user = f"uid {os.getuid()}"
    return f"{user}@{platform.node() or 'unknown'}"
