"""What a manifest says about our own probes, as plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass

AGENT = "rollout-probe"
"""The User-Agent of our probes, by which a query can leave them out."""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """A target's `gates.probe`, as far as one request needs it; how results are counted is `strategies.plan.ProbeRule`.

    `expect` are inclusive status ranges. `host` None sends the endpoint's own host name; `server_name` None takes that
    of `host` for TLS. `max_body` bytes of the answer are read at most.
    """

    scheme: str = "http"
    port: int = 80
    path: str = "/"
    timeout_seconds: float = 2.0
    expect: tuple[tuple[int, int], ...] = ((200, 299),)
    host: str | None = None
    server_name: str | None = None
    verify: bool = True
    headers: tuple[tuple[str, str], ...] = ()
    max_body: int = 65536
