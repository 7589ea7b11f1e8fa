"""HTTP to a registry, over real sockets of this machine."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.unit.watchers.fakes import BODY, DIGEST, NAME, NOBODY, reply, served
from watchers.errors import Malformed, Unreachable
from watchers.manifests import OCI_MANIFEST, Manifest
from watchers.patience import Patience
from watchers.registry import Registry
from watchers.transport import HttpTransport

ONCE = Patience(attempts=1)


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    made = HttpTransport(timeout_seconds=2)
    yield made
    made.close()


def ask(transport: HttpTransport, port: int, method: str = "GET", most: int = 1000, scheme: str = "http") -> bytes:
    return transport.send(method, f"{scheme}://127.0.0.1:{port}/x", {}, most=most).body


def raw(content: bytes, hold: threading.Event | None = None) -> tuple[int, threading.Thread]:
    """Answer one connection with these bytes, then close it, or leave it open until `hold` is set."""
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with server:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(content)
                if hold is not None:
                    hold.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    return server.getsockname()[1], thread


def test_a_whole_question_goes_over_one_connection() -> None:
    callers: list[tuple[str, int]] = []

    def answer(door: BaseHTTPRequestHandler) -> None:
        callers.append(door.client_address)
        kind = {"Content-Type": OCI_MANIFEST}
        if door.command == "HEAD":
            reply(door, 200, {**kind, "Content-Length": str(len(BODY))})
        else:
            reply(door, 200, kind, BODY)

    with served(answer) as port, Registry(f"127.0.0.1:{port}", keychain=NOBODY, patience=ONCE) as registry:
        assert registry.digest(NAME, "v1") == Manifest(DIGEST, OCI_MANIFEST)
        assert registry.digest(NAME, "v1") == Manifest(DIGEST, OCI_MANIFEST)
    assert len(callers) == 4 and len(set(callers)) == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced(transport: HttpTransport) -> None:
    seen: list[str] = []

    def answer(door: BaseHTTPRequestHandler) -> None:
        seen.append(door.path)
        reply(door, 200, {}, b"well")
        door.close_connection = True  # without having said so

    with served(answer) as port:
        assert [ask(transport, port) for _ in range(3)] == [b"well"] * 3
    assert len(seen) == 3


def test_several_threads_share_a_transport(transport: HttpTransport) -> None:
    def answer(door: BaseHTTPRequestHandler) -> None:
        reply(door, 200, {}, door.path.encode())

    def asked(number: int) -> bool:
        path = f"/{number}"
        return transport.send("GET", f"http://127.0.0.1:{port}{path}", {}, most=99).body == path.encode()

    with served(answer) as port, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(asked, range(100)))
        transport.close()


def test_an_answer_that_is_cut_off_is_no_answer(transport: HttpTransport) -> None:
    for content in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nonly this",
    ):
        port, thread = raw(content)
        with pytest.raises(Malformed, match="its answer was cut off; try again") as refused:
            ask(transport, port)
        assert refused.value.passing
        thread.join()


def test_an_answer_that_never_ends_is_given_up_in_time_and_size() -> None:
    def drip(door: BaseHTTPRequestHandler) -> None:
        door.send_response(200)
        door.end_headers()
        while not gone.is_set():
            door.wfile.write(b"x" * 10)
            time.sleep(0.02)

    gone = threading.Event()
    impatient = HttpTransport(timeout_seconds=0.3)
    began = time.monotonic()
    with served(lambda door: _quietly(drip, door)) as port:
        with pytest.raises(Unreachable, match=r"no complete answer within 0\.3 s"):
            ask(impatient, port, most=10**9)
        with pytest.raises(Malformed, match="more than 50 bytes"):
            ask(impatient, port, most=50)
        gone.set()
    assert time.monotonic() - began < 5


def _quietly(answer: object, door: BaseHTTPRequestHandler) -> None:
    try:
        answer(door)  # type: ignore[operator]
    except OSError:
        door.close_connection = True


def test_a_server_that_says_nothing_is_given_up() -> None:
    hold = threading.Event()
    port, thread = raw(b"", hold)
    with pytest.raises(Unreachable, match=r"no complete answer within 0\.2 s") as refused:
        ask(HttpTransport(timeout_seconds=0.2), port)
    assert refused.value.passing
    hold.set()
    thread.join()


def test_a_server_that_hangs_up_or_speaks_something_else_is_named(transport: HttpTransport) -> None:
    port, thread = raw(b"")
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}: closed the connection without an answer"):
        ask(transport, port)
    thread.join()
    port, thread = raw(b"SSH-2.0-OpenSSH_9\r\n\r\n")
    with pytest.raises(Malformed, match="does not answer in HTTP"):
        ask(transport, port)
    thread.join()


def test_a_port_where_nothing_runs_is_named_with_what_to_check(transport: HttpTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}: connection refused; check the registry's name and port"):
        ask(transport, port)


def test_a_name_that_dns_does_not_know_is_not_asked_for_again(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(
        Unreachable, match=r"contoso\.example: no such host in DNS; check the registry's name"
    ) as refused:
        transport.send("GET", "https://contoso.example/v2/", {}, most=99)
    assert not refused.value.passing


def test_a_proxy_is_asked_for_the_way_and_its_password_is_in_no_error(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(door: BaseHTTPRequestHandler) -> None:
        asked.append((f"{door.command} {door.path}", door.headers.get("Proxy-Authorization")))
        reply(door, 407, {})

    with served(answer) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:planted%2Dword@127.0.0.1:{port}")
        monkeypatch.setenv("https_proxy", f"http://me:planted%2Dword@127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NO_PROXY", "")
        with pytest.raises(
            Unreachable, match=r"contoso\.example: cannot be reached \(Tunnel connection failed: 407"
        ) as refused:
            transport.send("GET", "https://contoso.example/v2/", {}, most=99)
    assert asked == [("CONNECT contoso.example:443", "Basic bWU6cGxhbnRlZC13b3Jk")]
    assert "planted" not in str(refused.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that issued itself, with its key, in one file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def encrypted(certificate: Path) -> tuple[int, threading.Thread]:
    server = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def run() -> None:
        with server:
            connection, _ = server.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as shown:
                    shown.recv(65536)
                    shown.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell")
            except OSError:
                connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return server.getsockname()[1], thread


def test_a_certificate_counts_when_its_authority_is_named_and_only_then(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, thread = encrypted(certificate)
    with pytest.raises(
        Unreachable, match=r"its certificate is not trusted .*; name the file .* in SSL_CERT_FILE"
    ) as refused:
        HttpTransport(5).send("GET", f"https://localhost:{port}/", {}, most=99)
    assert not refused.value.passing
    thread.join()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    port, thread = encrypted(certificate)
    assert HttpTransport(5).send("GET", f"https://localhost:{port}/", {}, most=99).body == b"well"
    thread.join()
    port, thread = encrypted(certificate)
    with pytest.raises(Unreachable, match="its certificate is not trusted"):
        HttpTransport(5).send("GET", f"https://127.0.0.1:{port}/", {}, most=99)
    thread.join()


def test_plain_http_where_tls_is_expected_is_said(transport: HttpTransport) -> None:
    with (
        served(lambda door: reply(door, 200, {})) as port,
        pytest.raises(Unreachable, match=r"no TLS connection \(.*\); expected TLS there"),
    ):
        ask(transport, port, scheme="https")
