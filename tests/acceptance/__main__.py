"""`python -m tests.acceptance --all`: kill commands and daemons at every moment of whole rollouts, and judge the rest.

Without `--all` only those are run whose name contains the given words.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.acceptance import cluster_crashes, crashes, daemon_crashes
from tests.acceptance.cloud import Cloud


def main() -> int:
    """Run the chosen experiments side by side; the exit code says whether all of them went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every moment of every rollout")
    parser.add_argument("--at-once", type=int, default=4, metavar="N", help="how many run side by side (default 4)")
    parser.add_argument("words", nargs="*", help="only experiments whose name contains all of these")
    told = parser.parse_args()
    if not told.all and not told.words:
        parser.error("say --all, or words that the experiments' names contain")
    known: list[Any] = [*crashes.every(), *cluster_crashes.every(), *daemon_crashes.every()]
    chosen = [crash for crash in known if all(word in str(crash) for word in told.words)]
    began = time.monotonic()
    place = tempfile.TemporaryDirectory(prefix="rollout-acceptance-")
    with place as folder, Cloud() as cloud, ThreadPoolExecutor(told.at_once) as pool:
        went = list(pool.map(lambda crash: _try(cloud, Path(folder), crash), chosen))
    print(f"{sum(went)} of {len(went)} went well, in {time.monotonic() - began:.0f} s")
    return 0 if all(went) and went else 1


def _try(cloud: Cloud, folder: Path, crash: Any) -> bool:
    place = Path(tempfile.mkdtemp(dir=folder))
    began = time.monotonic()
    try:
        if isinstance(crash, crashes.Crash):
            crashes.suffer(cloud, place, crash)
        elif isinstance(crash, cluster_crashes.ClusterCrash):
            cluster_crashes.suffer(cloud, place, crash)
        else:
            daemon_crashes.suffer(cloud, place, crash)
    except Exception:  # noqa: BLE001 - one experiment's failure is the finding, and the others go on
        print(f"FAILED  {crash}\n{traceback.format_exc()}", flush=True)
        return False
    print(f"ok      {crash} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
