"""When repositories are looked at: in turn, at once on a hint, and as the registry wishes when it is in trouble."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.daemon.heed import Heeded
from orchestrator.daemon.pace import CHASE_SECONDS, FAILED_MOST_SECONDS, RETRY_MOST_SECONDS, Watch, failed, usual
from orchestrator.daemon.watched import Watched
from orchestrator.daemon.watching import PARDON_SECONDS, Watching
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Sighting, Suspension
from tests.unit.orchestrator.daemon.parts import Clock, Kept, Numbers, jobs_on, run
from watchers.errors import Denied, NotReady, RegistryError, Throttled, Unreachable
from watchers.policies import Policy, policy_of
from watchers.signals import Signal
from watchers.watch import Sight

HOST, REPOSITORY = "contoso.azurecr.io", "shop/web"
EVERY_SECONDS = 60.0


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def watched(service: str = "shop", repository: str = REPOSITORY, every: float = 60.0, **follow: Any) -> Watched:
    policy = policy_of(follow or {"semver": ">=1"})
    return Watched(service, f"{service}.yaml", HOST, repository, f"{HOST}/{repository}", policy, every)


@dataclass
class Ward:
    """A registry that is a dictionary, and all that the watching of it leads to."""

    clock: Clock = field(default_factory=Clock)
    store: MemoryStore = field(default_factory=MemoryStore)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    trouble: RegistryError | None = None
    looks: list[tuple[float, str, bool]] = field(default_factory=list)
    heeds: list[tuple[float, str, str | None]] = field(default_factory=list)
    decides: Callable[[Watched, Sight, Sighting], Heeded] | None = None

    def __post_init__(self) -> None:
        self.log, self.numbers = Kept(), Numbers()
        self.start()

    def start(self) -> None:
        """Begin anew with what the store remembers, as a restarted daemon does."""
        self.jobs = jobs_on(self.clock, self.log)
        self.jobs.on("stir", "chore", lambda _name: None)  # type: ignore[arg-type]
        self.watching = Watching(
            self.jobs,
            self.store,
            self.clock,
            self.log,
            self.numbers,
            registry_of=lambda host: cast(Any, host),
            look=self._look,
            heed=self._heed,
            seed=7,
        )

    def _look(
        self, registry: object, repository: str, policy: Policy, before: Sight | None, *, thorough: bool = False
    ) -> Sight:
        self.looks.append((self.clock.monotonic(), repository, thorough))
        if self.trouble is not None:
            raise self.trouble
        tags = self.tags.get(repository, {})
        tag = policy.follows if policy.follows in tags else policy.best(tags)
        return Sight(tag, tags.get(tag)) if tag is not None else Sight(None, None)

    def _heed(self, watched: Watched, sight: Sight, before: Sighting | None) -> Heeded:
        self.heeds.append((self.clock.monotonic(), watched.service, sight.tag))
        rule = watched.policy.text if watched.policy else ""
        known = before or Sighting(watched.service, watched.image, rule)
        known = replace(known, rule=rule, tag=sight.tag, digest=sight.digest, problem="", problem_at=None)
        if self.decides is not None:
            heeded = self.decides(watched, sight, known)
        else:
            heeded = Heeded(replace(known, handled=sight.digest or "", outcome="begun"))
        self.store.keep_sighting(heeded.sighting)
        return heeded

    def run(self, seconds: float) -> None:
        run(self.jobs, self.clock, seconds)

    def push(self, tag: str, number: int, repository: str = REPOSITORY) -> Signal:
        self.tags.setdefault(repository, {})[tag] = digest(number)
        return Signal(HOST, repository, tag, digest(number), "acr")

    def times(self, repository: str = REPOSITORY) -> list[float]:
        return [at for at, where, _ in self.looks if where == repository]


@pytest.fixture
def ward() -> Ward:
    made = Ward()
    made.push("1.0.0", 1)
    return made


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


def test_a_signal_makes_a_thorough_look_at_once(ward: Ward) -> None:
    ward.watching.update([watched()], ())
    ward.run(10.0)
    ward.watching.hear([ward.push("1.1.0", 2)])
    ward.run(0.0)
    assert ward.looks[-1] == (10.0, REPOSITORY, True)
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
    assert all(thorough for _, _, thorough in ward.looks[1:])
    ward.run(600.0)
    assert len(ward.looks) == 3 + len(CHASE_SECONDS)
    assert not ward.looks[-1][2]


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
    assert len(ward.heeds) == len(times) + 1


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


WATCHES = st.builds(
    lambda every, failures: Watch(watched(every=every), failures=failures),
    st.floats(1.0, 86400.0),
    st.integers(1, 100),
)


@given(WATCHES, st.floats(0, 1), st.floats(0, 1e7))
def test_a_look_is_never_later_than_the_interval(watch: Watch, dice: float, now: float) -> None:
    assert 0.88 * watch.watched.every_seconds <= usual(watch, dice, now) <= watch.watched.every_seconds


def test_thousands_of_looks_wake_the_process_a_few_times_a_second() -> None:
    dice = random.Random(3)
    watch = Watch(watched())
    times = {round(now + usual(watch, dice.random(), now), 6) for now in [dice.uniform(0, 60) for _ in range(10_000)]}
    assert len(times) <= 4 * 66 + 2


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
