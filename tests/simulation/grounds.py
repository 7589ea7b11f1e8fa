"""What a target stands on, whatever it is: its hands, and the plain truth about its workloads and its routing.

The judge asks nothing but this, so that Container Instances behind a profile and a cluster behind a route are held to
the same guarantees. Nothing here is known to the code under test.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from providers.emulator.behaviour import Behaviour
from providers.ports import Probes, Traffic, Workloads
from strategies.model import Slot
from strategies.seen import Mark

if TYPE_CHECKING:
    from tests.simulation.judge_acts import Acts
    from tests.simulation.judge_cluster import ClusterWrites
    from tests.simulation.lab import Lab
    from tests.simulation.processes import Process
    from tests.simulation.scene import Place, Wanted


class Running(Protocol):
    """Something that runs an image."""

    behaviour: Behaviour
    since: datetime | None


Hands = tuple[Workloads, Traffic, Probes]
Weights = dict[str, int]
"""The weight of everything that a part of the routing names, by name; 0 for what is named and gets nothing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One workload as it stands; `since` is when what answers there was started, in seconds of the world."""

    name: str
    host: str
    deleting: bool
    up: bool
    since: float | None
    service: str | None
    kept: bool


@dataclass(frozen=True, slots=True)
class View:
    """A routing as it stands: whom it may name to clients, with which weights in each of its parts.

    `ttl` is for how long clients remember an answer of it (seconds). A `direct` routing sees every request, so what it
    names no more is reached no more; its `ttl` is that of the name in front of it, which is `entered` or closed.
    """

    hosts: frozenset[str]
    parts: tuple[Weights, ...]
    ttl: int
    entered: bool = True
    direct: bool = False

    @property
    def served(self) -> frozenset[str]:
        """Whom a client who begins now may reach."""
        return self.hosts if self.entered else frozenset()


class Ground(ABC):
    """One target of one service; `routing` is what its profile or routes are called, two services may share them."""

    routing: str
    by_call = False
    """Whether accidents happen to single calls below the hands, rather than to the hands themselves."""

    def __init__(self, lab: Lab, wanted: Wanted, target: str) -> None:
        self.lab, self.wanted, self.name = lab, wanted, target
        self.where = (wanted.service.name, target)
        self.misled: set[tuple[str, float]] = set()
        """Probes (endpoint and second) that somebody else has answered."""

    @property
    def place(self) -> Place:
        """The target's surroundings as the scenario has them."""
        return self.wanted.places[self.name]

    @abstractmethod
    def hands(self, rng: random.Random, process: Process | None = None) -> Hands:
        """The hands as a person has them, or where calls are single ones, as a process has them, with its faults."""

    # The truth

    @abstractmethod
    def standing(self, name: str) -> Standing | None:
        """A workload by its name, being deleted or not."""

    @abstractmethod
    def workloads(self) -> list[Standing]:
        """Everything that bears a mark of ours."""

    @abstractmethod
    def view(self) -> View | None:
        """The routing as it stands; None while it does not exist."""

    @abstractmethod
    def key(self, slot: Slot) -> str:
        """What the routing calls a slot."""

    @abstractmethod
    def mentions(self, host: str) -> bool:
        """Whether the routing has a name for this host in whatever way, with traffic or without."""

    @abstractmethod
    def well(self, host: str) -> bool:
        """Whether a host would answer now if it does not roll dice."""

    @abstractmethod
    def host(self, slot: Slot) -> str:
        """The host behind a slot."""

    @abstractmethod
    def counted_as(self, slot: Slot) -> str:
        """The name under which a slot's answers to clients are counted."""

    @abstractmethod
    def foreign(self) -> Any:
        """Everything in and around the routing that is not ours, in one comparable form."""

    @abstractmethod
    def marks(self) -> str:
        """Who says on the routing that it moves its weights."""

    @abstractmethod
    def running(self, only: Callable[[Standing], bool]) -> list[Running]:
        """What runs in the workloads that are meant, those of others included."""

    def marks_before(self) -> list[Mark]:
        """The marks of what an earlier release of ours left in this target."""
        service, first = self.wanted.service, 0
        revision = self.lab.revision(service.name, "v1")
        for other in service.targets:
            if other.name == self.name:
                break
            first += self.wanted.places[other.name].replicas_before
        told = {"rollout": "r1", "digest": revision.digest, "template": "template", "image": service.image}
        numbers = range(first, first + self.place.replicas_before)
        return [Mark(service.name, self.name, revision.id, 1, slot, tag="v1", **told) for slot in numbers]

    def carried(self) -> View | None:
        """What the data plane does by now, where it follows what is written later; None where it is asked itself."""
        return None

    def is_our_backend(self, name: str) -> bool:
        """Whether a name in the routing is this service's."""
        raise NotImplementedError

    def listen(self, clusters: dict[str, ClusterWrites], judge: Acts) -> None:  # noqa: B027 - most have nothing to hear
        """Let the judge hear of every write, where single writes are heard."""

    def unrestored(self) -> str:
        """What is not as it was before any rollout, in words; empty when all is."""
        return ""
