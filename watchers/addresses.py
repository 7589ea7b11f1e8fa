"""Where a registry answers, and which addresses it may send us to.

Pure. A registry hands back addresses (token realm, next page, redirect); credentials follow them, so they must stay on
the host that was asked or below it, and never fall from https to http.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import SplitResult, urljoin, urlsplit

from watchers.errors import Malformed
from watchers.reference import DOCKER_HUB, canonical_host, split_host

_DOCKER_HUB_API = "registry-1.docker.io"
_ACR_SUFFIXES = (".azurecr.io", ".azurecr.cn", ".azurecr.us")
# The one large public registry whose realm is neither its own host nor below it.
_KNOWN_REALMS = {"registry.gitlab.com": "gitlab.com"}


class Site:
    """One registry as it is named in image references, and the addresses that belong to it.

    `realm_hosts` are further hosts that may issue its tokens. Plain HTTP is spoken to this machine only (any port but
    443). Raises ReferenceProblem when `host` is none.
    """

    def __init__(self, host: str, realm_hosts: Iterable[str] = ()) -> None:
        self.host = canonical_host(host)
        self.name, port = split_host(self.host)
        self.local = is_loopback(self.name)
        scheme = "http" if self.local and port != "443" else "https"
        self.base = f"{scheme}://{_DOCKER_HUB_API if self.host == DOCKER_HUB else self.host}"
        known = _KNOWN_REALMS.get(self.host)
        self._realm_hosts = frozenset(given.lower() for given in (*realm_hosts, *([known] if known else ())))

    @property
    def azure(self) -> bool:
        """Whether this is an Azure Container Registry, or stands for one on this machine."""
        return self.local or self.name.endswith(_ACR_SUFFIXES)

    def follow(self, here: str, location: str, what: str) -> str:
        """Return the absolute address that `location`, found at `here`, leads to, if the site may send us there.

        Raises Malformed, naming `what` it is and the host, when it leads elsewhere.
        """
        address, parts = _absolute(here, location)
        if parts is None or not self._ours(parts):
            where = f"{parts.scheme}://{parts.hostname}" if parts and parts.hostname else "what is no address"
            raise Malformed(
                f"{self.host}: its {what} leads to {where}",
                f"expected an address of {self.host} or a host below it; nothing was sent there",
            )
        return address

    def realm(self, location: str) -> str:
        """Return the address that issues tokens for this site; raises Malformed when credentials must not go there."""
        address, parts = _absolute(self.base, location)
        host = parts.hostname if parts is not None else None
        if parts is not None and parts.scheme == "https" and host in self._realm_hosts and not _signed_in(parts):
            return address
        try:
            return self.follow(self.base, location, "token service")
        except Malformed as error:
            hint = f"; if {host} shall get credentials, name it in ROLLOUT_REGISTRY_REALM_HOSTS" if host else ""
            raise Malformed(error.message, error.remedy + hint) from None

    def _ours(self, parts: SplitResult) -> bool:
        if _signed_in(parts) or not (
            parts.scheme == "https" or (parts.scheme == "http" and self.base.startswith("http:"))
        ):
            return False
        name, host = self.name.strip("[]"), parts.hostname or ""
        # A label before an address or a bare name is not below it: 1.127.0.0.1 and evil.localhost are strangers.
        below = "." in name and not _is_address(name) and host.endswith(f".{name}")
        return host == name or below


def is_loopback(host: str) -> bool:
    """Say whether a host name or address literal, brackets allowed, can only be this machine."""
    bare = host.strip("[]").lower()
    return bare == "localhost" or (_is_address(bare) and ipaddress.ip_address(bare).is_loopback)


def _absolute(here: str, location: str) -> tuple[str, SplitResult | None]:
    """Join as browsers do; None for what cannot be taken apart or holds characters that no address has."""
    if any(not "!" <= character <= "~" for character in location) or "\\" in location:
        return location, None
    try:
        address = urljoin(here, location)
        parts = urlsplit(address)
        usable = parts.hostname and parts.port != 0
    except ValueError:
        return location, None
    return address, parts if usable else None


def _signed_in(parts: SplitResult) -> bool:
    return parts.username is not None or parts.password is not None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
