"""Watches: the events of a collection from a version on, to be read again and again until the watch is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from providers.emulator.http import Response
from providers.emulator.kube.call import Call, Reply
from providers.emulator.kube.kinds import Kind
from providers.emulator.kube.objects import Change, Objects, clone
from providers.emulator.kube.reads import selects, version_of
from providers.emulator.kube.selectors import Test
from providers.emulator.kube.status import failure

Json = dict[str, Any]
_SECONDS = 1800
_BOOKMARK_BEFORE_END = timedelta(seconds=2)
_BOOKMARK_EVERY = timedelta(seconds=60)


@dataclass(slots=True)
class Watch:
    """One open watch: `events` returns what has come since it was last asked; `over` says when the stream ends."""

    objects: Objects
    kind: Kind
    namespace: str | None
    test: Test
    since: int
    ends: datetime
    bookmarks: bool
    waiting: list[Json] = field(default_factory=list)
    failed: bool = False
    bookmark_at: datetime | None = None

    def events(self) -> list[Json]:
        """Return the events (`type`, `object`) since the last call; a version that is forgotten is one ERROR."""
        found, self.waiting = self.waiting, []
        if self.failed:
            return found
        if self.since < self.objects.compacted:
            self.failed = True
            message = f"too old resource version: {self.since} ({self.objects.compacted})"
            return [*found, {"type": "ERROR", "object": failure(410, message, "Expired")}]
        for change in self._news():
            self.since = change.version
            event = self._event(change)
            if event is not None:
                found.append(event)
        self.since = max(self.since, self.objects.version)
        return [*found, *self._bookmark()]

    def lines(self) -> list[bytes]:
        """Return `events` as they are sent: one line of JSON each."""
        return [msgspec.json.encode(event) + b"\n" for event in self.events()]

    @property
    def over(self) -> bool:
        """Whether the stream ends after what `events` still returns."""
        return self.failed or self.objects.now() >= self.ends

    def _news(self) -> list[Change]:
        found = []
        for change in reversed(self.objects.history):
            if change.version <= self.since:
                break
            if change.kind is self.kind:
                found.append(change)
        return found[::-1]

    def _event(self, change: Change) -> Json | None:
        metadata = change.object["metadata"]
        if self.namespace is not None and metadata.get("namespace") != self.namespace:
            return None
        before = change.before is not None and self.test(change.before)
        after = change.type != "DELETED" and self.test(change.object)
        if before and not after:
            gone = clone(change.before or change.object)
            gone["metadata"]["resourceVersion"] = str(change.version)
            return {"type": "DELETED", "object": gone}
        if not after:
            return None
        return {"type": "MODIFIED" if before else "ADDED", "object": clone(change.object)}

    def _bookmark(self) -> list[Json]:
        now = self.objects.now()
        if not self.bookmarks or self.bookmark_at is None or now < self.bookmark_at:
            return []
        self.bookmark_at = now + _BOOKMARK_EVERY
        return [self.bookmark({})]

    def bookmark(self, more: Json) -> Json:
        """An event that says up to which version this watch has told everything."""
        metadata = {"resourceVersion": str(self.objects.version), **more}
        body = {"kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": metadata}
        return {"type": "BOOKMARK", "object": body}


@dataclass(frozen=True, slots=True)
class WatchResponse(Response):
    """A response whose body comes piece by piece: a door writes `watch.lines()` until `watch.over`."""

    watch: Watch | None = None


def begin(objects: Objects, call: Call) -> Reply:
    """Open a watch; raises Refusal for a version or selector that cannot be read."""
    target, test, now = call.target, selects(call), objects.now()
    version = version_of(call)
    seconds = call.number("timeoutSeconds") or _SECONDS
    found = Watch(
        objects,
        target.kind,
        target.namespace,
        test,
        version or objects.version,
        now + timedelta(seconds=seconds),
        call.flag("allowWatchBookmarks"),
    )
    if not version:
        # Without a version a watch begins with what there is.
        there = objects.each(target.kind, target.namespace)
        found.waiting = [{"type": "ADDED", "object": clone(obj)} for obj in there if test(obj)]
        if call.flag("sendInitialEvents") and found.bookmarks:
            found.waiting.append(found.bookmark({"annotations": {"k8s.io/initial-events-end": "true"}}))
    found.bookmark_at = max(now, min(found.ends - _BOOKMARK_BEFORE_END, now + _BOOKMARK_EVERY))
    return Reply(200, None, {"Transfer-Encoding": "chunked"}, watch=found)
