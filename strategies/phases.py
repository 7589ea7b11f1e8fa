"""The life of one target of a rollout, as a table of legal transitions.

A target moves along `EDGES` and nowhere else. The rollout as a whole has no phase of its own: what people are shown is
derived from its targets. The diagram in the README is rendered from this table by `mermaid`.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where one target stands."""

    PENDING = "pending"
    """Waits for its wave."""
    PREPARING = "preparing"
    """The candidate's groups come up and are probed; no traffic yet."""
    HOLDING = "holding"
    """A step is in force and is being judged; step 0 has share 0."""
    SHIFTING = "shifting"
    """A new split was asked for; waits for read-back, propagation and TTL."""
    DRAINING = "draining"
    """The candidate has everything; the old side's last clients leave."""
    DRAINED = "drained"
    """The old side is quiet; waits for the other targets. The last moment at which going back is possible."""
    RETIRING = "retiring"
    """The old side leaves the routing, then is deleted."""
    PROMOTED = "promoted"
    """The candidate serves alone. The end."""
    RETURNING = "returning"
    """Traffic goes back to the stable side."""
    CLEARING = "clearing"
    """The stable side has everything; the candidate's last clients leave."""
    REMOVING = "removing"
    """The candidate leaves the routing, then is deleted."""
    ROLLED_BACK = "rolledBack"
    """The stable side serves alone. The end."""
    STUCK = "stuck"
    """Neither forward nor back is safe; what serves is left serving until a person settles it."""


P = Phase
EDGES: dict[Phase, frozenset[Phase]] = {
    P.PENDING: frozenset({P.PREPARING, P.ROLLED_BACK}),
    P.PREPARING: frozenset({P.HOLDING, P.RETURNING}),
    P.HOLDING: frozenset({P.SHIFTING, P.DRAINING, P.RETURNING, P.STUCK}),
    P.SHIFTING: frozenset({P.HOLDING, P.RETURNING, P.STUCK}),
    P.DRAINING: frozenset({P.DRAINED, P.RETURNING, P.STUCK}),
    P.DRAINED: frozenset({P.RETIRING, P.RETURNING, P.STUCK}),
    P.RETIRING: frozenset({P.PROMOTED, P.STUCK}),
    P.RETURNING: frozenset({P.CLEARING, P.STUCK}),
    P.CLEARING: frozenset({P.REMOVING, P.STUCK}),
    P.REMOVING: frozenset({P.ROLLED_BACK, P.STUCK}),
    P.STUCK: frozenset({P.RETIRING, P.RETURNING}),
    P.PROMOTED: frozenset(),
    P.ROLLED_BACK: frozenset(),
}
TERMINAL = frozenset({P.PROMOTED, P.ROLLED_BACK})
FORWARD = frozenset({P.PENDING, P.PREPARING, P.HOLDING, P.SHIFTING, P.DRAINING, P.DRAINED})
"""Phases from which the candidate may still be taken back."""
RETURNING_HOME = frozenset({P.RETURNING, P.CLEARING, P.REMOVING, P.ROLLED_BACK})
"""Phases in which the stable side is the one that shall serve."""


class IllegalTransitionError(Exception):
    """Raised when a change of phase is not in `EDGES`; nothing was changed."""

    def __init__(self, target: str, before: Phase, after: Phase) -> None:
        allowed = ", ".join(sorted(EDGES[before])) or "nothing: it is an end"
        super().__init__(f"target {target}: {before} cannot become {after}; from {before} the table allows {allowed}")
        self.before, self.after = before, after


def check(target: str, before: Phase, after: Phase) -> Phase:
    """Return `after` when the table allows it, else raise `IllegalTransitionError`."""
    if after not in EDGES[before]:
        raise IllegalTransitionError(target, before, after)
    return after


def mermaid() -> str:
    """Render the table as a Mermaid state diagram, edges in the table's order."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    for before, afters in EDGES.items():
        lines += [f"    {before} --> {after}" for after in Phase if after in afters]
        if before in TERMINAL:
            lines.append(f"    {before} --> [*]")
    return "\n".join(lines)
