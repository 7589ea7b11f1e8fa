"""One question to a source over HTTP: what is sent, what may come back, and what nobody gets to see."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from providers.errors import Denied, Invalid, NotSent, ProviderError, Throttled, Transient
from providers.metrics.http import Caller, Request, full_url
from providers.metrics.http_answers import Answer, refusal
from providers.metrics.settings import Access
from providers.secrets import LocalSecrets, SecretRef
from tests.unit.providers.kubernetes.servers import Authority
from tests.unit.providers.metrics.servers import Got, Say, serving

SECRET = "tell-nobody-7c1f"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def fine(_: Got) -> Say:
    return Say(body={"fine": True})


def caller(url: str, *, token: Callable[[str], str] | None = None, **access: object) -> Caller:
    settings = Access(url, **access)  # type: ignore[arg-type]
    return Caller(settings, LocalSecrets({"TOKEN": SECRET}), token)


def refused(asking: Caller, request: Request | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as told:
        asking.ask(request or Request(), "asking")
    assert SECRET not in f"{told.value} {told.value.__cause__} {told.value.__context__}"
    asking.close()
    return told.value


@pytest.mark.parametrize(
    ("base", "request_", "url"),
    [
        ("http://p", Request(), "http://p/"),
        ("http://p:9090/", Request(path="/api"), "http://p:9090/api"),
        ("https://p/hook/", Request(), "https://p/hook/"),
        ("https://p/a?k=1", Request(path="/b", query=(("q", "x y&z"),)), "https://p/a/b?k=1&q=x+y%26z"),
    ],
)
def test_a_request_follows_the_url_of_the_source(base: str, request_: Request, url: str) -> None:
    assert full_url(base, request_) == url


def test_a_body_goes_out_as_it_is() -> None:
    with serving(fine) as server:
        asking = caller(f"{server.url}/hook")
        answer = asking.ask(Request("POST", body=b'{"a": 1}', content_type="application/json"), "asking")
        asking.close()
    assert answer.body == b'{"fine": true}'
    (got,) = server.got
    assert (got.method, got.path, got.body) == ("POST", "/hook", b'{"a": 1}')
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"] == "rollout"


def test_secrets_in_headers_are_resolved_for_each_request() -> None:
    environment = {"TOKEN": "one"}
    with serving(fine) as server:
        headers = {"Authorization": ("Bearer ", SecretRef("env", "TOKEN")), "X-Org": "7"}
        asking = Caller(Access(server.url, headers), LocalSecrets(environment))
        asking.ask(Request(), "asking")
        environment["TOKEN"] = "two"
        asking.ask(Request(), "asking")
        asking.close()
    assert [got.headers["Authorization"] for got in server.got] == ["Bearer one", "Bearer two"]
    assert server.got[0].headers["X-Org"] == "7"
    assert server.clients == 1


def test_a_secret_that_is_not_there_sends_nothing() -> None:
    with serving(fine) as server:
        error = refused(caller(server.url, headers={"A": SecretRef("env", "GONE")}))
        assert isinstance(error, NotSent)
        assert error.code == "SecretUnresolved"
        assert "${env:GONE}" in str(error)
        assert server.got == []


@pytest.mark.parametrize("value", [f"{SECRET}\r\nX: y", f"{SECRET}\n", f"{SECRET}\0", f"{SECRET}ä"])
def test_a_secret_that_no_header_can_hold_is_refused_without_showing_it(value: str) -> None:
    with serving(fine) as server:
        asking = Caller(Access(server.url, {"Authorization": SecretRef("env", "T")}), LocalSecrets({"T": value}))
        assert isinstance(refused(asking), Invalid)
        assert server.got == []


def test_a_server_that_repeats_a_secret_does_not_make_us_repeat_it() -> None:
    with serving(lambda got: Say(403, f"not for {got.headers['Authorization']}")) as server:
        asking = caller(server.url, headers={"Authorization": SecretRef("env", "TOKEN")})
        answer = asking.ask(Request(), "asking")
        asking.close()
    assert str(refusal(answer, "asking")).endswith("says 403: not for *** (this identity may not read it)")


def test_an_entra_token_is_asked_for_by_its_scope() -> None:
    scopes: list[str] = []

    def token(scope: str) -> str:
        scopes.append(scope)
        return "e30.e30"

    with serving(fine) as server:
        asking = caller(server.url, token=token, scope="https://prometheus.monitor.azure.com/.default")
        asking.ask(Request(), "asking")
        asking.close()
    assert server.got[0].headers["Authorization"] == "Bearer e30.e30"
    assert scopes == ["https://prometheus.monitor.azure.com/.default"]


def test_an_entra_token_never_crosses_a_network_in_the_open() -> None:
    error = refused(caller("http://prometheus.contoso.com", token=lambda _: SECRET, scope="s"))
    assert isinstance(error, Denied)
    assert "sent by https only" in str(error)


def test_no_token_is_told_as_what_it_is() -> None:
    def none(scope: str) -> str:
        raise NotSent(f"getting a token for {scope}: sign in", code="NoCredential")

    with serving(fine) as server:
        error = refused(caller(server.url, token=none, scope="s"))
        assert (type(error), error.code) == (NotSent, "NoCredential")
        assert server.got == []


def test_a_redirect_is_an_answer_and_not_a_way() -> None:
    with serving(fine) as other, serving(lambda _: Say(307, "", {"Location": other.url})) as server:
        asking = caller(server.url, headers={"Authorization": SecretRef("env", "TOKEN")})
        assert asking.ask(Request("POST", body=b"{}"), "asking").status == 307
        asking.close()
        assert other.got == []


def test_an_answer_of_just_the_longest_is_read_and_one_byte_more_is_not() -> None:
    with serving(lambda got: Say(body="x" * int(got.asked["size"]))) as server:
        asking = Caller(Access(server.url), LocalSecrets({}), most_bytes=100_000)
        assert len(asking.ask(Request(query=(("size", "100000"),)), "asking").body) == 100_000
        error = refused(asking, Request(query=(("size", "100001"),)))
    assert (type(error), error.code) == (Transient, "TooLong")


def test_a_certificate_of_an_unknown_authority_is_refused_unless_it_is_named(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    with serving(fine, authority.server(tmp_path)) as server:
        error = refused(caller(server.url))
        assert type(error) is Transient
        assert "TLS with https://127.0.0.1" in str(error)
        assert "unable to get local issuer certificate" in str(error)
        for access in ({"ca": str(tmp_path / "ca.pem")}, {"verify": False}):
            asking = caller(server.url, **access)
            assert asking.ask(Request(), "asking").status == 200
            asking.close()


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    with serving(fine, authority.server(tmp_path, "prometheus.contoso.com")) as server:
        assert "TLS with" in str(refused(caller(server.url, ca=str(tmp_path / "ca.pem"))))
        assert server.got == []


def test_authorities_that_are_not_there_or_no_certificates_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    gone = refused(caller("https://127.0.0.1:1", ca=str(tmp_path / "gone.pem")))
    assert (type(gone), gone.code) == (NotSent, "Authorities")
    assert "cannot be read: No such file" in str(gone)
    wrong = refused(caller("https://127.0.0.1:1", ca=str(tmp_path / "empty.pem")))
    assert type(wrong) is Invalid
    assert "expected certificates in PEM" in str(wrong)


def test_a_name_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refused(caller("http://prometheus.invalid:9090"))
    assert type(error) is Transient
    assert "the name of http://prometheus.invalid:9090 was not resolved: Name or service not known" in str(error)


def test_a_proxy_of_the_environment_is_used_for_others_and_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(lambda got: Say(body={"by": "proxy"})) as proxy, serving(fine) as server:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        near, far = caller(server.url), caller("http://prometheus.invalid/x")
        assert near.ask(Request(), "asking").body == b'{"fine": true}'
        assert far.ask(Request(), "asking").body == b'{"by": "proxy"}'
        near.close()
        far.close()
    assert proxy.got[0].path == "http://prometheus.invalid/x"


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "30", 30.0),
        (503, "1", 1.0),
        (429, "3600", 60.0),
        (429, "-5", None),
        (429, "soon", None),
        (429, "", None),
        (429, format_datetime(NOW.replace(second=20), usegmt=True), 20.0),
        (200, "30", None),
        (500, "30", None),
    ],
)
def test_only_a_busy_server_is_left_alone_and_for_a_minute_at_most(
    status: int, header: str, seconds: float | None
) -> None:
    clock = [0.0]
    with serving(lambda _: Say(status, "", {"Retry-After": header})) as server:
        access = Access(server.url)
        asking = Caller(access, LocalSecrets({}), monotonic=lambda: clock[0], now=lambda: NOW)
        asking.ask(Request(), "asking")
        clock[0] += (seconds or 0) - 0.1
        if seconds is not None:
            with pytest.raises(Throttled, match="wants no more questions") as told:
                asking.ask(Request(), "asking")
            assert told.value.retry_after == pytest.approx(0.1)
        clock[0] += 0.2
        assert asking.ask(Request(), "asking").status == status
        asking.close()


def test_threads_share_a_source() -> None:
    together = threading.Barrier(3)

    def wait(got: Got) -> Say:
        together.wait(5)
        return Say(body=got.asked["n"])

    with serving(wait) as server, ThreadPoolExecutor(3) as threads:
        asking = caller(server.url)
        answers = list(threads.map(lambda n: asking.ask(Request(query=(("n", str(n)),)), "asking").body, range(3)))
        asking.close()
    assert answers == [b"0", b"1", b"2"]


def test_a_source_that_was_closed_may_be_asked_again() -> None:
    with serving(fine) as server:
        asking = caller(server.url)
        for _ in range(2):
            assert asking.ask(Request(), "asking").status == 200
            asking.close()
            asking.close()


@pytest.mark.parametrize(
    ("text", "when"),
    [("Thu, 01 Jan 2026 12:00:00 GMT", NOW), ("", None), ("yesterday", None), ("2026-01-01", None)],
)
def test_the_servers_time_is_read_from_its_date(text: str, when: datetime | None) -> None:
    assert Answer("p", 200, {"date": text}).at == when


def test_the_address_in_messages_holds_no_password() -> None:
    assert caller("https://me:pw@p:1/x?key=1").where == "https://p:1"


def test_nothing_heavy_is_loaded_before_the_first_question() -> None:
    code = "import sys; from providers.metrics import adapters, http, prometheus, webhook\n"
    code += "from providers.metrics.settings import Access\nfrom providers.secrets import LocalSecrets\n"
    code += "http.Caller(Access('https://p'), LocalSecrets({}))\n"
    code += "print([name for name in ('urllib3', 'azure', 'requests', 'ssl', 'numpy') if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
