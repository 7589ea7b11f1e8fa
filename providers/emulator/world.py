"""The fake world: container groups, Traffic Manager profiles, clusters, images, names, faults, on an injected clock.

`World` does no I/O and starts no thread. Doors are adapters over it: in-process ports (`inprocess`), `responses`
callbacks under the real SDKs (`responses_door`) and loopback sockets (`loopback`); several may be open on one world.
Whatever is asked first brings the world up to the clock (`tick`), so it never matters how seldom a door asks.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster
    from providers.emulator.kube.objects import Json
    from providers.emulator.kube.settings import ClusterSettings

CLUSTERS = "/clusters/"


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
        self.clusters: dict[str, Cluster] = {}
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
        return self.groups.revision + sum(cluster.revision for cluster in self.clusters.values())

    def cluster(self, name: str, settings: ClusterSettings | None = None) -> Cluster:
        """Return the cluster of a name; on first use it is made, with these settings."""
        if name not in self.clusters:
            # Only whoever has a cluster pays for one.
            from providers.emulator.kube.cluster import Cluster

            self.clusters[name] = Cluster(self, name, settings)
        return self.clusters[name]

    def gateway_of(self, host: str) -> tuple[Cluster, Json] | None:
        """Return the cluster and the Gateway that a host name or address leads to, None when it leads to none."""
        for cluster in self.clusters.values():
            gateway = cluster.gateways.of_host(host)
            if gateway is not None:
                return cluster, gateway
        return None

    def _cluster_of(self, key: str | None) -> Cluster | None:
        if key is None or not key.startswith(CLUSTERS):
            return None
        return self.clusters.get(key.removeprefix(CLUSTERS).partition("/")[0])

    def reset(self) -> None:
        """Forget all resources, images, faults and counters; addresses that were given stay given."""
        addresses, revision = self.addresses, self.revision
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
        """Return every group, pod, Service and Gateway that holds an address, and whether it listens just now."""
        self.tick()
        found = self.groups.workloads()
        for cluster in self.clusters.values():
            found += cluster.workloads()
        return found

    def answer(
        self,
        group_id: str,
        path: str,
        rng: random.Random | None = None,
        *,
        port: int | None = None,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> Answer | None:
        """Return what a workload answers to one request for `path` now, or None when it is refused.

        `group_id` is any id of `workloads()`. `port` None means its first one, `host` None that the request names the
        group's own FQDN. What goes through a Service or Gateway is counted at the pod that gets it.
        """
        self.tick()
        cluster = self._cluster_of(group_id)
        if cluster is not None:
            return cluster.answer(group_id, path, rng or self.rng, port=port, host=host, headers=headers, method=method)
        return self.groups.answer(group_id, path, rng or self.rng, port, host)

    def answer_at(self, address: str, path: str, rng: random.Random | None = None) -> Answer | None:
        """Return what listens at a loopback address answers, None when nothing does; counted as a request."""
        self.tick()
        group_id = self.addresses.holder(address)
        if group_id is not None and self.leads_on(group_id):
            return self.answer(group_id, path, rng)
        self.record_request(address)
        answer = None if group_id is None else self.answer(group_id, path, rng)
        failed = answer is None or answer.status >= 500
        self.calls.count_answer(self.addresses.name_of(address), failed, self.now())
        return answer

    def record_request(self, address: str) -> bool:
        """Count one client request to an address; True when its group's deletion had begun (or it is gone)."""
        retired = self.addresses.retired_at(address) is not None
        key = self.addresses.id_of(address) or ""
        if key.startswith(CLUSTERS):
            self.calls.pod_requests[key.rpartition("/")[2]] += 1
        self.calls.count_request(self.addresses.name_of(address), retired)
        return retired

    def leads_on(self, group_id: str) -> bool:
        """Say whether an id is that of a Service or Gateway, which hands requests on instead of answering them."""
        return group_id.startswith(CLUSTERS) and group_id.split("/")[3] != "pods"

    def next_address(self, group_id: str) -> str:
        """Give the group another loopback address because its present one is in use, and return it."""
        cluster = self._cluster_of(group_id)
        return self.groups.readdress(group_id) if cluster is None else cluster.next_address(group_id)

    def cannot_bind(self, group_id: str, port: int, why: str) -> None:
        """Fail a group whose port cannot be bound at all, with an event that carries `why` and names the remedy."""
        cluster = self._cluster_of(group_id)
        if cluster is not None:
            cluster.cannot_bind(group_id, port, why)
        else:
            self.groups.cannot_bind(group_id, port, why)

    def resolve(self, name: str, rng: random.Random | None = None) -> DnsAnswer:
        """Answer one DNS question for a name (any letter case, with or without the final dot), one link of the chain.

        A profile's name gives a weighted CNAME with the profile's TTL, a group's FQDN its address; NXDOMAIN and REFUSED
        (a name in no zone of ours) are answers, not errors.
        """
        self.tick()
        return self.names.resolve(name, rng or self.rng)

    def state(self) -> dict[str, Any]:
        """Return `groups`, `profiles`, `clusters`, `images`, `faults` and `calls` as JSON values: resources only.

        Counters stand under `calls` alone, and times only in keys that end in `At`.
        """
        self.tick()
        return {
            "groups": self.groups.state(),
            "profiles": self.profiles.state(),
            "clusters": {name: cluster.state() for name, cluster in self.clusters.items()},
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
