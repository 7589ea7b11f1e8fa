"""A call to an API server: what is sent, what its answers mean, and how long anything may take."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from providers.errors import (
    Conflict,
    Denied,
    Invalid,
    Missing,
    NotSent,
    Throttled,
    Transient,
    Unsupported,
)
from providers.kubernetes.api import APPLY, JSON_PATCH, MERGE_PATCH, Api
from providers.kubernetes.client import BEGINNING, ClusterApi, Clusters
from providers.kubernetes.line import MOST_BYTES
from tests.unit.providers.kubernetes.servers import Say, Server, api, kubeconfig, quick, serving, status
from tests.unit.providers.probes.servers import raw

ROUTE = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/web"


def test_a_real_server_is_an_api_like_any_other(tmp_path: Path) -> None:
    with serving(lambda _got: Say(body={"kind": "HTTPRoute"})) as server:
        made: Api = api(tmp_path, server)
        with made.act():
            assert made.read("reading it", ROUTE) == {"kind": "HTTPRoute"}
        assert made.now().year == 2026


@pytest.mark.parametrize(
    ("method", "body", "kind"),
    [
        ("POST", {"a": 1}, "application/json"),
        ("PATCH", [{"op": "test", "path": "/a", "value": "ä"}], JSON_PATCH),
        ("PATCH", {"metadata": {}}, MERGE_PATCH),
        ("PATCH", {"apiVersion": "apps/v1"}, APPLY),
        ("DELETE", {"propagationPolicy": "Foreground"}, "application/json"),
        ("DELETE", None, "application/json"),
    ],
)
def test_a_body_goes_out_as_json_of_exactly_the_kind_that_was_asked_for(
    tmp_path: Path, method: str, body: Any, kind: str
) -> None:
    with serving() as server:
        query = {"fieldManager": "rollout", "labelSelector": "a=b,c in (d)"}
        api(tmp_path, server).write("writing", method, ROUTE, body, content_type=kind, query=query)
    (got,) = server.got
    assert (got.method, got.headers["User-Agent"], got.headers["Accept"]) == (method, "rollout", "application/json")
    assert got.path == f"{ROUTE}?fieldManager=rollout&labelSelector=a%3Db%2Cc+in+%28d%29"
    if body is None:
        assert (got.body, got.headers.get("Content-Type")) == (b"", None)
    else:
        assert (json.loads(got.body), got.headers["Content-Type"]) == (body, kind)


def test_a_path_below_the_servers_url_is_kept(tmp_path: Path) -> None:
    with serving() as server:
        api(tmp_path, server, cluster={"server": f"{server.url}/clusters/one/"}).read("reading", "/api/v1/pods")
    assert [got.path for got in server.got] == ["/clusters/one/api/v1/pods"]


def test_an_answer_without_a_body_is_nothing(tmp_path: Path) -> None:
    with serving(lambda _got: Say(body="")) as server:
        assert api(tmp_path, server).write("deleting", "DELETE", ROUTE) is None


@pytest.mark.parametrize(
    ("say", "kind", "code"),
    [
        (status(409, "AlreadyExists", name="x"), Conflict, "AlreadyExists"),
        (status(409, "Conflict", name="x"), Conflict, "Conflict"),
        (status(422, "Invalid", name="x"), Invalid, "Invalid"),
        (status(404, "NotFound", name="x"), Missing, "NotFound"),
        (Say(404, "404 page not found\n"), Unsupported, "NotServed"),
        (status(403, "Forbidden", name="x"), Denied, "Forbidden"),
        (status(401, "Unauthorized"), Denied, "Unauthorized"),
        (status(500, "InternalError"), Transient, "InternalError"),
        (Say(503, "no healthy upstream", {"Retry-After": "1"}), Transient, "Http503"),
        (Say(302, "", {"Location": "https://login.example"}), Denied, "Http302"),
        (Say(200, "<html>"), Transient, "Unreadable"),
    ],
)
def test_what_is_no_success_is_an_error_of_ours_and_a_write_is_not_tried_again(
    tmp_path: Path, say: Say, kind: type[Exception], code: str
) -> None:
    with serving(lambda _got: say) as server, pytest.raises(kind, match=r"^[A-Za-z0-9: ]*creating x: ") as caught:
        api(tmp_path, server).write("creating x", "POST", ROUTE, {})
    assert (type(caught.value), getattr(caught.value, "code", "")) == (kind, code)
    assert len(server.got) == 1


def test_a_write_that_was_throttled_goes_out_again_after_the_time_that_was_asked_for(tmp_path: Path) -> None:
    answers = [Say(429, "", {"Retry-After": "3"}), Say(body={"done": True})]
    waits: list[float] = []
    with serving(lambda _got: answers.pop(0)) as server:
        retry = quick(sleep=waits.append, budget_seconds=9.0)
        assert api(tmp_path, server, retry=retry).write("writing", "PATCH", ROUTE, {}) == {"done": True}
    assert waits == [3.0]


def test_a_read_is_tried_again_after_a_passing_error(tmp_path: Path) -> None:
    answers = [status(500, "InternalError"), Say(raw=b""), Say(body={"items": []})]
    with serving(lambda _got: answers.pop(0)) as server:
        assert api(tmp_path, server).read("listing", ROUTE) == {"items": []}
    assert len(server.got) == 3


def test_a_write_whose_answer_never_came_may_have_been_taken(tmp_path: Path) -> None:
    def hang(_got: Any) -> Say:
        server.closing.wait(10)
        return Say()

    with serving(hang) as server, pytest.raises(Transient) as caught:
        api(tmp_path, server, retry=quick(budget_seconds=0.3)).write("writing", "PATCH", ROUTE, {})
    assert type(caught.value) is Transient
    assert len(server.got) == 1


def test_a_write_that_found_nobody_listening_was_not_sent(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = Server(f"http://127.0.0.1:{free.getsockname()[1]}", lambda _got: Say())
        with pytest.raises(NotSent, match=r"writing: .*refused; nothing was sent"):
            api(tmp_path, nobody).write("writing", "PATCH", ROUTE, {})


def test_a_write_whose_name_was_found_too_late_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]
    find = socket.getaddrinfo

    def slowly(*args: Any, **more: Any) -> Any:
        passed[0] += 60
        return find(*args, **more)

    with serving() as server:
        monkeypatch.setattr(socket, "getaddrinfo", slowly)
        made = api(tmp_path, server, retry=quick(monotonic=lambda: passed[0]))
        with pytest.raises(NotSent, match="nothing was sent"):
            made.write("writing", "PATCH", ROUTE, {})
    assert server.got == []


def test_an_answer_that_never_ends_is_left_when_the_act_is_over(tmp_path: Path) -> None:
    def drip(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        for _ in range(200):
            client.sendall(b" ")
            closing.wait(0.02)

    closing = threading.Event()
    with raw(drip) as port:
        endless = Server(f"http://127.0.0.1:{port}", lambda _got: Say())
        with pytest.raises(Transient, match="writing: ") as caught:
            api(tmp_path, endless, retry=quick(budget_seconds=0.3)).write("writing", "PATCH", ROUTE, {})
        closing.set()
    assert type(caught.value) is Transient


@pytest.mark.parametrize("size", [3, 65536 * 2 + 7])
def test_chunked_answers_are_read_to_their_end(tmp_path: Path, size: int) -> None:
    body = json.dumps({"x": "y" * size}).encode()
    parts = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 999]), body[i : i + 999]) for i in range(0, len(body), 999))
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n"
    with serving(lambda _got: Say(raw=raw)) as server:
        assert api(tmp_path, server).read("reading", ROUTE) == {"x": "y" * size}


def test_an_answer_longer_than_any_object_is_not_read_whole(tmp_path: Path) -> None:
    long = Say(body='"' + "x" * MOST_BYTES + '"')
    with serving(lambda _got: long) as server, pytest.raises(Transient, match="longer than") as caught:
        api(tmp_path, server, retry=quick(attempts=1)).read("reading", ROUTE)
    assert caught.value.code == "TooLong"


@pytest.mark.parametrize("answered", [200, 302, 401, 404, 503])
def test_any_status_is_an_answer_to_a_probe_and_only_its_beginning_is_read(tmp_path: Path, answered: int) -> None:
    with serving(lambda _got: Say(answered, "é" * BEGINNING)) as server:
        found = api(tmp_path, server).status("/proxy/healthz", {"Host": "shop.example"}, 2.0, {"full": "1"})
    assert found == (answered, "é" * (BEGINNING // 2))
    assert [(got.path, got.headers["Host"]) for got in server.got] == [("/proxy/healthz?full=1", "shop.example")]


def test_a_probe_without_an_answer_in_its_time_is_transient(tmp_path: Path) -> None:
    def hang(_got: Any) -> Say:
        server.closing.wait(10)
        return Say()

    with serving(hang) as server, pytest.raises(Transient):
        api(tmp_path, server).status("/proxy/healthz", {}, 0.2)


def test_all_calls_of_an_act_share_its_time(tmp_path: Path) -> None:
    passed = [0.0]

    def slowly(_got: Any) -> Say:
        passed[0] += 2
        return Say()

    with serving(slowly) as server:
        made = api(tmp_path, server, retry=quick(monotonic=lambda: passed[0], budget_seconds=5.0))
        with made.act():
            made.read("first", ROUTE)
            made.read("second", ROUTE)
            passed[0] += 1
            with pytest.raises(NotSent, match="all the time"):
                made.read("third", ROUTE)
    assert len(server.got) == 2


def test_a_proxy_of_the_environment_is_not_asked_for_a_server_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with serving() as server:
        assert api(tmp_path, server).read("reading", ROUTE) == {}


def test_a_proxy_that_the_kubeconfig_names_is_used(tmp_path: Path) -> None:
    with serving() as proxy, serving() as server:
        api(tmp_path, server, cluster={"proxy-url": proxy.url}).read("reading", "/version")
    assert (len(server.got), [got.path for got in proxy.got]) == (0, [f"{server.url}/version"])


def test_threads_share_one_client(tmp_path: Path) -> None:
    with serving(lambda got: Say(body={"path": got.path})) as server:
        made = api(tmp_path, server)
        found: list[str] = []
        threads = [
            threading.Thread(target=lambda i=i: found.append(made.read("reading", f"/{i}")["path"])) for i in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == [f"/{i}" for i in range(8)]


def test_each_context_has_one_client_which_works_on_after_closing(tmp_path: Path) -> None:
    with serving(lambda _got: Say(body=1)) as one, serving(lambda _got: Say(body=2)) as two:
        path = kubeconfig(tmp_path / "c", {"one": ({"server": one.url}, None), "two": ({"server": two.url}, None)})
        clusters = Clusters(quick(), kubeconfig=path)
        assert clusters.api("one") is clusters.api("one")
        assert [clusters.api(name).read("r", "/") for name in ("one", "two")] == [1, 2]
        clusters.close()
        assert clusters.api("one").read("r", "/") == 1


def test_making_a_client_needs_no_kubeconfig_and_its_first_call_says_how_to_get_one(tmp_path: Path) -> None:
    made = ClusterApi("any", kubeconfig=tmp_path / "absent")
    with pytest.raises(NotSent, match="az aks get-credentials"):
        made.read("reading it", "/")


def test_no_client_library_is_loaded_before_the_first_call() -> None:
    names = "client line credentials kubeconfig errors api probes probe_ports settings marks"
    modules = ", ".join(f"providers.kubernetes.{name}" for name in names.split())
    code = f"import sys, {modules}\nfrom providers.kubernetes.client import Clusters\nClusters().api('x').close()\n"
    code += "print([name for name in ('kubernetes', 'urllib3', 'requests', 'yaml', 'tenacity') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_throttled_read_says_when_to_come_back(tmp_path: Path) -> None:
    with serving(lambda _got: Say(429, "", {"Retry-After": "60"})) as server, pytest.raises(Throttled) as caught:
        api(tmp_path, server).read("reading", ROUTE)
    assert (caught.value.retry_after, len(server.got)) == (60.0, 1)
