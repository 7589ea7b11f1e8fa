"""Who we are to Azure and where Azure is: the public cloud, a sovereign one, or an emulator on this machine."""

from __future__ import annotations

import ipaddress
import os
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from providers.azure.errors import translate
from providers.errors import Denied, Invalid

PUBLIC = "https://management.azure.com"
_AUTHORITIES = {
    "management.azure.com": ("login.microsoftonline.com", "vault.azure.net"),
    "management.chinacloudapi.cn": ("login.chinacloudapi.cn", "vault.azure.cn"),
    "management.usgovcloudapi.net": ("login.microsoftonline.us", "vault.usgovcloudapi.net"),
}
_SCOPES = {
    "management.usgovcloudapi.net": "https://management.core.usgovcloudapi.net/.default",
    # The name of the logs' API was changed, and the audience of its tokens was not.
    "api.loganalytics.azure.com": "https://api.loganalytics.io/.default",
}
_LOGS = {
    "management.azure.com": "https://api.loganalytics.azure.com",
    "management.chinacloudapi.cn": "https://api.loganalytics.azure.cn",
    "management.usgovcloudapi.net": "https://api.loganalytics.us",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where Azure Resource Manager answers; `emulated` endpoints get a static token and exist on loopback only."""

    url: str = PUBLIC
    emulated: bool = False

    @classmethod
    def parse(cls, text: str | None) -> Endpoint:
        """Read `ROLLOUT_AZURE_ENDPOINT`; None or empty means the public cloud.

        Raises Invalid for anything but an https address or an http one of this machine: a token never crosses a network
        unencrypted.
        """
        if not text:
            return cls()
        try:
            parts = urlsplit(text.strip().rstrip("/"))
            host, bad = parts.hostname, parts.port == 0
        except ValueError:
            host, bad, parts = None, True, urlsplit("")
        if not host or bad or parts.scheme not in ("http", "https") or parts.query or parts.username:
            shape = "https://management.azure.com or http://127.0.0.1:8088"
            raise Invalid(f"ROLLOUT_AZURE_ENDPOINT: expected an address like {shape}; got {text!r}")
        if parts.scheme == "http" and not is_loopback(host):
            remedy = "use https://, or http:// with 127.0.0.1, ::1 or localhost for the emulator"
            raise Invalid(
                f"ROLLOUT_AZURE_ENDPOINT: {host} is not this machine, and plain http would show the token; {remedy}"
            )
        return cls(f"{parts.scheme}://{parts.netloc}{parts.path}", emulated=parts.scheme == "http")

    @property
    def host(self) -> str:
        """The host name without its port."""
        return urlsplit(self.url).hostname or ""

    @property
    def scope(self) -> str:
        """The scope of a token for this endpoint."""
        return _SCOPES.get(self.host, f"https://{self.host}/.default")

    @property
    def authority(self) -> str | None:
        """The host that issues tokens for this cloud; None leaves it to AZURE_AUTHORITY_HOST."""
        known = _AUTHORITIES.get(self.host)
        return known[0] if known and self.host != "management.azure.com" else None

    @property
    def logs(self) -> Endpoint:
        """Where queries over logs of this cloud are asked; an emulator answers them itself.

        Source: "Azure Monitor Log Analytics API request format", and the audiences of Azure's own clients.
        """
        return self if self.emulated else Endpoint(_LOGS.get(self.host, _LOGS["management.azure.com"]))

    @property
    def vault_suffix(self) -> str:
        """What the names of this cloud's key vaults end with."""
        return _AUTHORITIES.get(self.host, _AUTHORITIES["management.azure.com"])[1]


def is_loopback(host: str) -> bool:
    """Say whether a host name or address literal can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class Credentials:
    """The identity of this process, looked for when it is first needed.

    A secret of the environment or a workload's token file; else the CI job's own identity, where its variables are
    complete (`providers.azure.oidc`); else a managed identity or the Azure CLI's login.

    `credential` may be given (any azure.core TokenCredential); an emulated endpoint needs none and gets a fixed token.
    """

    endpoint: Endpoint = field(default_factory=Endpoint)
    given: Any = None
    _found: Any = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def credential(self) -> Any:
        """Return an azure.core TokenCredential; no token is asked for yet."""
        with self._lock:
            if self._found is None:
                self._found = self.given or (_Fixed() if self.endpoint.emulated else self._default())
            return self._found

    def token(self, scope: str) -> str:
        """Return a bearer token for a scope (`https://<audience>/.default`); raises NotSent when none can be had."""
        try:
            return str(self.credential().get_token(scope).token)
        except Exception as error:
            raise translate(error, f"getting a token for {scope}") from error

    def check(self) -> float:
        """Ask for a token of the endpoint and return when it ends (seconds since 1970); raises NotSent without one."""
        try:
            return float(self.credential().get_token(self.endpoint.scope).expires_on)
        except Exception as error:
            raise translate(error, f"getting a token for {self.endpoint.scope}") from error

    def close(self) -> None:
        """Close the connections of an identity that was looked for here."""
        with self._lock:
            found, self._found = self._found, None
        if found is not None and found is not self.given:
            found.close()

    def _default(self) -> Any:
        from azure.identity import DefaultAzureCredential

        from providers.azure import oidc

        authority = self.endpoint.authority
        issuer = oidc.issuer_of(os.environ, authority)
        if issuer is not None:
            # Alone: a job's identity that is refused must not silently become whoever has logged in to the Azure CLI.
            return oidc.credential(issuer, authority)
        if authority:
            return DefaultAzureCredential(authority=authority)
        return DefaultAzureCredential()


class _Fixed:
    """The credential of an emulator: it believes every token."""

    def get_token(self, *scopes: str, **_: Any) -> Any:
        """Return the same token for every scope; it never ends."""
        from azure.core.credentials import AccessToken

        if not scopes:
            raise Denied("a token needs a scope")
        return AccessToken("emulator", 253402300799)

    def close(self) -> None:
        """Nothing is open."""
