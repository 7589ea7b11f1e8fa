"""Secrets of Azure Key Vault, read by one GET of its data plane when the act that needs them is made."""

from __future__ import annotations

import re
from typing import Any

from providers.azure.credentials import Credentials
from providers.azure.errors import translate
from providers.azure.pipeline import timeouts
from providers.errors import NotSent, ProviderError, Transient
from providers.retry import Retry
from providers.secrets import SecretRef

_API_VERSION = "7.4"
_NAME = re.compile(
    r"(?P<vault>[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9])/(?P<secret>[A-Za-z0-9-]{1,127})(@(?P<version>[0-9A-Za-z]+))?"
)


class KeyVault:
    """Resolves `${keyVault:vault/secret[@version]}`: `LocalSecrets(others={"keyVault": KeyVault(…).resolve})`."""

    def __init__(self, credentials: Credentials, retry: Retry | None = None) -> None:
        self._credentials = credentials
        self._retry = retry or Retry()

    def resolve(self, ref: SecretRef) -> str:
        """Return the secret's value; raises NotSent naming the reference, never the value, when it cannot be had."""
        found = _NAME.fullmatch(ref.name)
        if found is None:
            raise _unresolved(ref, "expected vault/secret or vault/secret@version")
        if self._credentials.endpoint.emulated:
            raise _unresolved(ref, "the emulator has no key vault; use ${env:NAME} or ${file:/path} with it")
        host = f"{found['vault']}.{self._credentials.endpoint.vault_suffix}"
        url = f"https://{host}/secrets/{found['secret']}/{found['version'] or ''}".rstrip("/")
        try:
            return self._retry.read(lambda seconds: self._get(url, str(ref), seconds))
        except ProviderError as error:
            raise _unresolved(ref, error.message, error.retry_after) from error

    def _get(self, url: str, name: str, seconds: float) -> str:
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, ContentDecodePolicy
        from azure.core.rest import HttpRequest

        scope = f"https://{self._credentials.endpoint.vault_suffix}/.default"
        policies = [BearerTokenCredentialPolicy(self._credentials.credential(), scope), ContentDecodePolicy()]
        client: Any = PipelineClient(url, policies=policies)
        request = HttpRequest("GET", url, params={"api-version": _API_VERSION})
        try:
            with client:
                response = client.send_request(request, **timeouts(seconds))
                response.raise_for_status()
                return str(response.json()["value"])
        except KeyError:
            raise Transient(f"reading {name}: the vault's answer has no value") from None
        except Exception as error:
            raise translate(error, f"reading {name}", "Microsoft.KeyVault") from error


def _unresolved(ref: SecretRef, why: str, retry_after: float | None = None) -> NotSent:
    return NotSent(f"the secret {ref} cannot be resolved: {why}", code="SecretUnresolved", retry_after=retry_after)
