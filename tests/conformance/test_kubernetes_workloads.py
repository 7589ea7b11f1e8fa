"""What a `Workloads` port of Deployments must do, whatever stands between it and the cluster."""

from __future__ import annotations

from datetime import timedelta

import pytest

from providers.emulator.kube import kinds
from providers.emulator.kube.kinds import Kind
from providers.errors import Denied, Transient
from providers.kubernetes.marks import WORKLOAD, backend_name, selector
from providers.ports import Workloads
from strategies.seen import GroupState
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_doors import Door
from tests.conformance.kubernetes_objects import IMAGE, PORT

BELOW = (*objects.KINDS, kinds.REPLICA_SET, kinds.POD)


def ours(cluster: Door, kind: Kind, target: str = "west") -> list[str]:
    """The names of all objects of a kind that bear our labels."""
    return [each["metadata"]["name"] for each in cluster.all(kind, selector("shop", target))]


def retired(cluster: Door, port: Workloads, name: str) -> None:
    """Wait until a workload that is being deleted is gone."""
    cluster.needs("garbage")
    cluster.until(lambda: cluster.seen(name, port).state is GroupState.ABSENT, f"{name} is gone")


def test_what_does_not_exist_is_absent(cluster: Door) -> None:
    seen = cluster.seen("nothing-there")
    assert (seen.name, seen.state, seen.mark, seen.address) == ("nothing-there", GroupState.ABSENT, None, None)


def test_a_workload_is_begun_comes_up_and_shows_its_whole_mark_and_its_service(cluster: Door) -> None:
    port, mark = cluster.workloads(), cluster.mark()
    name = backend_name(mark)
    port.ensure(name, mark)
    assert cluster.seen(name, port).state in (GroupState.COMING, GroupState.RUNNING)
    cluster.running(port, mark)
    seen = cluster.seen(name, port)
    assert (seen.state, seen.mark, seen.restarts, seen.why) == (GroupState.RUNNING, mark, 0, "")
    assert (seen.address, seen.partial) == (name, False)
    assert seen.at <= cluster.api.now()
    made = cluster.get(kinds.DEPLOYMENT, name)
    assert made["metadata"]["uid"] in seen.id or name in seen.id
    (web,) = made["spec"]["template"]["spec"]["containers"]
    assert web["image"] == f"{IMAGE}@{cluster.digest}"
    assert cluster.get(kinds.SERVICE, name)["spec"]["ports"][0]["port"] == PORT


def test_everything_of_the_template_is_made_under_the_slots_name_and_belongs_to_its_deployment(cluster: Door) -> None:
    port = cluster.workloads(*objects.whole())
    name = cluster.running(port)
    owner = cluster.get(kinds.DEPLOYMENT, name)["metadata"]
    for kind in (kinds.SERVICE, kinds.AUTOSCALER, kinds.DISRUPTION_BUDGET):
        assert ours(cluster, kind) == [name]
    (settings,) = ours(cluster, kinds.CONFIG_MAP)
    assert settings != "settings"
    for kind in objects.KINDS[1:]:
        for each in cluster.all(kind, selector("shop", "west")):
            (reference,) = each["metadata"]["ownerReferences"]
            assert (reference["kind"], reference["name"], reference["uid"]) == ("Deployment", name, owner["uid"])
    (web,) = cluster.get(kinds.DEPLOYMENT, name)["spec"]["template"]["spec"]["containers"]
    assert web["envFrom"] == [{"configMapRef": {"name": settings}}]
    assert cluster.get(kinds.AUTOSCALER, name)["spec"]["scaleTargetRef"]["name"] == name


def test_each_slot_selects_its_own_pods_and_none_of_another(cluster: Door) -> None:
    port = cluster.workloads(*objects.whole())
    names = [cluster.running(port, cluster.mark(slot)) for slot in (0, 1)]
    for name in names:
        assert cluster.get(kinds.SERVICE, name)["spec"]["selector"] == {WORKLOAD: name}
        assert cluster.get(kinds.DEPLOYMENT, name)["spec"]["selector"] == {"matchLabels": {WORKLOAD: name}}
        budget = cluster.get(kinds.DISRUPTION_BUDGET, name)["spec"]["selector"]
        assert budget["matchLabels"][WORKLOAD] == name
        labels = cluster.get(kinds.DEPLOYMENT, name)["spec"]["template"]["metadata"]["labels"]
        assert labels | {"app": "storefront", WORKLOAD: name} == labels


def test_a_look_answers_in_the_order_of_the_names_and_writes_nothing(cluster: Door) -> None:
    name = cluster.running()
    before = len(cluster.writes())
    assert [seen.name for seen in cluster.workloads().look(["b", name, "a"])] == ["b", name, "a"]
    cluster.workloads().discover()
    assert cluster.writes(before) == []


def test_what_stands_is_never_made_again_and_a_settled_one_is_not_written(cluster: Door) -> None:
    port = cluster.workloads(*objects.whole())
    name = cluster.running(port)
    before = {kind: cluster.get(kind, name) for kind in (kinds.DEPLOYMENT, kinds.SERVICE, kinds.AUTOSCALER)}
    port.ensure(name, cluster.mark())
    for kind, made in before.items():
        found = cluster.get(kind, name)
        assert found["metadata"]["uid"] == made["metadata"]["uid"]
        assert found["spec"] == made["spec"]


