"""A cluster's API as one process reaches it: every single call may fail, come late, or be the last of the process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from providers.errors import Denied, Transient
from providers.kubernetes.api import APPLY, JSON, Api
from providers.ports import Entrance, EntranceSeen, Finding

if TYPE_CHECKING:
    from tests.simulation.cluster_ground import ClusterGround
    from tests.simulation.processes import Process

PART = 0.35
"""One hand makes several calls here where it makes one elsewhere: each of them fails so much more seldom."""


class GuardedApi:
    """One process's way to the API server behind one target."""

    def __init__(self, process: Process, ground: ClusterGround, inner: Api) -> None:
        self.process, self.ground, self.inner = process, ground, inner

    @contextmanager
    def act(self) -> Iterator[None]:
        """All calls inside share the time that one call may take."""
        with self.inner.act():
            yield

    def now(self) -> datetime:
        """The time as this process has it."""
        return self.inner.now() + timedelta(seconds=self.process.clock.skew)

    def read(self, doing: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Read, which may fail."""
        self._refuse("get", path)
        return self.process.luck.read(lambda: self.inner.read(doing, path, query), PART)

    def write(
        self,
        doing: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Write, which may fail, come late, meet another writer, or kill the process; the judge looks on."""
        process, judge = self.process, self.process.world.judge
        judge.may_write(process, self.ground.where[0])

        def act() -> Any:
            self._refuse({"POST": "create"}.get(method, method.lower()), path)
            if method == "PATCH" and "/httproutes/" in path and process.luck.meets_a_neighbour():
                process.world.neighbour(self.ground)
            name = path.rpartition("/")[2]
            made = content_type == APPLY and "/deployments/" in path
            if made:
                judge.creating(self.ground.where, name)
            self.process.lab.world.tick()
            with judge.clusters[self.ground.cluster.name].watching(self.ground, path, process.shifting):
                answer = self.inner.write(doing, method, path, body, content_type=content_type, query=query)
            if made:
                judge.created(name)
            return answer

        return process.luck.write(act, PART)

    def status(
        self, path: str, headers: Mapping[str, str], timeout_seconds: float, query: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Probe through the server's proxy."""
        if self.process.world.blind and not self.process.world.healed:
            raise Transient("the API server does not answer", code="Unavailable")
        return self.inner.status(path, headers, timeout_seconds, query)

    def _refuse(self, verb: str, path: str) -> None:
        world = self.process.world
        if world.healed:
            return
        plural = path.split("/namespaces/")[-1].split("/")[1:2]
        if world.forbidden is not None and world.forbidden == (verb, *plural):
            raise Denied(f"cannot {verb} resource {plural}", code="Forbidden")
        if verb == "get":
            return
        if (world.denied and plural == ["httproutes"]) or (world.locked and verb == "delete"):
            raise Denied("the role does not allow it", code="Forbidden")
        if world.denied_groups and verb != "delete" and plural == ["deployments"]:
            raise Denied("the role does not allow it", code="Forbidden")


class GuardedEntrance:
    """The name in front as one process reaches it."""

    def __init__(self, process: Process, ground: ClusterGround, inner: Entrance) -> None:
        self.process, self.ground, self.inner = process, ground, inner

    def look(self) -> EntranceSeen:
        """Read, which may fail."""
        return self.process.luck.read(self.inner.look, PART)

    def set(self, is_open: bool) -> None:
        """Open or close; never open what leads to nobody."""
        process, judge = self.process, self.process.world.judge
        judge.may_write(process, self.ground.where[0])

        def act() -> None:
            if process.world.denied:
                raise Denied("the role does not allow it", code="AuthorizationFailed")
            view = self.ground.view()
            if is_open and not (view is not None and view.entered):
                judge.opening(self.ground)
            self.inner.set(is_open)
            judge.exposure.note(self.ground)

        process.luck.write(act, PART)

    def preflight(self) -> tuple[Finding, ...]:
        """Nothing to check."""
        return ()
