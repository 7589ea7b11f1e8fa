"""What an image does once it runs, and the catalogue of images that the world knows."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

LOOPBACK_HOSTS = ("localhost", "127.", "[::1]")
HEALTH_PATHS = frozenset({"/healthz", "/health", "/livez", "/readyz"})
"""Paths that every workload takes for its health, whatever its own checks ask."""
_SECONDS = {
    "startSeconds": "start_seconds",
    "errorsAfterSeconds": "errors_after_seconds",
    "latencySeconds": "latency_seconds",
    "crashAfterSeconds": "crash_after_seconds",
    "unhealthyAfterSeconds": "unhealthy_after_seconds",
    "taskSeconds": "task_seconds",
}
_NEVER = ("crash_after_seconds", "unhealthy_after_seconds", "task_seconds")
"""What null is a value of: it never happens."""
_HIGHEST_CODE = 255


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a workload made from an image behaves; every age is counted in seconds from its containers' last start.

    `version` is sent as `X-Version`; `start_seconds` pass before the containers run; from `errors_after_seconds` on the
    part `error_rate` (0 to 1) of the requests for `error_path` (None: of all, the health path included) is answered
    500; from `unhealthy_after_seconds` on (None: never) the health path alone is answered 503; after
    `crash_after_seconds` (None: never) the process dies and is restarted with a growing back-off. With `host`, requests
    that name any other host are answered 404, as a server with virtual hosts does.

    Run by a Job it is a task instead of a server: after `task_seconds` (None: never) it ends by itself with
    `task_exit_code`, and `task_output` is the last that it wrote.
    """

    version: str = "v1"
    start_seconds: float = 0.0
    error_rate: float = 0.0
    error_path: str | None = None
    errors_after_seconds: float = 0.0
    latency_seconds: float = 0.0
    crash_after_seconds: float | None = None
    unhealthy_after_seconds: float | None = None
    host: str | None = None
    task_seconds: float | None = 1.0
    task_exit_code: int = 0
    task_output: str = ""

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Behaviour:
        """Read the camelCase form of the control interface; raises ValueError naming the key and what was expected."""
        words = ["version", "errorRate", "errorPath", *_SECONDS, "host", "taskExitCode", "taskOutput"]
        unknown = sorted(set(body) - set(words))
        if unknown:
            known = ", ".join(words)
            raise ValueError(f"behaviour.{unknown[0]}: expected one of {known}")
        values: dict[str, Any] = {"version": str(body.get("version", "v1")), "host": body.get("host")}
        rate = _number(body, "errorRate", default=0.0)
        if rate is None or rate > 1:
            raise ValueError(f"behaviour.errorRate: expected a number from 0 to 1; got {body['errorRate']!r}")
        values["error_rate"] = rate
        values["error_path"] = _path(body)
        for key, attribute in _SECONDS.items():
            if key in body:
                seconds = _number(body, key, default=None)
                if seconds is not None or attribute in _NEVER:
                    values[attribute] = seconds
        return cls(**values, task_exit_code=_exit_code(body), task_output=str(body.get("taskOutput") or ""))

    def to_json(self) -> dict[str, Any]:
        """Return the camelCase form that `from_json` reads."""
        named = {key: getattr(self, attribute) for key, attribute in _SECONDS.items()}
        task = {"taskExitCode": self.task_exit_code, "taskOutput": self.task_output}
        errors = {"errorRate": self.error_rate, "errorPath": self.error_path}
        return {"version": self.version, **errors, **named, "host": self.host, **task}

    def status(self, age_seconds: float, path: str, health: bool, rng: random.Random) -> int:
        """Return the HTTP status of one request `age_seconds` after the start; `health` marks the health path."""
        failing = self.error_path in (None, path.partition("?")[0]) and age_seconds >= self.errors_after_seconds
        if failing and self.error_rate > 0 and rng.random() < self.error_rate:
            return 500
        if health and self.unhealthy_after_seconds is not None and age_seconds >= self.unhealthy_after_seconds:
            return 503
        return 200


