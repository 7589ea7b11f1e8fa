"""Registries in trouble, finds that cannot begin: told once, tried again in good time, and nobody else's trouble."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.daemon.heed import Heeded
from orchestrator.daemon.pace import FAILED_MOST_SECONDS, RETRY_MOST_SECONDS, Watch, failed
from orchestrator.daemon.watched import Watched
from orchestrator.daemon.watching import PARDON_SECONDS
from orchestrator.store.records import Sighting, Suspension
from tests.unit.orchestrator.daemon.ward import EVERY_SECONDS, HOST, REPOSITORY, Ward, begun, digest, watched
from watchers.errors import Denied, NotReady, Throttled, Unreachable
from watchers.signals import Signal
from watchers.watch import Sight


@pytest.fixture
def ward() -> Ward:
    return begun()


WATCHES = st.builds(
    lambda every, failures: Watch(watched(every=every), failures=failures),
    st.floats(1.0, 86400.0),
    st.integers(1, 100),
)


def test_a_manifest_that_is_not_there_yet_is_asked_for_again_and_no_trouble_is_told(ward: Ward) -> None:
    ward.watching.update([watched(every=600.0)], ())
    ward.run(10.0)
    ward.trouble = NotReady("listed, not there", "wait")
    ward.watching.hear([ward.push("1.1.0", 2)])
    ward.run(3.0)
    ward.trouble = None
    ward.run(10.0)
    assert [tag for _, _, tag in ward.heeds] == ["1.0.0", "1.1.0"]
    assert ward.numbers.troubles == {}
    assert ward.log.of("not_ready")
    assert ward.log.of("look_failed") == []


def test_a_manifest_that_stays_away_becomes_a_trouble(ward: Ward) -> None:
    ward.trouble = NotReady("listed, not there", "wait")
    ward.watching.update([watched(every=600.0)], ())
    ward.run(100.0)
    assert ward.numbers.troubles == {"shop": "NotReady"}
    told = ward.store.sighting("shop")
    assert told is not None
    assert told.problem == "listed, not there; wait"


def test_a_registry_in_trouble_is_told_once_keeps_the_last_good_answer_and_is_told_when_it_is_back(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(10.0)
    ward.trouble = Unreachable("contoso.azurecr.io: no connection", "check the network")
    ward.run(1000.0)
    (line,) = ward.log.of("look_failed")
    assert line["warning"]
    assert (line["service"], line["error"]) == ("shop", "Unreachable")
    told = ward.store.sighting("shop")
    assert told is not None
    assert (told.tag, told.digest) == ("1.0.0", digest(1))
    assert "no connection" in told.problem
    assert ward.numbers.troubles == {"shop": "Unreachable"}
    assert ward.watching.troubled == 1
    ward.trouble = None
    ward.run(1000.0)
    assert len(ward.log.of("look_recovered")) == 1
    told = ward.store.sighting("shop")
    assert told is not None
    assert (told.problem, told.problem_at, told.digest) == ("", None, digest(1))
    assert ward.numbers.troubles == {}
    assert len(ward.heeds) == 1


def test_another_kind_of_trouble_is_told_anew(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.trouble = Unreachable("no connection")
    ward.run(100.0)
    ward.trouble = Denied("no such user")
    ward.run(1000.0)
    assert [line["error"] for line in ward.log.of("look_failed")] == ["Unreachable", "Denied"]


def test_a_trouble_that_ended_while_no_daemon_ran_is_taken_back_by_the_first_look(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(1.0)
    ward.trouble = Unreachable("no connection")
    ward.run(EVERY_SECONDS)
    ward.trouble = None
    ward.start()
    ward.watching.update([watched()], ())
    ward.run(1.0)
    told = ward.store.sighting("shop")
    assert told is not None
    assert told.problem == ""


def test_a_registry_that_asks_for_time_gets_it_and_no_hint_shortens_that(ward: Ward) -> None:
    ward.watching.update([watched(every=10.0)], ())
    ward.run(1.0)
    ward.trouble = Throttled("slower", retry_after=120.0)
    ward.watching.hear([Signal(HOST, REPOSITORY, "1.1.0", digest(2), "acr")])
    ward.run(119.0)
    assert len(ward.looks) == 2
    ward.run(15.0)
    assert len(ward.looks) == 3


def test_a_look_for_which_there_is_no_turn_is_put_off_and_is_no_trouble(ward: Ward) -> None:
    ward.trouble = Throttled("more questions at once than this process asks", code="BUSY", retry_after=0.3)
    ward.watching.update([watched(f"s{number}", every=600.0) for number in range(100)], ())
    ward.run(60.0)
    assert ward.log.of("look_failed") == []
    assert ward.numbers.troubles == {}
    assert ward.store.sightings() == []
    assert len(ward.looks) < 100 * 20
    late = [at for at, _, _ in ward.looks if at > 30.0]
    assert len(set(late)) == len(late)
    ward.trouble = None
    ward.run(60.0)
    assert len({service for _, service, _ in ward.heeds}) == 100


def test_no_tag_that_fits_is_a_trouble_that_is_told_and_the_last_good_answer_stays(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(1.0)
    ward.tags[REPOSITORY] = {"latest": digest(5), "1.0": digest(6), "vNext": digest(7)}
    ward.tags[REPOSITORY] = {"latest": digest(5)}
    ward.run(200.0)
    (line,) = ward.log.of("look_failed")
    assert line["error"] == "NoTag"
    assert "semver" in line["message"]
    told = ward.store.sighting("shop")
    assert told is not None
    assert told.digest == digest(1)
    ward.push("1.1.0", 2)
    ward.run(100.0)
    assert ward.numbers.troubles == {}
    assert [tag for _, _, tag in ward.heeds] == ["1.0.0", "1.1.0"]


def test_one_services_trouble_touches_no_other(ward: Ward) -> None:
    ward.push("1.0.0", 1, "shop/well")
    ward.watching.update([watched(), watched("well", "shop/well")], ())
    real = ward.watching._look

    def look(registry: Any, repository: str, *rest: Any, **more: Any) -> Sight:
        if repository == REPOSITORY:
            raise Denied("no")
        return real(registry, repository, *rest, **more)

    ward.watching._look = look
    ward.run(500.0)
    ward.push("1.1.0", 2, "shop/well")
    ward.run(EVERY_SECONDS)
    assert [tag for _, service, tag in ward.heeds if service == "well"] == ["1.0.0", "1.1.0"]
    assert ward.numbers.troubles == {"shop": "Denied"}


def test_what_cannot_begin_is_tried_again_ever_later_and_at_once_when_what_stood_in_the_way_has_ended(
    ward: Ward,
) -> None:
    ward.decides = lambda _watched, _sight, known: Heeded(replace(known, message="v1 must end first"), retry=True)
    ward.watching.update([watched()], ())
    ward.run(200.0)
    times = [at for at, _, _ in ward.heeds]
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert max(gaps) <= RETRY_MOST_SECONDS
    assert len(ward.log.of("sighting_waits")) == 1
    ward.decides = None
    ward.watching.ended("shop")
    ward.run(0.0)
    assert len(ward.heeds) == len(times) + 1
    ward.watching.ended("shop")
    ward.run(30.0)
    assert len(ward.heeds) == len(times) + 2, "how it ended is taken in once, and nothing is tried again"


def test_a_suspension_that_is_lifted_is_noticed_within_seconds(ward: Ward) -> None:
    def decides(watched: Watched, _sight: Sight, known: Sighting) -> Heeded:
        if ward.store.suspended(watched.service, ward.clock.now()):
            return Heeded(replace(known, problem="suspended by ana"), retry=True)
        return Heeded(replace(known, handled=known.digest or "", outcome="begun"))

    ward.decides = decides
    ward.store.suspend(Suspension("shop", "ana", "frozen", ward.clock.now()))
    ward.watching.update([watched()], ())
    ward.run(1000.0)
    ward.store.unsuspend("shop")
    ward.run(PARDON_SECONDS)
    told = ward.store.sighting("shop")
    assert told is not None
    assert told.outcome == "begun"


def test_a_ban_that_is_lifted_is_noticed_within_seconds(ward: Ward) -> None:
    banned = ["r1"]

    def decides(_watched: Watched, _sight: Sight, known: Sighting) -> Heeded:
        outcome, revision = ("rolledBackBefore", "r1") if banned else ("begun", "")
        return Heeded(replace(known, handled=known.digest or "", outcome=outcome, revision=revision))

    ward.decides = decides
    ward.watching.update([watched()], ())
    ward.run(100.0)
    banned.clear()
    ward.run(PARDON_SECONDS)
    told = ward.store.sighting("shop")
    assert told is not None
    assert told.outcome == "begun"
    assert [line["outcome"] for line in ward.log.of("sighting_handled")] == ["rolledBackBefore", "begun"]
    heeds = len(ward.heeds)
    ward.run(100.0)
    assert len(ward.heeds) == heeds


@given(WATCHES, st.floats(0, 1), st.none() | st.floats(0.0, 1e9))
def test_a_failing_registry_is_neither_hammered_nor_given_up(
    watch: Watch, dice: float, retry_after: float | None
) -> None:
    again = failed(watch, Throttled("slower", retry_after=retry_after), dice)
    every = watch.watched.every_seconds
    assert again >= 0.9
    if retry_after is None:
        assert again <= max(every, FAILED_MOST_SECONDS)
    else:
        assert again >= min(retry_after, 3600.0)
        assert again <= 3600.0 * 1.1
