"""The exit codes of every command, in the one place that defines them; `--help` prints this table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; `meaning` is the sentence people read."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> ExitCode:
        """Make a member from its number and its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    PROMOTED = 0, "promoted (or done): the new version serves everything, the old one is drained and gone or retained"
    ERROR = 1, "unexpected error of rollout itself"
    USAGE = 2, "bad usage or manifest; nothing was touched"
    ROLLED_BACK = 3, "rolled back: the old version serves everything as before, the new one is drained and gone"
    WAITING = 4, "waiting for a person (approval, pause, inconclusive evidence) when --timeout ran out"
    TIMED_OUT = 5, "--timeout ran out while work was going on; run it again to attach"
    SUPERSEDED = 6, "superseded by a newer rollout"
    REFUSED = 7, "refused: another rollout is active, a freeze window, a revision rolled back before, a precondition"
    STUCK = 8, "stuck: neither forward nor back is safe; a person is needed, what serves is left serving"
    INTERRUPTED = 130, "interrupted (SIGINT); the state is safe, run it again to attach"
    TERMINATED = 143, "terminated (SIGTERM); the state is safe, run it again to attach"


def table() -> str:
    """Render all codes with their meanings, one a line, for `--help`."""
    return "\n".join(f"{code.value:>4}  {code.meaning}" for code in ExitCode)
