"""A CI job's identity: which job has one, how it is asked for, and that it outlives every assertion."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from providers.azure import oidc
from providers.azure.credentials import Credentials, Endpoint
from providers.azure.oidc import Answer, Issuer, assertion, credential, issuer_of
from providers.errors import Denied, Invalid, NotSent, ProviderError
from tests.unit.providers.azure.issuers import Office

TENANT, CLIENT = "22222222-3333-4444-5555-666666666666", "33333333-4444-5555-6666-777777777777"
GITHUB = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://run.actions.example/tokens/7?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job-t0ken",
    "AZURE_CLIENT_ID": CLIENT,
    "AZURE_TENANT_ID": TENANT,
}
PIPELINES = {
    "SYSTEM_OIDCREQUESTURI": "https://dev.azure.example/contoso/_apis/oidctoken",
    "SYSTEM_ACCESSTOKEN": "job-t0ken",
    "AZURESUBSCRIPTION_CLIENT_ID": CLIENT,
    "AZURESUBSCRIPTION_TENANT_ID": TENANT,
    "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "connection",
}
TOKEN_URL = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
BOTH = pytest.mark.parametrize("environment", [GITHUB, PIPELINES], ids=["GitHub", "Azure Pipelines"])


@pytest.fixture
def office() -> Iterator[Office]:
    """A desk that answers while a test runs."""
    with Office() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def entra(answer: Callable[[str], tuple[int, dict[str, Any]]]) -> Iterator[list[str]]:
    """Entra's token endpoint; `answer` is given each assertion. Answers all assertions that it was shown."""
    shown: list[str] = []

    def token(request: Any) -> tuple[int, dict[str, str], str]:
        form = parse_qs(request.body)
        assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
        assert (form["client_id"], form["grant_type"]) == ([CLIENT], ["client_credentials"])
        shown.append(form["client_assertion"][0])
        status, body = answer(shown[-1])
        return status, {"Content-Type": "application/json"}, json.dumps(body)

    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        http.add_callback("POST", TOKEN_URL, callback=token)
        http.add_passthru("http://127.0.0.1")
        yield shown


def access(_assertion: str, expires_in: int = 3600) -> tuple[int, dict[str, Any]]:
    """Entra's answer to an assertion that it believes."""
    return 200, {"token_type": "Bearer", "access_token": f"access-for-{_assertion}", "expires_in": expires_in}


def found(environment: dict[str, str]) -> Issuer:
    """The issuer of a complete environment."""
    issuer = issuer_of(environment)
    assert issuer is not None
    return issuer


@BOTH
def test_a_job_is_asked_for_by_its_own_token_and_entra_believes_what_it_gets(
    environment: dict[str, str], office: Office
) -> None:
    asking = credential(found(environment), open_=office.open)
    with entra(access) as shown:
        assert asking.get_token("https://management.azure.com/.default").token == "access-for-assertion-1"
    assert shown == ["assertion-1"]
    ((method, query, headers),) = office.asked
    assert headers["Authorization"] == "Bearer job-t0ken"
    if method == "GET":
        assert query == {"api-version": "2.0", "audience": "api://AzureADTokenExchange"}
    else:
        assert query == {"api-version": "7.1", "serviceConnectionId": "connection"}
        assert headers["X-TFS-FedAuthRedirect"] == "Suppress"


@BOTH
def test_each_token_that_entra_issues_rests_on_a_new_assertion(environment: dict[str, str], office: Office) -> None:
    """What Entra gives ends at once here, as it ends after an hour there; an old assertion is believed no more."""
    asking = credential(found(environment), open_=office.open)

    def strict(assertion: str) -> tuple[int, dict[str, Any]]:
        return access(assertion, expires_in=0) if assertion not in shown[:-1] else (401, {"error": "invalid_client"})

    with entra(strict) as shown:
        tokens = [asking.get_token("scope/.default").token for _ in range(3)]
    assert tokens == [f"access-for-assertion-{number}" for number in (1, 2, 3)]


@BOTH
def test_a_token_that_still_holds_is_asked_for_once(environment: dict[str, str], office: Office) -> None:
    asking = credential(found(environment), open_=office.open)
    with entra(access) as shown:
        assert len({asking.get_token("scope/.default").token for _ in range(3)}) == 1
    assert len(shown) == len(office.asked) == 1


@BOTH
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_of_the_ci_system_is_denied_with_the_remedy(
    environment: dict[str, str], status: int, office: Office
) -> None:
    office.status = status
    issuer = found(environment)
    remedy = "id-token: write" if issuer.name == "GitHub Actions" else r"SYSTEM_ACCESSTOKEN: \$\(System.AccessToken\)"
    with pytest.raises(Denied, match=rf"refuses this job an identity \(HTTP {status}\): .*{remedy}") as told:
        credential(issuer, open_=office.open).get_token("scope/.default")
    assert "job-t0ken" not in str(told.value)


def test_a_refusal_in_the_midst_of_a_rollout_leaves_it_waiting(office: Office) -> None:
    asking = credential(found(GITHUB), open_=office.open)
    with entra(lambda shown: access(shown, expires_in=0)):
        asking.get_token("scope/.default")
        office.status = 403
        with pytest.raises(NotSent, match="id-token: write"):
            asking.get_token("scope/.default")
        office.status = 200
        assert asking.get_token("scope/.default").token == "access-for-assertion-3"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, None, "HTTP 500"),
        (429, None, "HTTP 429"),
        (302, None, "HTTP 302"),
        (200, b"", "no 'value'"),
        (200, b"[]", "no 'value'"),
        (200, b'{"value": 7}', "no 'value'"),
        (200, b'{"value": ""}', "no 'value'"),
        (200, b"\xff", "no 'value'"),
    ],
)
def test_an_answer_that_holds_no_assertion_is_asked_for_again_later(
    status: int, body: bytes | None, said: str, office: Office
) -> None:
    office.status, office.body, office.headers = status, body, {"Retry-After": "7", "Location": "https://evil.example"}
    with pytest.raises(NotSent, match=rf"GitHub Actions did not issue an identity.*{said}") as told:
        assertion(found(GITHUB), office.open)
    assert told.value.retry_after == 7.0
    assert len(office.asked) == 1


