"""What a `Workloads` port of Deployments says of what does not come up, is refused, or would go wrong."""

from __future__ import annotations

import pytest

from providers.emulator.kube import kinds
from providers.errors import Conflict, Denied, Throttled, Transient
from providers.kubernetes.marks import backend_name, selector
from strategies.seen import GroupState
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_doors import Door

OURS = selector("shop", "west")


def test_a_pod_that_never_becomes_ready_fails_at_the_progress_deadline(cluster: Door) -> None:
    digest = cluster.image("slow", start_seconds=3600.0)
    port = cluster.workloads(objects.deployment(progressDeadlineSeconds=1))
    mark = cluster.mark(digest=digest)
    name = backend_name(mark)
    port.ensure(name, mark)
    assert cluster.seen(name, port).state is GroupState.COMING
    cluster.until(lambda: cluster.seen(name, port).state is GroupState.FAILED, "the deadline has passed")
    assert "deadline" in cluster.seen(name, port).why.lower()


def test_an_image_that_cannot_be_pulled_is_told_and_may_heal(cluster: Door) -> None:
    cluster.needs("images")
    mark = cluster.mark(digest="sha256:" + "0" * 64)
    port, name = cluster.workloads(), backend_name(mark)
    port.ensure(name, mark)
    cluster.until(lambda: "Image" in cluster.seen(name, port).why, "the pull is told")
    assert cluster.seen(name, port).state is GroupState.COMING


def test_restarts_are_counted_and_the_way_it_ended_is_told(cluster: Door) -> None:
    port = cluster.workloads()
    mark = cluster.mark(digest=cluster.image("crashing", crash_after_seconds=0.3))
    name = backend_name(mark)
    port.ensure(name, mark)
    cluster.until(lambda: cluster.seen(name, port).restarts > 0, "it was restarted")
    cluster.until(lambda: cluster.seen(name, port).why, "it says why")


def test_what_cannot_be_read_for_now_is_left_out_and_the_rest_is_not(cluster: Door) -> None:
    cluster.fault(method="GET", path="deployments/a$", status=503, times=None)
    assert [seen.name for seen in cluster.workloads().look(["a", "b"])] == ["b"]


def test_a_missing_permission_is_never_an_absence(cluster: Door) -> None:
    cluster.fault(method="GET", path="deployments/a$", status=403)
    with pytest.raises(Denied):
        cluster.workloads().look(["a"])


def test_a_create_whose_answer_is_lost_is_transient_and_was_taken(cluster: Door) -> None:
    cluster.fault(method="PATCH", path="deployments", status=500, afterCommit=True)
    port, mark = cluster.workloads(), cluster.mark()
    with pytest.raises(Transient) as caught:
        port.ensure(backend_name(mark), mark)
    assert not isinstance(caught.value, Throttled | Conflict)
    assert cluster.seen(backend_name(mark), port).state is not GroupState.ABSENT
    cluster.running(port, mark)


def test_a_throttled_create_says_when_to_come_back_and_was_not_taken(cluster: Door) -> None:
    cluster.fault(method="PATCH", path="deployments", status=429, retryAfter=30)
    mark = cluster.mark()
    with pytest.raises(Throttled) as caught:
        cluster.workloads().ensure(backend_name(mark), mark)
    assert caught.value.retry_after == 30
    assert cluster.get(kinds.DEPLOYMENT, backend_name(mark)) is None


def test_preflight_reads_only_and_finds_nothing_where_all_is_well(cluster: Door) -> None:
    assert [finding for finding in cluster.workloads(*objects.whole()).preflight(1) if not finding.ok] == []
    assert cluster.writes() == []
    assert not any(cluster.all(kind, OURS) for kind in objects.KINDS)


def test_preflight_finds_a_service_that_would_lead_to_the_candidate_before_its_time(cluster: Door) -> None:
    cluster.make(kinds.SERVICE, "storefront", spec=objects.service({"app": "storefront"}))
    found = [finding for finding in cluster.workloads().preflight(1) if not finding.ok and finding.fatal]
    assert any("storefront" in finding.message + finding.subject for finding in found)
    assert all(finding.remedy for finding in found)
    cluster.patch(kinds.SERVICE, "storefront", {"op": "add", "path": "/spec/selector/track", "value": "live"})
    assert [finding for finding in cluster.workloads().preflight(1) if not finding.ok and finding.fatal] == []


def test_preflight_finds_a_namespace_that_is_not_there_and_a_template_the_server_refuses(cluster: Door) -> None:
    refused = objects.deployment()
    refused["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 0}]
    assert any(finding.fatal and not finding.ok for finding in cluster.workloads(refused).preflight(1))
    cluster.namespace, before = "rollout-test-no-such-namespace", cluster.namespace
    try:
        found = cluster.workloads().preflight(1)
    finally:
        cluster.namespace = before
    assert any(finding.fatal and not finding.ok for finding in found)
    assert cluster.writes() == []
