"""The door under the real SDKs: while it is open, `https://management.azure.com` is the emulated world.

    with emulated(world):
        client = TrafficManagerManagementClient(credential, subscription, polling_interval=0)

It also works as a decorator. The library `responses` answers what goes through `requests`; nothing reaches a network.
Operations that still run are answered without `Retry-After`, so pollers never sleep.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from providers.emulator.arm import Arm
from providers.emulator.http import Request, Response

if TYPE_CHECKING:
    from providers.emulator.world import World

Handler = Callable[[Request], Response]
PUBLIC_CLOUD = "https://management.azure.com"
_METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")


class emulated(contextlib.ContextDecorator):  # noqa: N801 - reads as a word where it decorates
    """Routes a base URL under `requests` to a world for as long as the block or the decorated function runs.

    `wrap` may put something around the handler (a recorder, a checker). A call that an injected fault delays for longer
    than `timeout_seconds` has acted, and then raises `requests.exceptions.ReadTimeout`.
    """

    def __init__(
        self,
        world: World,
        base_url: str = PUBLIC_CLOUD,
        wrap: Callable[[Handler], Handler] | None = None,
        timeout_seconds: float = 30.0,
    ) -> None:
        """Prepare the door; it opens on entry."""
        self.arm = Arm(world, base_url)
        self._handler: Handler = wrap(self.arm.handle) if wrap is not None else self.arm.handle
        self._base = base_url.rstrip("/")
        self._timeout = timeout_seconds
        self._mock: Any = None

    def __enter__(self) -> Arm:
        """Open the door and return the ARM endpoint behind it."""
        import responses

        self._mock = responses.RequestsMock(assert_all_requests_are_fired=False)
        everything = re.compile(re.escape(self._base) + r"(/.*)?$", re.IGNORECASE | re.DOTALL)
        for method in _METHODS:
            self._mock.add_callback(method, everything, callback=self._answer, content_type=None)
        self._mock.start()
        return self.arm

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the door: requests go their usual way again."""
        self._mock.stop()
        self._mock.reset()

    def _answer(self, prepared: Any) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(prepared.url)
        body = prepared.body or b""
        response = self._handler(
            Request(
                method=prepared.method.upper(),
                path=unquote(url.path),
                query=dict(parse_qsl(url.query, keep_blank_values=True)),
                headers=dict(prepared.headers),
                body=body.encode() if isinstance(body, str) else bytes(body),
            )
        )
        if response.delay_seconds > self._timeout:
            from requests.exceptions import ReadTimeout

            raise ReadTimeout(f"no answer to {prepared.method} {url.path} within {self._timeout} s (injected delay)")
        return response.status, dict(response.headers), response.body
