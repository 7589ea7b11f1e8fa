"""Many who wait for something look together: what they cost does not grow with their number."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.http.answers import Refusal
from orchestrator.http.api_work import Crew, Rounds
from orchestrator.store.memory import MemoryStore
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.orchestrator.remote.far import Answered, ask, far


def rounds(pause_seconds: float = 0.001, most_per_second: float = 1e9) -> Rounds[str]:
    return Rounds(Crew(1, 10.0, 10.0), pause_seconds, most_per_second)


def gathered(*asking: Callable[[], Any]) -> list[Any]:
    async def run() -> list[Any]:
        return await asyncio.gather(*(each() for each in asking), return_exceptions=True)

    return asyncio.run(run())


def test_all_who_ask_for_the_same_are_answered_by_one_look() -> None:
    looked, together = list[str](), rounds()

    def look() -> str:
        looked.append(threading.current_thread().name)
        return "seen"

    assert gathered(*(lambda: together.next("storefront", look) for _ in range(100))) == ["seen"] * 100
    assert len(looked) == 1


def test_those_who_ask_for_different_things_share_one_thread_and_are_answered_each_its_own() -> None:
    threads, together = set[int](), rounds()

    def looking(name: str) -> Callable[[], str]:
        def look() -> str:
            threads.add(threading.get_ident())
            return name

        return look

    asking = [lambda name=f"service-{n}": together.next(name, looking(name)) for n in range(50)]
    assert gathered(*asking) == [f"service-{n}" for n in range(50)]
    assert len(threads) == 1


def test_who_goes_on_waiting_is_in_the_next_round_with_all_others() -> None:
    looked, together = list[int](), rounds()

    def look() -> str:
        looked.append(1)
        return "seen"

    async def waits() -> int:
        for _ in range(5):
            await together.next("storefront", look)
        return len(looked)

    assert gathered(*[waits] * 40) == [5] * 40


def test_a_look_that_fails_is_told_to_those_who_asked_for_it_and_to_nobody_else() -> None:
    together = rounds()

    def fails() -> str:
        raise Refusal(404, "unknownService", "there is none")

    answers = gathered(*(lambda look=look: together.next(look, look) for look in (fails, lambda: "seen", fails)))
    assert [answers[1], *(type(each) for each in (answers[0], answers[2]))] == ["seen", Refusal, Refusal]


def test_a_look_that_hangs_is_given_up_and_the_rounds_go_on() -> None:
    go_on = threading.Event()
    together: Rounds[str] = Rounds(Crew(2, 0.1, 0.1), 0.001, 1e9)

    def hangs() -> str:
        go_on.wait(10)
        return "late"

    async def run() -> str:
        with pytest.raises(Refusal) as refused:
            await together.next("a", hangs)
        assert refused.value.code == "tooSlow"
        return await together.next("a", lambda: "seen")

    assert asyncio.run(run()) == "seen"
    go_on.set()


def test_who_stops_asking_is_forgotten_and_rounds_end_with_the_last_one() -> None:
    together = rounds(pause_seconds=0.01)

    async def run() -> int:
        leaving = asyncio.create_task(together.next("a", lambda: "never"))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await together.next("b", lambda: "seen") == "seen"
        await asyncio.sleep(0.01)
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(run()) == 0


def test_all_who_wait_for_the_events_of_one_service_cost_the_store_what_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, waiting, asked, found = Desk(), 30, list[int](), list[Answered]()
    here.put(states.holding())
    original = MemoryStore.events

    def counted(store: MemoryStore, *words: Any, **after: Any) -> Any:
        asked.append(1)
        return original(store, *words, **after)

    monkeypatch.setattr(MemoryStore, "events", counted)
    with far(here) as desk:
        path = "/api/v1/services/storefront/events?after=1000&wait=1"
        threads = [threading.Thread(target=lambda: found.append(ask(desk.server, "GET", path))) for _ in range(waiting)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert [each.document["events"] for each in found] == [[]] * waiting
    # Each looks once for itself, and then they look together: for a second, four times in it at most.
    assert waiting < len(asked) <= 2 * waiting
