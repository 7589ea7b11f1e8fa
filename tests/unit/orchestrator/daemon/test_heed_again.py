"""The same find again, after a crash or by another daemon, and the decisions by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.daemon.heed import LASTING, answered, heed, is_new, notice
from orchestrator.daemon.watched import Watched
from orchestrator.sayings import pardon
from orchestrator.store.records import Sighting
from orchestrator.wish import Refused, Submission, Way
from providers.errors import Transient
from tests.conformance.stores import START
from tests.unit.orchestrator.daemon.watched_shop import Shop
from watchers.watch import Sight


@pytest.fixture
def shop() -> Shop:
    return Shop()


class CrashError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("method", ["keep_sighting", "next_number", "submit", "suspended", "active"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_anywhere_ends_the_same_way_as_none(shop: Shop, method: str, after: bool) -> None:
    shop.deploy("1.4.0")
    real, calls = getattr(shop.store, method), []

    def crash(*args: object, **more: object) -> object:
        calls.append(method)
        if len(calls) > 1:
            return real(*args, **more)
        if after:
            real(*args, **more)
        raise CrashError

    setattr(shop.store, method, crash)
    with pytest.raises(CrashError):
        shop.find("1.5.0")
    heeded = shop.find("1.5.0")
    assert heeded.sighting.outcome in ("begun", "attached")
    assert not heeded.retry
    shop.finish()
    assert shop.find("1.5.0").submission is None
    assert shop.rolled_out() == ["1.4.0", "1.5.0"]


@pytest.mark.parametrize("ended", [False, True])
def test_two_daemons_that_see_the_same_find_make_one_rollout(shop: Shop, ended: bool) -> None:
    shop.deploy("1.4.0")
    stale = shop.store.sighting("shop")
    shop.find("1.5.0")
    if ended:
        shop.finish()
    other = heed(shop.app, shop.watched, shop.load, shop.sight("1.5.0"), stale)
    assert other.sighting.outcome == ("nothing" if ended else "attached")
    assert shop.rolled_out() == ["1.4.0", "1.5.0"]


WATCHED = Watched("shop", "shop.yaml", "r", "shop", None, 60.0)
DIGESTS = st.sampled_from([None, "sha256:a", "sha256:b"])
SIGHTS = st.builds(Sight, st.sampled_from(["1", "2"]), DIGESTS)
ANSWERS = st.sampled_from(
    [
        *(Submission(way, None, message="said") for way in Way),
        *(Refused(code, "said") for code in (*sorted(LASTING), "weights", "stuck", "activeRollout")),
        Transient("away"),
    ]
)


@given(st.lists(st.tuples(SIGHTS, ANSWERS), max_size=8))
def test_a_find_is_new_until_it_was_answered_for_good(seen: list[tuple[Sight, Submission | Exception]]) -> None:
    before: Sighting | None = None
    done: str | None = None
    for step, (sight, answer) in enumerate(seen):
        now = START + timedelta(seconds=step)
        noticed = notice(WATCHED, sight, before, now)
        assert notice(WATCHED, sight, noticed, now + timedelta(seconds=9)) == noticed
        last_good = sight.digest or (before.digest if before else None)
        assert noticed.digest == last_good
        assert is_new(noticed) == (last_good is not None and last_good != done)
        before = noticed
        if sight.digest is None or not is_new(noticed):
            continue
        heeded = answered(noticed, answer, now)
        before = heeded.sighting
        assert heeded.retry == is_new(before)
        assert (before.tag, before.digest, before.seen_at) == (noticed.tag, noticed.digest, noticed.seen_at)
        assert bool(before.problem) == (before.problem_at is not None)
        if not heeded.retry:
            done = sight.digest
            assert before.message


@given(SIGHTS)
def test_an_answer_to_another_question_is_not_remembered(sight: Sight) -> None:
    old = Sighting("shop", "r/shop", "digest latest", "1", "sha256:a", START, "sha256:a", "begun", problem="x")
    noticed = notice(WATCHED, sight, old, START)
    assert (noticed.handled, noticed.outcome, noticed.problem, noticed.rule) == ("", "", "", "")


def test_what_is_wrong_with_the_manifest_is_remembered_from_its_beginning() -> None:
    sight, broken = Sight("1", "sha256:a"), replace(WATCHED, problem="shop.yaml:3: broken")
    first = notice(broken, sight, notice(WATCHED, sight, None, START), START + timedelta(seconds=1))
    assert (first.manifest_problem, first.manifest_problem_at) == (broken.problem, START + timedelta(seconds=1))
    assert notice(broken, sight, first, START + timedelta(seconds=2)) == first
    mended = notice(WATCHED, sight, first, START + timedelta(seconds=3))
    assert (mended.manifest_problem, mended.manifest_problem_at) == ("", None)


def test_what_was_rolled_out_and_taken_back_reads_as_refused_until_a_person_pardons_it(shop: Shop) -> None:
    shop.deploy("v1")
    assert shop.find("v2").sighting.outcome == "begun"
    shop.take_back()
    told = shop.find("v2").sighting
    assert (told.outcome, "`rollout retry shop`" in told.message) == ("rolledBackBefore", True)
    assert shop.rolled_out() == ["v1", "v2"]
    pardon(shop.store, shop.clock, "shop", "ana")
    assert shop.find("v2").sighting.outcome == "begun"
    assert shop.rolled_out() == ["v1", "v2", "v2"]
