"""Rollouts as they stand at some moment, built by hand for tests of what is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orchestrator.store.records import Snapshot
from strategies import names
from strategies.begin import Survey, begin
from strategies.evidence import Evidence, begin_step, update
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import Asked, Member, Reason, Revision, Rollout, Slot, Stage, TargetState, TrafficIntent
from strategies.phases import Phase
from strategies.plan import Plan, Service, Step, Target, canary
from strategies.seen import CheckSeen, CheckState, Counts

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
OLD = names.revision("sha256:" + "a1" * 32, "t1", image="contoso.azurecr.io/shop/storefront", tag="1.4.2")
NEW = names.revision("sha256:" + "b2" * 32, "t1", image="contoso.azurecr.io/shop/storefront", tag="1.5.0")
PLAN = canary((Step(10, 60), Step(50, 60, approve=True)))
MANIFEST = """\
service: storefront
image: contoso.azurecr.io/shop/storefront
targets:
  - name: westeurope
    containerInstances: {subscription: 11111111-2222-3333-4444-555555555555, resourceGroup: shop, template: t.yaml}
    trafficManager: {resourceGroup: shop, profile: shop}
gates: {probe: {port: 80}}
"""
SNAPSHOT = Snapshot(MANIFEST, "shop.yaml")


def ago(seconds: float) -> datetime:
    """A moment before NOW."""
    return NOW - timedelta(seconds=seconds)


def service(*targets: Target, name: str = "storefront") -> Service:
    """A service with one target in the west of Europe unless others are given."""
    return Service(name, NEW.image, targets or (Target("westeurope", PLAN),))


def fresh(
    of: Service | None = None, *, first: bool = False, rollout_id: str = "7f3a09c2d1e4", plan: Plan = PLAN
) -> Rollout:
    """A rollout that was just submitted, 252 seconds before NOW, beside a serving 1.4.2 unless it is the first."""
    of = of or service(Target("westeurope", plan))
    stable = () if first else tuple((each.name, _serving(each)) for each in of.targets)
    found = Survey(None if first else OLD, stable, number=2)
    return begin(rollout_id, of, NEW, found, ago(252))


def _serving(target: Target) -> tuple[Slot, ...]:
    group = f"storefront-{OLD.short}-2-0"
    return (Slot(0, group, f"{group}-{target.name}", address=f"old.{target.name}.azurecontainer.io", stage=Stage.SEEN),)


def on(rollout: Rollout, name: str = "westeurope", **changes: object) -> Rollout:
    """The same rollout with one target's state changed."""
    targets = tuple(replace(s, **changes) if s.name == name else s for s in rollout.targets)  # type: ignore[arg-type]
    return replace(rollout, targets=targets)


def candidate(state: TargetState, **changes: object) -> tuple[Slot, ...]:
    """The target's candidate slots, seen and ready at addresses of their own, with further changes."""
    values: dict[str, object] = {
        "stage": Stage.SEEN,
        "ready": True,
        "clean": 12,
        "address": f"new.{state.name}.azurecontainer.io",
    }
    values.update(changes)
    return tuple(replace(slot, **values) for slot in state.candidate)  # type: ignore[arg-type]


def asked(rollout: Rollout, share: float, *, confirmed: bool = True, name: str = "westeurope") -> Asked:
    """A wanted split of a thousand, asked for 90 seconds before NOW and read back 2 seconds later."""
    state = rollout.target(name)
    members = [Member(slot.endpoint, slot.address or "", round(share * 10)) for slot in state.candidate]
    members += [Member(slot.endpoint, slot.address or "", round(1000 - share * 10)) for slot in state.stable]
    return Asked(TrafficIntent(tuple(members)), ago(90), share, confirmed_at=ago(88) if confirmed else None)


def holding(share: float = 10.0, rollout: Rollout | None = None, **changes: object) -> Rollout:
    """A canary held at its first step for 42 of 60 seconds."""
    rollout = rollout or fresh()
    rollout = on(rollout, candidate=candidate(rollout.target("westeurope")))
    values: dict[str, object] = {
        "phase": Phase.HOLDING,
        "step": 1,
        "since": ago(42),
        "share": share,
        "observed": 9.6,
        "online": True,
        "exposed": True,
        "asked": asked(rollout, share),
        "note": "holds at 10 % for another 18 s",
        "routed_as": "contoso-shop.trafficmanager.net",
    }
    values.update(changes)
    return replace(on(rollout, "westeurope", **values), ticked_at=NOW, version=9)


ERRORS = MetricRule("errors", interval_seconds=5.0)
SMOKE = MetricRule("smoke", MetricKind.CHECK, when=(When.BEFORE, When.DURING))


