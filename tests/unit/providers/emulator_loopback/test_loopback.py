"""All doors of the loopback emulator together, on real sockets and the real clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp
import dns.asyncquery
import dns.message
import dns.query
import dns.rcode
import pytest

from providers.emulator.loopback import LoopbackEmulator
from providers.emulator.registry_store import OCI_MANIFEST
from tests.unit.providers.emulator_loopback.azure_calls import GROUPS, Azure
from tests.unit.providers.emulator_loopback.ports import free_port

Scenario = Callable[[LoopbackEmulator, Azure, aiohttp.ClientSession], Awaitable[None]]


def run(scenario: Scenario) -> None:
    async def whole() -> None:
        async with LoopbackEmulator() as emulator, aiohttp.ClientSession() as session:
            await scenario(emulator, Azure(emulator, session), session)

    asyncio.run(whole())


async def resolve(emulator: LoopbackEmulator, name: str) -> dns.message.Message:
    host, _, port = emulator.dns.rpartition(":")
    return await dns.asyncquery.udp(dns.message.make_query(name, "A"), host, 2, int(port))


def test_a_group_made_over_http_is_found_by_dns_and_serves_its_version() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        port = free_port()
        fqdn = await azure.group("v1", await azure.image("v1", startSeconds=0.05), port)
        address = (await resolve(emulator, fqdn)).answer[0][0].to_text()
        assert address.startswith("127.20.")
        async with session.get(f"http://{address}:{port}/") as response:
            assert (response.status, response.headers["X-Version"]) == (200, "v1")
        status, _, headers = await azure.call("DELETE", f"{GROUPS}/v1")
        assert status in (200, 202)
        assert headers.get("retry-after") == "1" if status == 202 else True
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection(address, port)
        assert (await resolve(emulator, fqdn)).rcode() == dns.rcode.NXDOMAIN

    run(scenario)


def test_the_profile_name_leads_to_its_endpoints_by_their_weights() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        port = free_port()
        digest = await azure.image("v1")
        blue, green = await azure.group("blue", digest, port), await azure.group("green", digest, port)
        name = await azure.profile({blue: 900, green: 100}, port, ttl=7)
        seen: Counter[str] = Counter()
        for _ in range(300):
            answer = await resolve(emulator, name)
            assert answer.answer[0].ttl == 7 and answer.answer[-1][0].to_text().startswith("127.20.")
            seen[answer.answer[0][0].target.to_text(omit_final_dot=True)] += 1
        assert set(seen) == {blue, green}
        assert abs(seen[green] - 30) <= 5 * (300 * 0.1 * 0.9) ** 0.5

    run(scenario)


def test_doubled_slashes_and_any_letter_case_reach_the_same_resource() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        await azure.group("v1", await azure.image("v1"), free_port())
        for path in (f"/{GROUPS}/v1", f"{GROUPS.upper()}/V1", f"{GROUPS}//v1/"):
            status, told, _ = await azure.call("GET", path)
            assert (status, told["name"].lower()) == (200, "v1")

    run(scenario)


def test_a_token_is_demanded_for_the_management_interface_and_not_for_the_others() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        async with session.get(f"{emulator.url}{GROUPS}?api-version=2023-05-01") as response:
            assert response.status == 401
        for path in ("/v2/", "/_emulator/state"):
            async with session.get(f"{emulator.url}{path}") as response:
                assert response.status == 200

    run(scenario)


def test_an_injected_fault_fails_the_calls_it_names_and_is_then_used_up() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        fault = {"method": "GET", "path": "containerGroups", "status": 429, "code": "TooManyRequests", "retryAfter": 3}
        assert (await azure.control("POST", "faults", fault))[0] == 201
        status, told, headers = await azure.call("GET", GROUPS)
        assert (status, told["error"]["code"], headers["retry-after"]) == (429, "TooManyRequests", "3")
        assert (await azure.call("GET", GROUPS))[0] == 200

    run(scenario)


@pytest.mark.parametrize(
    ("method", "name", "body", "status", "told"),
    [
        (
            "POST",
            "images",
            {"repository": "shop/web", "behaviour": {"speed": 1}},
            400,
            "behaviour.speed: expected one of",
        ),
        ("POST", "images", {"repository": "shop/web", "behaviour": {"errorRate": 2}}, 400, "number from 0 to 1"),
        ("POST", "images", {"repository": "shop/web", "behaviour": {"errorPath": "basket"}}, 400, "a path such as /"),
        ("POST", "images", {"repository": "Shop Web"}, 400, "invalid repository name"),
        ("POST", "images", {"tag": "v1"}, 400, "repository"),
        ("POST", "images", {"repository": "a", "color": 1}, 400, "color"),
        ("POST", "images", [1], 400, "object"),
        ("POST", "faults", {"path": "("}, 400, "faults.path: expected a regular expression"),
        ("GET", "faults", None, 405, "takes POST; got GET"),
        ("GET", "nothing", None, 404, "expected one of images, faults, reset, state"),
    ],
)
def test_a_wrong_call_to_the_control_interface_is_told_what_was_expected(
    method: str, name: str, body: object, status: int, told: str
) -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        answer = await azure.control(method, name, body)
        assert answer[0] == status and told in answer[1]["error"]

    run(scenario)


def test_the_state_shows_resources_and_a_reset_forgets_them_all() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        empty = (await azure.control("GET", "state"))[1]
        assert set(empty) == {"groups", "profiles", "clusters", "images", "faults", "calls"}
        fqdn = await azure.group("v1", await azure.image("v1"), free_port())
        state = (await azure.control("GET", "state"))[1]
        assert len(state["groups"]) == len(state["images"]) == 1
        assert (await azure.control("POST", "reset"))[0] == 204
        after = (await azure.control("GET", "state"))[1]
        assert (after["groups"], after["images"]) == ([], [])
        assert (await resolve(emulator, fqdn)).rcode() == dns.rcode.NXDOMAIN
        async with session.get(f"{emulator.url}/v2/shop/web/tags/list") as response:
            assert response.status == 404

    run(scenario)


def test_an_image_that_was_pushed_by_a_client_runs_and_one_that_nobody_pushed_does_not() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        digest = await azure.image("v1", version="one")
        async with session.get(f"{emulator.url}/v2/shop/web/manifests/v1") as response:
            headers, body = {"Content-Type": response.headers["Content-Type"]}, await response.read()
        async with session.put(f"{emulator.url}/v2/shop/web/manifests/copy", data=body, headers=headers) as response:
            assert (response.status, response.headers["Docker-Content-Digest"]) == (201, digest)
        assert await azure.group("copy", digest, free_port())
        with pytest.raises(AssertionError, match="InaccessibleImage"):
            await azure.group("gone", "sha256:" + "0" * 64, free_port())

    run(scenario)


def test_a_head_over_the_wire_has_the_length_of_the_manifest_and_no_body() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        digest = await azure.image("v1")
        url = f"{emulator.url}/v2/shop/web/manifests/{digest}"
        async with session.get(url) as whole, session.head(url) as head:
            assert head.headers["Content-Length"] == str(len(await whole.read()))
            assert (head.headers["Docker-Content-Digest"], await head.read()) == (digest, b"")

    run(scenario)


def test_an_accept_list_sent_as_several_headers_is_read_as_one() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        digest = await azure.image("v1")
        accept = [("Accept", "application/vnd.docker.distribution.manifest.v2+json"), ("Accept", OCI_MANIFEST)]
        async with session.head(f"{emulator.url}/v2/shop/web/manifests/{digest}", headers=accept) as response:
            assert response.status == 200

    run(scenario)


def test_a_group_comes_up_and_crashes_by_the_clock_though_nobody_calls() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        port = free_port()
        await azure.group("v1", await azure.image("v1", crashAfterSeconds=0.5), port)
        (workload,) = emulator.world.workloads()
        reader, writer = await asyncio.open_connection(workload.address, port)
        assert await asyncio.wait_for(reader.read(), 3) == b""
        writer.close()
        async with asyncio.timeout(3):
            while True:
                try:
                    _, writer = await asyncio.open_connection(workload.address, port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    run(scenario)


def test_a_client_that_waits_for_100_continue_is_let_on() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure, session: aiohttp.ClientSession) -> None:
        url = f"{emulator.url}/_emulator/images"
        patience = aiohttp.ClientTimeout(total=3)
        async with session.post(url, json={"repository": "a"}, expect100=True, timeout=patience) as response:
            assert response.status == 201

    run(scenario)
