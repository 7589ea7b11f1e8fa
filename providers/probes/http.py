"""HTTP probes as `providers.ports.Probes`: all endpoints at once, each over a connection of its own.

A probe goes to the workload's own name, resolved anew, so it sees what a new client would see. It is over within its
timeout whatever the other side does, and whatever happened is in its answer.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from providers.probes.resolver import Resolve, from_environment
from providers.probes.rounds import at_once
from providers.probes.settings import AGENT, ProbeSettings
from strategies.seen import ProbeSeen


class HttpProbes:
    """Samples endpoints as `settings` say; `resolve` None is `ROLLOUT_DNS` or the system's, `now` stamps answers."""

    def __init__(
        self,
        settings: ProbeSettings,
        *,
        resolve: Resolve | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._now = settings, now
        self._resolve = resolve or from_environment()

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        """Probe every address (endpoint name -> host name) once and at the same time; never raises, never overstays."""

        def make(host: str, deadline: float) -> HttpAttempt:
            return HttpAttempt(self._settings, host, deadline, self._resolve)

        return at_once(addresses, make, self._settings.timeout_seconds, self._now)


class HttpAttempt:
    """One probe of one host until a monotonic deadline, which another thread may cut off (`rounds.Attempt`)."""

    def __init__(self, settings: ProbeSettings, host: str, deadline: float, resolve: Resolve) -> None:
        self._settings, self._host, self._deadline, self._resolve = settings, host, deadline, resolve
        self._socket: socket.socket | None = None
        self._doing = "resolving"

    def why(self) -> str:
        """Make the request; return why it failed, or nothing when all was well."""
        connection: http.client.HTTPConnection | None = None
        try:
            sock = self._connect()
            connection = http.client.HTTPConnection(self._host, self._settings.port)
            connection.sock = sock
            return self._exchange(connection)
        except ssl.SSLCertVerificationError as error:
            return f"TLS certificate refused: {error.verify_message}"
        except ssl.SSLError as error:
            return f"TLS failed: {error.reason or error}"
        except TimeoutError:
            return self.timed_out()
        except ConnectionRefusedError:
            return f"connection refused by {self._host}:{self._settings.port}"
        except http.client.RemoteDisconnected:
            return "connection closed without an answer"
        except ConnectionResetError:
            return f"connection reset while {self._doing}"
        except http.client.HTTPException as error:
            return f"not an HTTP answer: {type(error).__name__}"
        except socket.gaierror as error:
            return f"name {self._host} was not resolved: {error.strerror}"
        except OSError as error:
            return str(error.strerror or error)
        except ValueError as error:
            return f"cannot be probed: {error}"
        finally:
            if connection is not None:
                connection.close()
            self.cut()

    def timed_out(self) -> str:
        """Say what was being done when the time was over."""
        return f"timed out after {self._settings.timeout_seconds:g} s while {self._doing}"

    def cut(self) -> None:
        """Close the connection under whoever waits on it."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _connect(self) -> socket.socket:
        addresses = self._resolve(self._host, self._settings.port, self._left())
        self._doing = "connecting"
        failure: OSError = OSError(f"name {self._host} has no address")
        for address in addresses:
            try:
                self._socket = socket.create_connection((address, self._settings.port), timeout=self._left())
                break
            except TimeoutError:
                raise
            except OSError as error:
                failure = error
        if self._socket is None:
            raise failure
        if self._settings.scheme == "https":
            self._doing = "shaking hands"
            self._socket = self._tls().wrap_socket(self._socket, server_hostname=self._server_name())
        return self._socket

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._settings.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _server_name(self) -> str:
        return self._settings.server_name or (self._settings.host or self._host).partition(":")[0]

    def _exchange(self, connection: http.client.HTTPConnection) -> str:
        self._doing = "waiting for the answer"
        settings = self._settings
        headers = {"User-Agent": AGENT, "Accept": "*/*", "Connection": "close", **dict(settings.headers)}
        if settings.host is not None:
            headers["Host"] = settings.host
        connection.request("GET", settings.path, headers=headers)
        answer = connection.getresponse()
        self._doing = "reading the answer"
        read = 0
        while read < settings.max_body:
            self._left()
            chunk = answer.read1(min(settings.max_body - read, 16384))
            if not chunk:
                if answer.length:
                    return f"the answer ended {answer.length} bytes early"
                break
            read += len(chunk)
        return unexpected(settings, answer.status, answer.headers["Location"])


def unexpected(settings: ProbeSettings, status: int, moved_to: str | None = None) -> str:
    """Say that a status is not among those that are expected, or nothing when it is."""
    if any(low <= status <= high for low, high in settings.expect):
        return ""
    spans = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in settings.expect)
    moved = f" (redirect to {moved_to})" if moved_to is not None else ""
    return f"status {status}{moved}, expected {spans}"
