"""The frozen values that the world hands to its doors, and the one error that carries an ARM refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Answer:
    """What a workload answers to one HTTP request: status, headers (always `X-Version`), and seconds until it does."""

    status: int
    headers: Mapping[str, str]
    latency_seconds: float = 0.0
    text: str = ""
    """The body, where it is not just the status."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One container group, or pod, Service or Gateway of a cluster, as a door with sockets sees it.

    `group_id` is the id under which the world knows it. `ports` are the TCP ports of its address; `listening` is False
    while it starts, after a crash until the restart, when stopped or failed, and from the moment its deletion begins
    (then `deleting` is True).
    """

    group_id: str
    name: str
    address: str
    fqdn: str | None
    ports: tuple[int, ...]
    listening: bool
    deleting: bool
    kind: Literal["group", "pod", "service", "gateway"] = "group"


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """One link of a DNS answer: a CNAME target or an address with its TTL in seconds, or neither.

    `code` NXDOMAIN: there is no such name; REFUSED: the name lies in no zone of this world; NOERROR with neither
    target nor address: the name exists without a record of that kind.
    """

    code: Literal["NOERROR", "NXDOMAIN", "REFUSED"]
    cname: str | None = None
    address: str | None = None
    ttl_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one ARM call before it becomes HTTP: status, JSON value (None: no body) and extra headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class ArmError(Exception):
    """A refusal in the words of Azure Resource Manager: HTTP status, `error.code` and `error.message`."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        """Keep the parts; `headers` may carry `Retry-After`."""
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def result(self) -> Result:
        """Return the refusal as the answer to a call."""
        return Result(self.status, {"error": {"code": self.code, "message": self.message}}, self.headers)
