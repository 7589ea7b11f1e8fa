"""The Markdown summary: what a person reads first, that nothing from outside draws in it, and that it fits."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.ci.summary import LIMIT_BYTES, code, summary, words
from strategies.journal import Event, event
from strategies.model import Reason
from tests.unit.orchestrator.ci import runs
from tests.unit.orchestrator.cli import states

UNESCAPED = re.compile(r"(?<!\\)(?:\\\\)*[`*_\[\]#!|~$@<]")
WORDS = st.text(st.sampled_from("ab \n\t`*_[]()#!|~$@<>&\\-+=:/.w1")) | st.text()


@pytest.mark.parametrize("name", runs.every())
def test_the_headline_of_every_way_to_end_names_the_service_and_the_outcome(name: str) -> None:
    ended = runs.every()[name]
    page = summary(ended)
    assert re.match(rf"## \S+ {ended.service}.*: {ended.headline}\n", page)
    assert f"| Exit code | {ended.code} |" in page
    assert f"| Run | <{runs.LINK}> |" in page


def test_a_rollback_is_told_with_its_reason_numbers_targets_events_and_what_to_do_next() -> None:
    ways = [("rollout retry storefront", "pardon this revision, so that `start` takes it again")]
    page = summary(runs.ended(states.rolled_back(), 3, ways=ways))
    assert "storefront-x failed 3 probes in a row (limit 3): status 500" in page.splitlines()[2]
    assert "| Version | `1.4.2` → `1.5.0` |" in page
    assert "| Asked for by | ana |" in page
    assert "| failed | `3 probes` |" in page
    assert "| westeurope | 1 | rolledBack | 1 of 3 | 0 % | 0 % |" in page
    assert "| westeurope | phase\\_changed | before=removing, after=rolledBack" in page
    assert "- `rollout retry storefront`: pardon this revision, so that \\`start\\` takes it again" in page


def test_what_was_left_behind_is_listed() -> None:
    rollout = states.promoted()
    slots = tuple(replace(slot, leftover="a lock forbids it") for slot in rollout.targets[0].stable)
    page = summary(runs.ended(states.on(rollout, stable=slots)))
    assert "### Left over" in page
    assert f"- westeurope: `{slots[0].name}`: a lock forbids it" in page


def test_who_goes_on_is_said_where_the_run_ended_before_the_rollout() -> None:
    assert "| Engine | another process goes on |" in summary(runs.every()["running"])
    assert "| Engine | none: nothing moves until it is run again |" in summary(runs.every()["timedOut"])


def test_every_table_has_as_many_cells_in_each_row_as_in_its_head() -> None:
    for ended in runs.every().values():
        for table in re.findall(r"(?:^\|.*\|$\n?)+", summary(ended), re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table


@given(WORDS)
@example("see https://example.org/a#b and www.example.org, #12 @ana")
def test_words_from_outside_stay_words_on_one_line(text: str) -> None:
    said = words(text)
    assert "\n" not in said
    assert not UNESCAPED.search(re.sub(r"&(#\d+|amp|lt|gt);", "", said))
    assert "://" not in said and "www." not in said
    assert not re.match(r"[-+=:]|\d+[.)](\s|$)", said)


@given(WORDS)
def test_code_from_outside_does_not_end_early_nor_leave_its_cell(text: str) -> None:
    said = code(text)
    assert said == "" or re.fullmatch(r"`[^`\n]*`", said)
    assert not re.search(r"(?<!\\)\|", said)


@given(WORDS)
def test_no_text_from_outside_adds_a_line_to_the_page(text: str) -> None:
    def lines(message: str) -> int:
        rollout = replace(states.rolled_back(), failure=Reason("x", message, (("said", message),)))
        said = event(states.NOW, "verdict_unhealthy", "westeurope", message=message)
        ended = runs.ended(rollout, 3, journal=[*runs.journal(rollout), said], ways=[(message, message)])
        return len(summary(ended).splitlines())

    assert lines(f"x{text}") == lines("x")


@pytest.mark.parametrize("link", ["", "javascript:alert(1)", "https://x/> <b>", "https://x|y"])
def test_a_link_that_is_none_is_left_out(link: str) -> None:
    assert "| Run |" not in summary(runs.ended(states.promoted(), link=link))


def long_journal(count: int) -> list[Event]:
    """Many events of one rollout, a second apart."""
    return [event(states.NOW + timedelta(seconds=i), "probe_failing", "west", group=f"g{i}") for i in range(count)]


def test_a_page_that_is_too_long_loses_the_middle_of_its_events() -> None:
    page = summary(runs.ended(states.rolled_back(), 3, journal=long_journal(2000)), 20_000)
    assert 18_000 < len(page.encode()) <= 20_000
    assert "group=g0 " in page and "group=g1999 " in page and "group=g1000 " not in page
    kept = len(re.findall(r"group=g\d+ ", page))
    assert f"2000 events, {2000 - kept} of them left out" in page
    assert page.endswith("</details>\n")


@given(st.integers(0, 3000), st.integers(0, 60), st.text(max_size=300))
def test_a_page_is_never_larger_than_it_may_be(limit: int, events: int, message: str) -> None:
    rollout = replace(states.rolled_back(), failure=Reason("x", message))
    page = summary(runs.ended(rollout, 3, journal=long_journal(events)), limit)
    assert len(page.encode()) <= limit


def test_the_page_of_the_longest_rollout_is_within_what_github_takes() -> None:
    page = summary(runs.ended(states.promoted(), journal=long_journal(30_000)))
    assert LIMIT_BYTES * 0.99 < len(page.encode()) <= LIMIT_BYTES


def test_every_source_and_check_is_a_row_with_its_numbers_and_limits() -> None:
    page = summary(runs.ended(runs.judged(), 3))
    assert "### Sources" in page
    source = next(line for line in page.splitlines() if line.startswith("| westeurope | errors |"))
    assert source.startswith("| westeurope | errors | 54 / 432 | 9 / 3870 |") and source.count(" of ") == 2
    assert " of 1000 | " in source and " of 20 | " in source
    smoke = "| westeurope | smoke | – | – | – | – | failed at step 1: page \\| 3: 500; reports only |"
    assert smoke in page.splitlines()


def test_a_source_that_does_not_answer_is_told_in_its_own_words() -> None:
    rollout = states.judged(states.counted(problem="HTTP 503 <from> prometheus"))
    assert "| HTTP 503 &lt;from&gt; prometheus |" in summary(runs.ended(rollout, 5, outcome="timedOut"))


def test_without_sources_there_is_no_table_of_them() -> None:
    assert "### Sources" not in summary(runs.ended(states.promoted()))


def test_an_event_tells_its_proof_once_there_is_any() -> None:
    first = event(states.NOW, "phase_changed", "west", before="holding", after="shifting", step=1, e=1.0, proof=1.0)
    later = event(states.NOW, "phase_changed", "west", before="shifting", after="holding", step=1, e=0.5, proof=2.5)
    page = summary(runs.ended(states.promoted(), journal=[first, later]))
    assert "before=holding, after=shifting, step=1 |" in page
    assert "before=shifting, after=holding, step=1, e=0.5, proof=2.5 |" in page


def test_an_undo_that_took_a_rollout_back_says_so() -> None:
    assert summary(runs.every()["undone"]).startswith("## ↩️ storefront 1.5.0: undone\n")
