"""`rollout demo` as people run it: a process of its own, with nothing set up before."""

from __future__ import annotations

import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.command import Running, environment

SECONDS = 90.0
MEGABYTES = 250


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """The folder in which the demo makes its temporary files."""
    made = tmp_path / "scratch"
    made.mkdir()
    return made


def begun(words: tuple[str, ...], folder: Path, scratch: Path) -> Running:
    return Running(
        words, folder, environment(TMPDIR=str(scratch), HOME=str(folder), http_proxy="http://127.0.0.1:9"), "demo"
    )


def peak_megabytes(running: Running, seconds: float) -> float:
    """Wait for the process and answer the most memory it ever held.

    Not by what the system tells at its end: that counts the moment before the program was loaded, when the new process
    still was a copy of this one, and this one holds whatever all tests before have left.
    """
    told = Path(f"/proc/{running.process.pid}/status")
    peak, last = 0.0, time.monotonic() + seconds
    while running.process.poll() is None and time.monotonic() < last:
        with suppress(OSError):  # it has just ended
            found = re.search(r"VmHWM:\s*(\d+) kB", told.read_text())
            peak = max(peak, int(found[1]) / 1024 if found else 0.0)
        time.sleep(0.1)
    assert peak > 0
    return peak


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see how much memory it holds")
def test_the_demo_keeps_every_promise_of_the_contract_within_its_time_and_memory(tmp_path: Path, scratch: Path):
    running = begun(("demo", "--output", "json"), tmp_path, scratch)
    peak = peak_megabytes(running, SECONDS)
    done = running.finish()
    assert done.code == 0, done
    good, bad = done.json["good"], done.json["bad"]
    assert set(done.json) == {"good", "bad", "leftovers"}
    assert set(good) == {"outcome", "requests", "failed", "seconds", "requestsToRetiredGroup"}
    assert set(bad) == {"outcome", "requests", "failed", "detectionSeconds", "requestsToRetiredGroup"}
    assert (good["outcome"], good["failed"], good["requestsToRetiredGroup"]) == ("promoted", 0, 0), done
    assert (bad["outcome"], bad["requestsToRetiredGroup"], done.json["leftovers"]) == ("rolledBack", 0, []), done
    assert good["requests"] >= 500
    assert bad["requests"] >= 200
    assert 0 < bad["failed"] < bad["requests"] / 4
    assert 0 < bad["detectionSeconds"] < 30
    assert "verdict_unhealthy" in done.err
    assert peak < MEGABYTES
    assert list(scratch.iterdir()) == []


def test_an_interrupted_demo_ends_at_once_with_130_and_leaves_nothing_behind(tmp_path: Path, scratch: Path):
    running = begun(("demo",), tmp_path, scratch)
    running.until(lambda: "group_seen" in running.err)
    running.send(signal.SIGINT)
    done = running.finish(10)
    assert done.code == 130, done
    assert done.out == ""
    assert "interrupted" in done.err
    assert "Traceback" not in done.err
    assert list(scratch.iterdir()) == []


def test_the_demo_with_a_cluster_keeps_every_promise_in_both_worlds(tmp_path: Path, scratch: Path):
    done = begun(("demo", "--kubernetes", "--output", "json"), tmp_path, scratch).finish(2 * SECONDS)
    assert done.code == 0, done
    good, bad = done.json["good"], done.json["bad"]
    assert set(done.json) == {"good", "bad", "leftovers"}
    assert (good["outcome"], good["failed"], good["requestsToRetiredGroup"]) == ("promoted", 0, 0), done
    assert (bad["outcome"], bad["requestsToRetiredGroup"], done.json["leftovers"]) == ("rolledBack", 0, []), done
    assert 0 < bad["failed"] < bad["requests"] / 4
    assert 0 < bad["detectionSeconds"] < 30
    for result in (good, bad):
        assert [target["name"] for target in result["targets"]] == ["westeurope", "aks"]
        assert {target["outcome"] for target in result["targets"]} == {result["outcome"]}
        for key in ("requests", "failed", "requestsToRetiredGroup"):
            assert sum(target[key] for target in result["targets"]) == result[key]
    assert {step["share"] for step in good["targets"][1]["steps"]} == {20, 50, 100}
    assert list(scratch.iterdir()) == []