def counted(
    metric: str = "errors", stable: tuple[int, int] = (430, 1), candidate: tuple[int, int] = (48, 0), **changes: object
) -> Evidence:
    """What a source has counted in nine intervals of five seconds up to 2 seconds before NOW: requests, failures."""
    known = begin_step(Evidence(metric))
    for n in range(9):
        since = ago(47 - 5 * n)
        known = update(known, Counts(since, since + timedelta(seconds=5), *stable, *candidate))
    known = replace(known, asked_at=ago(1), stable_at=ago(2), candidate_at=ago(2))
    return replace(known, **changes)  # type: ignore[arg-type]


def judged(*metrics: Evidence, rules: tuple[MetricRule, ...] = (ERRORS, SMOKE), **changes: object) -> Rollout:
    """The same canary, judged by a source that has counted and by a check that has passed before any traffic."""
    rollout = fresh(service(Target("westeurope", PLAN, metrics=rules)))
    values: dict[str, object] = {"metrics": metrics or (counted(),), "checks": (checked(CheckState.PASSED, step=0),)}
    return holding(rollout=rollout, **{**values, **changes})


def checked(
    state: CheckState, *, step: int = 1, why: str = "12 of 12 pages answered", attempt: int = 0, output: str = ""
) -> CheckSeen:
    """The check as it was found half a minute ago."""
    return CheckSeen("smoke", step, state, ago(30), why, attempt, output)


def undecided(code: str = "tooFew", message: str = "errors: 4 of 10 requests to the candidate in this step") -> Rollout:
    """The same beyond its hold, with something that is not proven."""
    doubt = Reason(code, message, (("metric", "errors"), ("requests", 4), ("limit", 10)))
    few = replace(counted(), step_candidate=4, step_stable=40)
    return judged(few, doubt=doubt, note=message, since=ago(200))


def asking() -> Rollout:
    """The same for so long that a person is asked."""
    rollout = undecided()
    message = "; undecided for 1800 s: `rollout approve` goes on, `rollout abort` back"
    return on(rollout, since=ago(1900), asks_person=True, note=rollout.targets[0].note + message)


def draining(**changes: object) -> Rollout:
    """Everything on 1.5.0, the last answers that name the old side have expired, and somebody still talks to it."""
    rate = replace(
        counted(), step_candidate=9000, step_stable=14, rate_before=86.0, quiet_since=ago(32), quiet_until=ago(2)
    )
    values: dict[str, object] = {
        "phase": Phase.DRAINING,
        "step": 3,
        "share": 100.0,
        "observed": 100.0,
        "metrics": (rate,),
        "ttl_shift": 10,
        "expires_at": ago(78),
        "since": ago(60),
        "note": "answers expire 11:58:42, + 60 s propagation + 10 s margin = 11:59:52 UTC; waits for 60 s without"
        " requests",
        "talkers": (("10.4.0.7", 0.4), ("10.4.0.9", 0.1)),
    }
    rollout = judged(rate, **{**values, **changes})
    if "asked" in changes:
        return rollout
    return on(rollout, asked=asked(rollout, 100.0))


def promoted() -> Rollout:
    """All traffic on 1.5.0, the old group gone, three minutes ago."""
    rollout = holding(100.0)
    state = rollout.target("westeurope")
    gone = tuple(replace(slot, stage=Stage.GONE) for slot in state.stable)
    rollout = on(rollout, phase=Phase.PROMOTED, step=3, observed=100.0, stable=gone, note="")
    return replace(rollout, ended_at=ago(180), created_at=ago(432))


def rolled_back(*, first: bool = False) -> Rollout:
    """1.5.0 taken back after failed probes, three minutes ago."""
    rollout = holding(0.0, fresh(first=first))
    state = rollout.target("westeurope")
    failure = Reason(
        "probesFailed",
        "storefront-x failed 3 probes in a row (limit 3): status 500",
        (("group", "storefront-x"), ("failed", 3), ("limit", 3)),
    )
    gone = tuple(replace(slot, stage=Stage.GONE) for slot in state.candidate)
    rollout = on(rollout, phase=Phase.ROLLED_BACK, observed=0.0, candidate=gone, note="", failure=failure)
    return replace(rollout, ended_at=ago(180), failure=failure)


def stuck() -> Rollout:
    """Both sides fail: nothing is safe."""
    why = Reason("stableSick", "aborted by a person; but the stable side cannot serve either")
    return on(holding(), phase=Phase.STUCK, failure=why)


def two_targets() -> Rollout:
    """The first of two waves holds, the second waits for it."""
    both = service(Target("westeurope", PLAN), Target("northeurope", PLAN, wave=2))
    rollout = holding(rollout=fresh(both))
    return on(rollout, "northeurope", note="waits for wave 1")


def revision(digest: str) -> Revision:
    """Another revision of the same image."""
    return names.revision(digest, "t1", image=NEW.image)
