"""Kubeconfigs: how they are read, what can be wrong with them, and what happens when they change under our feet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from providers.errors import Denied, Invalid, NotSent, Transient
from providers.kubernetes import kubeconfig as files
from providers.kubernetes.client import ClusterApi
from tests.unit.providers.kubernetes.servers import Authority, Say, api, kubeconfig, only, quick, serving, status


def test_a_kubeconfig_that_leads_elsewhere_after_a_refused_connection_is_followed_at_once(tmp_path: Path) -> None:
    """The proxy of an Arc-enabled cluster was started again: another port."""
    with serving() as server:
        made = api(tmp_path, server)
        made.read("reading", "/version")
    with serving() as server:
        with pytest.raises(NotSent):
            made.write("writing", "PATCH", "/x", {})
        kubeconfig(tmp_path / "config", {"here": ({"server": server.url}, None)})
        assert made.write("writing", "PATCH", "/x", {}) == {}
    assert len(server.got) == 1


def test_a_kubeconfig_with_another_authority_is_followed_after_a_refused_certificate(tmp_path: Path) -> None:
    old, new = Authority("old"), Authority("new")
    (tmp_path / "ca.crt").write_bytes(old.certificate)
    with serving(tls=new.server(tmp_path)) as server:
        made = api(tmp_path, server, cluster={"certificate-authority": "ca.crt"})
        with pytest.raises(NotSent, match="certificate verify failed"):
            made.write("writing", "PATCH", "/x", {})
        (tmp_path / "ca.crt").write_bytes(new.certificate)
        assert made.write("writing", "PATCH", "/x", {}) == {}


def test_a_kubeconfig_with_another_token_is_followed_after_a_refusal(tmp_path: Path) -> None:
    with serving(only("Bearer new")) as server:
        made = api(tmp_path, server, {"token": "old"})
        with pytest.raises(Denied):
            made.read("reading", "/version")
        kubeconfig(tmp_path / "config", {"here": ({"server": server.url}, {"token": "new"})})
        assert made.write("writing", "PATCH", "/x", {}) == {}
    assert [got.method for got in server.got] == ["GET", "PATCH", "PATCH"]


def test_a_write_that_may_have_been_taken_is_not_sent_to_where_a_changed_kubeconfig_leads(tmp_path: Path) -> None:
    with serving() as other, serving() as server:
        made = api(tmp_path, server)

        def drop(_got: Any) -> Say:
            kubeconfig(tmp_path / "config", {"here": ({"server": other.url}, None)})
            return Say(raw=b"")

        server.decide = drop
        with pytest.raises(Transient) as caught:
            made.write("writing", "PATCH", "/x", {})
        assert (type(caught.value), other.got) == (Transient, [])
        made.read("reading", "/x")
    assert len(other.got) == 1


@pytest.mark.parametrize("text", ["", "{", "contexts: [", "kind: Config"])
def test_a_kubeconfig_that_is_half_written_changes_nothing(tmp_path: Path, text: str) -> None:
    with serving(lambda _got: status(401, "Unauthorized")) as server:
        made = api(tmp_path, server, {"token": "t"})
        with pytest.raises(Denied):
            made.read("reading", "/version")
        (tmp_path / "config").write_text(text)
        with pytest.raises(Denied):
            made.read("reading", "/version")
        server.decide = lambda _got: Say()
        assert made.read("reading", "/version") == {}


def test_a_missing_context_names_those_there_are_and_their_files(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "c", {"aks": ({"server": "https://a"}, None), "arc": ({"server": "https://b"}, None)})
    said = r"expected one of the contexts it has \(aks, arc\); got 'akz'"
    with pytest.raises(Invalid, match=said) as caught:
        ClusterApi("akz", kubeconfig=path).read("reading it", "/version")
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("cluster", "user", "why"),
    [
        ({"server": "http://cluster.example:8080"}, None, "expected https"),
        ({"server": "cluster.example"}, None, "expected a URL"),
        ({}, None, "expected a URL"),
        ({"server": "https://a", "certificate-authority-data": "%"}, None, "expected base64"),
        ({"server": "https://a", "certificate-authority-data": "eHg="}, None, "expected certificates in PEM"),
        ({"server": "https://a"}, {"client-key-data": "eHg="}, "both or neither"),
        ({"server": "https://a"}, {"client-key-data": "eHg=", "client-certificate-data": "eHg="}, "expected a PEM"),
        ({"server": "https://a"}, {"exec": {"command": "x"}}, "`command` and `apiVersion`"),
        ({"server": "https://a", "proxy-url": "ftp://x"}, None, "proxy"),
    ],
)
def test_a_kubeconfig_that_can_never_work_is_invalid(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any] | None, why: str
) -> None:
    path = kubeconfig(tmp_path / "c", {"here": (cluster, user)})
    with pytest.raises(Invalid, match=f"(?i)reading it: .*{why}"):
        ClusterApi("here", kubeconfig=path, retry=quick()).read("reading it", "/version")


def test_several_kubeconfigs_are_one_and_the_first_to_name_a_thing_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "token").write_text("beside")
        first = kubeconfig(tmp_path / "a" / "config", {"x": ({"server": server.url}, {"tokenFile": "token"})})
        second = kubeconfig(tmp_path / "b", {"x": ({"server": "https://a"}, None), "y": ({"server": server.url}, None)})
        monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{first}::{second}")
        for context in ("x", "y"):
            ClusterApi(context, retry=quick()).read("reading", "/version")
    assert [got.headers.get("Authorization") for got in server.got] == ["Bearer beside", None]


def test_without_any_word_the_kubeconfig_is_the_one_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", {"x": ({"server": "https://a/"}, None)})
    assert files.load("x").server == "https://a"


def test_inside_a_cluster_the_service_account_is_who_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority()
    (tmp_path / "token").write_text("pod")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    monkeypatch.setattr(files, "ACCOUNT", tmp_path)
    with serving(tls=authority.server(tmp_path)) as server:
        host, port = server.url.removeprefix("https://").split(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        ClusterApi("in-cluster", retry=quick()).read("reading", "/version")
    assert server.got[0].headers["Authorization"] == "Bearer pod"


def test_outside_of_any_cluster_in_cluster_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ACCOUNT", tmp_path)
    with pytest.raises(Invalid, match="this process runs in no pod"):
        ClusterApi("in-cluster").read("reading", "/version")


def test_secrets_do_not_show_in_what_is_printed_of_values(tmp_path: Path) -> None:
    user = {"token": "sesame", "username": "a", "password": "sesame"}
    access = files.load("x", kubeconfig(tmp_path / "c", {"x": ({"server": "https://a"}, user)}))
    assert "sesame" not in repr(access)
