"""What `start` and `undo` leave behind: written in every way a run can end, and never in the way of its exit code."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from orchestrator.cli.reports import report
from orchestrator.cli.running import run_verb
from orchestrator.cli.session import Session
from orchestrator.cli.verbs import Verb
from orchestrator.runner import Drive, Ending
from orchestrator.store.errors import StoreUnavailable
from strategies.model import Rollout
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk

MANIFEST = "service: storefront\nimage: 7\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a manifest that is wrong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rollout.yaml").write_text(MANIFEST)
    return tmp_path


def outcome_in(path: Path) -> str | None:
    """The outcome that a JUnit report names."""
    found = ElementTree.parse(path).find("testsuite/properties/property[@name='outcome']")
    return None if found is None else found.get("value")


def ends(desk: Desk, how: Callable[[Session], int], *, junit: str | None = None, summary: str | None = None) -> int:
    """Run a verb that begins its reports and then ends as `how` says."""

    def verb(session: Session) -> int:
        report(session, "start", junit, summary)
        return how(session)

    made = Verb("start", "", "", f"{__name__}:unused")
    globals()["unused"] = verb
    for stream in (desk.out, desk.err):
        stream.seek(0)
        stream.truncate()
    return run_verb(made, (), desk._session)


def concludes(rollout: Rollout, ending: Ending = Ending.ENDED, **more: Any) -> Callable[[Session], int]:
    """A verb's end at which this rollout stands."""

    def how(session: Session) -> int:
        from orchestrator.cli.follow import conclude

        return conclude(session, replace(Drive(rollout, ending, "none"), **more))

    return how


def test_a_bad_manifest_is_reported_in_both_files(desk: Desk, folder: Path) -> None:
    code = desk.type("start", "rollout.yaml", "--tag", "v2", "--junit", "junit.xml", "--summary", "summary.md")
    assert code == 2
    assert outcome_in(folder / "junit.xml") == "error"
    assert "rollout.yaml" in (folder / "summary.md").read_text()
    assert "image" in (folder / "junit.xml").read_text()


def test_an_undo_that_has_nowhere_to_go_is_reported(desk: Desk, folder: Path) -> None:
    assert desk.type("undo", "storefront", "--junit", "junit.xml", "--summary", "summary.md") == 7
    assert outcome_in(folder / "junit.xml") == "refused"
    assert "## ❌ storefront: refused" in (folder / "summary.md").read_text()