def _number(body: Mapping[str, Any], key: str, default: float | None) -> float | None:
    value = body.get(key, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"behaviour.{key}: expected a number, zero or more; got {value!r}")
    return float(value)


def _path(body: Mapping[str, Any]) -> str | None:
    value = body.get("errorPath")
    if value is not None and not (isinstance(value, str) and value.startswith("/") and "?" not in value):
        raise ValueError(f"behaviour.errorPath: expected a path such as /basket, without a query; got {value!r}")
    return value


def _exit_code(body: Mapping[str, Any]) -> int:
    value = body.get("taskExitCode", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _HIGHEST_CODE:
        raise ValueError(f"behaviour.taskExitCode: expected a whole number from 0 to {_HIGHEST_CODE}; got {value!r}")
    return value


@dataclass(frozen=True, slots=True)
class Image:
    """One image the world knows: repository without a registry host, the tag it was last seen under, and its digest."""

    repository: str
    tag: str | None
    digest: str
    behaviour: Behaviour
    pushed_at: datetime


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference taken apart; `host` is empty for a name without a registry."""

    host: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Take apart `host/repository:tag@digest`, where everything but the repository may be missing."""
        name, _, digest = text.partition("@")
        head, slash, rest = name.partition("/")
        has_host = bool(slash) and ("." in head or ":" in head or head == "localhost")
        host, path = (head, rest) if has_host else ("", name)
        repository, colon, tag = path.rpartition(":")
        if not colon:
            repository, tag = path, ""
        return cls(host, repository, tag or None, digest or None)

    @property
    def is_loopback(self) -> bool:
        """Whether the registry host is this machine, so that only the emulator's own registry can be meant."""
        return self.host.startswith(LOOPBACK_HOSTS)


class Images:
    """Every image that was registered or pushed, found by digest wherever the reference points."""

    def __init__(self) -> None:
        """Begin with no image at all."""
        self._by_digest: dict[str, Image] = {}
        self._by_tag: dict[tuple[str, str], str] = {}

    def register(
        self, repository: str, tag: str | None, behaviour: Behaviour, digest: str | None, now: datetime
    ) -> Image:
        """Add an image or move its tag; without a digest one is derived from its content, stable across runs."""
        if digest is None:
            digest = "sha256:" + hashlib.sha256(f"{repository}\n{behaviour!r}".encode()).hexdigest()
        image = Image(repository, tag, digest, behaviour, now)
        self._by_digest[digest] = image
        if tag is not None:
            self._by_tag[repository, tag] = digest
        return image

    def find(self, reference: str) -> Image | None:
        """Return the image a reference names, or None when the world does not know it."""
        parsed = Reference.parse(reference)
        if parsed.digest is not None:
            return self._by_digest.get(parsed.digest)
        digest = self._by_tag.get((parsed.repository, parsed.tag or "latest"))
        return None if digest is None else self._by_digest[digest]

    def accessible(self, reference: str) -> bool:
        """Say whether a pull would succeed: unknown images fail only where this world's registry is certainly meant."""
        if self.find(reference) is not None:
            return True
        parsed = Reference.parse(reference)
        return not parsed.is_loopback and not self.knows(parsed.repository)

    def knows(self, repository: str) -> bool:
        """Say whether any image of the repository was ever registered."""
        return any(image.repository == repository for image in self._by_digest.values())

    def behaviour(self, reference: str) -> Behaviour:
        """Return how a reference runs; a foreign image that the world does not know serves plainly as its own name."""
        image = self.find(reference)
        if image is not None:
            return image.behaviour
        parsed = Reference.parse(reference)
        return Behaviour(version=parsed.tag or (parsed.digest or "latest")[-12:])

    def all(self) -> list[Image]:
        """Return every image in the order it was first seen."""
        return list(self._by_digest.values())


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Return the seconds from one time to a later one, negative when the order is reversed."""
    return (later - earlier) / timedelta(seconds=1)
