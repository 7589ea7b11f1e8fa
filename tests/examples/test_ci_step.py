"""The pipelines of examples/04-ci-step: well-formed, with the least rights, and run step by step on an emulator."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from providers.emulator.calls import Call
from providers.emulator.loopback import LoopbackEmulator
from tests.acceptance.cloud import TappedCalls
from tests.acceptance.command import SAID_BY_CI
from tests.examples.ci_jobs import Step, read, run, steps_of, tools
from tests.examples.ci_schemas import AZURE, GITHUB

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "04-ci-step"
PIPELINES = sorted(EXAMPLE.glob("*/*.yml"))
OWN_ENGINE = [path for path in PIPELINES if path.stem == "release"]
BY_SERVER = [path for path in PIPELINES if path not in OWN_ENGINE]
EACH = pytest.mark.parametrize("path", PIPELINES, ids=lambda path: f"{path.parent.name}/{path.stem}")
QUICK = {"ttl": "1s", "hold": "300ms", "ready": "1m", "interval": "100ms", "propagation": "0s", "margin": "200ms"}
TOKEN = "only-an-example-token"
HANDS = ("ROLLOUT_AZURE_ENDPOINT", "ROLLOUT_DNS")
CI = (*SAID_BY_CI, "AZURE")


@EACH
def test_a_pipeline_is_what_its_system_understands_and_nothing_else(path: Path) -> None:
    schema = GITHUB if path.parent.name == "github" else AZURE
    errors = jsonschema.Draft202012Validator(schema).iter_errors(read(path))
    assert [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors] == []


@pytest.mark.parametrize("key", ["on", "permissions", "jobs", "trigger", "lockBehavior"])
def test_a_mistyped_or_a_missing_key_is_noticed(key: str) -> None:
    path = next(path for path in PIPELINES if key in read(path))
    schema = GITHUB if path.parent.name == "github" else AZURE
    document = read(path)
    document[f"{key}s"] = document.pop(key)
    assert not jsonschema.Draft202012Validator(schema).is_valid(document)


@EACH
def test_every_action_is_named_with_the_version_that_its_commit_is(path: Path) -> None:
    for line in path.read_text().splitlines():
        assert "uses:" not in line or re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@EACH
def test_no_expression_is_put_into_a_script(path: Path) -> None:
    """What is filled into a script is run by the shell, and a tag's name is anybody's who may push one."""
    for step in steps_of(path, _AnyValue()):
        assert "${{" not in step.script
        assert not re.search(r"\$\([A-Za-z.]+\)", step.script)


@EACH
def test_the_waiting_is_ended_by_rollout_and_not_by_the_job(path: Path) -> None:
    text = path.read_text()
    (timeout,) = re.findall(r"--timeout (\d+)m", text)
    (minutes,) = re.findall(r"""(?:timeout-minutes|timeoutInMinutes): "?(\d+)""", text)
    assert int(timeout) + 10 <= int(minutes)


@EACH
def test_only_a_job_that_runs_the_engine_is_given_the_store_and_the_templates_secrets(path: Path) -> None:
    step = last(steps_of(path, _AnyValue()))
    own, far = {"ROLLOUT_STORE", "DATABASE_PASSWORD"}, {"ROLLOUT_SERVER", "ROLLOUT_TOKEN"}
    assert (own if path in OWN_ENGINE else far) <= set(step.env)
    assert not (far if path in OWN_ENGINE else own) & set(step.env)


