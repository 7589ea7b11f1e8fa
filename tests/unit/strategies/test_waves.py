"""How targets wait for each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies import waves
from strategies.model import Reason, Rollout, with_target
from strategies.phases import FORWARD, Phase
from strategies.plan import Retire, Scope, WaveRule
from tests.unit.strategies.build import at, rollout, service, target


def two(west: Phase, east: Phase, **rules: object) -> Rollout:
    rule = WaveRule(bake_seconds=10.0, **rules)  # type: ignore[arg-type]
    of = rollout(service(target("west", wave=1), target("east", wave=2), waves=rule))
    for name, phase in (("west", west), ("east", east)):
        of = with_target(of, replace(of.target(name), phase=phase, drained_at=at(0)))
    return of


@pytest.mark.parametrize("phase", sorted(FORWARD - {Phase.DRAINED}))
def test_a_wave_waits_until_the_one_before_is_drained(phase: Phase) -> None:
    assert waves.before_wave(two(phase, Phase.PENDING), 2, at(99)) == "waits for wave 1"


def test_a_wave_waits_for_the_bake_of_the_one_before() -> None:
    of = two(Phase.DRAINED, Phase.PENDING)
    assert "bakes until 00:00:10" in waves.before_wave(of, 2, at(9))
    assert waves.before_wave(of, 2, at(10)) == ""


def test_promote_full_skips_the_bake() -> None:
    assert waves.before_wave(replace(two(Phase.DRAINED, Phase.PENDING), full=True), 2, at(0)) == ""


def test_a_single_wave_has_no_bake() -> None:
    of = rollout(service(target(), waves=WaveRule(bake_seconds=900)))
    of = with_target(of, replace(of.targets[0], phase=Phase.DRAINED, drained_at=at(0)))
    assert waves.before_retiring(of, "west", at(0)) == ""


def test_old_groups_stay_until_the_last_wave_is_drained() -> None:
    assert "east" in waves.before_retiring(two(Phase.DRAINED, Phase.DRAINING), "west", at(99))
    assert waves.before_retiring(two(Phase.DRAINED, Phase.DRAINED), "west", at(99)) == ""


def test_with_per_wave_they_go_after_their_own_wave() -> None:
    assert waves.before_retiring(two(Phase.DRAINED, Phase.PENDING, retire=Retire.PER_WAVE), "west", at(99)) == ""


@pytest.mark.parametrize("phase", [Phase.RETURNING, Phase.CLEARING, Phase.REMOVING, Phase.ROLLED_BACK])
def test_nobody_waits_for_a_target_that_goes_back(phase: Phase) -> None:
    assert waves.before_retiring(two(Phase.DRAINED, phase, on_failure=Scope.WAVE), "west", at(99)) == ""


def test_a_stuck_target_is_waited_for() -> None:
    assert "east" in waves.before_retiring(two(Phase.DRAINED, Phase.STUCK), "west", at(99))


def failed(scope: Scope) -> Rollout:
    of = two(Phase.DRAINED, Phase.HOLDING, on_failure=scope)
    return with_target(of, replace(of.target("east"), failure=Reason("faulty", "it failed")))


@pytest.mark.parametrize(("scope", "names"), [(Scope.ALL, {"west", "east"}), (Scope.WAVE, {"east"})])
def test_a_failure_reaches_as_far_back_as_the_manifest_says(scope: Scope, names: set[str]) -> None:
    assert waves.taken_back(failed(scope)) == names


def test_an_abort_always_takes_everything_back_that_can_be() -> None:
    assert waves.taken_back(replace(failed(Scope.WAVE), aborted=Reason("abort", "abort"))) == {"west", "east"}


def test_what_is_retiring_is_not_taken_back() -> None:
    of = replace(two(Phase.RETIRING, Phase.HOLDING), aborted=Reason("abort", "abort"))
    assert waves.taken_back(of) == {"east"}
