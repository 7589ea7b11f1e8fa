"""Who we are to an API server, and whom we trust there."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.errors import Denied, NotSent, Transient
from tests.unit.providers.kubernetes.servers import (
    STAMP,
    Authority,
    Say,
    api,
    only,
    plugin,
    quick,
    serving,
)

COUNTING = """
import json, os, pathlib, sys
told = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
runs = pathlib.Path(__file__).with_name("runs")
count = len(runs.read_text()) + 1 if runs.exists() else 1
runs.write_text("x" * count)
status = {"token": f"t{count}", "expirationTimestamp": "2026-01-01T01:00:00Z"}
print(json.dumps({"apiVersion": told["apiVersion"], "kind": "ExecCredential", "status": status}))
"""


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        (None, {}),
        ({"token": "t"}, {"Authorization": "Bearer t"}),
        ({"username": "a", "password": "b"}, {"Authorization": "Basic YTpi"}),
        ({"auth-provider": {"name": "oidc", "config": {"id-token": "i"}}}, {"Authorization": "Bearer i"}),
        (
            {"token": "t", "as": "ada", "as-groups": ["ops"]},
            {"Authorization": "Bearer t", "Impersonate-User": "ada", "Impersonate-Group": "ops"},
        ),
    ],
)
def test_every_kind_of_user_is_shown_as_the_kubeconfig_says(
    tmp_path: Path, user: dict[str, Any] | None, headers: dict[str, str]
) -> None:
    with serving() as server:
        api(tmp_path, server, user).read("reading", "/version")
    (got,) = server.got
    names = ("Authorization", "Impersonate-User", "Impersonate-Group")
    assert {name: got.headers[name] for name in names if name in got.headers} == headers


def test_a_token_file_is_read_anew_each_time_and_its_last_content_holds_while_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    with serving() as server:
        made = api(tmp_path, server, {"tokenFile": "token"})
        made.read("reading", "/version")
        (tmp_path / "token").write_text("second\n")
        made.read("reading", "/version")
        (tmp_path / "token").unlink()
        made.read("reading", "/version")
    assert [got.headers["Authorization"] for got in server.got] == ["Bearer first", "Bearer second", "Bearer second"]


def test_a_token_that_rotated_while_the_request_was_under_way_gets_another_chance(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")
    with serving() as server:

        def rotate(got: Any) -> Say:
            (tmp_path / "token").write_text("new")
            return only("Bearer new")(got)

        server.decide = rotate
        assert api(tmp_path, server, {"tokenFile": "token"}).write("writing", "PATCH", "/x", {}) == {}
    assert len(server.got) == 2


def test_a_token_that_cannot_be_renewed_is_refused_once(tmp_path: Path) -> None:
    with serving(only("Bearer other")) as server, pytest.raises(Denied, match="sign in anew"):
        api(tmp_path, server, {"token": "t"}).read("reading", "/version")
    assert len(server.got) == 1


def test_a_plugin_is_asked_once_and_again_when_its_credential_expires_or_is_refused(tmp_path: Path) -> None:
    now = [STAMP]
    with serving(only("Bearer t1", "Bearer t2")) as server:
        made = api(tmp_path, server, plugin(tmp_path, COUNTING), now=lambda: now[0])
        for _ in range(3):
            made.read("reading", "/version")
        now[0] = STAMP + timedelta(minutes=59, seconds=45)
        made.read("reading", "/version")
        assert (tmp_path / "runs").read_text() == "xx"
        now[0] = STAMP
        server.decide = only("Bearer t3")
        assert made.write("writing", "POST", "/x", {}) == {}
        with pytest.raises(Denied):
            server.decide = only("nobody")
            made.read("reading", "/version")
    shown = [got.headers["Authorization"] for got in server.got]
    assert shown == ["Bearer t1"] * 3 + ["Bearer t2"] * 2 + ["Bearer t3"] * 2 + ["Bearer t4"]


def test_an_app_behind_the_servers_proxy_that_says_401_does_not_cost_a_new_credential(tmp_path: Path) -> None:
    with serving(lambda _got: Say(401, "who are you?")) as server:
        made = api(tmp_path, server, plugin(tmp_path, COUNTING))
        assert made.status("/proxy/healthz", {}, 5.0)[0] == 401
        server.decide = only("Bearer t2")
        assert made.status("/proxy/healthz", {}, 5.0)[0] == 200
    assert len(server.got) == 3


def test_a_plugin_is_told_of_the_cluster_and_the_environment_where_the_kubeconfig_says_so(tmp_path: Path) -> None:
    script = """
