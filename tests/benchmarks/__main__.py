"""`python -m tests.benchmarks NAME [--output json] [--plot FILE]`: figures beside limits; no test asserts them."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from tests.benchmarks.report import Report

BENCHMARKS = ("daemon", "decision", "decisions", "drain", "reaction", "startup", "watching")
"""Each is a module of this name beside this one, with a function `run`; loaded only when it is asked for."""
PLOTTED = ("decisions",)
"""Those that can draw a picture."""


def main(words: list[str] | None = None) -> int:
    """Run one benchmark and print its goals, and its table where it has one."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--output", choices=["text", "json"], default="text")
    parser.add_argument("--plot", type=Path, metavar="FILE", help=f"where an SVG goes ({', '.join(PLOTTED)})")
    asked = parser.parse_args(words)
    if asked.plot is not None and asked.name not in PLOTTED:
        parser.error(f"--plot: {asked.name} draws nothing; {', '.join(PLOTTED)} does")
    more = {} if asked.plot is None else {"plot": asked.plot}
    found = import_module(f"tests.benchmarks.{asked.name}").run(**more)
    report = found if isinstance(found, Report) else Report(found)
    print(json.dumps(report.document(), indent=2) if asked.output == "json" else report.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
