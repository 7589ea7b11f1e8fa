"""What should happen next: the whole of rollout's judgement, as pure functions of values.

Theory of operation
-------------------
A release has two sides: *stable*, which serves, and *candidate*, which shall. A `plan.Plan` says by which shares
the candidate takes over; blue/green and canary are plans, not classes. A `model.Rollout` remembers what is wanted
(slots, the split asked for, the step), `seen.Seen` is what one look at the world showed, and

    rollout = advance(before, seen, now)    what do we want now?
    acts    = missing(rollout, seen)        what of it is not yet so?

are the two questions asked at every tick. `advance` folds in commands, then facts, then a verdict, and only then
moves a target along `phases.EDGES`; `missing` compares and never remembers. Because the intent is saved before an
act and every act is idempotent, a crash anywhere is only a later tick. Because every read carries its time and a
write counts only when read back, nothing is retired on the strength of a hope. Because the marks on what we made
say all that matters, `rebuild.survey` finds who serves, and what was under way, with an empty store.

What clients get decides as much as probes do. Sources tell each side's requests and failures (`seen.Reading`);
`pairing` keeps the intervals that both sides were counted in, `evidence` bets on them, for and against the candidate,
so that a look every second does not raise the error rates, and `proof` says what that proves: the candidate is taken
back on proof, gets everything on proof, and where nothing is proven either way it is held, and a person asked in the
end. `drain` retires the old side when its last answer has expired and every source has seen it quiet.

Nothing here knows that Azure or Kubernetes exist, reads a clock, or does I/O. Standard library only.
"""
