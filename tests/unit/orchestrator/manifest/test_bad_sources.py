"""Bad ways to sources, bad programs and bad Jobs are told by file, line and path, with the way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.unit.orchestrator.manifest import clusters
from tests.unit.orchestrator.manifest.evidence import RESOURCE, at, metrics, prometheus

Messages = Callable[..., list[str]]
ONE = "gates.metrics[0]"
ADDRESSES = (
    "prom:9090", "ftp://prom", "http://", "http://u:p@prom", "http://prom#x", "http://169.254.169.254/x", "http://a b",
    "http://2852039166/x"
)  # fmt: skip
ADDRESS = "must be an address such as https://prometheus.contoso.com"

CASES: dict[str, tuple[Mapping[str, str], list[str]]] = {
    "an address that is none": (
        metrics(*(f"{{name: m{n}, webhook: {{url: '{url}'}}}}" for n, url in enumerate(ADDRESSES))),
        [
            f"rollout.yaml:21: gates.metrics[0].webhook.url: {ADDRESS}, with http:// or https://; got 'prom:9090'",
            f"rollout.yaml:22: gates.metrics[1].webhook.url: {ADDRESS}, with http:// or https://; got 'ftp://prom'",
            f"rollout.yaml:23: gates.metrics[2].webhook.url: {ADDRESS}, with http:// or https://; got 'http://'",
            at(24, 3, "webhook.url",
               "must be an address without a user's name or password: put them into `headers` as a secret; got "
               "'http://u:p@prom'"),
            at(25, 4, "webhook.url",
               "must be an address without a fragment (#…), which no server is told; got 'http://prom#x'"),
            at(26, 5, "webhook.url",
               "must be no link-local address: there a machine hands out its own identity; got "
               "'http://169.254.169.254/x'"),
            f"rollout.yaml:27: gates.metrics[6].webhook.url: {ADDRESS}; got 'http://a b'",
            at(28, 7, "webhook.url",
               "must be no link-local address: there a machine hands out its own identity; got 'http://2852039166/x'"),
        ],
    ),
    "a server's address with too much in it": (
        metrics(
            "{name: a, prometheus: {url: 'http://prom/api/v1/query', requests: $revision}}",
            "{name: b, prometheus: {url: 'http://prom/?tenant=1', requests: $revision}}",
        ),
        [
            at(21, 0, "prometheus.url",
               "must be the server's address without /api/v1, which is added; got '/api/v1/query'"),
            at(22, 1, "prometheus.url", "must be the server's address without a query; got ?tenant=1"),
        ],
    ),
    "timeouts that are none, or longer than anybody waits": (
        metrics(
            "{name: a, webhook: {url: 'http://p', timeout: 0s}}",
            "{name: b, webhook: {url: 'http://p', timeout: 2m}}",
            "{name: c, command: {run: 'true', timeout: 1h}}",
        ),
        [
            at(21, 0, "webhook.timeout",
               "must exceed 0s and be at most 60s, for the rollout waits meanwhile; got 0s"),
            at(22, 1, "webhook.timeout",
               "must exceed 0s and be at most 60s, for the rollout waits meanwhile; got 120s"),
            at(23, 2, "command.timeout", "must exceed 0s and be below longestHold (1800s) of target west; got 3600s"),
        ],
    ),
    "headers that cannot be sent": (
        prometheus(", headers: {X: a, x: b, Content-Length: '5', 'a b': c}"),
        [
            at(21, 0, "prometheus.headers.Content-Length",
               "must be left out: it is set by whoever sends the request"),
            at(21, 0, "prometheus.headers.a b", "must be the name of an HTTP header; got 'a b'"),
            at(21, 0, "prometheus.headers.x", "must be given once, whatever the letter case; got 'x' beside 'X'"),
        ],
    ),
    "authorities that bear on nothing": (
        metrics(
            "{name: a, webhook: {url: 'http://p', ca: /ca.pem}}",
            "{name: b, webhook: {url: 'https://p', ca: /ca.pem, verify: false}}",
            "{name: c, webhook: {url: 'https://p', ca: ca.pem}}",
        ),
        [
            at(21, 0, "webhook.ca", "must stand beside an https address: http shows no certificate"),
            at(22, 1, "webhook.ca", "must be left out beside verify: false, which trusts everybody"),
            at(23, 2, "webhook.ca",
               "must be an absolute path, for another process may go on with the rollout elsewhere; got 'ca.pem'"),
        ],
    ),
    "Azure's token for somebody else, or in the clear": (
        prometheus(", auth: azure, verify: false, headers: {authorization: x}"),
        [
            at(21, 0, "prometheus.headers.authorization", "must be left out beside auth: azure, which sends it"),
            at(21, 0, "prometheus.url",
               "must be a server of Azure Monitor (*.prometheus.monitor.azure.com, *.prometheus.monitor.azure.us, "
               "*.prometheus.monitor.azure.cn) with auth: azure; got 'prom'; give any other its token in `headers`"),
            at(21, 0, "prometheus.url", "must be https with auth: azure, for plain http would show the token"),
            at(21, 0, "prometheus.verify", "must be true with auth: azure: anybody could take the token"),
        ],
    ),
    "a token without its scope, and a scope without a token": (
        metrics(
            "{name: a, webhook: {url: 'https://p', auth: azure}}",
            "{name: b, webhook: {url: 'https://p', scope: 'api://x/.default'}}",
            "{name: c, webhook: {url: 'https://p', auth: azure, scope: 'api://x'}}",
        ),
        [
            at(21, 0, "webhook.scope",
               "must be given with auth: azure: the scope of the token, as api://<application>/.default; got nothing"),
            at(22, 1, "webhook.scope", "must stand beside auth: azure; without it no token is sent"),
            at(23, 2, "webhook.scope",
               "must be a scope that ends with /.default, as api://<application>/.default; got 'api://x'"),
        ],
    ),
    "resources that are none": (
        metrics(
            "{name: a, azureMonitor: {resource: shop, requests: {metric: R, filter: $side}}}",
            f"{{name: b, logAnalytics: {{resource: {RESOURCE}, workspace: 11111111-2222-3333-4444-555555555555, "
            "query: $side}}",
            "{name: c, logAnalytics: {query: $side}}",
        ),
        [
            at(21, 0, "azureMonitor.resource",
               "must be a resource's id, such as "
               "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers/Microsoft.Insights/components/shop;"
               " got 'shop'"),
            at(22, 1, "logAnalytics", "must hold exactly one of workspace and resource; got both"),
            at(23, 2, "logAnalytics", "must hold exactly one of workspace and resource; got none"),
        ],
    ),
    "programs that are none": (
        metrics(
            "{name: a, command: {run: []}}",
            "{name: b, command: {run: [sleep, 5]}}",
            "{name: c, command: {run: ['']}}",
            "{name: d, command: {}}",
            "{name: e, command: {run: 'true', directory: scripts, env: {ROLLOUT_STEP: '1', A-B: x, C: 5}}}",
        ),
        [
            *(
                at(21 + number, number, "command.run",
                   "must be a program with its arguments as a list of texts, or one text for the shell; got a list")
                for number in (0, 1)
            ),
            at(23, 2, "command.run", "must begin with a program's name or path; got a list"),
            at(24, 3, "command.run",
               "must be given: the program with its arguments, or one text for the shell; got nothing"),
            at(25, 4, "command.directory",
               "must be an absolute path, for another process may go on with the rollout elsewhere; got 'scripts'"),
            at(25, 4, "command.env.A-B", "must be the name of an environment variable; got 'A-B'"),
            at(25, 4, "command.env.C", "must be text (quote a number); got 5"),
            at(25, 4, "command.env.ROLLOUT_STEP",
               "must not begin with ROLLOUT_: those say what is checked, and are given anyway; got 'ROLLOUT_STEP'"),
        ],
    ),
    "a Job of a target that is in no cluster": (
        metrics("{name: smoke, job: {template: job.yaml}}"),
        [
            at(21, 0, "job", "must hold context and namespace, for target west is in no cluster"),
            at(21, 0, "job.template", "job.yaml: must be a file that exists; got nothing at this path"),
        ],
    ),
    "a Job on standard input": (
        metrics("{name: smoke, job: {template: '-', context: a, namespace: b}}"),
        [
            at(21, 0, "job.template",
               "must be the path of a file with one Job, relative to the manifest; got '-'"),
        ],
    ),
    "secrets where none may stand": (
        prometheus(", ca: '${file:/run/secrets/ca}', stable: '${env:STABLE}'"),
        [
            f"rollout.yaml:21: {ONE}.prometheus.{key}: a secret may stand only where secrets go (headers and env of "
            "gates.metrics; registry password, secureValue, storageAccountKey, secret volume and workspaceKey of a "
            f"template); got {secret}: use ${{var:…}} for plain text"
            for key, secret in (("ca", "${file:/run/secrets/ca}"), ("stable", "${env:STABLE}"))
        ],
    ),
    "secrets that are none, among text": (
        prometheus(", headers: {Authorization: 'Bearer ${env:A B}', X: 'a ${var:none} ${file:x}'}"),
        [
            at(21, 0, "prometheus.headers.Authorization",
               "must be the name of an environment variable, as in ${env:TOKEN}; got ${env:A B}"),
            at(21, 0, "prometheus.headers.X",
               "must be an absolute path, as in ${file:/run/secrets/token}; got ${file:x}"),
            at(21, 0, "prometheus.headers.X",
               "the variable 'none' must be given by --var none=… or --vars FILE; got none"),
        ],
    ),
}  # fmt: skip

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: smoke}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: smoke, image: smoke}]
"""
JOBS = {
    "several objects": (f"{JOB}---\n{JOB}", ["job.yaml: must hold one Job; got 2 objects"]),
    "nothing": ("", ["job.yaml: must hold Kubernetes objects; got nothing"]),
    "no mapping": ("- a\n", ["job.yaml:1: must be a Job; got a list"]),
    "another kind": (
        JOB.replace("kind: Job", "kind: Pod"),
        ["job.yaml:2: kind: must be a Job of batch/v1; got batch/v1 Pod"],
    ),
    "a pod that never ends": (
        JOB.replace("restartPolicy: Never", "restartPolicy: Always"),
        [
            "job.yaml:7: spec.template.spec.restartPolicy: must be Never or OnFailure, as every Job's must; "
            "got 'Always'",
        ],
    ),
    "no containers": (
        JOB.replace("containers: [{name: smoke, image: smoke}]", "containers: []"),
        ["job.yaml:8: spec.template.spec.containers: must be a list of containers; got a list"],
    ),
    "limits that are no numbers": (
        JOB.replace("spec:\n  template", "spec:\n  activeDeadlineSeconds: 1m\n  backoffLimit: -1\n  template"),
        [
            "job.yaml:5: spec.activeDeadlineSeconds: must be a whole number, 0 or more; got '1m'",
            "job.yaml:6: spec.backoffLimit: must be a whole number, 0 or more; got -1",
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_source_is_told_with_file_line_and_path(messages: Messages, name: str) -> None:
    edits, expected = CASES[name]
    assert messages(edits) == expected


@pytest.mark.parametrize("name", JOBS)
def test_a_bad_job_is_told_by_the_line_of_its_own_file(project: Path, name: str) -> None:
    text, expected = JOBS[name]
    clusters.put(project)
    (project / "job.yaml").write_text(text)
    manifest = clusters.CLUSTER.replace(
        "gates: {probe: {port: 8080}}", "gates: {metrics: [{name: smoke, job: {template: job.yaml}}]}"
    )
    said = clusters.told(lambda: clusters.read(project, manifest))
    assert said == [f"rollout.yaml:14: {ONE}.job.template: {each}" for each in expected]
