"""Who we are to Azure inside a CI job: an assertion of the CI system's, asked for anew each time Entra wants one.

A login made once at the job's beginning (as the Azure CLI keeps it) ends with its assertion after minutes, and cannot
be renewed; a rollout lasts hours. GitHub and Azure Pipelines both answer a request of the job's own with a signed
token, so here each is but a request: where, with which headers, and what the token is called in the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from providers.azure.errors import retry_after
from providers.errors import Denied, Invalid, NotSent

SECONDS = 5.0
"""How long the CI system may take to be reached, and then to answer."""
_LONGEST = 64 * 1024
_EXPLICIT = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE")
_AUDIENCES = {
    "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "login.chinacloudapi.cn": "api://AzureADTokenExchangeChina",
    "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an issuer answered: the HTTP status, its headers, and at most 64 KiB of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Issuer:
    """A CI system that says who its job is, and the identity in Entra that trusts it.

    The headers carry the job's own token, so they are never shown.
    """

    name: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    holds: str
    """The key of the answer's JSON that holds the assertion."""
    client_id: str
    tenant_id: str
    remedy: str


Open = Callable[[Issuer], Answer]
"""Sends an issuer's request and returns its answer; raises OSError where there is none."""


def issuer_of(environment: Mapping[str, str], authority: str | None = None) -> Issuer | None:
    """Find the issuer that a job's variables name; None unless they are complete, or where a secret is given instead.

    `authority` is the cloud's login host, which decides the audience that Entra expects there. Raises Invalid where an
    issuer's address is not https.
    """
    if any(environment.get(name) for name in _EXPLICIT):
        return None
    for find in (_github, _pipelines):
        found = find(environment, authority)
        if found is not None:
            _demand_https(found)
            return found
    return None


def assertion(issuer: Issuer, open_: Open | None = None) -> str:
    """Ask the issuer for an assertion of this moment.

    Raises Denied with the remedy where the CI system refuses, NotSent where it does not answer or not sensibly: nothing
    has been asked of Azure then, and it is tried again.
    """
    try:
        answer = (open_ or _open)(issuer)
    except OSError as error:
        message = f"{issuer.name} did not issue an identity for this job: {type(error).__name__}"
        raise NotSent(message, code="NoAssertion") from error
    if answer.status in (400, 401, 403, 404):
        message = f"{issuer.name} refuses this job an identity (HTTP {answer.status}): {issuer.remedy}"
        raise Denied(message, code="NoAssertion")
    token = _read(answer.body, issuer.holds) if answer.status == 200 else ""
    if not token:
        said = f"HTTP {answer.status}" if answer.status != 200 else f"its answer has no {issuer.holds!r}"
        message = f"{issuer.name} did not issue an identity for this job: {said}"
        raise NotSent(message, code="NoAssertion", retry_after=retry_after(answer.headers))
    return token


def credential(issuer: Issuer, authority: str | None = None, open_: Open | None = None) -> Any:
    """Return an azure.core TokenCredential that asks the issuer again for every new token; nothing is asked yet.

    Its first refusal is Denied, before anything can have been done. A later one is NotSent: a rollout under way waits
    and says why, for it is not refused by Azure, and it could not be taken back without an identity either.
    """
    from azure.identity import ClientAssertionCredential

    issued = False

    def ask() -> str:
        nonlocal issued
        try:
            token = assertion(issuer, open_)
        except Denied as error:
            if not issued:
                raise
            raise NotSent(error.message, code=error.code) from error
        issued = True
        return token

    more = {"authority": authority} if authority else {}
    return ClientAssertionCredential(issuer.tenant_id, issuer.client_id, ask, **more)


def _github(environment: Mapping[str, str], authority: str | None) -> Issuer | None:
    url, token, client, tenant = _all(
        environment,
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID",
    )
    if not tenant:
        return None
    login = _host(authority or environment.get("AZURE_AUTHORITY_HOST", ""))
    audience = _AUDIENCES.get(login, "api://AzureADTokenExchange")
    return Issuer(
        "GitHub Actions",
        "GET",
        _with(url, audience=audience),
        {"Authorization": f"Bearer {token}", "Accept": "application/json"},
        "value",
        client,
        tenant,
        "give the job `permissions: id-token: write`; a run for a fork's pull request never gets one",
    )


def _pipelines(environment: Mapping[str, str], _authority: str | None) -> Issuer | None:
    url, token = _all(environment, "SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN")
    for prefix, connection_name in (
        ("AZURESUBSCRIPTION", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"),
        ("AZURE", "AZURE_SERVICE_CONNECTION_ID"),
    ):
        client, tenant, connection = _all(environment, f"{prefix}_CLIENT_ID", f"{prefix}_TENANT_ID", connection_name)
        if token and connection:
            return Issuer(
                "Azure Pipelines",
                "POST",
                _with(url, **{"api-version": "7.1", "serviceConnectionId": connection}),
                {
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/json",
                    # Without it a token that is refused is answered by a redirection to a page for people.
                    "X-TFS-FedAuthRedirect": "Suppress",
                },
                "oidcToken",
                client,
                tenant,
                "map `SYSTEM_ACCESSTOKEN: $(System.AccessToken)` into the step's `env`, and let the pipeline use the "
                "service connection, which must be one of workload identity federation",
            )
    return None


def _host(authority: str) -> str:
    """The login host of an authority, which is written as a URL or as a bare host; SDKs take both."""
    text = authority.strip()
    try:
        return urlsplit(text if "://" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""


def _all(environment: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """The values of all the variables, or as many empty ones where any is missing.

    Azure Pipelines leaves `$(Name)` where a variable is not defined.
    """
    values = tuple(environment.get(name, "").strip() for name in names)
    complete = all(value and not value.startswith("$(") for value in values)
    return values if complete else ("",) * len(names)


def _with(url: str, **query: str) -> str:
    """The address with these parameters, in the place of its own of the same name."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in query]
    return urlunsplit(parts._replace(query=urlencode([*kept, *query.items()], quote_via=quote), fragment=""))


def _demand_https(issuer: Issuer) -> None:
    parts = urlsplit(issuer.url)
    if parts.scheme != "https" or not parts.hostname or parts.username:
        where = f"{parts.scheme}://{parts.hostname}"
        message = f"{issuer.name} names {where} for its identities, and a token goes to https addresses only"
        raise Invalid(f"{message}: the variables of this job are not {issuer.name}'s own")


def _read(body: bytes, key: str) -> str:
    import json

    try:
        found = json.loads(body)
    except ValueError:
        return ""
    token = found.get(key) if isinstance(found, dict) else None
    return token if isinstance(token, str) else ""


def _open(issuer: Issuer) -> Answer:
    """Send the request over TLS, through the environment's proxies, and follow no redirection with the job's token."""
    import requests

    with requests.Session() as session:
        # Without an `auth` of ours, a ~/.netrc entry for the host would replace the header.
        session.auth = lambda request: request
        asked = session.request(
            issuer.method,
            issuer.url,
            headers=dict(issuer.headers),
            timeout=SECONDS,
            allow_redirects=False,
            stream=True,
        )
        with asked as response:
            body = b""
            for part in response.iter_content(8192):
                body += part
                if len(body) > _LONGEST:
                    break
            return Answer(response.status_code, response.headers, body[:_LONGEST])
