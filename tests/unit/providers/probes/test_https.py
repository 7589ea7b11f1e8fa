"""Probes over TLS: the certificate and its name are checked unless told otherwise."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from tests.unit.providers.probes.servers import answer, probe, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key, made = path.with_name("key.pem"), path.with_name("cert.pem")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=shop.example.org",
    ]
    command += ["-addext", "subjectAltName=DNS:shop.example.org", "-keyout", str(key), "-out", str(made)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs openssl to make a certificate: {error}")
    path.write_text(key.read_text() + made.read_text())
    return path


@pytest.fixture
def secure(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_an_untrusted_certificate_is_refused_with_the_reason(secure: ssl.SSLContext) -> None:
    with serving(answer(200), secure) as port:
        seen = probe(port, scheme="https")
        assert probe(port, scheme="https", verify=False).ok
    assert seen.why == "TLS certificate refused: self-signed certificate"


def test_a_certificate_of_another_name_is_refused_unless_that_name_is_set(
    secure: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(answer(200), secure) as port:
        seen = probe(port, scheme="https", host="other.example.org")
        assert probe(port, scheme="https", server_name="shop.example.org").ok
        assert probe(port, scheme="https", host="shop.example.org").ok
    assert "TLS certificate refused: Hostname mismatch" in seen.why
    assert "other.example.org" in seen.why


def test_plain_http_where_tls_is_expected_is_said() -> None:
    with serving(answer(200)) as port:
        assert probe(port, scheme="https").why.startswith("TLS failed: ")
