"""Our server gives the answers that a real one gave, exchange by exchange."""

from __future__ import annotations

import pytest

from tests.unit.providers.emulator_kube import hands
from tests.unit.providers.emulator_kube.judges import LEFT_OUT
from tests.unit.providers.emulator_kube.recordings import ORDER, TRANSCRIPTS
from tests.unit.providers.emulator_kube.replay import Outcome, Replay

needs_transcripts = pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason="the recordings of ../shared are not here")
WIRE = "python-client-wire"
"""Holds requests without answers' bodies: see `test_wire`."""


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[Outcome]]:
    """How each exchange of all scenarios ended: they build upon each other, so all of them go through one server."""
    replay = Replay()
    hands.lay_hands_on(replay)
    for scenario in ORDER:
        replay.run(scenario)
    return {scenario: [one for one in replay.outcomes if one.scenario == scenario] for scenario in ORDER}


@needs_transcripts
@pytest.mark.parametrize("scenario", ORDER)
def test_every_answer_is_the_recorded_one(scenario: str, outcomes: dict[str, list[Outcome]]) -> None:
    wrong = [
        f"{one.scenario} {one.number}: {problem}"
        for one in outcomes[scenario]
        for problem in one.problems
        if (one.scenario, one.number) not in LEFT_OUT
    ]
    assert not wrong


@needs_transcripts
def test_no_recording_is_passed_over() -> None:
    assert {path.stem for path in TRANSCRIPTS.glob("*.json")} == {*ORDER, WIRE}


@needs_transcripts
def test_what_is_left_out_really_differs(outcomes: dict[str, list[Outcome]]) -> None:
    alike = [(one.scenario, one.number) for some in outcomes.values() for one in some if not one.problems]
    assert not [one for one in LEFT_OUT if one in alike]


@needs_transcripts
def test_nearly_all_of_the_recorded_exchanges_are_compared(outcomes: dict[str, list[Outcome]]) -> None:
    total = sum(len(some) for some in outcomes.values())
    print(f"{total - len(LEFT_OUT)} of {total} exchanges are answered alike")
    assert total > 400
    assert len(LEFT_OUT) <= 4
