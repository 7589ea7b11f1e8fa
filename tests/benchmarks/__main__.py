"""`python -m tests.benchmarks NAME [--output json]`: figures beside their limits; no test asserts them."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module

BENCHMARKS = ("daemon", "decision", "reaction", "startup", "watching")
"""Each is a module of this name beside this one, with a function `run`; loaded only when it is asked for."""


def main() -> int:
    """Run one benchmark and print its goals."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--output", choices=["text", "json"], default="text")
    asked = parser.parse_args()
    goals = import_module(f"tests.benchmarks.{asked.name}").run()
    if asked.output == "json":
        print(json.dumps({"goals": [goal.document() for goal in goals], "table": []}, indent=2))
    else:
        print("\n".join(goal.line() for goal in goals))
    return 0


if __name__ == "__main__":
    sys.exit(main())
