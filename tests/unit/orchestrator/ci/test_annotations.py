"""What a CI's log and its later steps are told of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ci.annotations import annotations, output_commands, output_lines, outputs
from orchestrator.ci.commands import System
from orchestrator.result import blank
from strategies.model import Reason
from tests.unit.orchestrator.ci import runs
from tests.unit.orchestrator.cli import states

LEVELS = {
    "promoted": "notice",
    "none": "notice",
    "running": "notice",
    "waiting": "warning",
    "undecided": "warning",
    "undone": "notice",
    "timedOut": "warning",
    "superseded": "warning",
    "interrupted": "warning",
    "terminated": "warning",
}


@pytest.mark.parametrize("name", runs.every())
def test_each_way_to_end_has_its_level_in_both_systems(name: str) -> None:
    level = LEVELS.get(name, "error")
    ended = runs.every()[name]
    (line,) = annotations(ended, System.GITHUB)
    assert line.startswith(f"::{level} title={ended.service}%3A {ended.headline}")
    (line,) = annotations(ended, System.AZURE)
    assert line.startswith("##[section]" if level == "notice" else f"##vso[task.logissue type={level};]")


def test_an_annotation_gives_the_reason_its_numbers_and_what_to_do() -> None:
    ended = runs.ended(states.rolled_back(), 3, ways=[("rollout retry storefront", "pardon this revision")])
    assert annotations(ended, System.GITHUB) == (
        "::error title=storefront%3A rolled back::storefront-x failed 3 probes in a row (limit 3): status 500"
        "%0Agroup storefront-x, failed 3 probes, limit 3 probes%0Arollout retry storefront: pardon this revision",
    )


def test_each_thing_left_over_is_a_warning_of_its_own_up_to_five() -> None:
    left = [{"target": "west", "name": f"g{i}", "id": None, "why": "a lock forbids it"} for i in range(9)]
    ended = runs.ended(states.promoted())
    lines = annotations(replace(ended, document={**ended.document, "leftovers": left}), System.GITHUB)
    assert lines[1] == "::warning title=storefront%3A left over::west: g0: a lock forbids it"
    assert len(lines) == 6


def test_no_annotation_sets_the_result_of_a_step() -> None:
    for ended in runs.every().values():
        assert not any("task.complete" in line for line in (*annotations(ended, System.AZURE), *output_commands(ended)))


def test_later_steps_are_told_what_became_of_which_revision() -> None:
    assert outputs(runs.ended(states.rolled_back(), 3)) == {
        "outcome": "rolledBack",
        "rollout": "7f3a09c2d1e4",
        "revision": states.NEW.id,
        "digest": states.NEW.digest,
    }


def test_where_it_serves_already_the_outputs_name_what_serves() -> None:
    reason = Reason("alreadyServing", "it serves", (("revision", states.OLD.id), ("digest", states.OLD.digest)))
    found = outputs(runs.ended(blank("storefront", "none", reason)))
    assert found == {"outcome": "none", "rollout": "", "revision": states.OLD.id, "digest": states.OLD.digest}


def test_a_run_without_a_result_says_so_in_its_outputs() -> None:
    assert outputs(runs.ended(runs.ERROR, 2))["outcome"] == "error"
    assert outputs(runs.ended(runs.ERROR, 7))["outcome"] == "refused"


@given(st.text(st.sampled_from("ab=<\r\n\x85 EOF#]")) | st.text())
def test_an_output_is_one_line_whatever_its_value(text: str) -> None:
    ended = runs.ended({"outcome": text or "x", "rollout": text, "candidate": {"revision": text, "digest": text}})
    lines = output_lines(ended).split("\n")
    assert [line.partition("=")[0] for line in lines] == ["outcome", "rollout", "revision", "digest", ""]
    assert len("".join(lines).splitlines()) == 1
    assert all(line.startswith("##vso[task.setvariable variable=") for line in output_commands(ended))
    assert not any("\n" in line or "\r" in line for line in output_commands(ended))


def test_azures_outputs_can_be_read_by_other_jobs() -> None:
    line = output_commands(runs.ended(states.promoted()))[0]
    assert line == "##vso[task.setvariable variable=outcome;isOutput=true;]promoted"
