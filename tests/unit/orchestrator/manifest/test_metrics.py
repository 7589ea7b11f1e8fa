"""Sources of evidence from the manifest arrive as rules for decisions and as settings for adapters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.manifest.loader import Loaded, from_snapshot, load
from orchestrator.manifest.variables import Variables
from providers.metrics.settings import (
    Access,
    AzureMonitor,
    Command,
    Job,
    LogAnalytics,
    Named,
    PlatformMetric,
    Prometheus,
    Webhook,
)
from providers.secrets import SecretRef
from strategies.gates import MetricKind, MetricRule, When
from tests.unit.orchestrator.manifest import clusters
from tests.unit.orchestrator.manifest.conftest import MANIFEST, edited
from tests.unit.orchestrator.manifest.evidence import PROMETHEUS, RESOURCE, metrics

HOOK = "webhook: {url: 'https://hook'}"
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: smoke}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: smoke, image: "smoke:${var:tag}"}]}}}
"""


def one(project: Path, edits: Mapping[str, str], **variables: str) -> Loaded:
    """Load the project after edits of its manifest."""
    (project / "rollout.yaml").write_text(edited(MANIFEST, edits))
    (loaded,) = load(["rollout.yaml"], Variables(variables))
    return loaded


def rules(loaded: Loaded, target: str = "west") -> tuple[MetricRule, ...]:
    return loaded.service().target(target).metrics


def source(loaded: Loaded, target: str = "west") -> object:
    (named,) = loaded.target(target).sources
    return named.source


def test_without_a_word_there_are_no_sources_and_a_person_is_asked_after_half_an_hour(project: Path) -> None:
    loaded = load(["rollout.yaml"])[0]
    assert rules(loaded) == loaded.target("west").sources == ()
    assert loaded.service().target("west").longest_seconds == 1800


def test_each_kind_has_its_own_defaults(project: Path) -> None:
    platform = "requests: {metric: R, filter: $side}, failures: {metric: F, filter: $side}"
    monitor = f"azureMonitor: {{resource: {RESOURCE}, {platform}}}"
    loaded = one(
        project,
        metrics(
            f"{{name: a, prometheus: {{{PROMETHEUS}, failures: $side}}}}",
            f"{{name: b, {monitor}}}",
            f"{{name: c, logAnalytics: {{resource: {RESOURCE}, query: $side}}}}",
            f"{{name: d, {HOOK}}}",
            "{name: e, probes: {}}",
            "{name: f, command: {run: 'true'}}",
        ),
    )
    assert rules(loaded) == (
        MetricRule("a", interval_seconds=5, lag_seconds=2, sampled=True),
        MetricRule("b", interval_seconds=60, lag_seconds=180),
        MetricRule("c", interval_seconds=60, lag_seconds=300),
        MetricRule("d", interval_seconds=5, lag_seconds=0),
        MetricRule("e", interval_seconds=5, lag_seconds=0, own=True),
        MetricRule("f", MetricKind.CHECK, (When.BEFORE,)),
    )
    assert loaded.target("west").sources[4] == Named("e", None)


def test_every_word_about_a_source_arrives(project: Path) -> None:
    item = f"{{name: a, when: [before, after], dryRun: true, weight: 2.5, interval: 10s, lag: 1m30s, {HOOK}}}"
    loaded = one(project, {**metrics(item), "  probe:": "  longestHold: 1h\n  probe:"})
    assert rules(loaded) == (MetricRule("a", MetricKind.FAILURES, (When.BEFORE, When.AFTER), True, 2.5, 10, 90),)
    assert loaded.service().target("west").longest_seconds == 3600


def test_what_is_counted_beside_requests_makes_the_kind(project: Path) -> None:
    loaded = one(
        project,
        metrics(
            f"{{name: a, prometheus: {{{PROMETHEUS}, slow: $side}}}}",
            f"{{name: b, prometheus: {{{PROMETHEUS}}}}}",
            "{name: c, webhook: {url: 'https://hook', counts: slow}}",
            f"{{name: d, logAnalytics: {{resource: {RESOURCE}, query: $side, counts: none}}}}",
        ),
    )
    quiet, latency = MetricKind.QUIET, MetricKind.LATENCY
    assert [rule.kind for rule in rules(loaded)] == [latency, quiet, latency, quiet]


def test_a_server_of_azures_signs_in_with_the_scope_of_its_cloud_and_is_later(project: Path) -> None:
    for end in ("com", "us", "cn"):
        url = f"https://shop-x1.westeurope.prometheus.monitor.azure.{end}"
        item = f"{{name: a, prometheus: {{url: '{url}', requests: $side, auth: azure}}}}"
        loaded = one(project, metrics(item))
        scope = f"https://prometheus.monitor.azure.{end}/.default"
        assert source(loaded) == Prometheus(Access(url, scope=scope), "$side")
        assert rules(loaded)[0].lag_seconds == 60


