"""Who speaks: the person a CI system names, else the user of this machine; and the page of the run they speak from."""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.words import cleaned

_NAMED_BY_CI = (
    "GITHUB_TRIGGERING_ACTOR",
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "RELEASE_REQUESTEDFOREMAIL",
    "RELEASE_REQUESTEDFOR",
    "BUILD_REQUESTEDFOREMAIL",
    "BUILD_REQUESTEDFOR",
    "CIRCLE_USERNAME",
    "BUILDKITE_BUILD_CREATOR_EMAIL",
    "BUILDKITE_BUILD_CREATOR",
    "BUILDKITE_BUILD_AUTHOR_EMAIL",
    "BITBUCKET_STEP_TRIGGERER_UUID",
    "BUILD_USER_ID",
    "DRONE_COMMIT_AUTHOR",
    "CI_PIPELINE_AUTHOR",
    "CI_COMMIT_AUTHOR",
)
"""GitHub Actions (who runs it again comes before who ran it first), GitLab, Azure Pipelines (releases, builds),
CircleCI, Buildkite, Bitbucket, Jenkins, Drone, Woodpecker; the last is GitLab's `name <address>` as well."""
_LINKED_BY_CI = (
    "CI_JOB_URL",
    "RELEASE_RELEASEWEBURL",
    "CIRCLE_BUILD_URL",
    "BUILDKITE_BUILD_URL",
    "RUN_DISPLAY_URL",
    "BUILD_URL",
    "DRONE_BUILD_LINK",
    "CI_PIPELINE_URL",
)
"""GitLab, Azure's classic releases, CircleCI, Buildkite, Jenkins (twice), Drone, Woodpecker."""


def actor(said: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The name that is written into the journal: as said, else the CI's, else user@host."""
    variables = os.environ if environment is None else environment
    for name in (said, *(variables.get(key) for key in _NAMED_BY_CI)):
        # Azure Pipelines leaves `$(Name)` where a variable is not defined.
        if name and not name.startswith("$(") and (fit := cleaned(name)):
            return fit
    import getpass
    import platform

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        user = f"uid {os.getuid()}"
    return f"{user}@{platform.node() or 'unknown'}"


def run_link(environment: Mapping[str, str] | None = None) -> str:
    """The CI's page of this run; empty outside of a CI system that is known."""
    variables = os.environ if environment is None else environment
    found = _of_github(variables) or _of_azure(variables) or _of_bitbucket(variables)
    for name in _LINKED_BY_CI:
        found = found or variables.get(name, "")
    return found if found.startswith(("https://", "http://")) and not set(found) & set(" \t\r\n<>\"'`") else ""


def because(reason: str, otherwise: str = "", environment: Mapping[str, str] | None = None) -> str:
    """The reason that is written into the journal: in a CI system with the page of its run.

    `otherwise` stands for a reason that was not given, where there is a page to add to it.
    """
    link = run_link(environment)
    if not link:
        return reason
    said = reason or otherwise
    return f"{said} ({link})" if said else link


def _of_github(variables: Mapping[str, str]) -> str:
    server, repository, run = (variables.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if not (server and repository and run):
        return ""
    attempt = variables.get("GITHUB_RUN_ATTEMPT", "1")
    return f"{server}/{repository}/actions/runs/{run}" + (f"/attempts/{attempt}" if attempt not in ("", "1") else "")


def _of_azure(variables: Mapping[str, str]) -> str:
    collection, project, build = (
        variables.get(name) for name in ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID")
    )
    if not (collection and project and build):
        return ""
    from urllib.parse import quote

    return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={build}"


def _of_bitbucket(variables: Mapping[str, str]) -> str:
    origin, build = variables.get("BITBUCKET_GIT_HTTP_ORIGIN"), variables.get("BITBUCKET_BUILD_NUMBER")
    return f"{origin}/pipelines/results/{build}" if origin and build else ""
