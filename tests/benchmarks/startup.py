"""What starting costs, in instructions (valgrind --tool=callgrind): they repeat where seconds do not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from orchestrator.store.opening import open_store
from orchestrator.store.records import Snapshot
from tests.benchmarks.decision import held
from tests.benchmarks.goals import Goal

TWIN = """
import argparse
parser = argparse.ArgumentParser(prog="rollout")
verbs = parser.add_subparsers()
for number in range(20):
    verb = verbs.add_parser(f"verb{number}", help="one line of help")
    verb.add_argument("service")
    verb.add_argument("--output", choices=["text", "json"], default="text")
parser.print_help()
"""
MANIFEST = """\
service: shop
image: contoso.azurecr.io/shop/storefront
targets:
{targets}
strategy:
  canary: {{steps: [10, 50], hold: 1h}}
gates:
  probe: {{scheme: http, port: 8080, path: /healthz, interval: 2s, timeout: 2s, before: 10, failures: 3}}
drain: {{propagation: 60s, margin: auto, quiet: auto, most: 30m, then: ask}}
deadline: {{ready: 10m, wave: 6h, total: 24h}}
"""
TARGET = """\
  - name: {name}
    containerInstances:
      subscription: 11111111-2222-3333-4444-555555555555
      resourceGroup: shop
      location: {name}
      template: container-group.yaml
      replicas: 2
    trafficManager:
      resourceGroup: shop
      profile: shop-{name}
      create: {{dnsName: contoso-shop-{name}, ttl: 30s, monitor: {{protocol: HTTP, port: 8080, path: /healthz}}}}
      ttlDuringRollout: 10s
    gates: {{probe: {{port: 8081}}}}
"""


def run() -> list[Goal]:
    """Count `rollout --help` beside an argparse twin, `rollout status` on an empty store, and its JSON of a rollout."""
    if shutil.which("valgrind") is None:
        raise SystemExit("startup: needs valgrind (a Debian package of that name)")
    with tempfile.TemporaryDirectory() as folder:
        cli = ["-c", "from orchestrator.cli.main import main; import sys; sys.exit(main())"]
        empty, one = (f"sqlite:///{folder}/{name}.db" for name in ("empty", "one"))
        name = _stored(one)
        plain = [*cli, "status", "--store", empty]
        document = [*cli, "status", name, "--output", "json", "--store", one]
        for warm in ([*cli, "--help"], ["-c", TWIN], plain, document):
            subprocess.run([sys.executable, *warm], check=True, capture_output=True, env=_environment(folder))
        help_ = instructions([*cli, "--help"], folder)
        twin = instructions(["-c", TWIN], folder)
        status, status_json = instructions(plain, folder), instructions(document, folder)
    return [
        Goal("G7", "rollout --help", help_ / 1e6, 300.0, "M instructions", theirs=twin / 1e6),
        Goal("G7", "rollout --help beside three argparse twins", help_ / 1e6, 3 * twin / 1e6, "M instructions"),
        Goal("-", "rollout status", status / 1e6, 1600.0, "M instructions"),
        Goal("-", "rollout status SERVICE --output json", status_json / 1e6, 1600.0, "M instructions"),
    ]


def _stored(url: str) -> str:
    """Put one rollout of two targets in the middle of a step into a store; answers its service's name."""
    rollout, _ = held()
    targets = "".join(TARGET.format(name=target.name) for target in rollout.service.targets)
    store = open_store(url)
    try:
        store.submit(replace(rollout, version=0), Snapshot(MANIFEST.format(targets=targets), "shop.yaml"))
    finally:
        store.close()
    return rollout.service.name


def _environment(folder: str) -> dict[str, str]:
    """Compiled modules in a folder of their own, whatever the caller's environment says about writing them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}


def instructions(arguments: list[str], folder: str) -> int:
    """Count the instructions of one run of this Python."""
    out = Path(folder) / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable, *arguments]
    done = subprocess.run(command, env=_environment(folder), capture_output=True, text=True, check=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(f"valgrind said nothing of instructions:\n{done.stderr[-2000:]}")
    return int(found[1])