def test_a_server_on_this_machine_may_stand_in_for_azures(project: Path) -> None:
    loaded = one(project, metrics("{name: a, prometheus: {url: 'http://127.0.0.1:9', requests: $side, auth: azure}}"))
    found = source(loaded)
    assert isinstance(found, Prometheus)
    assert found.access.scope == "https://prometheus.monitor.azure.com/.default"


def test_every_word_about_a_server_arrives(project: Path) -> None:
    more = "failures: f$side, clients: c$side, stable: legacy, verify: true, ca: /ca.pem, timeout: 2s"
    loaded = one(project, metrics(f"{{name: a, prometheus: {{url: 'https://p/x', requests: r$side, {more}}}}}"))
    access = Access("https://p/x", ca="/ca.pem", timeout_seconds=2)
    assert source(loaded) == Prometheus(access, "r$side", "f$side", "c$side", "legacy")


def test_every_word_about_azures_own_metrics_arrives(project: Path) -> None:
    platform = "{metric: Requests, filter: \"A eq '$groups'\", aggregation: Count, absent: zero}"
    words = f"resource: {RESOURCE}, namespace: N, requests: {platform}, slow: {platform}, stable: s, timeout: 9s"
    found = PlatformMetric("Requests", "A eq '$groups'", "Count", absent_is_zero=True)
    loaded = one(project, metrics(f"{{name: a, azureMonitor: {{{words}}}}}"))
    assert source(loaded) == AzureMonitor(RESOURCE, found, found, "N", "s", 9)


def test_every_word_about_logs_and_webhooks_arrives(project: Path) -> None:
    workspace = "11111111-2222-3333-4444-555555555555"
    words = f"workspace: {workspace}, query: q$side, clients: c$side, stable: s, timeout: 9s"
    loaded = one(project, metrics(f"{{name: a, logAnalytics: {{{words}}}}}"))
    assert source(loaded) == LogAnalytics("q$side", workspace, None, "c$side", "s", 9)
    hook = "url: 'https://hook/?a=b', auth: azure, scope: 'api://x/.default', stable: s, timeout: 9s"
    loaded = one(project, metrics(f"{{name: a, webhook: {{{hook}}}}}"))
    assert source(loaded) == Webhook(Access("https://hook/?a=b", scope="api://x/.default", timeout_seconds=9), "s")


def test_a_list_is_a_program_and_one_text_is_for_the_shell(project: Path) -> None:
    loaded = one(
        project,
        metrics(
            "{name: a, command: {run: [./smoke, '$HOME'], directory: /srv, env: {A: b}, timeout: 1m}}",
            "{name: b, command: {run: './smoke --fast'}}",
        ),
    )
    assert [named.source for named in loaded.target("west").sources] == [
        Command(("./smoke", "$HOME"), {"A": "b"}, "/srv", 60),
        Command(("/bin/sh", "-c", "./smoke --fast")),
    ]


def test_a_job_is_the_targets_unless_it_says_where_it_runs(project: Path) -> None:
    clusters.put(project)
    (project / "job.yaml").write_text(JOB)
    gates = "gates: {metrics: [{name: smoke, job: {template: job.yaml, timeout: 1m%s}}]}"
    bare, elsewhere = gates % "", gates % ", context: tools, namespace: tests"
    put = clusters.with_(clusters.CLUSTER, "gates: {probe: {port: 8080}}", bare)
    found = source(clusters.read(project, put, tag="v1"), "onprem")
    assert isinstance(found, Job)
    assert (found.context, found.namespace, found.timeout_seconds) == ("arc-onprem", "shop", 60)
    assert found.template["spec"]["template"]["spec"]["containers"] == [{"name": "smoke", "image": "smoke:v1"}]
    put = clusters.with_(clusters.MANIFEST, "gates: {probe: {port: 8080}}", elsewhere)
    loaded = clusters.read(project, put, tag="v1")
    for target in ("west", "onprem"):
        found = source(loaded, target)
        assert isinstance(found, Job)
        assert (found.context, found.namespace) == ("tools", "tests")