def test_a_desk_that_cannot_be_reached_is_asked_again_later() -> None:
    def closed(_issuer: Issuer) -> Answer:
        raise requests.ConnectionError("https://run.actions.example/?token=job-t0ken")

    with pytest.raises(NotSent, match="did not issue an identity for this job: ConnectionError") as told:
        assertion(found(GITHUB), closed)
    assert "job-t0ken" not in str(told.value)


def test_what_entra_refuses_is_told_in_entras_words(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"error": "invalid_client", "error_description": "AADSTS70021: No matching federated identity record"}
    for name, value in GITHUB.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(oidc, "_open", office.open)
    with entra(lambda _: (401, refusal)), pytest.raises(ProviderError, match="AADSTS70021"):
        Credentials(Endpoint()).token("https://management.azure.com/.default")


@BOTH
@given(data=st.data())
def test_a_job_whose_variables_are_not_complete_has_no_identity(
    environment: dict[str, str], data: st.DataObject
) -> None:
    missing = data.draw(st.sets(st.sampled_from(sorted(environment)), min_size=1))
    left = data.draw(st.sampled_from([None, "", " ", "$(System.AccessToken)"]))
    given_ = {name: value for name, value in environment.items() if name not in missing}
    assert issuer_of(given_ | ({} if left is None else dict.fromkeys(missing, left))) is None


@BOTH
@pytest.mark.parametrize("name", ["AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"])
def test_a_secret_that_somebody_gave_comes_before_the_jobs_own_identity(environment: dict[str, str], name: str) -> None:
    assert issuer_of(environment | {name: "given"}) is None


@BOTH
@pytest.mark.parametrize(
    "url", ["http://run.actions.example/x", "http://127.0.0.1/x", "ftp://x/y", "https://u:p@x/", "x"]
)
def test_the_jobs_token_goes_to_an_https_address_only(environment: dict[str, str], url: str) -> None:
    name = next(name for name in environment if name.endswith(("URL", "URI")))
    with pytest.raises(Invalid, match="a token goes to https addresses only") as told:
        issuer_of(environment | {name: url})
    assert "job-t0ken" not in str(told.value)


def test_the_service_connection_may_be_named_by_hand() -> None:
    named = {"AZURE_CLIENT_ID": CLIENT, "AZURE_TENANT_ID": TENANT, "AZURE_SERVICE_CONNECTION_ID": "mine"}
    system = {name: value for name, value in PIPELINES.items() if name.startswith("SYSTEM_")}
    assert "serviceConnectionId=mine" in found(system | named).url


@pytest.mark.parametrize(
    ("authority", "audience"),
    [
        (None, "api://AzureADTokenExchange"),
        ("login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
        ("login.chinacloudapi.cn", "api://AzureADTokenExchangeChina"),
        ("https://login.microsoftonline.us/", "api://AzureADTokenExchangeUSGov"),
        ("https://Login.ChinaCloudAPI.cn", "api://AzureADTokenExchangeChina"),
        ("login.partner.microsoftonline.cn/", "api://AzureADTokenExchangeChina"),
        ("https://login.microsoftonline.com/", "api://AzureADTokenExchange"),
        ("https://[", "api://AzureADTokenExchange"),
    ],
)
def test_each_cloud_expects_its_own_audience_however_its_login_is_written(authority: str | None, audience: str) -> None:
    by_argument = issuer_of(GITHUB, authority)
    by_variable = issuer_of({**GITHUB, "AZURE_AUTHORITY_HOST": authority or ""})
    for issuer in (by_argument, by_variable):
        assert issuer is not None
        assert dict(parse_qsl(urlsplit(issuer.url).query))["audience"] == audience


def test_an_issuer_never_shows_its_token() -> None:
    assert "job-t0ken" not in repr(found(GITHUB)) + repr(found(PIPELINES))


def test_the_jobs_identity_is_used_by_the_process_and_nobody_elses(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in GITHUB.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(oidc, "_open", office.open)
    with entra(access):
        credentials = Credentials(Endpoint())
        assert credentials.token("https://management.azure.com/.default") == "access-for-assertion-1"
        credentials.close()
    office.status = 403
    with entra(access) as shown, pytest.raises(Denied, match="id-token: write"):
        Credentials(Endpoint()).token("https://management.azure.com/.default")
    assert shown == []


def test_the_request_goes_out_as_it_is_without_redirections_and_credentials_of_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine run.actions.example login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with responses.RequestsMock() as http:
        http.get("https://run.actions.example/tokens/7", status=302, headers={"Location": "https://evil.example/"})
        with pytest.raises(NotSent, match="HTTP 302"):
            assertion(found(GITHUB))
        (call,) = http.calls
    assert call.request.headers["Authorization"] == "Bearer job-t0ken"


def test_an_answer_without_end_is_read_no_further_than_it_matters() -> None:
    with responses.RequestsMock() as http:
        http.get("https://run.actions.example/tokens/7", body=b'{"value": "x", "more": "' + b"y" * 1_000_000 + b'"}')
        with pytest.raises(NotSent, match="no 'value'"):
            assertion(found(GITHUB))
