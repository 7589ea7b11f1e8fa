"""Where settings of evidence are joined to their adapters: a part of `wiring`, by the kinds of `gates.metrics`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from providers.metrics.settings import Command, Errands, Job, Source
from providers.ports import Check, Metrics
from strategies.gates import MetricRule

if TYPE_CHECKING:
    from orchestrator.manifest.targets import TargetSettings
    from orchestrator.wiring import App


def metrics(app: App, rules: Sequence[MetricRule], settings: TargetSettings) -> Mapping[str, Metrics]:
    """The sources that count requests, by name, made without any I/O; our own probes are none."""
    from providers.metrics.adapters import counting

    sources = {named.name: named.source for named in settings.sources}
    made = {}
    for rule in rules:
        source = sources.get(rule.name)
        if source is None or isinstance(source, Command | Job):
            continue
        made[rule.name] = counting(rule, source, secrets=app.secrets(), token=app.token, azure=app.clients)
    return made


def checks(app: App, rules: Sequence[MetricRule], settings: TargetSettings) -> Mapping[str, Check]:
    """The checks that are run, by name, made without any I/O."""
    sources = {named.name: named.source for named in settings.sources}
    made = {rule.name: _check(app, rule, sources.get(rule.name)) for rule in rules}
    return {name: check for name, check in made.items() if check is not None}


def _check(app: App, rule: MetricRule, source: Source | Errands | None) -> Check | None:
    if isinstance(source, Command):
        from providers.metrics.command import CommandCheck

        return CommandCheck(rule, source, app.secrets(), now=app.clock.now)
    if isinstance(source, Job):
        from providers.kubernetes.jobs import JobCheck

        return JobCheck(rule, source, app.clusters().api(source.context))
    return None
