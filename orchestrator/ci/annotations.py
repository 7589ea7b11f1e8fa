"""What a CI's log and its later steps are told of a run: one line that stands out, and the step's outputs."""

from orchestrator.ci.commands import System, command, harmless
from orchestrator.ci.story import Ended

_LEVELS = {
    "promoted": "notice",
    "none": "notice",
    "running": "notice",
    "waiting": "warning",
    "timedOut": "warning",
    "interrupted": "warning",
    "superseded": "warning",
}
_LONGEST = 4000
_MOST_LEFT = 5
"""Each system shows ten of a kind for a step and drops the rest."""


def annotations(ended: Ended, system: System) -> tuple[str, ...]:
    """The lines to print: how it ended with the reason and its numbers, and a warning for each thing left over.

    The exit code alone decides whether the step fails; nothing here sets the step's result.
    """
    numbers = ", ".join(f"{key} {value}" for key, value in ended.evidence)
    parts = [str(ended.reason["message"]), numbers, *(f"{line}: {does}" for line, does in ended.ways[:3])]
    title = f"{ended.service}: {ended.headline}"
    level = "notice" if ended.undone else _LEVELS.get(ended.outcome, "error")
    lines = [_line(system, level, title, "\n".join(filter(None, parts)))]
    for left in list(ended.document.get("leftovers") or ())[:_MOST_LEFT]:
        said = f"{left.get('target')}: {left.get('name')}: {left.get('why')}"
        lines.append(_line(system, "warning", f"{ended.service}: left over", said))
    return tuple(lines)


def outputs(ended: Ended) -> dict[str, str]:
    """The step's outputs for later steps; empty where not known. `revision` and `digest` are what was to be rolled out.

    Where that serves already there is no candidate, and the reason names it.
    """
    known = {**(ended.reason.get("evidence") or {}), **{k: v for k, v in ended.side("candidate").items() if v}}
    values = {
        "outcome": ended.outcome,
        "rollout": ended.document.get("rollout"),
        "revision": known.get("revision"),
        "digest": known.get("digest"),
    }
    return {name: "".join(str(value or "").split()) for name, value in values.items()}


def output_lines(ended: Ended) -> str:
    """The outputs as GitHub reads them from the file that GITHUB_OUTPUT names; no value can hold a line break."""
    return "".join(f"{name}={value}\n" for name, value in outputs(ended).items())


def output_commands(ended: Ended) -> tuple[str, ...]:
    """The outputs as Azure Pipelines reads them from the log; later jobs see them under the step's name."""
    return tuple(
        command(System.AZURE, "task.setvariable", value, variable=name, isOutput="true")
        for name, value in outputs(ended).items()
    )


def _line(system: System, level: str, title: str, message: str) -> str:
    message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} …"
    if system is System.GITHUB:
        return command(system, level, message, title=title)
    if level == "notice":
        # The agent has no such issue; a section's line stands out without being one.
        return f"##[section]{' '.join(harmless(f'{title}: {message}').split())}"
    return command(system, "task.logissue", f"{title}: {message}", type=level)