@pytest.mark.parametrize(
    ("rollout", "ending", "code", "outcome"),
    [
        (states.promoted(), Ending.ENDED, 0, "promoted"),
        (states.rolled_back(), Ending.ENDED, 3, "rolledBack"),
        (states.holding(), Ending.TIMED_OUT, 5, "timedOut"),
        (states.stuck(), Ending.STUCK, 8, "stuck"),
        (states.holding(), Ending.INTERRUPTED, 130, "interrupted"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_each_end_of_a_rollout_is_reported_with_its_journal(
    desk: Desk, folder: Path, rollout: Rollout, ending: Ending, code: int, outcome: str, form: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("ROLLOUT_OUTPUT", form)
    stored = desk.put(rollout)
    assert ends(desk, concludes(stored, ending), junit="junit.xml", summary="summary.md") == code
    assert outcome_in(folder / "junit.xml") == outcome
    page = (folder / "summary.md").read_text()
    assert f"| Rollout | `{stored.id}` |" in page
    assert "phase\\_changed" in page
    assert "### What to do next" in page


def test_an_interrupt_before_anything_began_is_reported(desk: Desk, folder: Path) -> None:
    def interrupted(_session: Session) -> int:
        raise KeyboardInterrupt

    assert ends(desk, interrupted, junit="junit.xml") == 130
    assert outcome_in(folder / "junit.xml") == "interrupted"


def test_a_defect_of_ours_is_reported(desk: Desk, folder: Path) -> None:
    def broken(_session: Session) -> int:
        raise ZeroDivisionError

    assert ends(desk, broken, junit="junit.xml") == 1
    assert outcome_in(folder / "junit.xml") == "error"
    assert "ZeroDivisionError" in (folder / "junit.xml").read_text()


def test_where_the_store_is_lost_the_report_is_made_without_the_journal(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = desk.put(states.holding())

    def lost(*_args: Any, **_more: Any) -> Any:
        raise StoreUnavailable("the disk is gone")

    for name in ("load", "events", "snapshot", "lease_of", "suspended", "is_poisoned"):
        monkeypatch.setattr(desk.store, name, lost)
    late = concludes(stored, Ending.TIMED_OUT, problem="the store has not answered for 60 s")
    assert ends(desk, late, junit="junit.xml", summary="summary.md") == 5
    assert outcome_in(folder / "junit.xml") == "timedOut"
    assert "the store has not answered for 60 s" in (folder / "summary.md").read_text()
    assert "warning: the journal is missing in the reports of this run: " in desk.told


def test_a_missing_folder_is_made(desk: Desk, folder: Path) -> None:
    assert desk.type("undo", "storefront", "--junit", "a/b/junit.xml") == 7
    assert outcome_in(folder / "a" / "b" / "junit.xml") == "refused"


@pytest.mark.parametrize("where", ["rollout.yaml/junit.xml", "."])
def test_a_file_that_cannot_be_written_is_a_warning_and_no_other_exit_code(
    desk: Desk, folder: Path, where: str
) -> None:
    assert desk.type("undo", "storefront", "--junit", where, "--summary", "summary.md") == 7
    assert f"warning: --junit {where}: not written: " in desk.told
    assert (folder / "summary.md").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["rollout.yaml", "summary.md"]


def test_a_report_replaces_the_one_before_as_a_whole_through_a_link_and_leaves_nothing_beside(
    desk: Desk, folder: Path
) -> None:
    (folder / "kept").mkdir()
    real = folder / "kept" / "real.xml"
    real.write_text("x" * 100_000)
    (folder / "junit.xml").symlink_to(real)
    assert desk.type("undo", "storefront", "--junit", "junit.xml") == 7
    assert (folder / "junit.xml").is_symlink()
    assert outcome_in(real) == "refused"
    assert [path.name for path in real.parent.iterdir()] == ["real.xml"]
    assert stat.S_IMODE(real.stat().st_mode) & stat.S_IRUSR


def test_a_pipe_is_written_to_and_not_replaced(desk: Desk, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((folder / "pipe").read_text()))
    reader.start()
    assert desk.type("undo", "storefront", "--junit", "pipe") == 7
    reader.join(10)
    assert read and ElementTree.fromstring(read[0]).tag == "testsuites"


def test_without_options_and_outside_of_a_ci_system_nothing_is_written(desk: Desk, folder: Path) -> None:
    assert desk.type("undo", "storefront") == 7
    assert [path.name for path in folder.iterdir()] == ["rollout.yaml"]
    assert "::" not in desk.told and "##" not in desk.told


@pytest.fixture
def github(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The variables of a step of a GitHub workflow."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "step.md"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(folder / "outputs"))
    return folder


def test_github_gets_a_folded_log_an_annotation_outputs_and_the_steps_summary(desk: Desk, github: Path) -> None:
    (github / "step.md").write_text("# before\n")
    (github / "outputs").write_text("mine=1\n")
    stored = desk.put(states.rolled_back())
    assert ends(desk, concludes(stored)) == 3
    lines = desk.told.splitlines()
    assert lines[:2] == ["::group::rollout start", "::endgroup::"]
    assert lines[-1].startswith("::error title=storefront%3A rolled back::storefront-x failed 3 probes")
    page = (github / "step.md").read_text()
    assert page.startswith("# before\n## ↩️ storefront 1.5.0: rolled back")
    assert (github / "outputs").read_text().splitlines() == [
        "mine=1",
        "outcome=rolledBack",
        f"rollout={stored.id}",
        f"revision={states.NEW.id}",
        f"digest={states.NEW.digest}",
    ]


def test_the_steps_summary_is_left_alone_where_another_file_or_none_is_asked_for(desk: Desk, github: Path) -> None:
    assert desk.type("undo", "storefront", "--summary", "mine.md") == 7
    assert desk.type("undo", "storefront", "--summary", "") == 7
    assert (github / "mine.md").exists()
    assert not (github / "step.md").exists()


def test_the_steps_summary_never_outgrows_what_github_takes(desk: Desk, github: Path) -> None:
    (github / "step.md").write_text("x" * (1024 * 1024 - 300))
    assert ends(desk, concludes(desk.put(states.rolled_back()))) == 3
    assert 1024 * 1024 - 300 < (github / "step.md").stat().st_size <= 1024 * 1024


def test_a_summary_that_cannot_be_appended_is_a_warning_in_githubs_words(
    desk: Desk, github: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(github / "absent" / "step.md"))
    assert desk.type("undo", "storefront") == 7
    assert "::warning title=rollout undo::GITHUB_STEP_SUMMARY (" in desk.told


def test_quiet_leaves_out_the_folding_and_keeps_the_annotation(desk: Desk, github: Path) -> None:
    assert desk.type("undo", "storefront", "--quiet") == 7
    assert "::group::" not in desk.told
    assert "::error title=storefront%3A refused::" in desk.told


def test_a_log_for_machines_is_not_folded(desk: Desk, github: Path) -> None:
    assert desk.type("undo", "storefront", "--log-format", "json") == 7
    assert "::group::" not in desk.told and "::endgroup::" not in desk.told


def test_with_json_standard_output_holds_the_document_alone(desk: Desk, github: Path) -> None:
    stored = desk.put(states.promoted())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROLLOUT_OUTPUT", "json")
        assert ends(desk, concludes(stored)) == 0
    assert desk.document["outcome"] == "promoted"
    assert desk.told.splitlines()[-1].startswith("::notice title=storefront%3A promoted::")


@pytest.fixture
def azure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The variables of a step of an Azure pipeline."""
    monkeypatch.setenv("TF_BUILD", "True")
    monkeypatch.setenv("AGENT_TEMPDIRECTORY", str(folder / "temp"))
    return folder


def test_azure_gets_a_folded_log_an_issue_outputs_and_a_summary_to_attach(desk: Desk, azure: Path) -> None:
    stored = desk.put(states.rolled_back())
    assert ends(desk, concludes(stored)) == 3
    lines = desk.told.splitlines()
    assert lines[:2] == ["##[group]rollout start", "##[endgroup]"]
    (page,) = (azure / "temp").iterdir()
    assert f"##vso[task.uploadsummary]{page}" in lines
    assert "rolled back" in page.read_text()
    assert any(line.startswith("##vso[task.logissue type=error;]storefront: rolled back: ") for line in lines)
    assert f"##vso[task.setvariable variable=rollout;isOutput=true;]{stored.id}" in lines


def test_a_named_summary_is_attached_in_azure_by_its_whole_path(desk: Desk, azure: Path) -> None:
    assert desk.type("undo", "storefront", "--summary", "mine.md") == 7
    assert f"##vso[task.uploadsummary]{azure / 'mine.md'}" in desk.told.splitlines()
    assert not (azure / "temp").exists()


@pytest.mark.parametrize("error", [ZeroDivisionError("no"), KeyboardInterrupt("no")])
def test_a_report_that_cannot_even_be_made_leaves_the_exit_code_alone(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def broken(*_args: Any) -> str:
        raise error

    monkeypatch.setattr("orchestrator.ci.junit.junit", broken)
    assert desk.type("undo", "storefront", "--junit", "junit.xml") == 7
    assert f"warning: the reports of this run could not be made: {type(error).__name__}: no" in desk.told


def test_the_page_of_the_run_stands_in_the_reports(desk: Desk, github: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SERVER_URL", "https://github.com"), ("REPOSITORY", "contoso/shop"), ("RUN_ID", "41")):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    assert ends(desk, concludes(desk.put(states.promoted()))) == 0
    assert "| Run | <https://github.com/contoso/shop/actions/runs/41> |" in (github / "step.md").read_text()