import json, os, sys
told = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
token = json.dumps([told["spec"]["cluster"]["server"], told["spec"]["interactive"], os.environ["WHO"], sys.argv[1]])
print(json.dumps({"apiVersion": told["apiVersion"], "status": {"token": token}}))
"""
    user = plugin(tmp_path, script, provideClusterInfo=True, env=[{"name": "WHO", "value": "me"}])
    user["exec"]["args"] += ["extra"]
    with serving() as server:
        api(tmp_path, server, user).read("reading", "/version")
    token = server.got[0].headers["Authorization"].removeprefix("Bearer ")
    assert json.loads(token) == [server.url, False, "me", "extra"]


@pytest.mark.parametrize(
    ("script", "more", "why"),
    [
        ("import sys; sys.exit('Please run az login')", {}, "it ended with 1: Please run az login"),
        ("import time; time.sleep(60)", {}, r"longer than the 0\.\d s that there were"),
        ("import subprocess; subprocess.run(['sleep', '60'])", {}, r"longer than the 0\.\d s that there were"),
        ("print('hello')", {}, "expected an ExecCredential"),
        ("print('[]')", {}, "expected an ExecCredential"),
        ('print(\'{"apiVersion": "client.authentication.k8s.io/v1", "status": {}}\')', {}, "neither a token nor"),
        ('print(\'{"apiVersion": "v0", "status": {"token": "t"}}\')', {}, "expected apiVersion"),
        ("", {"interactiveMode": "Always"}, "terminal"),
        ("", {"command": "no-such-plugin", "installHint": "get it\n there"}, "No such file or directory; get it there"),
    ],
)
def test_a_plugin_that_fails_says_why_and_nothing_is_sent(
    tmp_path: Path, script: str, more: dict[str, Any], why: str
) -> None:
    with serving() as server:
        made = api(tmp_path, server, plugin(tmp_path, script, **more), retry=quick(budget_seconds=0.9))
        with pytest.raises(NotSent, match=f"writing: no credential from .*{why}.*; nothing was sent") as caught:
            made.write("writing", "PATCH", "/x", {})
    assert (caught.value.code, server.got) == ("NoCredential", [])


def test_a_server_is_trusted_by_the_kubeconfigs_authority_and_knows_us_by_our_certificate(tmp_path: Path) -> None:
    authority = Authority()
    ada = authority.pair("ada")
    (tmp_path / "ada.crt").write_bytes(ada.certificate)
    user = {"client-certificate": "ada.crt", "client-key-data": base64.b64encode(ada.key).decode()}
    with serving(tls=authority.server(tmp_path, clients=True)) as server:
        cluster = {"certificate-authority-data": authority.data}
        assert api(tmp_path, server, user, cluster=cluster).read("reading", "/version") == {}
    assert "ada" in server.got[0].user
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("rollout-")]


def test_a_certificate_from_a_plugin_is_shown(tmp_path: Path) -> None:
    authority = Authority()
    pair = authority.pair("bob")
    status_ = {"clientCertificateData": pair.certificate.decode(), "clientKeyData": pair.key.decode()}
    said = {"apiVersion": "client.authentication.k8s.io/v1", "status": status_}
    with serving(tls=authority.server(tmp_path, clients=True)) as server:
        user = plugin(tmp_path, f"print({json.dumps(said)!r})")
        cluster = {"certificate-authority-data": authority.data}
        api(tmp_path, server, user, cluster=cluster).read("reading", "/version")
    assert "bob" in server.got[0].user


def test_a_server_that_is_not_who_it_should_be_gets_no_request(tmp_path: Path) -> None:
    with serving(tls=Authority("other").server(tmp_path)) as server:
        cluster = {"certificate-authority-data": Authority().data}
        with pytest.raises(NotSent, match="certificate verify failed"):
            api(tmp_path, server, {"token": "t"}, cluster=cluster).write("writing", "PATCH", "/x", {})
        with pytest.raises(Transient, match="certificate verify failed"):
            api(tmp_path, server, {"token": "t"}, cluster=cluster).read("reading", "/x")
    assert server.got == []


def test_the_name_in_a_servers_certificate_may_be_another_than_its_address(tmp_path: Path) -> None:
    authority = Authority()
    with serving(tls=authority.server(tmp_path, "kubernetes.default.svc")) as server:
        cluster = {"certificate-authority-data": authority.data}
        with pytest.raises(Transient, match=r"127\.0\.0\.1"):
            api(tmp_path, server, cluster=cluster).read("reading", "/version")
        named = {**cluster, "tls-server-name": "kubernetes.default.svc"}
        assert api(tmp_path, server, cluster=named).read("reading", "/version") == {}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_server_is_not_checked_where_the_kubeconfig_says_so(tmp_path: Path) -> None:
    with serving(tls=Authority().server(tmp_path)) as server:
        cluster = {"insecure-skip-tls-verify": True}
        assert api(tmp_path, server, cluster=cluster).read("reading", "/version") == {}
