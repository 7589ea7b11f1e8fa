"""What the sources of evidence say before a rollout begins: each is asked once, about what serves now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from orchestrator.look import arm
from orchestrator.manifest.loader import Loaded
from orchestrator.manifest.metric_build import metrics_at
from orchestrator.manifest.problems import Path
from orchestrator.ports import TargetPorts
from orchestrator.telemetry.faults import told
from providers.errors import ProviderError
from providers.ports import Arm, Errand, Finding, Question
from strategies.gates import MetricRule
from strategies.model import Rollout, Side
from strategies.plan import Target

if TYPE_CHECKING:
    from orchestrator.telemetry.log import Log

T = TypeVar("T")
_AT_ONCE = 8
"""How many sources are asked at the same time: each may take as long as its timeout."""
_LEAST_SECONDS = 300.0
_INTERVALS = 12
"""Over how long at least, and over how many of its intervals, a source is asked."""
_REPORT = "nothing is decided by it until it answers: report this, with the log's line source_failed"
_NOBODY = "nothing serves yet, so it counts nothing: ask again when something does"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one source of one target answered; `path` is where the source stands in the manifest."""

    target: str
    path: Path
    finding: Finding


def inquire(
    loaded: Loaded, hands: Mapping[str, TargetPorts], rollout: Rollout, now: datetime, log: Log | None = None
) -> tuple[Asked, ...]:
    """Ask every source of every target, in the order of the manifest; `rollout` is the wanted one, begun in thought.

    Reads only. Where nothing serves yet no answer is fatal: a first release is not decided by counts. Whatever goes
    wrong with a source is a finding; what nobody foresaw is told to `log` as well.
    """
    asking = list(_questions(loaded, hands, rollout, now, log))
    answers = together(each.ask for each in asking)
    return tuple(
        Asked(each.target, each.path, finding)
        for each, findings in zip(asking, answers, strict=True)
        for finding in findings
    )


def together(asks: Iterable[Callable[[], T]]) -> list[T]:
    """Ask several sources at the same time; the answers come in the order of the questions."""
    asking = list(asks)
    if not asking:
        return []
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(asking)), thread_name_prefix="source") as pool:
        return list(pool.map(lambda ask: ask(), asking))


def question(rollout: Rollout, target: Target, rule: MetricRule, now: datetime) -> Question:
    """What a source is asked before a rollout begins: about the last minutes, in which only what serves was there."""
    seconds = max(_LEAST_SECONDS, _INTERVALS * rule.interval_seconds) + rule.lag_seconds
    return Question(
        service=rollout.service.name,
        target=target.name,
        since=now - timedelta(seconds=seconds),
        now=now,
        step_seconds=rule.interval_seconds,
        stable=_stable(rollout, target),
        candidate=arm(rollout, rollout.target(target.name), Side.CANDIDATE),
    )


def unforeseen(error: Exception, target: str, rule: MetricRule, log: Log | None) -> str:
    """What people are told of a source that failed with `error`, which `log` is told; never the error's own text."""
    if log is not None:
        log.warning("source_failed", target=target, metric=rule.name, **told(error))
    return f"failed in a way that nobody foresaw ({type(error).__name__})"


@dataclass(frozen=True, slots=True)
class _Asking:
    target: str
    path: Path
    rule: MetricRule
    preflight: partial[tuple[Finding, ...]]
    serves: bool
    log: Log | None

    def ask(self) -> tuple[Finding, ...]:
        subject = f"metric {self.rule.name}"
        try:
            found = self.preflight()
        except ProviderError as error:
            found = (Finding(False, subject, str(error), fatal=False),)
        except Exception as error:  # noqa: BLE001 - one source's mistake must not fail what it only warns of
            said = unforeseen(error, self.target, self.rule, self.log)
            found = (Finding(False, subject, said, _REPORT, fatal=False),)
        if self.serves:
            return found
        return tuple(each if each.ok else replace(each, fatal=False, remedy=_NOBODY) for each in found)


def _questions(
    loaded: Loaded, hands: Mapping[str, TargetPorts], rollout: Rollout, now: datetime, log: Log | None
) -> Iterator[_Asking]:
    for number, target in enumerate(loaded.service().targets):
        _, path = metrics_at(loaded.manifest, number)
        ports, serves = hands[target.name], _serves(rollout, target)
        for place, rule in enumerate(target.metrics):
            where = (*path, place)
            if rule.name in ports.metrics:
                ask = partial(ports.metrics[rule.name].preflight, question(rollout, target, rule, now))
                yield _Asking(target.name, where, rule, ask, serves, log)
            elif rule.name in ports.checks:
                ask = partial(ports.checks[rule.name].preflight, _errand(rollout, target, rule))
                # A check is run against the candidate, whoever serves.
                yield _Asking(target.name, where, rule, ask, serves=True, log=log)


def _stable(rollout: Rollout, target: Target) -> Arm:
    """What serves; where nothing does a revision that nobody has, so that a query can be asked all the same."""
    if _serves(rollout, target):
        return arm(rollout, rollout.target(target.name), Side.STABLE)
    return Arm(Side.STABLE, "0" * 64, f"sha256:{'0' * 64}")


def _serves(rollout: Rollout, target: Target) -> bool:
    """Whether anything gets requests; what was made by hand may stand there switched off."""
    return any(slot.weight != 0 for slot in rollout.target(target.name).stable)


def _errand(rollout: Rollout, target: Target, rule: MetricRule) -> Errand:
    state = rollout.target(target.name)
    return Errand(
        key=f"preflight-{target.name}-{rule.name}",
        service=rollout.service.name,
        target=target.name,
        step=0,
        when=rule.when[0],
        candidate=arm(rollout, state, Side.CANDIDATE),
        stable=_stable(rollout, target),
    )
