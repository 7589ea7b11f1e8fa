"""The emulator as a thread, as a process and under real registry clients: begun, used and ended cleanly."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import aiohttp
import pytest

from providers.emulator.behaviour import Behaviour
from providers.emulator.loopback import EmulatorError, LoopbackEmulator
from providers.emulator.serve import endpoint_lines
from tests.unit.providers.emulator_loopback.azure_calls import Azure
from tests.unit.providers.emulator_loopback.ports import free_port


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as response:
        return bytes(response.read())


def test_a_port_that_is_taken_is_refused_with_the_option_to_change_and_nothing_stays_open() -> None:
    threads = threading.active_count()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            EmulatorError, match=rf"127.0.0.1:{port} cannot be opened \(Address already in use\): .* --dns-port"
        ):
            LoopbackEmulator(dns_port=port).__enter__()
        with pytest.raises(EmulatorError, match="--port"):
            LoopbackEmulator(port=port).__enter__()
    with pytest.raises(EmulatorError, match="--port: expected a port from 0 to 65535; got 70000"):
        LoopbackEmulator(port=70000).__enter__()
    assert threading.active_count() == threads


def test_in_a_thread_it_serves_until_its_block_ends_and_leaves_no_thread_and_no_socket() -> None:
    threads = threading.active_count()
    with LoopbackEmulator() as emulator:
        digest = emulator.register_image("shop/web", "v1", Behaviour())
        assert json.loads(fetch(f"{emulator.url}/v2/shop/web/tags/list"))["tags"] == ["v1"]
        assert [image["digest"] for image in emulator.call(emulator.world.state)["images"]] == [digest]
        assert emulator.registry_host in emulator.url
    assert threading.active_count() == threads
    with pytest.raises(OSError, match="refused"):
        fetch(f"{emulator.url}/v2/")


def test_on_a_running_loop_it_leaves_no_task_behind() -> None:
    async def whole() -> None:
        before = asyncio.all_tasks()
        async with LoopbackEmulator() as emulator, aiohttp.ClientSession() as session:
            await Azure(emulator, session).group("v1", await Azure(emulator, session).image("v1"), free_port())
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before

    asyncio.run(whole())


def test_two_emulators_at_once_keep_their_worlds_apart() -> None:
    with LoopbackEmulator() as one, LoopbackEmulator() as other:
        one.register_image("shop/web", "v1", Behaviour())
        assert other.call(other.world.state)["images"] == []
        assert {one.url, one.dns}.isdisjoint({other.url, other.dns})


def test_with_export_everything_that_is_printed_can_be_evaluated_by_a_shell() -> None:
    with LoopbackEmulator() as emulator:
        lines = endpoint_lines(emulator, export=True)
        assert lines[:2] == [f"export ROLLOUT_AZURE_ENDPOINT={emulator.url}", f"export ROLLOUT_DNS={emulator.dns}"]
        assert all(line.startswith("# ") for line in lines[2:])
        assert not any(line.startswith("export") for line in endpoint_lines(emulator, export=False))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_process_prints_its_endpoints_and_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    code = "from providers.emulator.serve import serve; serve('127.0.0.1', 0, 0, export=True)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        url = process.stdout.readline().partition("=")[2].strip()
        assert process.stdout.readline().startswith("export ROLLOUT_DNS=127.0.0.1:")
        assert json.loads(fetch(f"{url}/_emulator/state"))["groups"] == []
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


@pytest.mark.local
def test_skopeo_copies_an_image_in_and_out_and_its_digest_stays(tmp_path: Path) -> None:
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed (Debian package skopeo)")
    command = [skopeo, "--insecure-policy", "copy", "--preserve-digests"]

    def copy(*arguments: str) -> None:
        subprocess.run([*command, *arguments], check=True, capture_output=True, timeout=30)

    with LoopbackEmulator() as emulator:
        digest = emulator.register_image("shop/web", "v1", Behaviour(version=str(random.random())))
        host = f"docker://{emulator.registry_host}"
        copy("--src-tls-verify=false", f"{host}/shop/web:v1", f"oci:{tmp_path}:v1")
        copy("--dest-tls-verify=false", f"oci:{tmp_path}:v1", f"{host}/copies/web:v1")
        tls = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        copy(*tls, f"{host}/copies/web:v1", f"{host}/copies/again:v2")
        tags = json.loads(fetch(f"{emulator.url}/acr/v1/copies/again/_tags"))["tags"]
        assert [(tag["name"], tag["digest"]) for tag in tags] == [("v2", digest)]
        listed = subprocess.run(
            [skopeo, "list-tags", "--tls-verify=false", f"{host}/copies/web"],
            check=True,
            capture_output=True,
            timeout=30,
        )
        assert json.loads(listed.stdout)["Tags"] == ["v1"]
