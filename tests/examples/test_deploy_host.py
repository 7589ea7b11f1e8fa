"""The systemd unit, the container recipe and the sample manifests in examples/deploy."""

from __future__ import annotations

import http.server
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.manifest.loader import load

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "examples" / "deploy"
UNIT = DEPLOY / "systemd" / "rollout.service"
RECIPE = DEPLOY / "container" / "Containerfile"
FOLDERS = sorted(path for path in DEPLOY.iterdir() if path.is_dir() and path.name != "manifests")
MOST_EXPOSED = 20
"""What `systemd-analyze security` may find at most, in tenths; a unit without any protection has 96."""


def settings(section: str) -> dict[str, list[str]]:
    """What a section of the unit says, each word with all its values in order."""
    (text,) = re.findall(rf"^\[{section}\]\n(.*?)(?=^\[|\Z)", UNIT.read_text(), re.DOTALL | re.MULTILINE)
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of the recipe by stage, each as word and rest."""
    joined = re.sub(r"\\\n\s*", "", RECIPE.read_text())
    lines = [line.partition(" ") for line in joined.splitlines() if line and not line.startswith("#")]
    found: list[list[tuple[str, str]]] = []
    for word, _, rest in lines:
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


def last(word: str) -> str:
    """What the final stage says after a word, the last time that it says it."""
    return [rest for name, rest in stages()[-1] if name == word][-1]


def replaced(text: str, words: dict[str, str]) -> str:
    """A text with some words put in the place of others."""
    for before, after in words.items():
        text = text.replace(before, after)
    return text


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server that answers every GET alike; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_systemd_finds_nothing_wrong_with_the_unit_and_little_that_it_could_do_to_the_machine(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    (command,) = settings("Service")["ExecStart"]
    there = tmp_path / UNIT.name
    # What the unit starts is not installed on the machine of this test.
    there.write_text(UNIT.read_text().replace(command.split()[0], sys.executable))
    for words in (["verify", "--man=no"], ["security", "--offline=yes", f"--threshold={MOST_EXPOSED}"]):
        done = subprocess.run(
            ["systemd-analyze", *words, str(there)], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout[-300:] + done.stderr


def test_the_unit_says_when_it_is_ready_and_is_restarted_when_it_hangs() -> None:
    service = settings("Service")
    assert service["Type"] == ["notify"]
    assert service["NotifyAccess"] == ["main"]
    assert service["Restart"] == ["always"]
    assert service["WatchdogSec"] == ["60s"]


def test_the_unit_keeps_its_store_where_it_may_write_and_its_secrets_out_of_the_file() -> None:
    service = settings("Service")
    told = dict(word.split("=", 1) for line in service["Environment"] for word in shlex.split(line))
    assert service["DynamicUser"] == ["yes"]
    assert told["ROLLOUT_STORE"] == f"sqlite:///%S/{service['StateDirectory'][0]}/rollout.db"
    assert told["ROLLOUT_LISTEN"].startswith("127.0.0.1:")
    assert not [name for name in told if "TOKEN" in name or "SECRET" in name]
    assert service["EnvironmentFile"] == ["-/etc/rollout/environment"]


def test_the_unit_can_still_read_what_the_leases_name_this_machine_by() -> None:
    # /proc/sys is gone with ProcSubset=pid, and with it the boot's id, by which a dead owner is known to be dead.
    assert "ProcSubset" not in settings("Service")


def test_the_daemon_tells_systemd_when_it_is_ready_and_ends_well_when_it_is_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    for path in (DEPLOY / "manifests").iterdir():
        # A registry on this machine that refuses every connection.
        (folder / path.name).write_text(path.read_text().replace("contoso.azurecr.io", "127.0.0.1:1"))
    service = settings("Service")
    (command,) = service["ExecStart"]
    there = {"/etc/rollout/manifests": str(folder), "%S": str(tmp_path), "127.0.0.1:8090": "127.0.0.1:0"}
    told = replaced(" ".join(service["Environment"]), there)
    program = [sys.executable, "-c", "from orchestrator.cli.main import main; main()"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROLLOUT_")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        process = subprocess.Popen(
            [*program, *replaced(command, there).split()[1:]],
            env={
                **kept,
                **dict(word.split("=", 1) for word in told.split()),
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
            },
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            # Reading manifests may take longer than the unit's TimeoutStartSec.
            assert manager.recv(100) == b"EXTEND_TIMEOUT_USEC=60000000"
            assert manager.recv(100) == b"READY=1"
            assert process.stdout is not None
            assert "127.0.0.1" in process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
            process.communicate()
    assert (tmp_path / "rollout" / "rollout.db").exists()


def test_the_recipe_takes_every_package_that_is_shipped_and_nothing_that_is_not() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    taken = {rest.split()[0] for word, rest in stages()[0] if word == "COPY" and len(rest.split()) == 2}
    shipped = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert taken == {*shipped, ".ci/constraints.txt"}
    rest = next(rest for word, rest in stages()[0] if word == "COPY" and "pyproject.toml" in rest)
    files = rest.split()[:-1]
    assert {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"} == set(files)
    assert all((ROOT / name).exists() for name in (*taken, *files))


def test_the_image_runs_as_a_number_that_is_not_root_and_is_told_to_stop_as_the_daemon_expects() -> None:
    user, _, group = last("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert last("STOPSIGNAL") == "SIGTERM"
    assert last("ENTRYPOINT") == '["rollout"]'
    assert last("CMD") == '["daemon", "/manifests"]'


def test_nothing_in_the_recipe_needs_a_shell() -> None:
    commands = [rest for stage in stages() for word, rest in stage if word in ("RUN", "CMD", "ENTRYPOINT")]
    commands.append(last("HEALTHCHECK").partition(" CMD ")[2])
    assert commands
    assert all(rest.startswith("[") for rest in commands), commands


def test_both_stages_stand_on_one_base_that_has_a_version_and_can_be_pinned_by_digest() -> None:
    (base,) = re.findall(r"^ARG BASE=(\S+)$", RECIPE.read_text(), re.MULTILINE)
    assert re.fullmatch(r"[a-z0-9.]+/library/python:3\.\d+-slim", base)
    assert [rest.split()[0] for stage in stages() for word, rest in stage if word == "FROM"] == ["${BASE}", "${BASE}"]
    assert "--build-arg BASE=docker.io/library/python@sha256:" in (RECIPE.parent / "README.md").read_text()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_images_health_check_is_well_when_the_daemon_is(status: int, healthy: bool) -> None:
    command = last("HEALTHCHECK").partition(" CMD ")[2]
    program, *words = [each.strip('"') for each in re.findall(r'"[^"]*"', command)]
    assert program == "python"
    with answering(status) as port:
        environment = {**os.environ, "ROLLOUT_LISTEN": f"0.0.0.0:{port}", "http_proxy": "http://127.0.0.1:1"}
        done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, timeout=30, check=False)
    assert (done.returncode == 0) is healthy


def test_the_images_health_check_fails_when_nothing_listens() -> None:
    words = re.findall(r'"([^"]*)"', last("HEALTHCHECK").partition(" CMD ")[2])[1:]
    environment = {**os.environ, "ROLLOUT_LISTEN": "0.0.0.0:1", "http_proxy": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, timeout=30, check=False)
    assert done.returncode != 0


def test_the_sample_manifests_are_valid_and_follow_a_registry() -> None:
    (loaded,) = load([str(DEPLOY / "manifests" / "storefront.yaml")])
    assert loaded.manifest.follow is not None


@pytest.mark.parametrize("folder", [DEPLOY, *FOLDERS], ids=lambda path: path.name)
def test_a_readme_names_every_file_beside_it(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert [path.name for path in folder.iterdir() if path.name not in text and path.name != "README.md"] == []


@pytest.mark.parametrize("folder", [DEPLOY, *FOLDERS], ids=lambda path: path.name)
def test_a_readme_leads_only_to_files_that_exist(folder: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (folder / "README.md").read_text())
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_commands_of_a_readme_are_lines_that_bash_can_read(folder: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    blocks = re.findall(r"^```bash\n(.*?)^```$", (folder / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        ["bash", "-n"], input="\n".join(blocks), capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert blocks


def test_every_setting_that_is_named_exists() -> None:
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file()]
    named = {name for text in texts for name in re.findall(r"\bROLLOUT_[A-Z_]*[A-Z]\b", text)}
    packages = ("orchestrator", "providers", "watchers")
    source = "\n".join(path.read_text() for each in packages for path in (ROOT / each).rglob("*.py"))
    assert {"ROLLOUT_LISTEN", "ROLLOUT_STORE"} <= named
    assert sorted(name for name in named if name not in source) == []
