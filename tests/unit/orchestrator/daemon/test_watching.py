"""When repositories are looked at: in turn, and at once where something changed; what was seen is decided on once."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.daemon.pace import Watch, usual
from orchestrator.store.records import Sighting
from tests.unit.orchestrator.daemon.ward import EVERY_SECONDS, HOST, REPOSITORY, Ward, begun, digest, watched
from watchers.errors import Denied
from watchers.signals import Signal


@pytest.fixture
def ward() -> Ward:
    return begun()


WATCHES = st.builds(
    lambda every, failures: Watch(watched(every=every), failures=failures),
    st.floats(1.0, 86400.0),
    st.integers(1, 100),
)


def test_at_start_every_repository_is_looked_at_once_at_once_and_jitter_begins_with_the_second_look() -> None:
    ward = Ward()
    services = [watched(f"s{number}", f"shop/s{number}") for number in range(50)]
    ward.watching.update(services, ())
    ward.run(0.0)
    assert sorted(where for _, where, _ in ward.looks) == sorted(each.repository for each in services)
    ward.run(EVERY_SECONDS)
    second = [ward.times(each.repository)[1] for each in services]
    assert min(second) >= 0.89 * EVERY_SECONDS
    assert max(second) <= EVERY_SECONDS
    assert len(set(second)) > 10


def test_no_look_is_ever_later_than_promised_and_looks_cost_no_more_than_a_tenth_more(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(100 * EVERY_SECONDS)
    times = ward.times()
    assert all(0.89 * EVERY_SECONDS <= b - a <= EVERY_SECONDS for a, b in pairwise(times))


def test_the_same_seed_looks_at_the_same_times() -> None:
    def times() -> list[float]:
        ward = Ward()
        ward.watching.update([watched()], ())
        ward.run(1000.0)
        return ward.times()

    assert times() == times()


def test_a_new_tag_is_decided_on_once_and_an_unchanged_one_never_again(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(10 * EVERY_SECONDS)
    assert [tag for _, _, tag in ward.heeds] == ["1.0.0"]
    ward.push("1.1.0", 2)
    ward.run(10 * EVERY_SECONDS)
    assert [tag for _, _, tag in ward.heeds] == ["1.0.0", "1.1.0"]
    assert [line["tag"] for line in ward.log.of("sighting_handled")] == ["1.0.0", "1.1.0"]


def test_a_restart_does_not_decide_again_on_what_was_dealt_with(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(1.0)
    ward.start()
    ward.watching.update([watched()], ())
    ward.run(EVERY_SECONDS)
    assert len(ward.heeds) == 1


def test_a_restart_decides_on_what_was_seen_and_not_dealt_with(ward: Ward) -> None:
    ward.store.keep_sighting(Sighting("shop", f"{HOST}/{REPOSITORY}", watched().policy.text, "1.0.0", digest(1)))  # type: ignore[union-attr]
    ward.watching.update([watched()], ())
    ward.run(1.0)
    assert [tag for _, _, tag in ward.heeds] == ["1.0.0"]


def test_a_service_that_is_watched_no_longer_leaves_nothing_behind(ward: Ward) -> None:
    ward.watching.update([watched(), watched("two")], ())
    ward.trouble = Denied("no")
    ward.run(10.0)
    ward.watching.update((), ["shop", "two", "unknown"])
    assert len(ward.watching) == len(ward.jobs) == 0
    assert ward.numbers.troubles == {}
    assert ward.watching.hear([Signal(HOST, REPOSITORY)]) == 0
    assert ward.watching._roster._by_repository == {}
    looks = len(ward.looks)
    ward.run(1000.0)
    assert len(ward.looks) == looks


def test_another_rule_is_another_question_and_is_asked_at_once(ward: Ward) -> None:
    ward.push("2.0.0", 2)
    ward.watching.update([watched(semver="1.x")], ())
    ward.run(10.0)
    ward.watching.update([watched(semver=">=1")], ())
    ward.run(0.0)
    assert [tag for _, _, tag in ward.heeds] == ["1.0.0", "2.0.0"]


def test_a_manifest_without_a_rule_is_watched_no_more(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(1.0)
    ward.watching.update([replace(watched(), policy=None)], ())
    assert len(ward.watching) == 0
    ward.run(1000.0)
    assert len(ward.looks) == 1


@given(WATCHES, st.floats(0, 1), st.floats(0, 1e7))
def test_a_look_is_never_later_than_the_interval(watch: Watch, dice: float, now: float) -> None:
    assert 0.88 * watch.watched.every_seconds <= usual(watch, dice, now) <= watch.watched.every_seconds


def test_thousands_of_looks_wake_the_process_a_few_times_a_second() -> None:
    dice = random.Random(3)
    watch = Watch(watched())
    times = {round(now + usual(watch, dice.random(), now), 6) for now in [dice.uniform(0, 60) for _ in range(10_000)]}
    assert len(times) <= 4 * 66 + 2
