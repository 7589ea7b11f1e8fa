"""`rollout tags`: what the watcher would choose, from a registry or from standard input, and why."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.exit_codes import ExitCode
from providers.emulator.behaviour import Behaviour
from tests.unit.orchestrator.cli.branch import Branch, branch
from tests.unit.orchestrator.cli.desk import Desk

RANGE = '{"semver": ">=1.4 <2"}'


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Iterator[Branch]:
    """A branch office whose registry knows v1 and v2, which no range of versions holds."""
    with branch(tmp_path, monkeypatch, lambda: desk) as opened:
        yield opened


def follow(office: Branch, rule: str) -> None:
    office.edit("rollout.yaml", {"targets:": f"follow: {rule}\ntargets:"})


def push(office: Branch, *tags: str) -> str:
    """Push an image by each tag; answers the digest of the last."""
    digest = ""
    for tag in tags:
        digest = office.emulator.register_image("shop/web", tag, Behaviour(tag))
    return digest


def piped(monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> None:
    raw = text if isinstance(text, bytes) else text.encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))


def rows(document: Any) -> list[tuple[str, bool, str | None]]:
    return [(each["tag"], each["matches"], each["compared"]) for each in document["tags"]]


def test_the_document_names_the_winner_with_its_digest_and_every_tag_with_its_reason(office: Branch) -> None:
    follow(office, "{semver: '>=1.4 <2', pattern: '^(.*)-prod$', extract: $1}")
    push(office, "1.4.0-prod", "2.0.0-prod", "1.9.0")
    digest = push(office, "1.10.0-prod")
    assert office.desk.type("tags", office.manifest, "-o", "json") == 0
    document = office.desk.document
    assert {key: document[key] for key in ("schema", "service", "image", "policy", "winner")} == {
        "schema": 1,
        "service": "shop",
        "image": f"{office.emulator.registry_host}/shop/web",
        "policy": "semver >=1.4 <2 of ^(.*)-prod$ as $1",
        "winner": {"tag": "1.10.0-prod", "digest": digest},
    }
    assert rows(document) == [
        ("1.10.0-prod", True, "1.10.0"),
        ("1.4.0-prod", True, "1.4.0"),
        ("2.0.0-prod", False, "2.0.0"),
        ("1.9.0", False, None),
        ("v1", False, None),
        ("v2", False, None),
    ]
    assert all(each["why"] for each in document["tags"])


def test_the_table_shows_the_winner_first_then_what_matches_then_what_does_not(office: Branch) -> None:
    follow(office, "{semver: 1.x}")
    digest = push(office, "1.4.0", "1.10.0")
    assert office.desk.type("tags", office.manifest) == 0
    assert office.desk.said.splitlines() == [
        f"shop    {office.emulator.registry_host}/shop/web",
        "policy  semver 1.x",
        "",
        f"● 1.10.0  {digest}  the highest version in 1.x",
        "  1.4.0  ranks below 1.10.0",
        "",
        "not chosen from: 2 tags",
        "  v1  no version, such as 1.4.2",
        "  v2  no version, such as 1.4.2",
    ]


def test_nothing_is_made_or_written_for_a_look_at_tags(office: Branch) -> None:
    follow(office, "{semver: 1.x}")
    push(office, "1.0.0")
    with office.untouched():
        assert office.desk.type("tags", office.manifest) == 0
    assert not (office.folder / "state").exists()


def test_without_a_winner_the_exit_code_is_one_and_the_reasons_stand_there(office: Branch) -> None:
    follow(office, "{semver: '3'}")
    assert office.desk.type("tags", office.manifest) == 1
    assert "no tag wins: none of 2 tags matches semver 3" in office.desk.said
    assert office.desk.type("tags", office.manifest, "-o", "json") == 1
    assert office.desk.document["winner"] is None


def test_a_followed_tag_is_the_winner_whatever_else_there_is(office: Branch) -> None:
    follow(office, "{digest: latest}")
    push(office, "1.0.0")
    digest = push(office, "latest")
    assert office.desk.type("tags", office.manifest, "-o", "json") == 0
    assert office.desk.document["winner"] == {"tag": "latest", "digest": digest}


def test_of_equal_versions_the_one_that_the_watcher_takes_is_shown(office: Branch) -> None:
    follow(office, "{semver: 1.x}")
    push(office, "v1.0.0", "1.0.0")
    office.desk.type("tags", office.manifest, "-o", "json")
    assert office.desk.document["winner"]["tag"] == "v1.0.0"


def test_another_policy_can_be_tried_on_the_registrys_tags(office: Branch) -> None:
    push(office, "1.0.0")
    assert office.desk.type("tags", office.manifest, "--policy", '{"alphabetical": "desc"}', "-o", "json") == 0
    assert (office.desk.document["winner"]["tag"], office.desk.document["policy"]) == ("1.0.0", "alphabetical desc")


def test_the_manifests_policy_can_be_tried_on_tags_from_standard_input(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(office, "{semver: 1.x}")
    piped(monkeypatch, "1.0.0\n1.1.0\n")
    assert office.desk.type("tags", office.manifest, "--stdin", "-o", "json") == 0
    assert office.desk.document["winner"] == {"tag": "1.1.0", "digest": None}
    assert office.desk.document["service"] == "shop"


def test_a_registrys_refusal_is_its_sentence_and_exit_code_seven(office: Branch) -> None:
    follow(office, "{semver: 1.x}")
    office.edit("rollout.yaml", {"/shop/web": "/shop/none"})
    office.edit("group.yaml", {"/shop/web": "/shop/none"})
    assert office.desk.type("tags", office.manifest, "-o", "json") == ExitCode.REFUSED
    assert "shop/none: its tags: not in the registry (404 NAME_UNKNOWN" in office.desk.told
    assert office.desk.document["error"]["code"] == 7
    assert (office.desk.document["service"], office.desk.document["winner"]) == ("shop", None)


def test_a_manifest_that_follows_nothing_is_told_what_to_write(office: Branch) -> None:
    assert office.desk.type("tags", office.manifest) == ExitCode.USAGE
    assert "follow: must be given, so that the watcher knows what to choose" in office.desk.told


@pytest.mark.parametrize(
    ("policy", "tags", "winner"),
    [
        (RANGE, "1.4.0\nv1.9.0\n2.0.0\nlatest\n", "v1.9.0"),
        (RANGE, "  1.4.0 \r\n\r\n 1.5.0\t\r\n", "1.5.0"),
        (RANGE, "1.4.0+build.1\n1.4.0\n1.4.0+build.0", "1.4.0+build.0"),
        ('{"numerical": "asc", "every": "1m", "allowDowngrade": true}', "9\n10\n", "10"),
        ('{"alphabetical": "asc", "pattern": "^(a)", "extract": "$1"}', "a1\na2\nb", "a2"),
    ],
)
def test_a_policy_tried_on_standard_input_prints_the_winner_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, policy: str, tags: str, winner: str
) -> None:
    piped(monkeypatch, tags)
    assert desk.type("tags", "--policy", policy, "--stdin") == 0
    assert (desk.said, desk.told) == (f"{winner}\n", "")


@pytest.mark.parametrize("tags", ["", "\n\n", "junk\n2.0.0\n"])
def test_without_a_winner_on_standard_input_nothing_is_printed_and_the_exit_code_is_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tags: str
) -> None:
    piped(monkeypatch, tags)
    assert desk.type("tags", "--policy", RANGE, "--stdin") == 1
    assert desk.said == ""
    assert desk.told.startswith("no tag wins")


def test_standard_input_as_a_document_has_neither_service_nor_digest(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, "1.4.0\njunk\n")
    assert desk.type("tags", "--policy", RANGE, "--stdin", "-o", "json") == 0
    assert desk.document == {
        "schema": 1,
        "service": None,
        "image": None,
        "policy": "semver >=1.4 <2",
        "winner": {"tag": "1.4.0", "digest": None},
        "tags": [
            {"tag": "1.4.0", "matches": True, "compared": "1.4.0", "why": "the highest version in >=1.4 <2"},
            {"tag": "junk", "matches": False, "compared": "junk", "why": "no version, such as 1.4.2"},
        ],
    }


def test_a_process_without_standard_input_has_no_tags(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert desk.type("tags", "--policy", RANGE, "--stdin") == 1
    assert desk.told == "no tag wins: there are none\n"


def test_bytes_that_are_no_text_stop_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b"\xff\xfe\n1.4.0\n\x00\n")
    policy = json.dumps({"semver": "1.x", "pattern": "^(.*)$", "extract": "$1"})
    assert desk.type("tags", "--policy", policy, "--stdin") == 0
    assert desk.said == "1.4.0\n"


def test_a_bad_policy_is_told_with_every_problem_before_anything_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    bad = json.dumps({"semver": "newest", "pattern": "(", "extract": "$1"})
    assert desk.type("tags", "--policy", bad, "--stdin", "-o", "json") == ExitCode.USAGE
    assert [problem["path"] for problem in desk.document["problems"]] == ["semver", "pattern"]
    assert desk.document["error"]["code"] == 2
    assert desk.told.count("--policy: ") == 2


@pytest.mark.parametrize("policy", ["", "[", "[]", "1", "null", '"1.x"', "semver: 1.x", "[" * 20_000])
def test_a_policy_that_is_no_json_mapping_is_told_how_one_looks(desk: Desk, policy: str) -> None:
    assert desk.type("tags", "--policy", policy, "--stdin") == ExitCode.USAGE
    assert 'must be a JSON mapping such as {"semver": ">=1.4 <2"}' in desk.told


@pytest.mark.parametrize("words", [(), ("--stdin",), ("--policy", RANGE)])
def test_a_file_is_needed_unless_both_policy_and_tags_are_given(desk: Desk, words: tuple[str, ...]) -> None:
    assert desk.type("tags", *words) == ExitCode.USAGE
    assert "FILE is missing" in desk.told


def test_much_junk_is_summed_up_by_its_reasons_unless_all_of_it_is_asked_for(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(office, "{semver: 1.x, pattern: '^[0-9]'}")
    tags = [*(f"1.{n}.0" for n in range(40)), *(f"2.{n}.0" for n in range(15)), *(f"x{n}" for n in range(9000))]
    piped(monkeypatch, "\n".join(tags))
    assert office.desk.type("tags", office.manifest, "--stdin") == 0
    lines = office.desk.said.splitlines()
    assert len(lines) < 50
    assert "  … 19 more: ranks below 1.39.0 (19); --all shows them" in lines
    assert "  … 9005 more: does not match the pattern (9000), outside 1.x (5); --all shows them" in lines
    piped(monkeypatch, "\n".join(tags))
    assert office.desk.type("tags", office.manifest, "--stdin", "--all") == 0
    assert set(tags) <= set(office.desk.said.split())
    assert "more:" not in office.desk.said
