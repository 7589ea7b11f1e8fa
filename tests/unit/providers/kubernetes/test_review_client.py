"""A server that has just started knows not all roles yet: what it forbids once it may allow a moment later."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.errors import Denied, Throttled
from tests.unit.providers.kubernetes.servers import Say, api, quick, serving

ROUTE = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/web"
SAID = 'httproutes "web" is forbidden: User "ci" cannot patch resource "httproutes" in the namespace "shop"'


def forbidden(message: str = SAID) -> Say:
    return Say(403, {"kind": "Status", "reason": "Forbidden", "message": message, "details": {"name": "web"}})


def test_a_role_that_the_server_does_not_know_yet_is_asked_for_once_more(tmp_path: Path) -> None:
    answers = [forbidden(), Say(body={"done": True})]
    waits: list[float] = []
    with serving(lambda _got: answers.pop(0)) as server:
        made = api(tmp_path, server, retry=quick(sleep=waits.append, budget_seconds=9.0))
        assert made.write("changing it", "PATCH", ROUTE, {}) == {"done": True}
    assert waits == [2.0]


def test_a_role_that_is_lacking_twice_is_lacking(tmp_path: Path) -> None:
    with serving(lambda _got: forbidden()) as server, pytest.raises(Denied, match="cannot patch"):
        api(tmp_path, server, retry=quick(sleep=lambda _s: None, budget_seconds=9.0)).write("changing", "PATCH", ROUTE)
    assert len(server.got) == 2


def test_without_time_to_ask_again_it_is_not_decided(tmp_path: Path) -> None:
    with serving(lambda _got: forbidden()) as server, pytest.raises(Throttled, match="cannot patch"):
        api(tmp_path, server, retry=quick(budget_seconds=1.0)).write("changing", "PATCH", ROUTE)
    assert len(server.got) == 1


def test_what_admission_forbids_is_believed_at_once(tmp_path: Path) -> None:
    said = forbidden('admission webhook "images.example" denied the request: no such image')
    with serving(lambda _got: said) as server, pytest.raises(Denied):
        api(tmp_path, server).write("changing", "PATCH", ROUTE)
    assert len(server.got) == 1
