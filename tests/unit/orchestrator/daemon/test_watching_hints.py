"""What a webhook brings about: a look at once, and more of them until what was announced shows."""

from __future__ import annotations

import pytest

from orchestrator.daemon.pace import CHASE_SECONDS
from tests.unit.orchestrator.daemon.ward import HOST, REPOSITORY, Ward, begun, digest, watched
from watchers.errors import NotReady
from watchers.signals import Signal


@pytest.fixture
def ward() -> Ward:
    return begun()


def test_a_signal_makes_a_look_at_once_that_knows_of_it(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(10.0)
    ward.watching.hear([ward.push("1.1.0", 2)])
    ward.run(0.0)
    assert ward.looks[-1] == (10.0, REPOSITORY, "hinted")
    assert [tag for _, _, tag in ward.heeds] == ["1.0.0", "1.1.0"]
    ward.run(20.0)
    assert len(ward.looks) == 2


def test_a_signal_without_a_host_concerns_every_registry_and_one_of_another_host_nobody(ward: Ward) -> None:
    ward.watching.update([watched(), watched("other"), watched("far", "shop/far")], ())
    ward.run(1.0)
    ward.looks.clear()
    assert ward.watching.hear([Signal("elsewhere.example", REPOSITORY)]) == 0
    assert ward.watching.hear([Signal(None, REPOSITORY)]) == 2
    assert ward.watching.hear([Signal(HOST, "shop/unknown")]) == 0
    ward.run(0.0)
    assert len(ward.looks) == 2


def test_a_flood_of_signals_is_one_look_and_one_line(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(1.0)
    signal = ward.push("1.1.0", 2)
    for _ in range(1000):
        ward.watching.hear([signal])
    ward.run(5.0)
    assert len(ward.looks) == 2
    assert len(ward.log.of("signal_heard")) == 1


def test_what_a_signal_announces_is_looked_for_again_until_it_shows(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(10.0)
    ward.watching.hear([Signal(HOST, REPOSITORY, "1.1.0", digest(2), "acr")])
    ward.run(5.0)
    ward.push("1.1.0", 2)
    ward.run(30.0)
    assert ward.times()[1:] == [10.0, 11.0, 12.0, 14.0, 18.0]
    assert [tag for _, _, tag in ward.heeds] == ["1.0.0", "1.1.0"]


def test_what_never_shows_is_looked_for_half_a_minute_and_then_in_turn_again(ward: Ward) -> None:
    ward.watching.update([watched(every=600.0)], ())
    ward.run(10.0)
    ward.watching.hear([Signal(HOST, REPOSITORY, "1.1.0", digest(2), "acr")])
    ward.run(300.0)
    assert [at - 10.0 for at in ward.times()[1:]] == [0.0, *CHASE_SECONDS]
    assert [depth for _, _, depth in ward.looks[1:]] == ["hinted", *["thorough"] * len(CHASE_SECONDS)]
    ward.run(600.0)
    assert len(ward.looks) == 3 + len(CHASE_SECONDS)
    assert not ward.looks[-1][2]


def test_a_manifest_that_is_not_there_yet_is_looked_for_again_without_reading_all_tags(ward: Ward) -> None:
    ward.trouble = NotReady("listed, not there", "wait")
    ward.watching.update([watched(every=600.0)], ())
    ward.run(300.0)
    assert [depth for _, _, depth in ward.looks][: 1 + len(CHASE_SECONDS)] == ["", *["hinted"] * len(CHASE_SECONDS)]


@pytest.mark.parametrize(
    "signal",
    [
        Signal(HOST, REPOSITORY, "0.9.0", digest(9), "acr"),
        Signal(HOST, REPOSITORY, "latest", digest(9), "acr"),
        Signal(HOST, REPOSITORY, "1.0.0", digest(1), "acr"),
        Signal(HOST, REPOSITORY, None, digest(9), "acr"),
    ],
    ids=["an older one", "one that matches nothing", "the one that is seen", "one without a tag"],
)
def test_what_the_rule_would_not_pick_is_not_looked_for_again(ward: Ward, signal: Signal) -> None:
    ward.watching.update([watched(every=600.0)], ())
    ward.run(10.0)
    ward.watching.hear([signal])
    ward.run(300.0)
    assert ward.times()[1:] == [10.0]


def test_reordered_signals_look_for_the_better_one(ward: Ward) -> None:
    ward.watching.update([watched(every=600.0)], ())
    ward.run(10.0)
    for tag, number in (("1.2.0", 3), ("1.1.0", 2)):
        ward.watching.hear([Signal(HOST, REPOSITORY, tag, digest(number), "acr")])
    ward.run(1.5)
    ward.push("1.1.0", 2)
    ward.run(4.0)
    ward.push("1.2.0", 3)
    ward.run(100.0)
    assert [tag for _, _, tag in ward.heeds] == ["1.0.0", "1.1.0", "1.2.0"]


def test_a_followed_tag_is_looked_for_until_its_new_digest_shows() -> None:
    ward = Ward()
    ward.push("prod", 1)
    ward.watching.update([watched(digest="prod", every=600.0)], ())
    ward.run(10.0)
    ward.watching.hear([Signal(HOST, REPOSITORY, "prod", digest(2), "acr")])
    ward.run(3.0)
    ward.push("prod", 2)
    ward.run(30.0)
    assert len(ward.heeds) == 2
    assert len(ward.looks) == 5
