"""What the watcher's lanes write into one sighting: each its own part, none over another's, on every door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from orchestrator.store.errors import UnreadableRecord
from orchestrator.store.ports import Store
from orchestrator.store.records import Sighting
from orchestrator.store.sql import SqlStore
from tests.conformance.stores import DOORS, SNAPSHOT, START, opener, postgresql

SEEN = Sighting("shop", "reg.example/shop", "semver *", "v1.5.0", "sha256:1", START)
FULL = replace(
    SEEN,
    handled="sha256:1",
    outcome="rolledBackBefore",
    message="é: \0 taken back before",
    rollout="r1",
    problem="suspended by ana",
    problem_at=START + timedelta(microseconds=1),
)
WRONG, SINCE = "shop.yaml:3: image: must be set", START + timedelta(seconds=7)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(params=DOORS)
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Open the same store once more, as another process would; a memory store is its own other process."""
    return opener(request, tmp_path)


@pytest.fixture
def store(again: Callable[[], Store]) -> Store:
    return again()


def test_each_part_of_a_sighting_is_written_without_touching_the_others(
    store: Store, again: Callable[[], Store]
) -> None:
    store.keep_sighting(SEEN)
    store.note_manifest("shop", WRONG, SINCE, image="ignored")
    store.note_unwatched("shop", START)
    marks = {"manifest_problem": WRONG, "manifest_problem_at": SINCE, "unwatched_at": START}
    assert again().sighting("shop") == replace(SEEN, **marks)  # type: ignore[arg-type]
    again().keep_sighting(FULL)  # decided on by somebody who had read it before all that
    whole = replace(FULL, **marks)  # type: ignore[arg-type]
    assert store.sighting("shop") == whole
    store.note_problem("shop", "no connection \0", START, image="ignored", rule="ignored")
    assert again().sighting("shop") == replace(whole, problem="no connection \0", problem_at=START)
    store.note_problem("shop", "", None, image="", rule="")
    assert again().sighting("shop") == replace(whole, problem="", problem_at=None)
    store.note_problem("shop", "no connection", START, image="", rule="")
    again().note_unwatched("shop", None)
    store.note_manifest("shop", "", None, image="")
    assert again().sightings() == [replace(FULL, problem="", problem_at=None)]


def test_a_note_on_a_service_never_seen_begins_its_sighting(store: Store, again: Callable[[], Store]) -> None:
    store.note_unwatched("shop", START)
    assert store.sightings() == []
    store.note_problem("blog", "no connection", START, image="reg.example/blog", rule="semver *")
    store.note_manifest("cart", WRONG, SINCE, image="reg.example/cart")
    blog = Sighting("blog", "reg.example/blog", "semver *", problem="no connection", problem_at=START)
    cart = Sighting("cart", "reg.example/cart", "", manifest_problem=WRONG, manifest_problem_at=SINCE)
    assert again().sightings() == [blog, cart]


def at_once(*works: Callable[[], None]) -> None:
    start = Barrier(len(works))

    def work(one: Callable[[], None]) -> None:
        start.wait(10)
        one()

    with ThreadPoolExecutor(len(works)) as lanes:
        for done in [lanes.submit(work, one) for one in works]:
            done.result(30)


@pytest.mark.parametrize("known", [True, False])
def test_writers_in_different_lanes_at_once_leave_each_others_words(again: Callable[[], Store], known: bool) -> None:
    decides, fails, reads = again(), again(), again()
    for number in range(20):
        name = f"s{number}"
        if known:
            decides.keep_sighting(replace(SEEN, service=name, handled="sha256:0"))

        def decide(name: str = name) -> None:
            decides.keep_sighting(replace(SEEN, service=name, handled="sha256:1", outcome="begun"))

        def fail(name: str = name) -> None:
            fails.note_problem(name, "no connection", START, image=SEEN.image, rule=SEEN.rule)

        def read(name: str = name) -> None:
            reads.note_manifest(name, WRONG, SINCE, image=SEEN.image)

        at_once(decide, fail, read)
        told = decides.sighting(name)
        assert told is not None
        assert (told.handled, told.outcome, told.manifest_problem) == ("sha256:1", "begun", WRONG)
        assert told.problem in ("", "no connection")


def test_a_manifest_that_is_in_force_no_longer_is_forgotten_and_what_was_handled_is_not(
    store: Store, again: Callable[[], Store]
) -> None:
    store.keep_manifest("shop", SNAPSHOT)
    store.keep_sighting(FULL)
    for _ in range(2):
        store.forget_manifest("shop")
    assert (again().manifest("shop"), again().manifest_files(), again().sighting("shop")) == (None, {}, FULL)


@pytest.mark.parametrize("column", ["body", "problem", "manifest_problem"])
def test_one_sighting_that_cannot_be_read_stands_there_as_that_and_keeps_no_other_from_being_read(
    store: Store, column: str
) -> None:
    for service in ("blog", "shop"):
        store.keep_sighting(replace(SEEN, service=service))
    if not isinstance(store, SqlStore):
        pytest.skip("what is in this process's memory was written by this version")
    with store.database.write() as connection:
        connection.execute(text(f"UPDATE sightings SET {column} = '{{\"service\": 5}}' WHERE service = 'blog'"))
    blog, shop = store.sightings()
    assert (blog.service, blog.image, blog.handled, shop) == ("blog", "", "", SEEN)
    assert "sighting of blog" in blog.problem
    assert "newer rollout" in blog.problem
    with pytest.raises(UnreadableRecord):
        store.sighting("blog")
