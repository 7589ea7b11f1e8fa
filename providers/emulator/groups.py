"""Container groups: what ARM's calls do to them, and what their workloads answer."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from providers.emulator.admission import Admission
from providers.emulator.behaviour import HEALTH_PATHS, seconds_between
from providers.emulator.exposition import CONTENT_TYPE, METRICS_PATH
from providers.emulator.group_rules import check_group, check_update, normal_location, without_secrets
from providers.emulator.group_view import group_json, group_state
from providers.emulator.lifecycle import Event, Group, Lifecycle, Run, no_capacity
from providers.emulator.paths import ResourceId
from providers.emulator.values import Answer, ArmError, Workload

if TYPE_CHECKING:
    from providers.emulator.world import World


class Groups:
    """Every container group of the world, by its id in lower case."""

    def __init__(self, world: World) -> None:
        """Begin with no group."""
        self._world = world
        self._groups: dict[str, Group] = {}
        self._names: dict[str, str] = {}
        self.admission = Admission(world, self)
        self.revision = 0
        self._life = Lifecycle(world.timeline, world.settings, world.rng, self._changed)

    def _changed(self) -> None:
        self.revision += 1

    def find(self, key: str) -> Group | None:
        """Return the group with an id in lower case, or None."""
        return self._groups.get(key)

    def by_name(self, fqdn: str) -> Group | None:
        """Return the group whose FQDN this is and whose deletion has not begun, or None."""
        group = self._groups.get(self._names.get(fqdn.lower(), ""))
        return None if group is None or group.deleting else group

    def zone_of(self, name: str) -> bool:
        """Say whether a name lies in the zone of container groups."""
        return name.lower().endswith(".azurecontainer.io")

    def holder_of(self, fqdn: str) -> str | None:
        """Return the id in lower case of the group that holds an FQDN, its deletion begun or not."""
        return self._names.get(fqdn)

    def all(self) -> list[Group]:
        """Return every group in the order of creation."""
        return list(self._groups.values())

    def put(self, rid: ResourceId, body: dict[str, Any]) -> tuple[Group, bool]:
        """Create or redeploy a group and say whether it is new; raises ArmError with nothing changed."""
        now = self._world.now()
        check_group(rid.name, body)
        group = self._groups.get(rid.key)
        if group is not None:
            if group.deleting or group.provisioning in ("Pending", "Creating"):
                raise _transitioning(rid.name)
            check_update(rid.name, group.body, body)
        region = normal_location(body["location"])
        fqdn = self.admission.admit(rid, region, body, group)
        fault = self._world.faults.take_provisioning(rid.name)
        if fault is not None and fault.outcome == "refused":
            draft = Group(rid.id, rid.key, rid.subscription, rid.resource_group, rid.name, body, now, region)
            raise ArmError(409, "ServiceUnavailable", no_capacity(draft))
        new = group is None
        if group is None:
            group = Group(rid.id, rid.key, rid.subscription, rid.resource_group, rid.name, body, now, region)
            self._groups[rid.key] = group
        self._set_body(group, body, fqdn)
        self._readdress(group, now)
        outcome, extra = (fault.outcome, fault.extra_seconds) if fault is not None else ("ok", 0.0)
        self._life.deploy(group, now, outcome, extra)
        return group, new

    def _set_body(self, group: Group, body: dict[str, Any], fqdn: str | None) -> None:
        group.body = without_secrets(body)
        if group.fqdn is not None and group.fqdn != fqdn:
            self._names.pop(group.fqdn, None)
        group.fqdn = fqdn
        if fqdn is not None:
            self._names[fqdn] = group.key
        counts = {run.name: run.restarts for run in group.runs}
        group.runs = []
        for container in group.body["properties"]["containers"]:
            inner = container["properties"]
            ports = frozenset(entry["port"] for entry in inner.get("ports") or [])
            liveness = inner.get("livenessProbe")
            behaviour = self._world.images.behaviour(inner["image"])
            run = Run(container["name"], inner["image"], behaviour, ports, liveness)
            run.environment = inner.get("environmentVariables") or []
            run.restarts = counts.get(run.name, -1) + 1
            group.runs.append(run)

    def _readdress(self, group: Group, now: datetime) -> None:
        if group.address is not None:
            self._world.addresses.retire(group.address, now)
            group.address = None
        if (group.body["properties"].get("ipAddress") or {}).get("type") == "Public":
            group.address = self._world.addresses.give(group.key, group.name)

    def patch(self, rid: ResourceId, body: Mapping[str, Any]) -> Group:
        """Replace a group's tags; raises ArmError when it is not there or anything else shall change."""
        group = self.require(rid)
        if group.deleting:
            raise _transitioning(rid.name)
        extra = sorted(set(body) - {"tags", "location", "zones", "id", "name", "type"})
        if extra:
            raise ArmError(
                400, "InvalidRequestContent", f"Only tags can be patched on a container group, not '{extra[0]}'."
            )
        if "tags" in body:
            group.body["tags"] = dict(body["tags"] or {})
        return group

    def require(self, rid: ResourceId) -> Group:
        """Return the group with an id; raises ArmError 404 when there is none."""
        group = self._groups.get(rid.key)
        if group is None:
            raise ArmError(
                404,
                "ResourceNotFound",
                f"The Resource 'Microsoft.ContainerInstance/containerGroups/{rid.name}' under resource group "
                f"'{rid.resource_group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )
        return group

    def delete(self, rid: ResourceId) -> Group | None:
        """Begin to delete a group: address and name are gone at once, the resource a little later; None: not there."""
        group = self._groups.get(rid.key)
        if group is None or group.deleting:
            return group
        now = self._world.now()
        self.admission.check_rate(f"delete {rid.subscription}", group.region)
        self._life.halt(group, now, "Terminating")
        group.deleting, group.provisioning = True, "Deleting"
        if group.address is not None:
            self._world.addresses.retire(group.address, now)

        def gone(_at: datetime) -> None:
            self._groups.pop(group.key, None)
            if group.fqdn is not None and self._names.get(group.fqdn) == group.key:
                del self._names[group.fqdn]
            self._changed()

        self._world.timeline.at(now + timedelta(seconds=self._world.settings.delete_seconds), gone)
        self._changed()
        return group

    def restart(self, rid: ResourceId, start: bool = False) -> Group:
        """Begin a new deployment of all containers, after which the address is another; `start` says it was stopped."""
        group = self.require(rid)
        if group.deleting or group.provisioning in ("Pending", "Creating"):
            raise _transitioning(rid.name)
        if not start:
            for run in group.runs:
                run.restarts += 1
        now = self._world.now()
        self._life.halt(group, now, "Pending")
        self._readdress(group, now)
        self._life.deploy(group, now, "ok", 0.0)
        return group

    def stop(self, rid: ResourceId) -> Group:
        """Stop all containers and give the address back."""
        group = self.require(rid)
        now = self._world.now()
        self._life.halt(group, now, "Stopped")
        group.provisioning = "Succeeded"
        if group.address is not None:
            self._world.addresses.retire(group.address, now)
            group.address = None
        return group

    def cannot_bind(self, key: str, port: int, why: str) -> None:
        """Fail a group whose port cannot be bound, with an event that names the remedy."""
        group = self._groups.get(key)
        if group is not None and not group.deleting:
            message = (
                f"Port {port} on {group.address} cannot be bound: {why}. Choose a port from 1024 on that nothing else "
                "listens on, or (macOS) add the address to the loopback interface: sudo ifconfig lo0 alias "
                f"{group.address}"
            )
            self._life.fail(group, self._world.now(), "PortUnavailable", message)

    def readdress(self, key: str) -> str:
        """Give a group another address because its own is in use on this machine; raises KeyError without a group."""
        group = self._groups[key]
        self._readdress(group, self._world.now())
        group.events.append(Event("AddressChanged", f"The address is now {group.address}.", self._world.now()))
        return group.address or ""

    def workloads(self) -> list[Workload]:
        """Return every group that has (or just lost) an address, as a door with sockets needs it."""
        return [
            Workload(g.key, g.name, g.address, g.fqdn, g.ports, g.listening, g.deleting)
            for g in self._groups.values()
            if g.address is not None
        ]

    def answer(
        self, key: str, path: str, rng: random.Random, port: int | None = None, host: str | None = None
    ) -> Answer | None:
        """Return what a group answers to one request now, or None when its connection is refused."""
        group = self._groups.get(key)
        if group is None or group.deleting or not group.runs:
            return None
        run = group.server(port)
        if run.since is None or (port is not None and port not in group.ports):
            return None
        behaviour = run.behaviour
        headers = {"X-Version": behaviour.version}
        if behaviour.host is not None and (host or group.fqdn or "").lower() != behaviour.host.lower():
            return Answer(404, headers, behaviour.latency_seconds)
        age = seconds_between(run.since, self._world.now())
        if path == METRICS_PATH:
            return Answer(
                200, {**headers, "Content-Type": CONTENT_TYPE}, text=run.served.text(run.since, run.environment)
            )
        health = behaviour.unhealthy_after_seconds is not None and path in self._health_paths(group, run)
        status = behaviour.status(age, path, health, rng)
        run.served.count(run.since, status, path)
        return Answer(status, headers, behaviour.latency_seconds)

    def _health_paths(self, group: Group, run: Run) -> set[str]:
        own = {(run.liveness or {}).get("httpGet", {}).get("path")} - {None}
        return {*HEALTH_PATHS, *own} | self._world.profiles.monitored_paths(group.fqdn)

    def json(self, group: Group, instance_view: bool = True) -> dict[str, Any]:
        """Return a group as ARM shows it."""
        return group_json(group, instance_view)

    def state(self) -> list[dict[str, Any]]:
        """Return all groups as the control interface lists them."""
        return [group_state(group) for group in self._groups.values()]


def _transitioning(name: str) -> ArmError:
    message = f"The container group '{name}' is still transitioning, please retry later."
    return ArmError(409, "ContainerGroupTransitioning", message)
