"""What people call things: a revision, where a rollout stands, a labelled line. Pure."""

from __future__ import annotations

from orchestrator.cli.style import Style, flat, folded
from orchestrator.result import outcome_of, phase_of
from strategies.model import Outcome, Revision, Rollout
from strategies.phases import Phase

_LABEL = 10


def version(revision: Revision | None) -> str:
    """What people call a revision: its tag, else the first digits of its digest."""
    if revision is None:
        return "nothing"
    return revision.tag or revision.digest.removeprefix("sha256:")[:12] or revision.short


def marker(rollout: Rollout, style: Style) -> str:
    """One coloured sign for where a rollout stands."""
    signs = {
        "promoted": style.good("✓"),
        "rolledBack": style.warn("↩"),
        "superseded": style.faint("○"),
        "stuck": style.bad("■"),
        "waiting": style.warn("●"),
    }
    return signs.get(outcome_of(rollout), style.busy("●"))


def serving(rollout: Rollout) -> Revision | None:
    """The revision that serves once the rollout has ended."""
    return rollout.revision if rollout.outcome is Outcome.PROMOTED else rollout.previous


def stands(rollout: Rollout) -> str:
    """Where a rollout stands, in a few words."""
    word = outcome_of(rollout)
    if word in ("promoted", "superseded"):
        return word
    if word == "rolledBack":
        return "rolled back"
    phase = phase_of(rollout)
    said = phase_words(phase)
    state = next((s for s in rollout.targets if s.phase is phase), rollout.targets[0])
    last = rollout.service.target(state.name).plan.last
    if phase in (Phase.HOLDING, Phase.SHIFTING):
        said += f", step {state.step} of {last}"
    if rollout.paused is not None:
        said += ", paused"
    elif word == "waiting" and phase is not Phase.STUCK:
        said += ", waits for a person"
    return said


def phase_words(phase: Phase) -> str:
    """A phase in plain words."""
    return "rolled back" if phase is Phase.ROLLED_BACK else phase.value


def labelled(label: str, text: str, style: Style) -> str:
    """A text behind its label; several lines, joined, where the terminal is narrower than that."""
    return "\n".join(folded(f"  {style.faint(f'{label:{_LABEL}}')} {flat(text)}", style.columns, _LABEL + 3))


def indented(text: str, style: Style) -> str:
    """A text below the name of a target, broken likewise."""
    return "\n".join(folded(f"    {flat(text)}", style.columns, 4))
