"""What goes wrong with sources of counts, and what fails for everybody alike though no probe shows it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from strategies.model import Side
from tests.simulation.scene import HEALED_SECONDS
from tests.simulation.telemetry import Gap

if TYPE_CHECKING:
    from tests.simulation.lab import Lab
    from tests.simulation.run import Simulation


class MetricAccidents:
    """Accidents of sources; `rng`, `lab` and `world` are those of `accidents.Accidents`."""

    world: Simulation
    lab: Lab
    rng: random.Random

    def dependency(self, size: float) -> None:
        """Something that all need fails for a part of everybody's requests; no probe asks for it."""
        latest = HEALED_SECONDS - self.lab.agenda.seconds
        self.world.telemetry.fail_together(max(0.02, size), max(min(10 + 60 * size, latest), 0.1))

    def dependency_at_last(self, size: float) -> None:
        """The same, just when a candidate has everything, and nobody else's requests tell what is normal."""
        self.world.telemetry.at_last = (0.4 + 0.6 * size, self.rng.uniform(5.0, 45.0))

    def metrics_gone(self, size: float) -> None:
        """No source counts."""
        self._gap("gone", 10 + 100 * size)

    def metrics_mistaken(self, size: float) -> None:
        """Somebody has changed a label, so that one question cannot be answered; later somebody sees it."""
        self._gap("mistaken", 30 + 140 * size, metric=self.rng.choice((None, "errors")))

    def metrics_one_side(self, size: float) -> None:
        """What one side counted is lost for a while."""
        self._gap("lost", 5 + 80 * size, side=self.rng.choice(list(Side)), metric=self.rng.choice((None, "errors")))

    def metrics_late(self, size: float) -> None:
        """What one side or both counted comes late."""
        self._gap("late", 5 + 60 * size, side=self.rng.choice((None, *Side)))

    def metrics_reset(self, size: float) -> None:
        """Counters of a side begin anew, again and again."""
        side = self.rng.choice(list(Side))
        for number in range(1 + int(14 * size)):
            self._gap("reset", 0.0, side=side, after=7.0 * number)

    def _gap(
        self, kind: str, seconds: float, *, metric: str | None = None, side: Side | None = None, after: float = 0.0
    ) -> None:
        begin = self.lab.agenda.seconds + after
        self.world.telemetry.gaps.append(Gap(kind, begin, begin + seconds, metric, side))
