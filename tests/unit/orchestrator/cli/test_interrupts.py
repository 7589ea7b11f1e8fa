"""An interrupt at any moment: whoever reads JSON gets one document, with the code that the process leaves with."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.failures import Terminated
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk

BOTH = pytest.mark.parametrize(("interrupt", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])


def raising(error: type[BaseException]) -> Any:
    def raises(*_args: object, **_words: object) -> None:
        raise error

    return raises


@BOTH
def test_a_verb_that_is_interrupted_before_it_has_a_result_gives_a_document_that_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, interrupt: type[KeyboardInterrupt], code: int
) -> None:
    monkeypatch.setattr(desk.store, "latest", raising(interrupt))
    assert desk.type("status", "storefront", "-o", "json") == code
    assert desk.document["error"]["code"] == code
    assert desk.document["error"]["message"].startswith("interrupted; nothing is lost")
    assert desk.told.startswith("interrupted; nothing is lost")


@BOTH
def test_a_verb_that_is_interrupted_after_its_result_gives_no_second_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, interrupt: type[KeyboardInterrupt], code: int
) -> None:
    desk.put(states.holding())
    monkeypatch.setattr("orchestrator.cli.why._lines", raising(interrupt))
    assert desk.type("why", "storefront", "-o", "json") == code
    assert desk.document["service"] == "storefront"


@BOTH
def test_a_verb_that_is_interrupted_while_it_is_loaded_gives_its_document_and_no_traceback(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, interrupt: type[KeyboardInterrupt], code: int
) -> None:
    monkeypatch.setattr(importlib, "import_module", raising(interrupt))
    assert desk.type("status", "storefront", "-o", "json") == code
    assert desk.document["error"]["code"] == code


@BOTH
def test_people_are_told_of_an_interrupt_in_one_line_and_standard_output_stays_empty(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, interrupt: type[KeyboardInterrupt], code: int
) -> None:
    monkeypatch.setattr(desk.store, "latest", raising(interrupt))
    assert desk.type("status", "storefront") == code
    assert (desk.said, desk.told.count("\n")) == ("", 1)


@BOTH
def test_an_interrupted_demo_gives_a_document_that_says_what_is_left_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, interrupt: type[KeyboardInterrupt], code: int
) -> None:
    monkeypatch.setattr("orchestrator.cli.demo._played", raising(interrupt))
    assert desk.type("demo", "-o", "json") == code
    assert (desk.document["error"]["code"], "nothing is left of it" in desk.told) == (code, True)


@BOTH
def test_the_reports_of_a_run_that_was_interrupted_say_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, interrupt: type[KeyboardInterrupt], code: int
) -> None:
    monkeypatch.setattr("orchestrator.cli.undo.run", raising(interrupt))
    report = tmp_path / "report.xml"
    assert desk.type("undo", "storefront", "-o", "json", "--junit", str(report)) == code
    assert "interrupted" in report.read_text()
    assert desk.document["error"]["code"] == code
