"""The client against the emulator's registry, over real sockets."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import SystemClock
from providers.emulator.loopback import LoopbackEmulator
from providers.emulator.registry import Registry as EmulatedRegistry
from providers.emulator.registry_auth import TokenService
from providers.emulator.world import World
from tests.unit.watchers.fakes import NAME, NOBODY, Entra, environment_of
from watchers.errors import Denied, NotFound
from watchers.manifests import OCI_MANIFEST
from watchers.patience import Patience
from watchers.policies import policy_of
from watchers.reference import parse
from watchers.registries import Registries
from watchers.registry import Registry, resolve
from watchers.watch import look

Opened = Callable[..., LoopbackEmulator]


@pytest.fixture
def emulator() -> Iterator[Opened]:
    running: list[LoopbackEmulator] = []

    def start(**manners: bool) -> LoopbackEmulator:
        world = World(SystemClock(), random.Random(0))
        tokens = TokenService(world.clock, **manners)
        registry = EmulatedRegistry(world.clock, world.register_image, tokens)
        started = LoopbackEmulator(world=world, registry=registry).__enter__()
        running.append(started)
        return started

    yield start
    for one in running:
        one.__exit__(None, None, None)


def test_an_image_reference_becomes_a_digest(emulator: Opened) -> None:
    running = emulator()
    digest = running.register_image(NAME, "v1", Behaviour())
    reference = parse(f"{running.registry_host}/{NAME}:v1")
    with Registry(reference.host, keychain=NOBODY, patience=Patience(attempts=1)) as registry:
        found = resolve(reference, registry)
        assert str(found) == f"{running.registry_host}/{NAME}:v1@{digest}"
        assert registry.digest(NAME, digest).media_type == OCI_MANIFEST
        assert resolve(found, registry) == found


def test_what_is_not_there_is_said_with_the_registrys_own_word(emulator: Opened) -> None:
    running = emulator()
    running.register_image(NAME, "v1", Behaviour())
    with Registry(running.registry_host, keychain=NOBODY, patience=Patience(attempts=1)) as registry:
        with pytest.raises(NotFound) as tag:
            registry.digest(NAME, "v9")
        with pytest.raises(NotFound) as name:
            registry.digest("shop/none", "v1")
    assert (tag.value.code, name.value.code) == ("MANIFEST_UNKNOWN", "NAME_UNKNOWN")


def test_many_tags_come_page_by_page(emulator: Opened) -> None:
    running = emulator()
    digest = running.register_image(NAME, "v0", Behaviour())

    def tag_many() -> None:
        store = running.registry.store
        kept = store.manifest(NAME, digest)
        for number in range(1, 2500):
            store.put_manifest(NAME, f"v{number}", kept.media_type, kept.body, running.world.now())

    running.call(tag_many)
    with Registry(running.registry_host, keychain=NOBODY, patience=Patience(attempts=1)) as registry:
        assert sorted(registry.tags(NAME)) == sorted(f"v{number}" for number in range(2500))


def test_a_locked_registry_opens_to_each_who_may_and_to_nobody_else(emulator: Opened) -> None:
    running = emulator(required=True)
    digest = running.register_image(NAME, "v1", Behaviour())
    once = Patience(attempts=1)
    for registry, who in (
        (Registry(running.registry_host, keychain=environment_of("a", "b"), patience=once), "ROLLOUT_REGISTRY_USER"),
        (Registry(running.registry_host, Entra(), keychain=NOBODY, patience=once), "Entra ID"),
    ):
        with registry:
            assert registry.digest(NAME, "v1").digest == digest
            assert registry.tags(NAME) == ("v1",)
            assert registry.identity == who
    with (
        Registry(running.registry_host, Entra(None), keychain=NOBODY, patience=once) as registry,
        pytest.raises(Denied, match="Entra ID: this process has no Entra identity for it; no credential: "),
    ):
        registry.digest(NAME, "v1")


def test_a_registry_that_lets_everyone_read_needs_no_credential(emulator: Opened) -> None:
    running = emulator(required=True, anonymous=True)
    digest = running.register_image(NAME, "v1", Behaviour())
    with Registry(running.registry_host, keychain=NOBODY, patience=Patience(attempts=1)) as registry:
        assert registry.digest(NAME, "v1").digest == digest
        assert registry.identity == "no credential"


def test_many_threads_watch_many_repositories_through_one_client(emulator: Opened) -> None:
    running = emulator(required=True, anonymous=True)
    wanted = {
        f"shop/r{number}": running.register_image(f"shop/r{number}", "1.0.0", Behaviour()) for number in range(40)
    }
    policies = [policy_of(rule) for rule in ({"digest": "1.0.0"}, {"semver": "1.x"})]

    def watched(repository: str) -> list[str | None]:
        seen = []
        for policy in policies:
            sight = None
            for _ in range(3):
                sight = look(registries.of(running.registry_host), repository, policy, sight)
                seen.append(sight.digest)
        return seen

    with Registries(keychain=NOBODY, rate=1e6) as registries, ThreadPoolExecutor(6) as pool:
        found = dict(zip(wanted, pool.map(watched, wanted), strict=True))
    assert found == {repository: [digest] * 6 for repository, digest in wanted.items()}
