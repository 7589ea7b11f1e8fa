"""The store of one cluster: every object as JSON, one counter of versions, and a history for those who watch.

Whoever asks gets a copy and writes it back with `put`; nothing in the store is ever changed in place, so a `Change` may
be kept. Listeners hear of each change after it stands, one change after the other even when a listener writes itself.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

import msgspec

from providers.emulator.kube.kinds import Kind

Json = dict[str, Any]
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]
HISTORY = 20_000
_CONTROLLERS_OWN = "deployment.kubernetes.io/"
_NAMESPACE_OF_UIDS = uuid.UUID("6c3f6f0c-8d5a-5c53-9d1e-2f7a0f6a3b10")


class Stale(Exception):  # noqa: N818 - the word says what the write was
    """A write was based on a version of the object that is not the stored one any more."""


@dataclass(frozen=True, slots=True)
class Change:
    """One stored change: `object` as it stands now (for DELETED: as it last stood, with the deletion's version).

    `before` is what stood before, None for ADDED. Both belong to the store and must not be changed.
    """

    type: ChangeType
    kind: Kind
    object: Json
    before: Json | None
    version: int


class Objects:
    """All objects of one cluster; `now` says the time (UTC), `cluster` only makes uids differ between clusters."""

    def __init__(self, now: Callable[[], datetime], cluster: str = "") -> None:
        """Begin with nothing in it, not even a namespace."""
        self.now = now
        self.version = 1
        self.listeners: list[Callable[[Change], None]] = []
        self.history: deque[Change] = deque()
        self.compacted = 0
        """Changes up to this version are forgotten: watches and lists that begin there are too old."""
        self._cluster, self._made = cluster, 0
        self._stored: dict[Kind, dict[tuple[str, str], Json]] = {}
        self._unheard: deque[Change] = deque()
        self._telling = False

    def get(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """Return a copy of one object, or None; `namespace` is None for kinds without."""
        found = self.peek(kind, namespace, name)
        return None if found is None else clone(found)

    def all(self, kind: Kind, namespace: str | None = None) -> list[Json]:
        """Return copies of all objects of a kind, in one namespace or in all, by namespace and name."""
        return [clone(found) for found in self.each(kind, namespace)]

    def peek(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """Return one object itself, which must not be changed: `get` without the cost of a copy."""
        return self._stored.get(kind, {}).get((namespace or "", name))

    def each(self, kind: Kind, namespace: str | None = None) -> Iterator[Json]:
        """Yield the objects themselves, which must not be changed: `all` without the cost of copies."""
        for (where, _), found in sorted(self._stored.get(kind, {}).items(), key=lambda item: item[0]):
            if namespace is None or where == namespace:
                yield found

    def owned_by(self, uid: str) -> list[tuple[Kind, Json]]:
        """Return copies of all objects with an ownerReference to `uid`, which garbage collection goes by."""
        return [
            (kind, clone(found))
            for kind, stored in self._stored.items()
            for found in stored.values()
            if any(owner.get("uid") == uid for owner in found["metadata"].get("ownerReferences") or ())
        ]

    def put(self, kind: Kind, obj: Json) -> Json:
        """Store an object, new or changed, and return a copy of what stands; one that changes nothing is no write.

        The store gives uid, creationTimestamp, generation and resourceVersion. An object that is being deleted and has
        neither finalizers nor a grace period left is removed by this write. Raises Stale when the object bears a
        resourceVersion that is not the stored one.
        """
        metadata = obj["metadata"]
        key = (metadata.get("namespace") or "" if kind.namespaced else "", metadata["name"])
        stored = self._stored.setdefault(kind, {})
        before = stored.get(key)
        given = metadata.get("resourceVersion")
        if given and (before is None or before["metadata"]["resourceVersion"] != given):
            raise Stale(f"{kind.resource} {'/'.join(filter(None, key))}: resourceVersion {given} is not the stored one")
        after = self.prepared(kind, before, obj)
        if before is not None and _same(before, after):
            return clone(before)
        if is_over(after):
            self._remove(kind, key, after)
            return clone(after)
        self.version += 1
        after["metadata"]["resourceVersion"] = str(self.version)
        stored[key] = after
        self._tell(Change("ADDED" if before is None else "MODIFIED", kind, after, before, self.version))
        return clone(after)

    def prepared(self, kind: Kind, before: Json | None, obj: Json) -> Json:
        """Return a copy of `obj` as `put` would store it, but for its resourceVersion."""
        after = clone(obj)
        metadata = after["metadata"]
        if before is None:
            self._made += 1
            metadata.setdefault("uid", str(uuid.uuid5(_NAMESPACE_OF_UIDS, f"{self._cluster}/{self._made}")))
            metadata.setdefault("creationTimestamp", stamp(self.now()))
            if kind.generation:
                metadata["generation"] = 1
            return after
        old = before["metadata"]
        metadata["uid"], metadata["creationTimestamp"] = old["uid"], old["creationTimestamp"]
        if kind.generation:
            deleting = "deletionTimestamp" in metadata and "deletionTimestamp" not in old
            changed = _counted(kind, before) != _counted(kind, after)
            metadata["generation"] = old.get("generation", 1) + (changed or deleting)
        return after

    def remove(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """Remove an object at once, whatever its finalizers say; return it as it last stood, None when not there."""
        key = (namespace or "", name)
        found = self._stored.get(kind, {}).get(key)
        return None if found is None else clone(self._remove(kind, key, clone(found)))

    def compact(self, version: int | None = None) -> None:
        """Forget the history up to `version` (default: all of it), as a server does every few minutes."""
        self.compacted = max(self.compacted, self.version if version is None else version)
        while self.history and self.history[0].version <= self.compacted:
            self.history.popleft()

    def _remove(self, kind: Kind, key: tuple[str, str], last: Json) -> Json:
        before = self._stored[kind].pop(key)
        self.version += 1
        last["metadata"]["resourceVersion"] = str(self.version)
        self._tell(Change("DELETED", kind, last, before, self.version))
        return last

    def _tell(self, change: Change) -> None:
        self.history.append(change)
        if len(self.history) > HISTORY:
            self.compacted = self.history.popleft().version
        self._unheard.append(change)
        if self._telling:
            return
        self._telling = True
        try:
            while self._unheard:
                heard = self._unheard.popleft()
                for listener in tuple(self.listeners):
                    listener(heard)
        finally:
            self._telling = False


def clone(value: Json) -> Json:
    """Copy a JSON object deeply."""
    return cast(Json, copied(value))


def copied(value: Any) -> Any:
    """Copy a JSON value deeply."""
    return msgspec.json.decode(msgspec.json.encode(value)) if isinstance(value, dict | list | tuple) else value


def stamp(when: datetime) -> str:
    """A time as `metav1.Time` is written: UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_over(obj: Json) -> bool:
    """Say whether an object is being deleted and nothing holds it any more."""
    metadata = obj["metadata"]
    # A namespace has finalizers of its own kind: it goes when all that stands in it is gone.
    in_use = obj.get("kind") == "Namespace" and (obj.get("spec") or {}).get("finalizers")
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("finalizers")
        and not in_use
        and not metadata.get("deletionGracePeriodSeconds")
    )


def _same(before: Json, after: Json) -> bool:
    left, right = dict(before), dict(after)
    left["metadata"] = {key: value for key, value in before["metadata"].items() if key != "resourceVersion"}
    right["metadata"] = {key: value for key, value in after["metadata"].items() if key != "resourceVersion"}
    return left == right


def _counted(kind: Kind, obj: Json) -> Any:
    """What of an object moves its generation: neither binding a pod nor a controller's own annotations do."""
    if kind.generation == "all":
        return {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    if kind.kind == "Pod":
        return {key: value for key, value in (obj.get("spec") or {}).items() if key != "nodeName"}
    notes = (obj["metadata"].get("annotations") or {}) if "annotations" in kind.generation else {}
    return obj.get("spec"), {key: value for key, value in notes.items() if not key.startswith(_CONTROLLERS_OWN)}
