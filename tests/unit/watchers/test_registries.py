"""One client per host, with everything shared."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from providers.emulator.registry_manners import Manners
from tests.unit.watchers.emulated import World
from tests.unit.watchers.fakes import (
    ACR,
    NOBODY,
    FakeTransport,
    Reply,
    Request,
    Time,
    basic,
    challenge,
    document,
    manifest,
    problem,
)
from watchers.docker_config import Credential, Keychain
from watchers.errors import Denied, Throttled
from watchers.policies import policy_of
from watchers.reference import ReferenceProblem
from watchers.registries import Registries
from watchers.registry import Registry
from watchers.watch import look

FOLLOW = policy_of({"digest": "prod"})
WEIGHT = 350
"""More than a short token weighs, in bytes."""


@pytest.fixture
def registries() -> Iterator[Registries]:
    with Registries(keychain=NOBODY) as made:
        yield made


def test_a_host_has_one_client_however_it_is_written_and_another_host_another(registries: Registries) -> None:
    names = ("contoso.azurecr.io", "CONTOSO.azurecr.io")
    assert len({registries.of(name) for name in names}) == 1
    assert registries.of("docker.io") is registries.of("registry-1.docker.io")
    assert registries.of("localhost:5000") is not registries.of("localhost:5001")


def test_all_who_ask_at_once_get_the_same_client(registries: Registries) -> None:
    barrier = threading.Barrier(8)

    def made(_: int) -> Registry:
        barrier.wait(10)
        return registries.of("contoso.azurecr.io")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(made, range(8)))) == 1


def test_a_host_that_is_none_is_refused(registries: Registries) -> None:
    with pytest.raises(ReferenceProblem):
        registries.of("contoso azurecr io")


def test_a_registry_that_is_busy_for_one_repository_is_busy_for_all_and_no_other_registry_is() -> None:
    world = World()
    world.push("prod")
    world.push("prod", repository="shop/other")
    world.emulated.manners.throttle(1, "60", path="shop/web")
    with pytest.raises(Throttled):
        world.look(None, rule=FOLLOW)
    with pytest.raises(Throttled):
        look(world.registry, "shop/other", FOLLOW, None)
    assert world.asked == ["HEAD /v2/shop/web/manifests/prod"]
    assert look(world.registries.of("localhost:5001"), "shop/other", FOLLOW, None).tag == "prod"


def test_a_question_is_asked_once_and_nothing_sleeps() -> None:
    world = World(Manners(azure=False))
    world.push("prod")
    world.emulated.manners.throttle(1, "0.01")
    with pytest.raises(Throttled):
        world.look(None, rule=FOLLOW)
    assert (len(world.asked), world.slept) == (1, [])


@pytest.mark.parametrize(("said", "rate"), [("", 200), ("5", 5), ("0.5", 0.5)])
def test_the_rate_is_two_hundred_a_second_unless_the_environment_says_otherwise(
    said: str, rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_REGISTRY_RATE", said)
    time = Time()
    transport = FakeTransport(lambda _: manifest())
    made = Registries(keychain=NOBODY, transport=lambda: transport, monotonic=time.now, sleep=time.sleep, now=time.now)
    with closing(made):
        for _ in range(1000):
            try:
                look(made.of(ACR), "shop/web", FOLLOW, None)
            except Throttled as error:
                time.seconds += error.retry_after or 0
    first = min(1000, int(rate) + 1)
    assert time.seconds == pytest.approx((len(transport.requests) - first) / rate, rel=0.02, abs=2 / rate)


@pytest.mark.parametrize("said", ["fast", "0", "-1", "nan", "inf", "1e9"])
def test_a_rate_that_is_none_is_refused_by_name(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLOUT_REGISTRY_RATE", said)
    with pytest.raises(ValueError, match=r"ROLLOUT_REGISTRY_RATE: expected questions a second, .*; got"):
        Registries()


def crowd(padding: str = "") -> tuple[FakeTransport, Registries, list[str]]:
    """A registry that wants a token for each repository, and remembers which it gave out."""
    issued: list[str] = []

    def answer(request: Request) -> Reply:
        if request.path == "/oauth2/token":
            issued.append(request.query["scope"])
            return document({"access_token": f"token-{len(issued)}{padding}", "expires_in": 3600})
        if request.authorization is None:
            return challenge(scope=f"repository:{request.path.split('/')[2]}:pull")
        return manifest()

    time = Time()
    transport = FakeTransport(answer)
    made = Registries(
        keychain=NOBODY, rate=1e6, transport=lambda: transport, monotonic=time.now, sleep=time.sleep, now=time.now
    )
    return transport, made, issued


def test_tokens_of_very_many_repositories_are_bounded_and_most_of_them_are_still_of_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("watchers.tokens._MOST_GRANTS_BYTES", 4096 * WEIGHT)
    transport, made, issued = crowd()
    for _ in range(2):
        for number in range(5000):
            look(made.of(ACR), f"r{number}", FOLLOW, None)
        transport.requests.clear()
    authorizer = made.of(ACR)._authorizer
    kept = authorizer._grants
    assert authorizer._grants_bytes == sum(grant.weight(scope) for scope, grant in kept.items()) <= 4096 * WEIGHT
    assert len(kept) >= 4096
    assert len(issued) <= 5000 + (5000 - 4096) + 1


def test_ten_thousand_tokens_of_azures_size_fit_and_each_weighs_what_was_reckoned() -> None:
    transport, made, issued = crowd("x" * 1200)
    registry = made.of(ACR)
    tracemalloc.start()
    for _ in range(2):
        for number in range(1000):
            look(registry, f"r{number}", FOLLOW, None)
            transport.requests.clear()
    weight = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(issued) == 1000
    assert 0.8 * weight <= registry._authorizer._grants_bytes <= (16 << 20) / 10


def test_tokens_that_have_ended_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchers.tokens._MOST_GRANTS_BYTES", 4096 * WEIGHT)
    time = Time()
    issued = iter(range(100_000))

    def answer(request: Request) -> Reply:
        if request.path == "/oauth2/token":
            return document({"access_token": f"token-{next(issued)}", "expires_in": 100})
        return manifest() if request.authorization else challenge()

    made = Registries(
        keychain=NOBODY,
        rate=1e6,
        transport=lambda: FakeTransport(answer),
        monotonic=time.now,
        sleep=time.sleep,
        now=time.now,
    )
    for number in range(4096):
        look(made.of(ACR), f"r{number}", FOLLOW, None)
    time.seconds += 1000
    for number in range(10):
        look(made.of(ACR), f"s{number}", FOLLOW, None)
    kept = made.of(ACR)._authorizer._grants
    assert len(kept) >= 4096
    assert all(f"repository:s{number}:pull" in kept for number in range(10))


@dataclass(frozen=True)
class Counted(Keychain):
    """Knows one credential, and how often it was asked for it."""

    known: list[Credential] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def find(self, host: str) -> Credential | None:
        self.asked.append(host)
        return self.known[-1]


def test_many_repositories_that_need_tokens_look_for_the_machines_credential_once_and_again_when_it_is_refused() -> (
    None
):
    time = Time()
    word = "first"

    def answer(request: Request) -> Reply:
        if request.path == "/oauth2/token":
            known = request.authorization == basic("robot", word)
            return document({"access_token": "t", "expires_in": 3600}) if known else problem(401, "UNAUTHORIZED")
        return manifest() if request.authorization else challenge(scope=f"repository:{request.path.split('/')[2]}:pull")

    keys = Counted(known=[Credential("test", "robot", "first")])
    made = Registries(
        keychain=keys,
        rate=1e6,
        transport=lambda: FakeTransport(answer),
        monotonic=time.now,
        sleep=time.sleep,
        now=time.now,
    )
    for number in range(50):
        look(made.of(ACR), f"r{number}", FOLLOW, None)
    assert len(keys.asked) == 1
    word = "second"
    keys.known.append(Credential("test", "robot", "second"))
    with pytest.raises(Denied):
        look(made.of(ACR), "another", FOLLOW, None)
    assert look(made.of(ACR), "another", FOLLOW, None).tag == "prod"
    time.seconds += 3600
    look(made.of(ACR), "r1", FOLLOW, None)
    assert len(keys.asked) == 3
