"""What it costs to watch a repository in which nothing happens: instructions for one look, and bytes kept for it.

Instructions (valgrind --tool=callgrind) are those of the asking process alone, against the emulator's registry on a
socket, as the difference of many rounds and few; the twin sends the same requests by a kept `http.client` connection.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message

from providers.emulator.clock import SystemClock
from providers.emulator.loopback import LoopbackEmulator
from providers.emulator.registry import Registry
from providers.emulator.registry_manners import Manners
from providers.emulator.registry_store import digest_of
from providers.emulator.world import World
from tests.benchmarks.goals import Goal
from tests.benchmarks.startup import _environment, instructions
from watchers.docker_config import Keychain
from watchers.manifests import OCI_MANIFEST
from watchers.policies import policy_of
from watchers.registries import Registries
from watchers.transport import Answer
from watchers.watch import look

FEW, MANY = 90, 9000
WARM, ROUNDS = 10, 100
REPOSITORIES = 10_000
TOKEN_LENGTH = 1300
CLIENT = "tests.benchmarks.watching_client"


def run() -> list[Goal]:
    """Measure idle looks beside their twins, 9,000 tags beside 90, and what is kept for 10,000 repositories."""
    if shutil.which("valgrind") is None:
        raise SystemExit("watching: needs valgrind (a Debian package of that name)")
    with tempfile.TemporaryDirectory() as folder:
        return [*_azure(folder), *_etags(folder), *_plain(folder), *_memory()]


def _azure(folder: str) -> list[Goal]:
    with _registry() as port:
        head, head_twin = (_cost(folder, mode, port, FEW) for mode in ("digest", "twin-digest"))
        few, twin = (_cost(folder, mode, port, FEW) for mode in ("azure", "twin-azure"))
        many = _cost(folder, "azure", port, MANY)
    return [
        _beside("G4a", "idle look, a followed tag", head, head_twin, 1.5),
        _beside("G4a", "idle look, tags by time (Azure)", few, twin, 1.5),
        _beside("G4e", f"{MANY} tags beside {FEW}, by time (Azure)", many, few, 2.0),
    ]


def _etags(folder: str) -> list[Goal]:
    with _registry(azure=False, etags=True, largest_page=None) as port:
        few, twin = (_cost(folder, mode, port, FEW) for mode in ("etag", "twin-etag"))
        many = _cost(folder, "etag", port, MANY)
    return [
        _beside("G4a", "idle look, list with ETag", few, twin, 1.5),
        _beside("G4e", f"{MANY} tags beside {FEW}, with ETag", many, few, 2.0),
    ]


def _plain(folder: str) -> list[Goal]:
    with _registry(azure=False, largest_page=None) as port:
        few, twin = (_cost(folder, mode, port, FEW) for mode in ("plain", "twin-plain"))
        many = _cost(folder, "plain", port, MANY)
    return [
        _beside("G4a", "idle look, list without ETag", few, twin, 1.5),
        _beside("G4e", f"{MANY} tags beside {FEW}, list without ETag, hashed", many, few, 2.0),
    ]


def _beside(goal: str, case: str, ours: float, theirs: float, most: float) -> Goal:
    return Goal(goal, case, ours / 1e3, most * theirs / 1e3, "k instr.", theirs=theirs / 1e3)


def _cost(folder: str, mode: str, port: int, tags: int) -> float:
    """The instructions of one more round."""
    arguments = ["-m", CLIENT, mode, str(port), f"shop/of{tags}"]
    # Once for nothing, so that no run has to compile what the other finds compiled.
    warm = [sys.executable, *arguments, "3"]
    subprocess.run(warm, check=True, capture_output=True, env=_environment(folder))
    few, many = (instructions([*arguments, str(rounds)], folder) for rounds in (WARM, WARM + ROUNDS))
    return (many - few) / ROUNDS


@contextmanager
def _registry(**manners: bool | int | None) -> Iterator[int]:
    """A registry on a socket with one repository of few tags and one of many; yields its port."""
    world = World(SystemClock(), random.Random(0))
    registry = Registry(world.clock, world.register_image, manners=Manners(**manners))  # type: ignore[arg-type]
    for count in (FEW, MANY):
        registry.store.put_blob(f"shop/of{count}", digest_of(b"{}"), b"{}", world.now())
        config = f'{{"mediaType":"application/json","digest":"{digest_of(b"{}")}","size":2}}'
        body = f'{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{config},"layers":[]}}'.encode()
        for number in range(count):
            registry.store.put_manifest(f"shop/of{count}", f"1.0.{number}", OCI_MANIFEST, body, world.now())
    with LoopbackEmulator(world=world, registry=registry) as emulator:
        yield int(emulator.registry_host.rpartition(":")[2])


@dataclass
class _Crowd:
    """A registry of any number of repositories with one tag, behind no socket; with tokens of a usual length."""

    locked: bool
    etags: bool
    issued: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, address: str, headers: dict[str, str], body: object = None, *, most: int) -> Answer:
        path = address.partition("://")[2].partition("/")[2]
        if path.startswith("oauth2/"):
            self.issued += 1
            token = f"{self.issued:0{TOKEN_LENGTH}}"
            return self._answer(address, 200, f'{{"access_token":"{token}","expires_in":4500}}')
        if self.locked and "Authorization" not in headers:
            scope = f"repository:{path.split('/')[2]}:pull"
            challenge = f'Bearer realm="/oauth2/token",service="x",scope="{scope}"'
            return self._answer(address, 401, "{}", **{"WWW-Authenticate": challenge})
        of = digest_of(path.split("/")[2].encode())
        if method == "HEAD":
            return self._answer(address, 200, "", **{"Docker-Content-Digest": of, "Content-Type": OCI_MANIFEST})
        if path.startswith("acr/"):
            entry = f'"name":"2026.1.{of[7:12]}","digest":"{of}","lastUpdateTime":"2026-01-01T00:00:00.1234567Z"'
            return self._answer(address, 200, f'{{"tags":[{{{entry}}}]}}')
        etag = {"ETag": f'"{of[7:]}"'} if self.etags else {}
        return self._answer(address, 200, f'{{"tags":["2026.1.{of[7:12]}"]}}', **etag)

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, address: str, status: int, body: str, **headers: str) -> Answer:
        told = Message()
        for name, value in headers.items():
            told[name] = value
        return Answer(status, address, told, body.encode())


def _memory() -> list[Goal]:
    cases = [
        ("a followed tag", "contoso.azurecr.io", {"digest": "prod"}, False, False),
        ("tags by time (Azure)", "contoso.azurecr.io", {"alphabetical": "asc"}, False, False),
        ("list with ETag", "ghcr.io", {"alphabetical": "asc"}, False, True),
        ("a followed tag, with its token", "contoso.azurecr.io", {"digest": "prod"}, True, False),
    ]
    return [
        Goal("G4a", f"kept by the watchers, {what}", _kept(host, rule, locked, etags), 1000.0, "bytes")
        for what, host, rule, locked, etags in cases
    ]


def _kept(host: str, rule: dict[str, str], locked: bool, etags: bool) -> float:
    """Bytes kept for each of many repositories: its sight, and its part of what all share."""
    names = [f"r{number}" for number in range(REPOSITORIES)]
    policy = policy_of(rule)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        registries = Registries(keychain=Keychain({}), rate=1e6, transport=lambda: _Crowd(locked, etags))  # type: ignore[arg-type,return-value]
        sights = [look(registries.of(host), name, policy, None) for name in names]
        sights = [look(registries.of(host), name, policy, sight) for name, sight in zip(names, sights, strict=True)]
        after = tracemalloc.get_traced_memory()[0]
        return (after - before) / len(sights)
    finally:
        tracemalloc.stop()
