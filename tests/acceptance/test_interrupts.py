"""Ctrl-C, SIGTERM and secrets: what a process leaves behind when it is told to stop, and what it never writes down."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from providers.emulator.http import Request, Response
from tests.acceptance.shop import Shop

PLANTED = ("s3cr3t-of-the-environment", "s3cr3t-of-the-registry", "s3cr3t-in-a-file")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_release_says_that_nothing_goes_on_and_the_next_start_attaches(
    shop: Shop, number: signal.Signals, code: int
) -> None:
    shop.canary({"share": 50, "hold": "1s"})
    shop.serve()
    shop.image("v2")
    before = len(shop.writes)
    running = shop.begin("v2")
    running.reaches("holding", 1)
    running.send(number)
    left = running.finish()
    assert (left.code, left.json["engine"], left.json["outcome"]) == (code, "none", "running"), left
    assert "rollout start" in left.err
    done = shop.start("v2")
    assert (done.code, done.json["rollout"]) == (0, left.json["rollout"]), done
    assert shop.written_since(before).count("PUT containerGroups") == 1
    shop.assert_serves_alone("v2")


def test_an_interrupt_may_abort_and_then_waits_for_the_way_back(shop: Shop) -> None:
    shop.canary({"share": 50, "hold": "60s"})
    shop.serve()
    shop.image("v2")
    running = shop.begin("v2", "--on-interrupt", "abort")
    running.reaches("holding", 1)
    running.send(signal.SIGINT)
    done = running.finish()
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    shop.assert_serves_alone("v1")


def test_planted_secrets_reach_azure_and_nothing_else(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = bytearray()
    door = shop.cloud.emulator._arm

    def handle(request: Request, take: Callable[[Request], Response] = door.handle) -> Response:
        sent.extend(request.body)
        return take(request)

    monkeypatch.setattr(door, "handle", handle)
    (shop.folder / "token").write_text(PLANTED[2])
    shop.environment |= {"DATABASE_PASSWORD": PLANTED[0], "REGISTRY_PASSWORD": PLANTED[1]}
    properties = shop.template["properties"]
    properties["containers"][0]["properties"]["environmentVariables"] = [
        {"name": "DATABASE_PASSWORD", "secureValue": "${env:DATABASE_PASSWORD}"},
        {"name": "TOKEN", "secureValue": f"${{file:{shop.folder / 'token'}}}"},
    ]
    properties["imageRegistryCredentials"] = [
        {"server": "contoso.azurecr.io", "username": "puller", "password": "${env:REGISTRY_PASSWORD}"}
    ]
    shop.canary({"share": 50, "hold": "60s"})
    shop.image("v1")
    shop.image("v2")
    said = [shop.start("v1", "--debug")]
    running = shop.begin("v2", "--debug")
    running.reaches("holding", 1)
    assert all(secret.encode() in sent for secret in PLANTED)
    said += [shop.run(verb, "shop") for verb in ("status", "why", "events", "history")]
    shop.sicken("v2")
    said.append(running.finish())
    assert [done.code for done in said] == [0, 0, 0, 0, 0, 3], said
    written = [path.read_bytes() for path in shop.folder.rglob("*") if path.is_file() and path.name != "token"]
    assert any(b"rollout" in text for text in written), "the store is among what was read"
    for secret in PLANTED:
        assert not [done for done in said if secret in done.out + done.err]
        assert not [text for text in written if secret.encode() in text]


def test_a_secret_that_cannot_be_resolved_leaves_the_release_waiting_and_not_rolled_back(shop: Shop) -> None:
    shop.serve()
    shop.image("v2")
    web = shop.template["properties"]["containers"][0]["properties"]
    web["environmentVariables"] = [{"name": "PASSWORD", "secureValue": "${env:NOT_SET_YET}"}]
    waiting = shop.start("v2", "--timeout", "2s")
    assert waiting.code in (4, 5), waiting
    assert "NOT_SET_YET" in waiting.out
    shop.environment["NOT_SET_YET"] = "now it is"
    done = shop.start("v2")
    assert done.code == 0, done
    shop.assert_serves_alone("v2")
