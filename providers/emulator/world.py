"""The fake world: container groups, Traffic Manager profiles, images, names and faults, driven by an injected clock.

`World` does no I/O and starts no thread. Doors are adapters over it: in-process ports (`inprocess`), `responses`
callbacks under the real SDKs (`responses_door`) and loopback sockets (`loopback`); several may be open on one world.
Whatever is asked first brings the world up to the clock (`tick`), so it never matters how seldom a door asks.
"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from providers.emulator.addresses import Addresses
from providers.emulator.behaviour import Behaviour, Image, Images
from providers.emulator.calls import CallLog
from providers.emulator.clock import Clock
from providers.emulator.faults import Faults
from providers.emulator.groups import Groups
from providers.emulator.names import Names
from providers.emulator.operations import Operations
from providers.emulator.profiles import Profiles
from providers.emulator.settings import Settings
from providers.emulator.timeline import Timeline
from providers.emulator.values import Answer, DnsAnswer, Workload


class World:
    """One fake Azure without I/O; every method first moves the world up to `clock.now()`.

    `rng` decides what the world itself rolls (its own health probes of partly failing workloads); doors and clients
    may bring their own generator, so that one client more never changes what another one sees.
    """

    def __init__(self, clock: Clock, rng: random.Random, settings: Settings | None = None) -> None:
        """Begin with nothing in it."""
        self.clock = clock
        self.rng = rng
        self.settings = settings or Settings()
        self._begin()

    def _begin(self) -> None:
        self.timeline = Timeline()
        self.images = Images()
        self.faults = Faults()
        self.calls = CallLog()
        self.addresses = Addresses()
        self.groups = Groups(self)
        self.profiles = Profiles(self)
        self.names = Names(self)
        self.operations = Operations(self)
        self.before: dict[str, Any] = {}

    def now(self) -> datetime:
        """Return the time (UTC): the clock's, or for what happens while the world catches up, when it happens."""
        return self.timeline.present or self.clock.now()

    def tick(self) -> datetime | None:
        """Bring the world up to the clock (starts, crashes, restarts, health probes); return when it next moves.

        Cheap when nothing is due, so a door with a real clock may call it before each answer. None: nothing is planned.
        """
        return self.timeline.run(self.clock.now())

    @property
    def revision(self) -> int:
        """A number that rises whenever `workloads()` may answer differently, for a driver that opens listeners."""
        return self.groups.revision

    def reset(self) -> None:
        """Forget all resources, images, faults and counters; addresses that were given stay given."""
        addresses, revision = self.addresses, self.groups.revision
        self._begin()
        self.addresses = addresses
        self.addresses.forget_all(self.now())
        self.groups.revision = revision + 1

    def register_image(
        self, repository: str, tag: str | None, behaviour: Behaviour | None = None, digest: str | None = None
    ) -> Image:
        """Make an image known under a repository (without host) and tag, and return it with its digest.

        A registry gives the digest of the manifest it stored; without one a stable digest is derived. Without a
        behaviour a known digest keeps its own, and a new one serves plainly with the tag as its version.
        """
        if behaviour is None:
            known = self.images.find(f"{repository}@{digest}") if digest else None
            behaviour = known.behaviour if known else Behaviour(version=tag or (digest or "")[-12:])
        return self.images.register(repository, tag, behaviour, digest, self.now())

    def workloads(self) -> list[Workload]:
        """Return every group that holds an address; `listening` says whether its ports shall be open just now."""
        self.tick()
        return self.groups.workloads()

    def answer(
        self,
        group_id: str,
        path: str,
        rng: random.Random | None = None,
        *,
        port: int | None = None,
        host: str | None = None,
    ) -> Answer | None:
        """Return what the group's workload answers to one request for `path` now, or None when it is refused.

        `port` None means the group's first one, `host` None that the request names the group's own FQDN.
        """
        self.tick()
        return self.groups.answer(group_id, path, rng or self.rng, port, host)

    def answer_at(self, address: str, path: str, rng: random.Random | None = None) -> Answer | None:
        """Return what listens at a loopback address answers, None when nothing does; counted as a request."""
        self.tick()
        self.record_request(address)
        group_id = self.addresses.holder(address)
        answer = None if group_id is None else self.groups.answer(group_id, path, rng or self.rng)
        failed = answer is None or answer.status >= 500
        self.calls.count_answer(self.addresses.name_of(address), failed, self.now())
        return answer

    def record_request(self, address: str) -> bool:
        """Count one client request to an address; True when its group's deletion had begun (or it is gone)."""
        retired = self.addresses.retired_at(address) is not None
        self.calls.count_request(self.addresses.name_of(address), retired)
        return retired

    def next_address(self, group_id: str) -> str:
        """Give the group another loopback address because its present one is in use, and return it."""
        return self.groups.readdress(group_id)

    def cannot_bind(self, group_id: str, port: int, why: str) -> None:
        """Fail a group whose port cannot be bound at all, with an event that carries `why` and names the remedy."""
        self.groups.cannot_bind(group_id, port, why)

    def resolve(self, name: str, rng: random.Random | None = None) -> DnsAnswer:
        """Answer one DNS question for a name (any letter case, with or without the final dot), one link of the chain.

        A profile's name gives a weighted CNAME with the profile's TTL, a group's FQDN its address; NXDOMAIN and REFUSED
        (a name in no zone of ours) are answers, not errors.
        """
        self.tick()
        return self.names.resolve(name, rng or self.rng)

    def state(self) -> dict[str, Any]:
        """Return `groups`, `profiles`, `images`, `faults` and `calls` as JSON values: resources only.

        Counters stand under `calls` alone, and times only in keys that end in `At`.
        """
        self.tick()
        return {
            "groups": self.groups.state(),
            "profiles": self.profiles.state(),
            "images": [
                {
                    "repository": image.repository,
                    "tag": image.tag,
                    "digest": image.digest,
                    "behaviour": image.behaviour.to_json(),
                    "pushedAt": image.pushed_at.isoformat(),
                }
                for image in self.images.all()
            ],
            "faults": self.faults.state(),
            "calls": self.calls.state(),
        }
