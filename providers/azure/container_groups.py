"""Azure Container Instances as `providers.ports.Workloads`: one group per slot, begun and looked at again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from providers.azure import group_checks, marks, requests
from providers.azure.clients import Clients, nothing, raw
from providers.azure.group_views import group_seen
from providers.azure.settings import ContainerInstances
from providers.errors import Conflict, Denied, Missing, NotSent, Throttled, Transient
from providers.ports import Finding
from providers.secrets import LocalSecrets, Secrets, resolve_all
from strategies.seen import GroupSeen, GroupState, Mark


def utc_now() -> datetime:
    """Return the machine's time in UTC."""
    return datetime.now(UTC)


class ContainerGroups:
    """The container groups of one target of one service.

    `image` is the manifest's repository. `secrets` are asked when a group is created, and what they say is in that one
    request only. `now` says when an answer came.
    """

    def __init__(
        self,
        settings: ContainerInstances,
        *,
        service: str,
        target: str,
        image: str,
        clients: Clients | None = None,
        secrets: Secrets | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings, self._service, self._target, self._image = settings, service, target, image
        self._clients = clients or Clients()
        self._secrets = secrets or LocalSecrets()
        self._now = now

    def look(self, names: Sequence[str]) -> tuple[GroupSeen, ...]:
        """Read each named group with one GET; 404 is ABSENT, and what could not be read for now is left out."""
        found = []
        with self._clients.retry.act():
            for name in names:
                try:
                    found.append(self._look(name))
                except Transient:
                    # No fact is better than a guessed one: the caller sees that this name is missing and looks again.
                    continue
        return tuple(found)

    def discover(self) -> tuple[GroupSeen, ...]:
        """Find every group of the resource group that bears our mark for this service and target.

        A list has no instance view and may be stale, so each group found is read by itself.
        """
        doing = f"listing the container groups of {self._settings.resource_group}"
        names = self._clients.read(doing, self._list)
        seen = (self._look(name) for name in sorted(names))
        return tuple(group for group in seen if self._is_ours(group.mark))

    def ensure(self, name: str, mark: Mark) -> None:
        """Begin to create the group `name` from the template and `mark.digest`; returns as soon as Azure took it.

        A PUT on a group that stands restarts its containers, so that is only marked anew. Raises NotSent when it could
        not be read whether it stands.
        """
        with self._clients.retry.act():
            standing = self._get_first(name)
            if standing is None:
                self._create(name, mark)
            else:
                self._mark_anew(name, standing, mark)

    def _get_first(self, name: str) -> Any:
        try:
            return self._get(name)
        except (Throttled, Conflict, NotSent):
            raise
        except Transient as error:
            # From an act, Transient says that a write may have been taken, and here none was begun.
            message = f"{error.message}; the group was not created"
            raise NotSent(message, code=error.code, retry_after=error.retry_after) from error

    def _create(self, name: str, mark: Mark) -> None:
        body = requests.group_body(self._settings, self._image, mark)
        version = requests.api_version(body)
        sent = json.dumps(resolve_all(body, self._secrets)).encode()
        self._clients.write(
            f"creating container group {name}",
            self._groups.begin_create_or_update,
            self._settings.resource_group,
            name,
            sent,
            content_type="application/json",
            api_version=version,
            polling=False,
        )

    def retire(self, name: str, keep_until: datetime | None = None) -> None:
        """Begin to delete the group `name`, or mark it as retained until then; what is not ours is refused (Denied)."""
        with self._clients.retry.act():
            body = self._get(name)
            if body is not None:
                self._retire(name, body, keep_until)

    def preflight(self, replicas: int) -> tuple[Finding, ...]:
        """Check credentials, the resource group, quota and locks for `replicas` more groups; reads only."""
        return group_checks.findings(self._clients, self._settings, self._service, replicas)

    @property
    def _groups(self) -> Any:
        return self._clients.containers(self._settings.subscription).container_groups

    def _refuse_foreign(self, name: str, body: Any) -> None:
        if not self._is_ours(marks.from_tags(body.get("tags"))):
            whose = f"service {self._service}, target {self._target}"
            message = f"container group {name} does not bear our mark ({whose}), so it is left alone"
            raise Denied(message, code="NotOurs")

    def _mark_anew(self, name: str, body: Any, mark: Mark) -> None:
        self._refuse_foreign(name, body)
        tags = marks.marked_anew(body.get("tags"), mark)
        if tags != body.get("tags"):
            self._tag(f"marking container group {name} anew", name, tags)

    def _retire(self, name: str, body: Any, keep_until: datetime | None) -> None:
        self._refuse_foreign(name, body)
        if keep_until is not None:
            self._retain(name, body, keep_until)
        elif group_seen(name, body, self._now()).state is not GroupState.GOING:
            doing = f"deleting container group {name}"
            try:
                self._clients.write(
                    doing, self._groups.begin_delete, self._settings.resource_group, name, polling=False
                )
            except Missing:
                # Somebody else was quicker, and gone is what was asked for.
                return

    def _look(self, name: str) -> GroupSeen:
        body = self._get(name)
        at = self._now()
        return GroupSeen(name, GroupState.ABSENT, at) if body is None else group_seen(name, body, at)

    def _get(self, name: str) -> Any:
        doing = f"reading container group {name}"
        try:
            return self._clients.read(doing, self._groups.get, self._settings.resource_group, name, cls=raw)
        except Missing as error:
            if error.code.lower() == "subscriptionnotfound":
                raise
            return None

    def _list(self, **options: Any) -> list[str]:
        pages = self._groups.list_by_resource_group(self._settings.resource_group, **options)
        return [item.name for item in pages if self._is_ours(marks.from_tags(item.tags))]

    def _retain(self, name: str, body: Any, until: datetime) -> None:
        if marks.keep_until(body.get("tags")) != until:
            doing = f"marking container group {name} as retained"
            self._tag(doing, name, marks.with_keep_until(body.get("tags"), until))

    def _tag(self, doing: str, name: str, tags: dict[str, str]) -> None:
        self._clients.write(
            doing,
            self._groups.update,
            self._settings.resource_group,
            name,
            json.dumps({"tags": tags}).encode(),
            content_type="application/json",
            cls=nothing,
        )

    def _is_ours(self, mark: Mark | None) -> bool:
        return mark is not None and (mark.service, mark.target) == (self._service, self._target)