def test_a_target_has_the_services_sources_or_its_own_and_either_longest_hold(project: Path) -> None:
    clusters.put(project)
    both = "gates: {longestHold: 1h, probe: {port: 8080}, metrics: [{name: own, probes: {}}]}"
    put = clusters.with_(clusters.MANIFEST, "gates: {probe: {port: 8080}}", both)
    loaded = clusters.read(project, put)
    assert [rule.name for rule in rules(loaded, "onprem")] == ["own"]
    mine = f"  gates: {{metrics: [{{name: hook, {HOOK}}}]}}\nstrategy:"
    loaded = clusters.read(project, clusters.with_(put, "strategy:", mine))
    found = {target.name: (target.metrics[0].name, target.longest_seconds) for target in loaded.service().targets}
    assert found == {"west": ("own", 3600), "onprem": ("hook", 3600)}
    loaded = clusters.read(project, clusters.with_(put, "strategy:", "  gates: {metrics: []}\nstrategy:"))
    assert rules(loaded, "onprem") == loaded.target("onprem").sources == ()


def test_dns_carries_the_split_of_container_groups_and_a_route_that_of_clusters(project: Path) -> None:
    clusters.put(project)
    loaded = clusters.read(project)
    assert {target.name: target.by_resolver for target in loaded.service().targets} == {"west": True, "onprem": False}


def test_secrets_stand_in_headers_and_variables_alone_or_among_text(project: Path) -> None:
    token, key = SecretRef("env", "TOKEN"), SecretRef("file", "/run/secrets/key")
    headers = (
        "{Authorization: 'Bearer ${env:TOKEN}', X-Key: '${file:/run/secrets/key}', Y: '${var:y}-${env:TOKEN}$${x}'}"
    )
    loaded = one(project, metrics(f"{{name: a, webhook: {{url: 'https://hook', headers: {headers}}}}}"), y="1")
    found = source(loaded)
    assert isinstance(found, Webhook)
    assert found.access.headers == {"Authorization": ("Bearer ", token), "X-Key": key, "Y": ("1-", token, "${x}")}
    loaded = one(project, metrics("{name: a, command: {run: 'true', env: {T: '${env:TOKEN}', N: '${var:n}'}}}"), n="5")
    assert source(loaded) == Command(("/bin/sh", "-c", "true"), {"T": token, "N": "5"})


def test_a_variable_that_looks_like_a_secret_is_text(project: Path) -> None:
    item = "{name: a, webhook: {url: 'https://hook', headers: {A: '${var:a}', B: 'x ${var:a}', C: '$${env:TOKEN}'}}}"
    loaded = one(project, metrics(item), a="${env:TOKEN}")
    found = source(loaded)
    assert isinstance(found, Webhook)
    assert found.access.headers == {"A": "${env:TOKEN}", "B": "x ${env:TOKEN}", "C": "${env:TOKEN}"}


def test_a_target_may_have_secrets_of_its_own(project: Path) -> None:
    own = "  gates: {metrics: [{name: a, webhook: {url: 'https://hook', headers: {K: '${keyVault:vault/key}'}}}]}\n"
    loaded = one(project, {"strategy:": f"{own}strategy:"})
    found = source(loaded)
    assert isinstance(found, Webhook)
    assert found.access.headers == {"K": SecretRef("keyVault", "vault/key")}


def test_the_snapshot_gives_the_same_sources_and_holds_the_jobs_file(project: Path) -> None:
    clusters.put(project)
    (project / "job.yaml").write_text(JOB)
    gates = (
        "gates: {metrics: [{name: smoke, job: {template: job.yaml}}, "
        "{name: hook, webhook: {url: 'https://hook', headers: {K: 'a ${env:KEY}'}}}]}"
    )
    put = clusters.with_(clusters.CLUSTER, "gates: {probe: {port: 8080}}", gates)
    loaded = clusters.read(project, put, tag="v1")
    assert dict(loaded.snapshot.templates)["job.yaml"] == JOB
    assert loaded.snapshot.variables == (("tag", "v1"),)
    assert from_snapshot(loaded.snapshot) == loaded
    assert from_snapshot(loaded.snapshot, strict=True) == loaded


def test_another_smoke_test_or_another_query_is_no_new_release(project: Path) -> None:
    clusters.put(project)
    (project / "job.yaml").write_text(JOB)
    bare = clusters.read(project, clusters.CLUSTER).template_hash
    gates = "gates: {metrics: [{name: smoke, job: {template: job.yaml}}]}"
    put = clusters.with_(clusters.CLUSTER, "gates: {probe: {port: 8080}}", gates)
    first = clusters.read(project, put, tag="v1")
    (project / "job.yaml").write_text(JOB.replace("smoke:", "smokes:"))
    second = clusters.read(project, put, tag="v2")
    hook = clusters.with_(put, "{template: job.yaml}", "{template: job.yaml, timeout: 1m}")
    third = clusters.read(project, hook, tag="v2")
    assert {first.template_hash, second.template_hash, third.template_hash} == {bare}
    assert len({str(source(each, "onprem")) for each in (first, third)}) == 2