def test_a_creation_that_was_broken_off_is_partial_and_completed_without_a_new_deployment(cluster: Door) -> None:
    port = cluster.workloads(*objects.whole())
    name = cluster.running(port)
    uid = cluster.get(kinds.DEPLOYMENT, name)["metadata"]["uid"]
    for kind in (kinds.SERVICE, kinds.AUTOSCALER, kinds.DISRUPTION_BUDGET):
        cluster.delete(kind, name)
    seen = cluster.seen(name, port)
    assert seen.partial
    assert seen.state is not GroupState.RUNNING
    port.ensure(name, cluster.mark())
    cluster.until(lambda: cluster.seen(name, port).state is GroupState.RUNNING, "it is whole and runs")
    assert not cluster.seen(name, port).partial
    assert cluster.get(kinds.DEPLOYMENT, name)["metadata"]["uid"] == uid
    for kind in (kinds.SERVICE, kinds.AUTOSCALER, kinds.DISRUPTION_BUDGET):
        assert ours(cluster, kind) == [name]


def test_the_service_is_made_last_so_that_it_says_that_all_the_rest_stands(cluster: Door) -> None:
    port, name = cluster.workloads(*objects.whole()), backend_name(cluster.mark())
    cluster.fault(method="PATCH", path="services", status=500, times=1)
    with pytest.raises(Transient):
        port.ensure(name, cluster.mark())
    assert cluster.seen(name, port).partial
    assert cluster.get(kinds.SERVICE, name) is None
    for kind in (kinds.AUTOSCALER, kinds.DISRUPTION_BUDGET):
        assert ours(cluster, kind) == [name]
    port.ensure(name, cluster.mark())
    assert not cluster.seen(name, port).partial


def test_discover_finds_all_that_bears_the_mark_of_service_and_target_and_nothing_else(cluster: Door) -> None:
    mine = {cluster.running(), cluster.running(which=cluster.mark(1))}
    east = cluster.workloads(target="east")
    cluster.running(east, cluster.mark(target="east", number=2))
    cluster.make(kinds.DEPLOYMENT, "storefront", spec=objects.deployment()["spec"])
    found = cluster.workloads().discover()
    assert {seen.name for seen in found} == mine
    assert {seen.state for seen in found} == {GroupState.RUNNING}


def test_retiring_takes_everything_that_was_made_and_may_be_asked_for_again_at_any_moment(cluster: Door) -> None:
    port = cluster.workloads(*objects.whole())
    name = cluster.running(port)
    for _ in range(2):
        port.retire(name)
    metadata = (cluster.get(kinds.DEPLOYMENT, name) or {"metadata": {"deletionTimestamp": "gone"}})["metadata"]
    assert metadata["deletionTimestamp"]
    assert cluster.seen(name, port).state in (GroupState.GOING, GroupState.ABSENT)
    retired(cluster, port, name)
    port.retire(name)
    cluster.until(lambda: not any(ours(cluster, kind) for kind in BELOW), "nothing of it is left")


def test_what_bears_another_mark_or_none_is_refused_and_left_alone(cluster: Door) -> None:
    east, mark = cluster.workloads(target="east"), cluster.mark(target="east")
    name = cluster.running(east, mark)
    west = cluster.workloads()
    with pytest.raises(Denied):
        west.retire(name)
    with pytest.raises(Denied):
        west.retire(name, cluster.api.now())
    with pytest.raises(Denied):
        west.ensure(name, cluster.mark())
    assert cluster.seen(name, east).mark == mark
    other = backend_name(cluster.mark(number=7))
    before = cluster.make(kinds.DEPLOYMENT, other, spec=objects.deployment(name=other)["spec"])
    with pytest.raises(Denied):
        west.ensure(other, cluster.mark(number=7))
    with pytest.raises(Denied):
        west.retire(other)
    assert cluster.get(kinds.DEPLOYMENT, other)["spec"] == before["spec"]


def test_a_foreign_service_under_the_slots_name_is_not_taken_over(cluster: Door) -> None:
    mark = cluster.mark()
    name = backend_name(mark)
    before = cluster.make(kinds.SERVICE, name, spec=objects.service({"app": "other"}))
    with pytest.raises(Denied):
        cluster.workloads().ensure(name, mark)
    assert cluster.get(kinds.SERVICE, name)["spec"] == before["spec"]


def test_retaining_marks_the_expiry_leaves_it_running_and_is_taken_back_by_being_wanted_again(cluster: Door) -> None:
    port, name = cluster.workloads(), cluster.running()
    until = (cluster.api.now() + timedelta(hours=1)).replace(microsecond=0)
    port.retire(name, until)
    cluster.until(lambda: cluster.seen(name, port).state is GroupState.RUNNING, "it runs on")
    (seen,) = port.discover()
    assert (seen.keep_until, seen.mark) == (until, cluster.mark())
    again = cluster.mark(number=1)
    port.ensure(name, again)
    assert cluster.seen(name, port).keep_until is None


def test_a_deployment_deleted_and_made_anew_by_somebody_else_is_not_deleted_for_the_old_one(cluster: Door) -> None:
    port, name = cluster.workloads(), cluster.running()
    cluster.delete(kinds.DEPLOYMENT, name, propagationPolicy="Background")
    cluster.until(lambda: cluster.get(kinds.DEPLOYMENT, name) is None, "it is gone")
    cluster.make(kinds.DEPLOYMENT, name, spec=objects.deployment()["spec"])
    with pytest.raises(Denied):
        port.retire(name)
    assert "deletionTimestamp" not in cluster.get(kinds.DEPLOYMENT, name)["metadata"]


def test_a_candidate_starts_with_as_many_replicas_as_serve_now(cluster: Door) -> None:
    port = cluster.workloads(*objects.whole())
    old = cluster.running(port)
    cluster.merge(kinds.DEPLOYMENT, old, spec={"replicas": 3})
    cluster.until(lambda: cluster.seen(old, port).state is GroupState.RUNNING, "three replicas run")
    new = backend_name(cluster.mark(number=2))
    port.ensure(new, cluster.mark(number=2))
    assert cluster.get(kinds.DEPLOYMENT, new)["spec"]["replicas"] == 3
