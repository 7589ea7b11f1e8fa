"""Deployments of one cluster as `providers.ports.Workloads`: one per slot, which owns all that belongs to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from providers.errors import Conflict, Denied, Invalid, Missing, NotSent, ProviderError, Throttled, Transient
from providers.kubernetes import autoscalers, marks, pod_views, requests, scale, workload_checks
from providers.kubernetes.api import APPLY, FIELD_MANAGER, MERGE_PATCH, Api
from providers.kubernetes.deployment_views import group_seen, is_owned, is_whole
from providers.kubernetes.parts import at, mapping, name_of, parts, sequence
from providers.kubernetes.places import DEPLOYMENT, EVENT, POD, SCALER, SERVICE, path
from providers.kubernetes.settings import Deployments
from providers.ports import Finding
from strategies.seen import GroupSeen, GroupState, Mark

_APPLYING = {"fieldManager": FIELD_MANAGER, "force": "true"}


class DeploymentWorkloads:
    """The Deployments of one target of one service; `image` is the manifest's repository.

    A slot's Deployment is made first and owns its ConfigMaps, HPA, PDB and Service, so deleting it takes all of them
    away. The Service is made last: where it is missing, the creation was broken off and `ensure` finishes it.
    """

    def __init__(self, settings: Deployments, *, service: str, target: str, image: str, api: Api) -> None:
        self._settings, self._service, self._target, self._image = settings, service, target, image
        self._api = api

    def look(self, names: Sequence[str]) -> tuple[GroupSeen, ...]:
        """Read each named slot; a Deployment that is not there is ABSENT, what could not be read is left out."""
        found = []
        with self._api.act():
            for name in names:
                try:
                    found.append(self._look(name))
                except Transient:
                    # No fact is better than a guessed one: the caller sees that this name is missing and looks again.
                    continue
        return tuple(found)

    def discover(self) -> tuple[GroupSeen, ...]:
        """Find every Deployment that bears our mark for this service and target; three reads, however many."""
        with self._api.act():
            found = [item for item in self._list(DEPLOYMENT) if self._is_ours(item)]
            when = self._api.now()
            services = {name_of(item): item for item in self._list(SERVICE)} if found else {}
            pods = _by_workload(self._list(POD)) if found else {}
            seen = []
            for item in sorted(found, key=name_of):
                name = name_of(item)
                seen.append(self._seen(name, item, services.get(name), pods.get(name, []), when))
        return tuple(seen)

    def ensure(self, name: str, mark: Mark) -> None:
        """Begin to create the slot `name`, or finish what was broken off; a Deployment that stands stays as it is.

        Raises NotSent when it could not be read whether it stands. A crash leaves a marked Deployment, and with it
        what was made until then.
        """
        with self._api.act():
            try:
                standing = self._get(DEPLOYMENT, name)
                replicas = self._replicas(mark) if standing is None else None
            except (Throttled, Conflict, NotSent):
                raise
            except Transient as error:
                # From an act, Transient says that a write may have been taken, and here none was begun.
                message = f"{error.message}; nothing was created"
                raise NotSent(message, code=error.code, retry_after=error.retry_after) from error
            if standing is None:
                made = requests.bodies(self._settings, self._image, mark, name=name, replicas=replicas)
                standing = self._apply(made[0])
            else:
                self._refuse_unusable(name, standing)
            try:
                self._complete(name, mark, str(at(standing, "metadata", "uid")))
                # Last, because a retained one is asked for until it is marked anew.
                self._mark_anew(name, standing, mark)
            except NotSent as error:
                # The Deployment stands by now, so it would be wrong to say that nothing was sent.
                raise Transient(error.message, code=error.code, retry_after=error.retry_after) from error

    def retire(self, name: str, keep_until: datetime | None = None) -> None:
        """Begin to delete the slot `name` with all it owns, or mark it as retained; what is not ours is refused."""
        with self._api.act():
            standing = self._get(DEPLOYMENT, name)
            if standing is None:
                return
            self._refuse_foreign(name, standing)
            self._release(name)
            if keep_until is not None:
                self._annotate(name, standing, {marks.KEEP_UNTIL: marks.until(keep_until)}, "as retained")
            elif not at(standing, "metadata", "deletionTimestamp"):
                self._delete(name, standing)

    def preflight(self, replicas: int) -> tuple[Finding, ...]:
        """Check cluster, namespace, permissions, selectors, quota and admission for `replicas` more; makes nothing."""
        return workload_checks.findings(
            self._api,
            self._settings,
            service=self._service,
            target=self._target,
            image=self._image,
            slots=replicas,
        )

    def _look(self, name: str) -> GroupSeen:
        deployment = self._get(DEPLOYMENT, name)
        when = self._api.now()
        if deployment is None:
            return GroupSeen(name, GroupState.ABSENT, when)
        service = self._get(SERVICE, name)
        return self._seen(name, deployment, service, self._list(POD, f"{marks.WORKLOAD}={name}"), when)

    def _seen(self, name: str, deployment: Any, service: Any, pods: Sequence[Any], when: datetime) -> GroupSeen:
        seen = group_seen(name, deployment, service, pods, when=when)
        if seen.state in (GroupState.RUNNING, GroupState.GOING):
            return seen
        events = self._events(pod_views.unready(pods) or name)
        return group_seen(name, deployment, service, pods, events, when=when)

    def _events(self, about: str) -> list[Any]:
        where, chosen = path(EVENT, self._settings.namespace), {"fieldSelector": f"involvedObject.name={about}"}
        try:
            return sequence(self._api.read(f"reading the events of {about}", where, chosen), "items")
        except ProviderError:
            # Events only explain what the Deployment and its pods have said already, and may be forbidden to read.
            return []

    def _replicas(self, mark: Mark) -> int | None:
        """With how many replicas a new slot begins; None where the template says it, or nothing stands to go by."""
        found = parts(self._settings.objects)
        if at(found.deployment, "spec", "replicas") is not None:
            return None
        where = path(DEPLOYMENT, self._settings.namespace)
        standing = sequence(self._api.read(f"listing the Deployments of {self._settings.namespace}", where), "items")
        start = scale.of_older(standing, mark)
        if start is None:
            live = (self._get(SERVICE, name) for name in self._settings.adopt)
            start = scale.of_adopted(standing, [at(service, "spec", "selector") for service in live])
        return scale.within(start, found.scaler)

    def _complete(self, name: str, mark: Mark, uid: str) -> None:
        """Make what is still missing of a slot, its Service last; where that stands, all is there."""
        whole = is_whole(name, uid, self._get(SERVICE, name))
        *companions, service = requests.bodies(self._settings, self._image, mark, name=name, uid=uid)[1:]
        for body in () if whole else companions:
            self._make(name, uid, body)
        self._hold(name)
        if not whole:
            self._make(name, uid, service)

    def _make(self, name: str, uid: str, body: dict[str, Any]) -> None:
        kind, own = body["kind"], body["metadata"]["name"]
        standing = self._get(kind, own)
        if standing is not None and not _belongs(name, standing):
            self._refuse(kind, own)
        if at(standing, "metadata", "deletionTimestamp"):
            raise Conflict(f"{kind} {own} is being deleted and has to be gone first", code="BeingDeleted")
        # What an earlier Deployment of this name owned goes with it, unless it gets this one as its owner.
        if not is_owned(standing, uid):
            self._apply(body)

    def _hold(self, name: str) -> None:
        """Let no autoscaler make a live side smaller from now on, where `name` is another one than what serves."""
        live = self._live(name)
        if len(_numbers(live)) > 1:
            for item in live:
                self._rescale(name_of(item), partial(autoscalers.held, replicas=scale.count(item)))

    def _release(self, name: str) -> None:
        """Let the autoscaler of the side that stays do as it likes, where `name` is the last one beside it."""
        live = [item for item in self._live() if name_of(item) != name]
        if len(_numbers(live)) == 1:
            for item in live:
                try:
                    self._rescale(name_of(item), autoscalers.released)
                except (Denied, Invalid):
                    # One that may go no lower costs money; what it keeps alive must not be the old side.
                    continue

    def _live(self, asked: str | None = None) -> list[Any]:
        """What serves or is to serve, and `asked` though it be retained; nothing where no autoscaler is ours."""
        if parts(self._settings.objects).scaler is None:
            return []
        found = [item for item in self._list(DEPLOYMENT) if self._is_ours(item)]
        stays = [item for item in found if not at(item, "metadata", "deletionTimestamp")]
        return [item for item in stays if name_of(item) == asked or marks.keep_until(item["metadata"]) is None]

    def _rescale(self, name: str, change: Callable[[Any], dict[str, Any] | None]) -> None:
        scaler = self._get(SCALER, name)
        patch = change(scaler) if scaler is not None and _belongs(name, scaler) else None
        if patch is not None:
            self._merge(f"changing the least of {SCALER} {name}", SCALER, name, patch)

    def _apply(self, body: dict[str, Any]) -> Any:
        kind, name = body["kind"], body["metadata"]["name"]
        where = path(kind, self._settings.namespace, name)
        doing = f"creating {kind} {name}"
        return self._api.write(doing, "PATCH", where, body, content_type=APPLY, query=_APPLYING)

    def _refuse_unusable(self, name: str, standing: Any) -> None:
        self._refuse_foreign(name, standing)
        if at(standing, "metadata", "deletionTimestamp"):
            raise Conflict(f"Deployment {name} is being deleted, so it cannot be used again", code="BeingDeleted")

    def _mark_anew(self, name: str, standing: Any, mark: Mark) -> None:
        have, wanted = mapping(standing, "metadata", "annotations"), marks.to_annotations(mark)
        stale = {key: None for key in have if key.startswith("rollout/") and key not in wanted}
        self._annotate(name, standing, {**stale, **wanted}, "anew")

    def _annotate(self, name: str, standing: Any, wanted: Mapping[str, str | None], how: str) -> None:
        have = mapping(standing, "metadata", "annotations")
        if all(have.get(key) == value for key, value in wanted.items()):
            return
        body = {"metadata": {"annotations": dict(wanted)}}
        self._merge(f"marking Deployment {name} {how}", DEPLOYMENT, name, body)

    def _merge(self, doing: str, kind: str, name: str, body: dict[str, Any]) -> None:
        where, query = path(kind, self._settings.namespace, name), {"fieldManager": FIELD_MANAGER}
        self._api.write(doing, "PATCH", where, body, content_type=MERGE_PATCH, query=query)

    def _delete(self, name: str, standing: Any) -> None:
        where, metadata = path(DEPLOYMENT, self._settings.namespace, name), mapping(standing, "metadata")
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            # The version as well: a retained one may be marked anew, and so be wanted, since it was read.
            "preconditions": {key: metadata.get(key) for key in ("uid", "resourceVersion")},
        }
        try:
            self._api.write(f"deleting Deployment {name}", "DELETE", where, options)
        except Missing:
            # Somebody else was quicker, and gone is what was asked for.
            return

    def _get(self, kind: str, name: str) -> Any:
        try:
            return self._api.read(f"reading {kind} {name}", path(kind, self._settings.namespace, name))
        except Missing:
            return None

    def _list(self, kind: str, selector: str | None = None) -> list[Any]:
        chosen = selector or marks.selector(self._service, self._target)
        where = path(kind, self._settings.namespace)
        found = self._api.read(f"listing objects of kind {kind}", where, {"labelSelector": chosen})
        return sequence(found, "items")

    def _refuse_foreign(self, name: str, standing: Any) -> None:
        if not self._is_ours(standing):
            self._refuse(DEPLOYMENT, name)

    def _refuse(self, kind: str, name: str) -> None:
        whose = f"service {self._service}, target {self._target}"
        raise Denied(f"{kind} {name} does not bear our mark ({whose}), so it is left alone", code="NotOurs")

    def _is_ours(self, standing: Any) -> bool:
        mark = marks.read(mapping(standing, "metadata"))
        return mark is not None and (mark.service, mark.target) == (self._service, self._target)


def _belongs(name: str, standing: Any) -> bool:
    labels = mapping(standing, "metadata", "labels")
    return labels.get(marks.MANAGED_BY) == marks.OURS and labels.get(marks.WORKLOAD) == name


def _numbers(deployments: Iterable[Any]) -> set[int]:
    found = (marks.read(mapping(item, "metadata")) for item in deployments)
    return {mark.number for mark in found if mark is not None}


def _by_workload(pods: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for pod in pods:
        found[str(mapping(pod, "metadata", "labels").get(marks.WORKLOAD))].append(pod)
    return found
