"""Who speaks in a CI system, and the page of the run that the journal links back to."""

from __future__ import annotations

import pytest

from orchestrator.cli.actor import actor, because, run_link

GITHUB = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "contoso/shop", "GITHUB_RUN_ID": "41"}
AZURE = {
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/",
    "SYSTEM_TEAMPROJECT": "Web shop",
    "BUILD_BUILDID": "7",
}
BITBUCKET = {"BITBUCKET_GIT_HTTP_ORIGIN": "https://bitbucket.org/contoso/shop", "BITBUCKET_BUILD_NUMBER": "5"}


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"GITHUB_ACTOR": "ana", "GITHUB_TRIGGERING_ACTOR": "ben"}, "ben"),
        ({"GITHUB_ACTOR": "ana"}, "ana"),
        ({"GITLAB_USER_LOGIN": "ana", "CI_COMMIT_AUTHOR": "Ben <ben@example.org>"}, "ana"),
        ({"BUILD_REQUESTEDFOR": "Ana", "BUILD_REQUESTEDFOREMAIL": "ana@example.org"}, "ana@example.org"),
        ({"BUILD_REQUESTEDFOR": "Ana", "RELEASE_REQUESTEDFOR": "Ben"}, "Ben"),
        ({"BUILD_REQUESTEDFOREMAIL": "$(Build.RequestedForEmail)", "BUILD_REQUESTEDFOR": "Ana"}, "Ana"),
        ({"BUILDKITE_BUILD_CREATOR": "Ana", "BUILDKITE_BUILD_AUTHOR_EMAIL": "ben@example.org"}, "Ana"),
        ({"CI_PIPELINE_AUTHOR": "ana"}, "ana"),
    ],
)
def test_each_ci_system_names_who_began_the_run(environment: dict[str, str], name: str) -> None:
    assert actor(None, environment) == name


def test_what_was_said_comes_before_what_the_ci_system_says() -> None:
    assert actor("ana", {"GITHUB_ACTOR": "ben"}) == "ana"


@pytest.mark.parametrize(
    ("environment", "link"),
    [
        (GITHUB, "https://github.com/contoso/shop/actions/runs/41"),
        (GITHUB | {"GITHUB_RUN_ATTEMPT": "1"}, "https://github.com/contoso/shop/actions/runs/41"),
        (GITHUB | {"GITHUB_RUN_ATTEMPT": "3"}, "https://github.com/contoso/shop/actions/runs/41/attempts/3"),
        (AZURE, "https://dev.azure.com/contoso/Web%20shop/_build/results?buildId=7"),
        (BITBUCKET, "https://bitbucket.org/contoso/shop/pipelines/results/5"),
        (
            {"CI_JOB_URL": "https://gitlab.example.org/j/1", "CI_PIPELINE_URL": "https://x"},
            "https://gitlab.example.org/j/1",
        ),
        ({"BUILD_URL": "http://jenkins.example.org/job/1/"}, "http://jenkins.example.org/job/1/"),
        ({"BUILD_URL": "javascript:alert(1)"}, ""),
        ({"CI_JOB_URL": "https://x/ <b>"}, ""),
        ({"GITHUB_RUN_ID": "41"}, ""),
        ({"BUILD_BUILDID": "7"}, ""),
        ({}, ""),
    ],
)
def test_each_ci_system_has_a_page_for_the_run(environment: dict[str, str], link: str) -> None:
    assert run_link(environment) == link


def test_the_reason_that_is_written_down_leads_back_to_the_run() -> None:
    page = run_link(GITHUB)
    assert because("a fix", "undo of shop", GITHUB) == f"a fix ({page})"
    assert because("", "undo of shop", GITHUB) == f"undo of shop ({page})"
    assert because("", "", GITHUB) == page


def test_outside_of_a_ci_system_a_reason_stays_as_it_is() -> None:
    assert because("a fix", "undo of shop", {}) == "a fix"
    assert because("", "undo of shop", {}) == ""
