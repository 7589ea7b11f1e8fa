"""Lines that a CI system takes for commands: ours are read back as they were meant, and no other line is one."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ci.commands import System, command, folded, guards, harmless, harmless_json, system_of
from orchestrator.cli.options import Format, Options
from orchestrator.cli.output import Output
from orchestrator.telemetry.log import event_log
from strategies.journal import event
from tests.unit.orchestrator.cli import states

UNSEEN = "\x00\x08\x1b\x7f\u00ad\u200b\u200d\u2060\ufe0f\ufeff\U000e0001"
NASTY = st.text(st.sampled_from(f"#: \t[]vso;%,=a\n\r\v\x85\u2028\u00a0{UNSEEN}"), max_size=40) | st.text(max_size=40)
MARKERS = st.sampled_from(
    ["::error::x", " ::set-env name=A::b", "##[group]x", "##vso[task.complete result=Failed]", "###[error]", ":::"]
)
TEXTS = st.lists(NASTY | MARKERS, max_size=5).map("".join)


def is_command(line: str) -> bool:
    """Whether a runner would take a line for a command, read as generously as any of them reads."""
    seen = "".join(sign for sign in line if sign not in UNSEEN)
    return seen.lstrip().startswith("::") or "##[" in seen or "##vso[" in seen


def lines_of(text: str) -> list[str]:
    """The lines of a text for a reader to whom every kind of break is one."""
    return re.split("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text)


@given(TEXTS)
def test_no_line_of_text_from_outside_is_a_command(text: str) -> None:
    assert not any(is_command(line) for line in lines_of(harmless(text)))


@given(TEXTS)
def test_what_was_made_harmless_stays_as_it_is(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="#:"), max_size=60))
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


@given(st.dictionaries(TEXTS, TEXTS | st.integers(), max_size=3), st.sampled_from([None, 2]))
def test_json_says_the_same_and_holds_no_command(values: dict[str, object], indent: int | None) -> None:
    text = harmless_json(json.dumps(values, ensure_ascii=False, indent=indent))
    assert json.loads(text) == values
    assert not any(is_command(line) for line in lines_of(text))


def unescaped(text: str, pairs: dict[str, str]) -> str:
    """What a runner makes of an escaped text: each mark replaced, the percent sign last."""
    for mark, sign in pairs.items():
        text = text.replace(mark, sign)
    return text


@given(TEXTS, TEXTS)
def test_githubs_runner_reads_back_the_message_and_the_title(message: str, title: str) -> None:
    line = command(System.GITHUB, "error", message, title=title)
    assert len(lines_of(line)) == 1
    said, _, data = line.removeprefix("::").partition("::")
    name, _, properties = said.partition(" ")
    data_marks = {"%0D": "\r", "%0A": "\n", "%25": "%"}
    assert (name, unescaped(data, data_marks)) == ("error", harmless(message))
    read = dict(pair.split("=", 1) for pair in properties.split(",") if pair)
    marks = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    assert unescaped(read.get("title", ""), marks) == harmless(title)


@given(TEXTS, TEXTS)
def test_azures_agent_reads_back_the_message_and_the_property(message: str, value: str) -> None:
    line = command(System.AZURE, "task.logissue", message, type="error", code=value)
    assert len(lines_of(line)) == 1
    said, _, data = line.removeprefix("##vso[").partition("]")
    name, _, properties = said.partition(" ")
    marks = {"%3B": ";", "%0D": "\r", "%0A": "\n", "%5D": "]", "%AZP25": "%"}
    assert (name, unescaped(data, marks)) == ("task.logissue", harmless(message))
    read = dict(pair.split("=", 1) for pair in properties.split(";") if pair)
    assert (read["type"], unescaped(read.get("code", ""), marks)) == ("error", harmless(value))
    assert line.count("##") == 1


@pytest.mark.parametrize(
    ("environment", "system"),
    [
        ({"GITHUB_ACTIONS": "true"}, System.GITHUB),
        ({"TF_BUILD": "True"}, System.AZURE),
        ({"GITHUB_ACTIONS": "false", "CI": "true"}, None),
        ({}, None),
    ],
)
def test_a_system_is_known_by_its_own_variable(environment: dict[str, str], system: System | None) -> None:
    assert system_of(environment) is system


def test_outside_of_a_ci_system_text_is_printed_as_it_is() -> None:
    text, document = guards(None)
    assert text("##[error]\r::x::") == document("##[error]\r::x::") == "##[error]\r::x::"


def test_the_log_is_folded_in_each_systems_own_way() -> None:
    assert folded(System.GITHUB, "rollout start") == ("::group::rollout start", "::endgroup::")
    assert folded(System.AZURE, "rollout start") == ("##[group]rollout start", "##[endgroup]")


@pytest.mark.parametrize("name", ["GITHUB_ACTIONS", "TF_BUILD"])
@given(text=TEXTS)
def test_nothing_that_a_run_prints_is_a_command_unless_it_is_meant_as_one(name: str, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for each in ("GITHUB_ACTIONS", "TF_BUILD"):
            patch.delenv(each, raising=False)
        patch.setenv(name, "true")
        streams = []
        for form in (Format.TEXT, Format.JSON):
            out, err = io.StringIO(), io.StringIO()
            output = Output(Options(output=form, log_format=form), out, err)
            output.text(text)
            output.document({"message": text})
            output.note(text)
            output.error(text)
            said = event(states.NOW, "verdict_unhealthy", "west", message=text)
            event_log(output.err_stream, form.value)(states.fresh(), (said,))
            streams += [out, err]
        written = [line for stream in streams for line in lines_of(stream.getvalue())]
    assert not any(is_command(line) for line in written)
