"""Bad strategies, targets, gates and rules are told by file, line and path; and all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orchestrator.manifest.loader import load
from orchestrator.manifest.problems import ManifestError

Messages = Callable[..., list[str]]
HOST = "targets[0].containerInstances"
TRAFFIC = "targets[0].trafficManager"
PORT = "    weight: 1000\n"
DURATION = "must be a duration with its unit, such as 30s, 5m, 6h or 1d, and at most 366d"
LATER = "must not be given yet: the key is reserved for a later version"
NOT_RUN = "must not be given yet: this version does not run"
END = "  probe: {port: 8080}\n"

CASES: dict[str, tuple[Mapping[str, str], list[str]]] = {
    "two strategies": (
        {"strategy:\n": "strategy:\n  blueGreen: {}\n"},
        [
            "rollout.yaml:15: strategy: must be exactly one of canary, blueGreen, abTest and shadow; got canary and "
            "blueGreen"
        ],
    ),
    "two targets of one name": (
        {"strategy:": "- name: west\n  kubernetes: {context: a, namespace: b, template: c}\n  gatewayApi: {}\n"
            "strategy:"},
        [
            "rollout.yaml:15: targets[1].name: must be unique in the service; got 'west', which targets[0] has already",
            "rollout.yaml:16: targets[1].kubernetes.template: c: must be a file that exists; got nothing at this path",
            "rollout.yaml:17: targets[1].gatewayApi: must name the routes in front: httpRoute or grpcRoute; got "
            "neither",
        ],
    ),
    "no targets": (
        {"service: shop": "service: shop\ntargets: []\nx: 1", "\ntargets:\n": "\ny:\n"},
        [
            "rollout.yaml:2: targets: must hold at least 1; got a list",
            "rollout.yaml:3: x: must be a known key; got 'x': known here: deadline, drain, follow, gates, hooks, "
            "image, inject, onFailure, retain, service, strategy, targets, waves, whileRunning",
            "rollout.yaml:5: y: must be a known key; got 'y': known here: deadline, drain, follow, gates, hooks, "
            "image, inject, onFailure, retain, service, strategy, targets, waves, whileRunning",
        ],
    ),
    "a target without traffic": (
        {"  trafficManager:\n    resourceGroup: shop\n    profile: shop\n    weight: 1000\n": ""},
        ["rollout.yaml:4: targets[0]: must have exactly one traffic (trafficManager or gatewayApi); got none"],
    ),
    "a target with two kinds of traffic": (
        {"strategy:": "  gatewayApi: {httpRoute: shop}\nstrategy:"},
        [
            "rollout.yaml:4: targets[0]: must have exactly one traffic (trafficManager or gatewayApi); "
            "got trafficManager and gatewayApi",
        ],
    ),
    "traffic of a later version": (
        {"  trafficManager:\n    resourceGroup: shop\n    profile: shop\n    weight: 1000\n": "  traffic: none\n"},
        [f"rollout.yaml:11: targets[0].traffic: {LATER} (a host without traffic in front); remove it"],
    ),
    "keys of a later version": (
        {"service: shop": "service: shop\nimages: []\nonManifestChange: x"},
        [
            f"rollout.yaml:2: images: {LATER} (several images); remove it",
            f"rollout.yaml:3: onManifestChange: {LATER} (acting on a changed manifest); remove it",
        ],
    ),
    "hooks, which do not run yet": (
        {END: f"{END}hooks: {{before: {{}}}}\n"},
        [f"rollout.yaml:20: hooks: {NOT_RUN} hooks; remove them"],
    ),
    "a duration without its unit": (
        {END: f"{END}retain: 30\n"},
        [f"rollout.yaml:20: retain: {DURATION}; got 30"],
    ),
    "a negative TTL": (
        {PORT: f"{PORT}    ttlDuringRollout: -5s\n"},
        [f"rollout.yaml:15: {TRAFFIC}.ttlDuringRollout: {DURATION}; got '-5s'"],
    ),
    "a TTL of half a second": (
        {PORT: f"{PORT}    ttlDuringRollout: 500ms\n"},
        [f"rollout.yaml:15: {TRAFFIC}.ttlDuringRollout: must be a whole number of seconds; got '500ms'"],
    ),
    "drain words that do not exist": (
        {END: f"{END}drain: {{margin: soon, quiet: never, then: wait}}\n"},
        [
            "rollout.yaml:20: drain.margin: must be auto or a duration such as 30s; got 'soon'",
            "rollout.yaml:20: drain.quiet: must be auto, none, required or a duration such as 30s; got 'never'",
            "rollout.yaml:20: drain.then: must be 'ask', 'force' or 'extend'; got 'wait'",
        ],
    ),
    "a word where true or false goes": (
        {END: f"{END}inject: yes\n"},
        ["rollout.yaml:20: inject: must be true or false; got 'yes'"],
    ),
    "an empty mapping left as nothing": (
        {END: f"{END}waves:\n"},
        ["rollout.yaml:20: waves: must be a mapping; got nothing"],
    ),
    "status ranges that fall or are none": (
        {"{port: 8080}\n": "{port: 8080, expect: [299-200, 700, ok]}\n"},
        [
            f"rollout.yaml:19: gates.probe.expect[{number}]: must be an HTTP status from 100 to 599 or a rising range "
            f"such as 200-299; got {got}"
            for number, got in enumerate(["'299-200'", "700", "'ok'"])
        ],
    ),
    "headers that are none": (
        {"{port: 8080}\n": '{port: 8080, headers: {"a b": x, c: 5, d: "x\\ny"}}\n'},
        [
            "rollout.yaml:19: gates.probe.headers.a b: must be the name of an HTTP header; got 'a b'",
            "rollout.yaml:19: gates.probe.headers.c: must be one line of text (quote a number); got 5",
            "rollout.yaml:19: gates.probe.headers.d: must be one line of text (quote a number); got 'x\\ny'",
        ],
    ),
    "a probe that never rests": (
        {"{port: 8080}\n": "{port: 8080, interval: 0s, before: 0}\n"},
        [
            "rollout.yaml:19: gates.probe.before: must be at least 1; got 0",
            "rollout.yaml:19: gates.probe.interval: must exceed 0s; got 0s",
        ],
    ),
    "a probe of a port that the template does not open": (
        {"{port: 8080}": "{port: 8081}"},
        ["rollout.yaml:19: gates.probe.port: must be a port that target west's template opens (8080); got 8081"],
    ),
    "a way of probing that only clusters have": (
        {"strategy:": "  gates: {probe: {via: apiProxy}}\nstrategy:"},
        ["rollout.yaml:15: targets[0].gates.probe.via: must be direct for containerInstances; got 'apiProxy'"],
    ),
    "a monitor that Traffic Manager refuses": (
        {PORT: f"{PORT}    create: {{dnsName: shop, monitor: {{interval: 10s, timeout: 10s, failures: 10}}}}\n"},
        [
            f"rollout.yaml:15: {TRAFFIC}.create.monitor.failures: must be at most 9; got 10",
            f"rollout.yaml:15: {TRAFFIC}.create.monitor.timeout: must be 5s to 9s at an interval of 10s; got 10s",
        ],
    ),
    "an interval that Traffic Manager does not know": (
        {PORT: f"{PORT}    create: {{dnsName: shop, monitor: {{interval: 20s}}}}\n"},
        [f"rollout.yaml:15: {TRAFFIC}.create.monitor.interval: must be 10s or 30s; got 20s"],
    ),
    "a path for a TCP monitor": (
        {PORT: f"{PORT}    create: {{dnsName: shop, monitor: {{protocol: TCP, path: /x}}}}\n"},
        [f"rollout.yaml:15: {TRAFFIC}.create.monitor.path: must be left out with protocol TCP; got '/x'"],
    ),
    "an endpoint adopted twice": (
        {PORT: f"{PORT}    adopt: [blue, Blue]\n"},
        [f"rollout.yaml:15: {TRAFFIC}.adopt[1]: must be given once; got 'Blue' again"],
    ),
    "the groups behind adopted endpoints to delete": (
        {PORT: f"{PORT}    adopt: [blue]\n    adoptedGroups: delete\n"},
        [
            f"rollout.yaml:16: {TRAFFIC}.adoptedGroups: must not be given yet: this version does not run the "
            "deletion of what stands behind adopted endpoints; take them out of the profile with `adopt` and delete "
            "them by hand afterwards"
        ],
    ),
    "an address without a cluster": (
        {PORT: f"{PORT}    address: gw.contoso.com\n"},
        [f"rollout.yaml:15: {TRAFFIC}.address: must stand beside kubernetes only; got 'gw.contoso.com'"],
    ),
    "two rules to follow": (
        {"targets:": 'follow: {semver: ">=1", digest: latest, every: 100ms}\ntargets:'},
        [
            "rollout.yaml:3: follow: must have exactly one of semver, numerical, alphabetical, digest; "
            "got semver and digest",
            "rollout.yaml:3: follow.every: must be at least 1s; got 0.1s",
        ],
    ),
    "rules to follow that are none": (
        {"targets:": "follow: {semver: newest, pattern: '(', extract: $1}\ntargets:"},
        [
            "rollout.yaml:3: follow.pattern: must be a regular expression of RE2, which has no look-around and no "
            "back-references (missing ): (); got '('",
            "rollout.yaml:3: follow.semver: must be a range of versions, such as \">=1.4 <2\"; got 'newest'",
        ],
    ),
    "a group that the pattern lacks": (
        {"targets:": "follow: {numerical: asc, pattern: '^(?P<n>.*)$', extract: $m}\ntargets:"},
        ["rollout.yaml:3: follow.extract: must name groups of the pattern ($0, $1, $n); got $m"],
    ),
    "a variable that nobody gave": (
        {"replicas: 2": "replicas: ${var:count}"},
        [
            f"rollout.yaml:10: {HOST}.replicas: the variable 'count' must be given by --var count=… or --vars FILE; "
            "got none"
        ],
    ),
    "a secret where plain text goes": (
        {"resourceGroup: shop": "resourceGroup: '${env:GROUP}'"},
        [
            f"rollout.yaml:7: {HOST}.resourceGroup: a secret may stand only where secrets go (headers and env of "
            "gates.metrics; registry password, secureValue, storageAccountKey, secret volume and workspaceKey of a "
            "template); got ${env:GROUP}: use ${var:…} for plain text"
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_bad_manifest_is_told_with_file_line_and_path(messages: Messages, name: str) -> None:
    edits, expected = CASES[name]
    assert messages(edits) == expected


def test_the_manifest_that_all_bad_ones_are_made_from_is_good(messages: Messages) -> None:
    assert messages() == []


@pytest.mark.parametrize("text", ["", "---\n---\n", "# nothing\n"])
def test_an_empty_file_is_no_manifest(project: Path, text: str) -> None:
    (project / "rollout.yaml").write_text(text)
    with pytest.raises(ManifestError) as caught:
        load(["rollout.yaml"])
    assert str(caught.value) == "rollout.yaml:1: must hold a manifest; got nothing"


@pytest.mark.parametrize("text", ["[a]", "just words", "5"])
def test_a_document_that_is_no_mapping_is_no_manifest(project: Path, text: str) -> None:
    (project / "rollout.yaml").write_text(text)
    with pytest.raises(ManifestError, match="must be a mapping with service, image and targets; got "):
        load(["rollout.yaml"])


def test_ten_mistakes_in_one_file_and_its_template_are_told_at_once(messages: Messages) -> None:
    told = messages(
        {
            "service: shop": "servce: shop",
            "shop/web": "shop/web:v1",
            "name: west": "name: west\n  wave: 0",
            "resourceGroup: shop": "resourceGroup: '${var:group}'",
            "replicas: 2": "replicas: 2\n    replica: 2",
            "weight: 1000": "weight: 5000",
            "[1, 10, 50]": "[10, 1]",
            "{port: 8080}": "{port: 8080, scheme: ftp}\nretain: soon",
        },
        {"osType: Linux": "osType: Plan9", "type: Public": "type: Private"},
    )
    assert [message.split(": ")[:2] for message in told] == [
        ["rollout.yaml:1", "servce"],
        ["rollout.yaml:1", "service"],
        ["rollout.yaml:2", "image"],
        ["rollout.yaml:5", "targets[0].wave"],
        ["rollout.yaml:8", "targets[0].containerInstances.resourceGroup"],
        ["rollout.yaml:10", "targets[0].containerInstances.template"],
        ["rollout.yaml:10", "targets[0].containerInstances.template"],
        ["rollout.yaml:12", "targets[0].containerInstances.replica"],
        ["rollout.yaml:16", "targets[0].trafficManager.weight"],
        ["rollout.yaml:19", "strategy.canary.steps[1]"],
        ["rollout.yaml:21", "gates.probe.scheme"],
        ["rollout.yaml:22", "retain"],
    ]


def test_mistakes_of_several_files_are_told_at_once_and_sorted(project: Path) -> None:
    good = (project / "rollout.yaml").read_text()
    (project / "b.yaml").write_text(good.replace("replicas: 2", "replicas: two"))
    (project / "a.yaml").write_text("a: [")
    with pytest.raises(ManifestError) as caught:
        load(["b.yaml", "none.yaml", "a.yaml", "rollout.yaml"])
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [
        ("a.yaml", 1), ("b.yaml", 10), ("none.yaml", 0), ("rollout.yaml", 1),
    ]  # fmt: skip
    assert "must be unique over all documents; got 'shop', which b.yaml:1 has already" in str(caught.value)


def test_thousands_of_mistakes_are_told_soon_and_not_all(project: Path) -> None:
    (project / "rollout.yaml").write_text("".join(f"k{number}: 1\n" for number in range(9000)) + "targets: [1, 2]\n")
    with pytest.raises(ManifestError) as caught:
        load(["rollout.yaml"])
    assert 400 < len(caught.value.problems) < 600
