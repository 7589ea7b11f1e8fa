"""Deletion with all that hangs on it: garbage collection by ownerReferences, and namespaces with all in them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from providers.emulator.kube.kinds import DEPLOYMENT, JOB, KINDS, NAMESPACE, POD, REPLICA_SET, Kind, named
from providers.emulator.kube.objects import Change, Json, stamp
from providers.emulator.kube.work import Queue, is_deleting

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
GRACE_SECONDS = 30
Key = tuple[Kind, str, str, str]


class Collector:
    """Deletes what has lost its owner, and finishes deletions that wait for what an object owns."""

    def __init__(self, cluster: Cluster) -> None:
        """Begin with nothing to do."""
        self._cluster = cluster
        self._queue = Queue[Key](
            cluster.world.timeline,
            cluster.world.now,
            lambda: cluster.settings.controller_seconds,
            self._look,
        )

    def hear(self, change: Change) -> None:
        """Look soon at whatever a change may have orphaned or released."""
        body, metadata = change.object, change.object["metadata"]
        if change.kind is DEPLOYMENT and (change.type == "DELETED" or is_deleting(body)):
            self._cluster.retire(metadata["uid"])
        if change.type == "DELETED":
            for kind, found in self._cluster.objects.owned_by(metadata["uid"]):
                self._queue.soon(_key(kind, found))
            if change.kind is NAMESPACE:
                self._queue.soon((NAMESPACE, "", metadata["name"], metadata["uid"]))
        elif is_deleting(body) or (change.type == "ADDED" and metadata.get("ownerReferences")):
            self._queue.soon(_key(change.kind, body))
        for owner in metadata.get("ownerReferences") or [] if change.type == "DELETED" else []:
            above = named(owner["kind"], owner.get("apiVersion"))
            if above is not None:
                where = metadata.get("namespace", "") if above.namespaced else ""
                self._queue.soon((above, where, owner["name"], owner["uid"]))
        if change.type == "DELETED" and metadata.get("namespace"):
            self._finish_namespace(metadata["namespace"])

    def _finish_namespace(self, name: str) -> None:
        found = self._cluster.objects.peek(NAMESPACE, None, name)
        if found is not None and is_deleting(found):
            self._queue.soon((NAMESPACE, "", name, found["metadata"]["uid"]))

    def _look(self, key: Key, _at: datetime) -> None:
        kind, namespace, name, uid = key
        if kind is NAMESPACE:
            self._empty(name)
            return
        body = self._cluster.objects.get(kind, namespace, name)
        if body is None or body["metadata"]["uid"] != uid:
            return
        finalizers = body["metadata"].get("finalizers") or []
        if is_deleting(body) and ORPHAN in finalizers:
            self._release(body)
            self._without(kind, body, ORPHAN)
        elif is_deleting(body) and FOREGROUND in finalizers:
            if self._delete_owned(body):
                self._without(kind, body, FOREGROUND)
        elif not is_deleting(body) and self._is_orphan(body):
            self.delete(body)

    def _is_orphan(self, body: Json) -> bool:
        """Say whether an object has owners and all of them are gone."""
        owners = body["metadata"].get("ownerReferences") or []
        return bool(owners) and not any(self._exists(owner, body) for owner in owners)

    def _exists(self, owner: dict[str, Any], owned: Json) -> bool:
        kind = named(owner["kind"], owner.get("apiVersion"))
        if kind is None:
            # Owners of kinds that this cluster does not know are not judged.
            return True
        found = self._cluster.objects.peek(kind, owned["metadata"].get("namespace"), owner["name"])
        return found is not None and found["metadata"]["uid"] == owner["uid"]

    def _delete_owned(self, body: Json) -> bool:
        """Begin to delete what an object owns; True when nothing is left that the object must wait for."""
        uid = body["metadata"]["uid"]
        done = True
        for _, found in self._cluster.objects.owned_by(uid):
            if not is_deleting(found):
                self.delete(found)
        for _, found in self._cluster.objects.owned_by(uid):
            owners = found["metadata"]["ownerReferences"]
            done = done and not any(one["uid"] == uid and one.get("blockOwnerDeletion") for one in owners)
        return done

    def _release(self, body: Json) -> None:
        """Leave what an object owns behind, without an owner."""
        uid = body["metadata"]["uid"]
        for kind, found in self._cluster.objects.owned_by(uid):
            left = [one for one in found["metadata"]["ownerReferences"] if one["uid"] != uid]
            found["metadata"]["ownerReferences"] = left
            if not left:
                del found["metadata"]["ownerReferences"]
            self._cluster.objects.put(kind, found)

    def _without(self, kind: Kind, body: Json, finalizer: str) -> None:
        left = [one for one in body["metadata"]["finalizers"] if one != finalizer]
        body["metadata"]["finalizers"] = left
        if not left:
            del body["metadata"]["finalizers"]
        body["metadata"].pop("resourceVersion", None)
        self._cluster.objects.put(kind, body)

    def delete(self, body: Json) -> None:
        """Begin to delete an object as the real collector does; pods get their grace, owners go after the owned."""
        kind, now = named(body["kind"], body["apiVersion"]), self._cluster.objects.now()
        metadata = body["metadata"]
        if kind is None or is_deleting(body):
            return
        metadata.pop("resourceVersion", None)
        metadata["deletionTimestamp"], metadata["deletionGracePeriodSeconds"] = stamp(now), 0
        if kind is POD and body["spec"].get("nodeName"):
            grace = int(body["spec"].get("terminationGracePeriodSeconds", GRACE_SECONDS))
            metadata["deletionGracePeriodSeconds"] = grace
            metadata["deletionTimestamp"] = stamp(now + timedelta(seconds=grace))
        elif kind in (DEPLOYMENT, REPLICA_SET, JOB) and FOREGROUND not in metadata.get("finalizers", []):
            metadata["finalizers"] = [*metadata.get("finalizers", []), FOREGROUND]
        self._cluster.objects.put(kind, body)

    def _empty(self, namespace: str) -> None:
        """Delete all that stands in a namespace whose deletion has begun; the namespace goes last."""
        objects = self._cluster.objects
        found = objects.get(NAMESPACE, None, namespace)
        if found is not None and not is_deleting(found):
            return
        left = False
        for kind in KINDS:
            for body in objects.all(kind, namespace) if kind.namespaced else []:
                left = True
                self.delete(body)
        if found is not None and not left:
            objects.remove(NAMESPACE, None, namespace)


def _key(kind: Kind, body: Json) -> Key:
    metadata = body["metadata"]
    return kind, metadata.get("namespace", ""), metadata["name"], metadata["uid"]
