"""Every verb in one table: its name, its arguments, one line, and where its function is.

Nothing here may import anything heavy: `rollout --help` is drawn from this table alone, and a verb's module is loaded
only when that verb runs.
"""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """One verb; `home` names its function as `module:function`, `here` says that it never goes to a daemon."""

    name: str
    arguments: str
    line: str
    home: str
    here: bool = False


_HERE = "orchestrator.cli"
GROUPS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    (
        "Release",
        (
            Verb("start", "FILE", "submit a rollout and follow it to its end", f"{_HERE}.start:start"),
            Verb("undo", "SERVICE", "take back what was released last", f"{_HERE}.undo:undo"),
            Verb(
                "daemon",
                "DIR",
                "watch registries, run every rollout, serve API and metrics",
                f"{_HERE}.daemon:daemon",
                here=True,
            ),
            Verb("plan", "FILE...", "show every change with its times; changes nothing", f"{_HERE}.plan:plan"),
            Verb("doctor", "FILE", "check credentials, permissions, quota and profile", f"{_HERE}.doctor:doctor"),
        ),
    ),
    (
        "See",
        (
            Verb("status", "[SERVICE]", "where it stands, or what serves", f"{_HERE}.status:status"),
            Verb("why", "SERVICE", "why it waits, paused or turned back, and what to do", f"{_HERE}.why:why"),
            Verb("events", "SERVICE", "what happened, in order", f"{_HERE}.journal:events"),
            Verb("history", "[SERVICE]", "past rollouts and how they ended", f"{_HERE}.journal:history"),
            Verb("tags", "[FILE]", "which tags the watcher sees, which one wins and why", f"{_HERE}.tags:tags"),
        ),
    ),
    (
        "Decide",
        (
            Verb("approve", "SERVICE", "let the present step go on", f"{_HERE}.people:approve"),
            Verb("promote", "SERVICE", "skip this hold, or with --full all of them", f"{_HERE}.people:promote"),
            Verb("pause", "SERVICE", "stay at the present share", f"{_HERE}.people:pause"),
            Verb("resume", "SERVICE", "go on after a pause", f"{_HERE}.people:resume"),
            Verb("abort", "SERVICE", "take the candidate back", f"{_HERE}.people:abort"),
            Verb("retry", "SERVICE", "judge anew, or pardon a revision that was rolled back", f"{_HERE}.people:retry"),
            Verb("settle", "SERVICE", "say which side shall serve when it is stuck", f"{_HERE}.people:settle"),
            Verb("suspend", "SERVICE|--all", "hold back new rollouts", f"{_HERE}.hold:suspend"),
            Verb("unsuspend", "SERVICE|--all", "let new rollouts begin again", f"{_HERE}.hold:unsuspend"),
        ),
    ),
    (
        "Write and try",
        (
            Verb("validate", "FILE...", "check manifests and their templates", f"{_HERE}.check:validate", here=True),
            Verb("schema", "", "print the manifest's JSON Schema, for editors", f"{_HERE}.check:schema", here=True),
            Verb(
                "emulator",
                "",
                "run a local Azure: ARM, Traffic Manager, registry, DNS",
                f"{_HERE}.emulator:emulator",
                here=True,
            ),
            Verb("demo", "", "a good and a bad release under load, and the proof", f"{_HERE}.demo:demo", here=True),
        ),
    ),
)
VERBS: dict[str, Verb] = {verb.name: verb for _, verbs in GROUPS for verb in verbs}
