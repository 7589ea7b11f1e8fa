"""What is wrong with sources of evidence beyond their types: kinds, intervals, access, words, what a target cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.manifest import metric_build as build
from orchestrator.manifest.metric_access import access_mistakes
from orchestrator.manifest.metric_models import Metric
from orchestrator.manifest.problems import Mistake, Path, near, shown
from orchestrator.manifest.schema import Gates, Manifest, Target
from orchestrator.manifest.strategy_checks import at
from providers.metrics.words import SIDES, WORDS, tells_sides_apart, unknown_words, words_in
from strategies.gates import MetricKind

_REVISIONS = ("revision", "revision8")
_LONGEST_ANSWER_SECONDS = 60.0


def metric_mistakes(manifest: Manifest, raw: Any) -> Iterator[Mistake]:
    """Judge every list of sources, `raw` being the document as it was filled in."""
    yield from _list(manifest.gates, ("gates", "metrics"), raw)
    for number, target in enumerate(manifest.targets):
        metrics, path = build.metrics_at(manifest, number)
        longest = build.gates_of(manifest, target, "longest_hold").longest_hold
        if path[0] == "targets" and target.gates is not None:
            yield from _list(target.gates, path, raw)
        for place, metric in enumerate(metrics):
            yield from _for_target(metric, (*path, place), target, ("targets", number))
            yield from _in_time(metric, (*path, place), longest, target)


def _list(gates: Gates, path: Path, raw: Any) -> Iterator[Mistake]:
    known: dict[str, int] = {}
    for number, metric in enumerate(gates.metrics):
        place = (*path, number)
        first = known.setdefault(metric.name, number)
        if first != number:
            needs: tuple[Path, ...] = ((*path, first, "name"), (*path, first))
            message = f"must be unique in the list; got {shown(metric.name)}, which metrics[{first}] has already"
            yield Mistake((*place, "name"), message, needs)
        yield from _kinds(at(raw, place), place)
        yield from _when(metric, place)
        yield from _fitting(metric, place)
        yield from _sources(metric, place)
        yield from access_mistakes(metric, place)
        yield from _timeouts(metric, place)
        yield from _intervals(metric, place)
        yield from _words(metric, place)


def _kinds(raw: Any, path: Path) -> Iterator[Mistake]:
    """Judged on what was written, so that one that is wrong in itself is not taken for none."""
    item = raw if isinstance(raw, Mapping) else {}
    given = [word for word in build.KINDS if item.get(word) is not None]
    known = {part.alias or name for name, part in Metric.model_fields.items()}
    misspelt = not given and not set(item) <= known
    if len(given) == 1 or misspelt:
        return
    kinds = f"{', '.join(build.KINDS[:-1])} and {build.KINDS[-1]}"
    yield Mistake(path, f"must hold exactly one of {kinds}; got {' and '.join(given) or 'none'}")


def _when(metric: Metric, path: Path) -> Iterator[Mistake]:
    said = metric.when or []
    for number, word in enumerate(said):
        if word in said[:number]:
            yield Mistake((*path, "when", number), f"must be given once; got {word} again")


def _fitting(metric: Metric, path: Path) -> Iterator[Mistake]:
    """Keys that mean nothing beside this kind."""
    word = build.kind_of(metric)
    if word is None:
        return
    kind = build.counted(metric)
    needs = tuple((*path, word, key) for key in ("failures", "slow", "counts"))
    out: dict[str, str] = {}
    if kind is MetricKind.CHECK:
        out = dict.fromkeys(("interval", "lag", "weight"), f"a {word} counts nothing: it passes or fails")
    elif kind is MetricKind.QUIET:
        why = "it counts neither failures nor slow requests, so it decides nothing and only measures the drain"
        out = dict.fromkeys(("weight", "when"), why)
    elif metric.probes is not None:
        out = {"lag": "our own probes are known at once"}
    for key, why in out.items():
        if getattr(metric, key) is not None:
            yield Mistake((*path, key), f"must be left out, for {why}", needs)


def _sources(metric: Metric, path: Path) -> Iterator[Mistake]:
    """What one source alone must hold."""
    for word, part in (("prometheus", metric.prometheus), ("azureMonitor", metric.azure_monitor)):
        if part is not None and part.failures is not None and part.slow is not None:
            way_out = "make two sources of them"
            yield Mistake(
                (*path, word, "slow"), f"must be left out beside failures: {way_out}", ((*path, word, "failures"),)
            )
    logs = metric.log_analytics
    if logs is not None and (logs.workspace is None) == (logs.resource is None):
        place, got = (*path, "logAnalytics"), "none" if logs.workspace is None else "both"
        needs = ((*place, "workspace"), (*place, "resource"))
        yield Mistake(place, f"must hold exactly one of workspace and resource; got {got}", needs)


def _words(metric: Metric, path: Path) -> Iterator[Mistake]:
    for below, text in build.queries(metric):
        for word in unknown_words(text):
            meant = near(f"${word}", [f"${known}" for known in WORDS])
            message = f"must hold no word ${word}, which means nothing ({meant}); $$ writes a dollar"
            yield Mistake((*path, *below), message)
    for below, texts in build.questions(metric):
        # A word that means nothing may be the one that tells them apart, mistyped.
        if not any(tells_sides_apart(text) or unknown_words(text) for text in texts):
            words = ", ".join(f"${word}" for word in SIDES)
            message = f"must hold a word that differs between the sides ({words}): without one both are counted as one"
            yield Mistake((*path, *below), message)


def _timeouts(metric: Metric, path: Path) -> Iterator[Mistake]:
    parts = {
        "prometheus": metric.prometheus,
        "azureMonitor": metric.azure_monitor,
        "logAnalytics": metric.log_analytics,
        "webhook": metric.webhook,
    }
    for word, part in parts.items():
        if part is not None and not 0 < part.timeout <= _LONGEST_ANSWER_SECONDS:
            message = f"must exceed 0s and be at most 60s, for the rollout waits meanwhile; got {part.timeout:g}s"
            yield Mistake((*path, word, "timeout"), message)


def _intervals(metric: Metric, path: Path) -> Iterator[Mistake]:
    word = build.kind_of(metric)
    if metric.interval is None or word is None:
        return
    if word in build.MINUTES and metric.interval < 60:
        message = f"must be at least 1m, for {word} counts by the minute; got {metric.interval}s"
        yield Mistake((*path, "interval"), message)
    elif metric.interval < 1:
        yield Mistake((*path, "interval"), f"must be at least 1s; got {metric.interval}s")


def _in_time(metric: Metric, path: Path, longest: float, target: Target) -> Iterator[Mistake]:
    """What comes only when a person has been asked already decides nothing."""
    for word, check in (("command", metric.command), ("job", metric.job)):
        if check is not None and not 0 < check.timeout < longest:
            message = f"must exceed 0s and be below longestHold ({longest:g}s) of target {target.name}"
            yield Mistake((*path, word, "timeout"), f"{message}; got {check.timeout:g}s")
    interval, lag = build.interval_of(metric), build.lag_of(metric)
    if metric.command is None and metric.job is None and interval + lag >= longest:
        message = (
            f"must come in time: its interval ({interval:g}s) and lag ({lag:g}s) together must be below longestHold "
            f"({longest:g}s) of target {target.name}"
        )
        yield Mistake(path, message, ((*path, "interval"), (*path, "lag")))


def _for_target(metric: Metric, path: Path, target: Target, place: Path) -> Iterator[Mistake]:
    """What a target asks of its sources by where it runs, and by what it adopts."""
    if metric.job is not None and target.kubernetes is None:
        missing = [key for key in ("context", "namespace") if getattr(metric.job, key) is None]
        if missing:
            needs: tuple[Path, ...] = tuple((*path, "job", key) for key in missing)
            message = f"must hold {' and '.join(missing)}, for target {target.name} is in no cluster"
            yield Mistake((*path, "job"), message, (*needs, (*place, "kubernetes"), place))
    if not _adopts(target):
        return
    sources = {
        "prometheus": metric.prometheus,
        "azureMonitor": metric.azure_monitor,
        "logAnalytics": metric.log_analytics,
    }
    stable = next((part.stable for part in sources.values() if part is not None), None)
    for below, text in build.queries(metric):
        words = words_in(text)
        if "digest" in words:
            message = f"must not ask by $digest, which is unknown of what target {target.name} adopts: use $revision"
            yield Mistake((*path, *below), message, (place,))
        elif "groups" in words:
            message = (
                f"must not ask by $groups, for behind what target {target.name} adopts are no workloads of ours: use "
                "$revision with `stable` beside it (the value of its label there), or $endpoints"
            )
            yield Mistake((*path, *below), message, (place,))
        elif stable is None and any(word in words for word in _REVISIONS):
            message = (
                f"must have `stable` beside it, for target {target.name} adopts what has no revision of ours: what "
                "$revision stands for there (the value of its label)"
            )
            yield Mistake((*path, *below), message, (place, (*path, below[0], "stable")))


def _adopts(target: Target) -> bool:
    if target.kubernetes is not None:
        return target.gateway_api is not None and bool(target.gateway_api.adopt)
    return target.traffic_manager is not None and bool(target.traffic_manager.adopt)