class _AnyValue(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key


def last(steps: Iterator[Step]) -> Step:
    """The last step that runs a script: the one that rolls out."""
    return list(steps)[-1]


class Runner:
    """A hosted runner: an empty disk, the example checked out, and the system's own variables."""

    def __init__(self, path: Path, folder: Path, emulator: LoopbackEmulator) -> None:
        self.path, self.folder = path, shutil.copytree(EXAMPLE, folder / "work")
        self.emulator = emulator
        self.store, self.server = f"sqlite:///{folder}/store.db", ""
        self.ended: tuple[int, str] = (0, "")
        self.registry = emulator.url.removeprefix("http://")
        (folder / "bin").mkdir()
        (folder / "temp").mkdir()
        self.temp = folder / "temp"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(CI)}
        self.environment |= {
            "PATH": tools(folder / "bin"),
            "HOME": str(folder),
            "ROLLOUT_AZURE_ENDPOINT": emulator.url,
            "ROLLOUT_DNS": emulator.dns,
            "EMULATOR": emulator.url,
            **self._system(),
        }
        # The paces of the emulator in the place of Azure's.
        paces = {"registry": self.registry, **QUICK}
        (self.folder / "azure.yaml").write_text("".join(f"{name}: {value}\n" for name, value in paces.items()))

    def _system(self) -> dict[str, str]:
        if self.path.parent.name == "github":
            return {
                "GITHUB_ACTIONS": "true",
                "GITHUB_STEP_SUMMARY": str(self.temp / "step.md"),
                "GITHUB_OUTPUT": str(self.temp / "outputs"),
                "GITHUB_ACTOR": "ana",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "contoso/shop",
                "GITHUB_RUN_ID": "41",
            }
        return {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": str(self.temp), "BUILD_REQUESTEDFOREMAIL": "ana@contoso.com"}

    def release(self, tag: str, *, cancel_at: str = "") -> tuple[int, str]:
        """Run the job for a tag; the exit code of the step that ended it, and that step's log.

        The last step is cancelled when its log holds `cancel_at`.
        """
        known = {
            **dict.fromkeys(("vars.REGISTRY", "registry"), self.registry),
            **dict.fromkeys(("github.ref_name", "Build.SourceBranchName"), tag),
            **dict.fromkeys(("vars.ROLLOUT_PACKAGE", "rolloutPackage"), "rollout"),
            **dict.fromkeys(("secrets.ROLLOUT_STORE", "rolloutStore"), self.store),
            **dict.fromkeys(("secrets.DATABASE_PASSWORD", "databasePassword"), "only-an-example"),
            **dict.fromkeys(("vars.ROLLOUT_SERVER", "rolloutServer"), self.server),
            **dict.fromkeys(("secrets.ROLLOUT_TOKEN", "rolloutToken"), TOKEN),
            **dict.fromkeys(("vars.AZURE_CLIENT_ID", "vars.AZURE_TENANT_ID", "System.AccessToken"), "x"),
        }
        steps = list(steps_of(self.path, known))
        for step in steps:
            stop = cancel_at if step is steps[-1] else ""
            self.ended = run(step, self.folder, self.environment, stop)
            if self.ended[0]:
                break
        return self.ended

    def sicken_once_served(self, tag: str) -> None:
        """Let a version fail its health path from the very write on that leads clients to it.

        By a time it would on a slow machine fail before it was ever ready, which is another story: it is waited for.
        """
        world, calls = self.emulator.world, TappedCalls()

        def sicken(_call: Call) -> None:
            served = {str(e.properties["target"]) for p in world.profiles.all() for e in p.endpoints if e.enabled}
            image = world.images.find(f"shop/storefront:{tag}")
            for group in world.groups.all() if image is not None else ():
                for each in group.runs if group.fqdn in served else ():
                    if world.images.find(each.image) == image:
                        each.behaviour = replace(each.behaviour, unhealthy_after_seconds=0.0)

        calls.listeners[""] = sicken
        self.emulator.call(setattr, world, "calls", calls)

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """A daemon of the runner's own store and hands, with one token that may operate, while the block runs."""
        (self.folder / "manifests").mkdir()
        for name in ("rollout.yaml", "container-group.yaml"):
            shutil.copy(self.folder / name, self.folder / "manifests")
        own = {name: value for name, value in self.environment.items() if not name.startswith(CI)}
        own |= {"ROLLOUT_AZURE_ENDPOINT": self.emulator.url, "ROLLOUT_DNS": self.emulator.dns}
        own |= {"ROLLOUT_STORE": self.store, "DATABASE_PASSWORD": "only-an-example"}
        own |= {"ROLLOUT_LISTEN": "127.0.0.1:0", "ROLLOUT_OPERATE_TOKEN": f"ci={TOKEN}"}
        said = self.temp.parent / "daemon.log"
        with said.open("wb") as log:
            process = subprocess.Popen(
                ["rollout", "daemon", "manifests", "--vars", "azure.yaml", "--output", "json"],
                cwd=self.folder,
                env=own,
                executable=str(self.temp.parent / "bin" / "rollout"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
            try:
                assert process.stdout is not None
                first = process.stdout.readline()
                assert first, said.read_text()
                self.server = json.loads(first)["listening"]
                yield
            finally:
                process.kill()
                process.communicate()

    @property
    def outcome(self) -> str:
        """The outcome in the result that the step kept."""
        found: str = self.result["outcome"]
        return found

    @property
    def result(self) -> Any:
        """The result that the step kept; where there is none, the failure says how the step ended."""
        text = (self.folder / "result.json").read_text()
        assert text, f"no result, exit code {self.ended[0]}: {self.ended[1]}"
        return json.loads(text)

    @property
    def failures(self) -> list[str]:
        """The failures in the report that the step kept."""
        suite = ElementTree.parse(self.folder / "report.xml").getroot()[0]
        return [each.get("message", "") for each in suite.findall("testcase/failure")]


@pytest.fixture
def emulator() -> Iterator[LoopbackEmulator]:
    """An emulated Azure while a test runs."""
    for tool in ("bash", "curl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, and the pipeline's steps use it")
    with LoopbackEmulator() as running:
        yield running


@pytest.mark.parametrize("path", OWN_ENGINE, ids=lambda path: path.parent.name)
def test_a_job_pushes_waits_and_is_red_when_the_version_was_taken_back(
    path: Path, tmp_path: Path, emulator: LoopbackEmulator
) -> None:
    runner = Runner(path, tmp_path, emulator)
    for tag in ("v1", "v2", "v2"):
        code, said = runner.release(tag)
        assert code == 0, said
    assert (runner.outcome, runner.failures) == ("none", [])
    runner.sicken_once_served("v3")
    code, said = runner.release("v3")
    assert (code, runner.outcome) == (3, "rolledBack"), said
    assert len(runner.failures) == 1
    if path.parent.name == "github":
        page, outputs = (runner.temp / "step.md").read_text(), (runner.temp / "outputs").read_text()
        assert re.findall(r"^## .* storefront.*: (.*)$", page, re.MULTILINE) == [
            "promoted",
            "promoted",
            "nothing to do",
            "rolled back",
        ]
        assert "https://github.com/contoso/shop/actions/runs/41" in page
        assert re.findall(r"^outcome=(.*)$", outputs, re.MULTILINE) == ["promoted", "promoted", "none", "rolledBack"]
        assert re.search(r"^::error title=storefront%3A rolled back::", said, re.MULTILINE)
    else:
        assert len(list(runner.temp.iterdir())) == 4
        assert re.search(r"^##vso\[task\.logissue type=error;\]storefront: rolled back: ", said, re.MULTILINE)
        assert "##vso[task.setvariable variable=outcome;isOutput=true;]rolledBack" in said


def test_a_job_that_was_cancelled_tells_so_and_its_next_run_goes_on_with_an_empty_disk(
    tmp_path: Path, emulator: LoopbackEmulator
) -> None:
    runner = Runner(EXAMPLE / "github" / "release.yml", tmp_path, emulator)
    assert runner.release("v1")[0] == 0
    code, said = runner.release("v2", cancel_at="weight_confirmed")
    assert (code, runner.outcome) == (130, "running"), said
    assert "outcome=interrupted" in (runner.temp / "outputs").read_text()
    assert "storefront v2: interrupted" in (runner.temp / "step.md").read_text()
    first = runner.result["rollout"]
    for left in tmp_path.glob("store.db*"):
        left.unlink()
    code, said = runner.release("v2")
    assert (code, runner.outcome) == (0, "promoted"), said
    assert runner.result["rollout"] == first


@pytest.mark.parametrize("path", BY_SERVER, ids=lambda path: path.parent.name)
def test_a_job_without_rights_of_its_own_has_a_daemon_roll_out_and_tells_the_same(
    path: Path, tmp_path: Path, emulator: LoopbackEmulator
) -> None:
    runner = Runner(path, tmp_path, emulator)
    for name in HANDS:
        del runner.environment[name]
    with runner.daemon():
        for tag in ("v1", "v2"):
            code, said = runner.release(tag)
            assert (code, runner.outcome) == (0, "promoted"), said
        runner.sicken_once_served("v3")
        code, said = runner.release("v3")
        assert (code, runner.outcome) == (3, "rolledBack"), said
        assert len(runner.failures) == 1
    assert "storefront" in said and "rolled back" in said
