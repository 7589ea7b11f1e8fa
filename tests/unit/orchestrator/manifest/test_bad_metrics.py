"""Bad lists of sources, and what they count, are told by file, line and path, all at once, with the way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.unit.orchestrator.manifest.evidence import END, PROMETHEUS, RESOURCE, at, metrics, prometheus

Messages = Callable[..., list[str]]
ONE = "gates.metrics[0]"
APART = (
    "must hold a word that differs between the sides ($side, $revision, $revision8, $digest, $groups, $endpoints): "
    "without one both are counted as one"
)
KINDS = "must hold exactly one of prometheus, azureMonitor, logAnalytics, webhook, probes, command and job"
NO_GROUPS = (
    "must not ask by $groups, for behind what target west adopts are no workloads of ours: use $revision with `stable` "
    "beside it (the value of its label there), or $endpoints"
)
NO_STABLE = (
    "must have `stable` beside it, for target west adopts what has no revision of ours: what $revision stands for "
    "there (the value of its label)"
)

CASES: dict[str, tuple[Mapping[str, str], list[str]]] = {
    "a source without its kind": (
        metrics("{name: errors}"),
        [f"rollout.yaml:21: {ONE}: {KINDS}; got none"],
    ),
    "a source of two kinds": (
        prometheus(beside=", probes: {}"),
        [f"rollout.yaml:21: {ONE}: {KINDS}; got prometheus and probes"],
    ),
    "a kind that is misspelt, which is one mistake": (
        metrics("{name: errors, promethues: {}}"),
        [f"rollout.yaml:21: {ONE}.promethues: must be a known key; got 'promethues': did you mean 'prometheus'?"],
    ),
    "names that are none or twice": (
        metrics("{name: A b, probes: {}}", "{name: own, probes: {}}", "{name: own, probes: {}}"),
        [
            at(21, 0, "name",
               "must begin with a small letter and go on with small letters, digits and hyphens, 40 at most; got 'A "
               "b'"),
            at(23, 2, "name", "must be unique in the list; got 'own', which metrics[1] has already"),
        ],
    ),
    "a source that is no mapping, beside others": (
        metrics("errors", "{name: other}"),
        [
            at(21, 0, "", "must be a mapping; got 'errors'"),
            f"rollout.yaml:22: gates.metrics[1]: {KINDS}; got none",
        ],
    ),
    "stretches that do not exist, are none, or twice": (
        metrics(
            "{name: a, probes: {}, when: [soon]}",
            "{name: b, probes: {}, when: []}",
            "{name: c, probes: {}, when: [after, after]}",
        ),
        [
            at(21, 0, "when[0]", "must be 'before', 'during' or 'after'; got 'soon'"),
            at(22, 1, "when", "must hold at least 1; got a list"),
            at(23, 2, "when[1]", "must be given once; got after again"),
        ],
    ),
    "weights that are none": (
        metrics("{name: a, probes: {}, weight: 0}", "{name: b, probes: {}, weight: .inf}"),
        [
            at(21, 0, "weight", "must be a number above 0 and at most 1000; got 0"),
            at(22, 1, "weight", "must be a number above 0 and at most 1000; got '.inf'"),
        ],
    ),
    "failures and slow requests in one source": (
        prometheus(", failures: $revision, slow: $revision"),
        [f"rollout.yaml:21: {ONE}.prometheus.slow: must be left out beside failures: make two sources of them"],
    ),
    "a query that is empty or none": (
        metrics("{name: a, prometheus: {url: 'http://p', requests: ' ', failures: 5}}"),
        [
            at(21, 0, "prometheus.failures", "must be a query: text that is not empty; got 5"),
            at(21, 0, "prometheus.requests", "must be a query: text that is not empty; got ' '"),
        ],
    ),
    "a source without its address and its query": (
        metrics("{name: a, prometheus: {}}", "{name: b, webhook: {}}", "{name: c, azureMonitor: {}}"),
        [
            at(21, 0, "prometheus.requests",
               "must be given: a counter of all requests of one side, in PromQL; got nothing"),
            at(21, 0, "prometheus.url", "must be given: the server's address, without /api/v1; got nothing"),
            at(22, 1, "webhook.url", "must be given: the address that is POSTed to; got nothing"),
            at(23, 2, "azureMonitor.requests", "must be given: all requests of one side; got nothing"),
            at(23, 2, "azureMonitor.resource", "must be given: the resource's id; got nothing"),
        ],
    ),
    "words that mean nothing": (
        metrics(
            "{name: a, prometheus: {url: 'http://p', requests: 'r{v=~\"$revison$side$\"}', failures: $what$side}}",
        ),
        [
            at(21, 0, "prometheus.failures",
               "must hold no word $what, which means nothing (known here: $digest, $endpoints, $groups, $interval, "
               "$revision, $revision8, $service, $side, $target); $$ writes a dollar"),
            at(21, 0, "prometheus.requests",
               "must hold no word $revison, which means nothing (did you mean '$revision'?); $$ writes a dollar"),
        ],
    ),
    "a word that was mistyped, which is one mistake": (
        metrics(
            "{name: a, prometheus: {url: 'http://p', requests: 'r{v=\"$revison\"}', failures: 'f{v=\"$revision\"}'}}",
            f"{{name: b, azureMonitor: {{resource: {RESOURCE}, requests: {{metric: R, filter: v eq '$Revision'}}}}}}",
        ),
        [
            at(21, 0, "prometheus.requests",
               "must hold no word $revison, which means nothing (did you mean '$revision'?); $$ writes a dollar"),
            at(22, 1, "azureMonitor.requests.filter",
               "must hold no word $Revision, which means nothing (did you mean '$revision'?); $$ writes a dollar"),
        ],
    ),
    "queries that ask the same of both sides": (
        metrics(
            "{name: a, prometheus: {url: 'http://p', requests: 'r{s=\"$service\"}', failures: 'f{v=\"$$revision\"}'}}",
            f"{{name: b, azureMonitor: {{resource: {RESOURCE}, requests: {{metric: Requests}}}}}}",
            f"{{name: c, logAnalytics: {{resource: {RESOURCE}, query: requests}}}}",
        ),
        [
            f"rollout.yaml:21: {ONE}.prometheus.failures: {APART}",
            f"rollout.yaml:21: {ONE}.prometheus.requests: {APART}",
            f"rollout.yaml:22: gates.metrics[1].azureMonitor.requests: {APART}",
            f"rollout.yaml:23: gates.metrics[2].logAnalytics.query: {APART}",
        ],
    ),
    "intervals below what can be counted": (
        metrics(
            "{name: a, interval: 500ms, probes: {}}",
            "{name: b, interval: 0s, probes: {}}",
            f"{{name: c, interval: 30s, logAnalytics: {{resource: {RESOURCE}, query: $revision}}}}",
        ),
        [
            at(21, 0, "interval", "must be a whole number of seconds; got '500ms'"),
            at(22, 1, "interval", "must be at least 1s; got 0s"),
            at(23, 2, "interval", "must be at least 1m, for logAnalytics counts by the minute; got 30s"),
        ],
    ),
    "counts that come when a person has been asked already": (
        {**prometheus(beside=", interval: 1m, lag: 4m"), "  probe:": "  longestHold: 5m\n  probe:"},
        [
            f"rollout.yaml:22: {ONE}: must come in time: its interval (60s) and lag (240s) together must be below "
            "longestHold (300s) of target west"
        ],
    ),
    "a longest hold of no time at all": (
        {END: f"{END}  longestHold: 0s\n"},
        ["rollout.yaml:20: gates.longestHold: must exceed 0s; got 0s"],
    ),
    "keys that mean nothing beside the kind": (
        metrics(
            "{name: a, interval: 5s, lag: 1s, weight: 2, command: {run: 'true'}}",
            "{name: b, weight: 2, when: [after], prometheus: {" + PROMETHEUS + "}}",
            "{name: c, lag: 1s, probes: {}}",
        ),
        [
            *(
                f"rollout.yaml:21: {ONE}.{key}: must be left out, for a command counts nothing: it passes or fails"
                for key in ("interval", "lag", "weight")
            ),
            *(
                f"rollout.yaml:22: gates.metrics[1].{key}: must be left out, for it counts neither failures nor slow "
                "requests, so it decides nothing and only measures the drain"
                for key in ("weight", "when")
            ),
            at(23, 2, "lag", "must be left out, for our own probes are known at once"),
        ],
    ),
    "what is counted in words that do not exist": (
        metrics(
            f"{{name: a, azureMonitor: {{resource: {RESOURCE}, "
            "requests: {metric: R, aggregation: Maximum, filter: $side}}}",
            "{name: b, webhook: {url: 'http://p', counts: errors}}",
        ),
        [
            at(21, 0, "azureMonitor.requests.aggregation", "must be 'Total', 'Count' or 'Average'; got 'Maximum'"),
            at(22, 1, "webhook.counts", "must be 'failures', 'slow' or 'none'; got 'errors'"),
        ],
    ),
    "an adopted side that has no revision": (
        {
            **metrics(
                "{name: a, prometheus: {" + PROMETHEUS + ", failures: $revision8}}",
                f"{{name: b, logAnalytics: {{resource: {RESOURCE}, query: $digest, stable: legacy}}}}",
                "{name: c, prometheus: {" + PROMETHEUS + ", stable: legacy}}",
                "{name: d, prometheus: {url: 'http://p', requests: 'r{pod=~\"$groups\"}', stable: legacy}}",
                f"{{name: e, azureMonitor: {{resource: {RESOURCE}, requests: {{metric: R, filter: A eq '$groups'}}}}}}",
                f"{{name: f, azureMonitor: {{resource: {RESOURCE}, requests: {{metric: R, filter: $endpoints}}}}}}",
            ),
            "    weight: 1000\n": "    adopt: [blue]\n",
        },
        [
            f"rollout.yaml:21: {ONE}.prometheus.failures: {NO_STABLE}",
            f"rollout.yaml:21: {ONE}.prometheus.requests: {NO_STABLE}",
            at(22, 1, "logAnalytics.query",
               "must not ask by $digest, which is unknown of what target west adopts: use $revision"),
            at(24, 3, "prometheus.requests", NO_GROUPS),
            at(25, 4, "azureMonitor.requests.filter", NO_GROUPS),
        ],
    ),
    "a target's own sources, which are judged as the service's": (
        {"strategy:": "  gates: {metrics: [{name: a}]}\nstrategy:"},
        [f"rollout.yaml:15: targets[0].gates.metrics[0]: {KINDS}; got none"],
    ),
    "more sources than anybody can look after": (
        metrics(*(f"{{name: m{number}, probes: {{}}}}" for number in range(21))),
        ["rollout.yaml:20: gates.metrics: must hold at most 20; got a list"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_bad_source_is_told_with_file_line_and_path(messages: Messages, name: str) -> None:
    edits, expected = CASES[name]
    assert messages(edits) == expected
