"""Releases in a cluster behind a route: every strategy, adoption, the way back, crashes, and what clients saw of it."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest

from tests.acceptance.kube import KubeShop
from tests.acceptance.kube_hands import ROUTE


def test_a_first_release_a_blue_green_one_and_an_undo_write_each_route_once_per_shift(kube: KubeShop) -> None:
    kube.image("v1")
    first = kube.start("v1")
    assert (first.code, first.json["outcome"]) == (0, "promoted"), first
    kube.assert_alone("v1")
    kube.image("v2")
    before = len(kube.changed)
    with kube.visitors() as load:
        done = kube.start("v2")
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    kube.assert_alone("v2")
    written = kube.changed[before:]
    assert written.count("PATCH httproutes") == 2, "everything to the candidate, then the old backend out"
    assert [each for each in written if each.startswith("DELETE")] == ["DELETE deployments"]
    assert load.snapshot().total.failed == 0, load.snapshot().reasons
    assert kube.late == 0
    (group,) = done.json["candidate"]["groups"]
    assert {group["name"]} == set(kube.deployments)
    assert (group["target"], group["state"]) == ("aks", "ready")
    back = kube.run("undo", "shop", "--reason", "the basket is empty")
    assert back.code == 0, back
    kube.assert_alone("v1")


def test_a_canary_moves_along_its_steps_and_a_bad_one_is_taken_back(kube: KubeShop) -> None:
    kube.canary(20, {"share": 50, "hold": "60s"})
    kube.serve()
    kube.image("v2")
    with kube.visitors() as load:
        running = kube.begin("v2")
        running.reaches("holding", 2)
        assert kube.shares == {"v1": 500, "v2": 500}
        kube.sicken("v2")
        done = running.finish()
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    kube.assert_alone("v1")
    seen = load.snapshot()
    assert (seen.total.failed, kube.late) == (0, 0), seen.reasons
    assert seen.by_version["v2"].requests
    again = kube.start("v2")
    assert again.code == 7, again
    assert "retry" in again.reason


def test_requests_that_match_by_header_and_cookie_go_to_the_candidate_and_no_others(kube: KubeShop) -> None:
    match = {"headers": {"X-Lane": "new"}, "cookies": {"lane": "new"}}
    kube.spec["strategy"] = {"abTest": {"match": match, "hold": "60s", "approve": True}}
    kube.serve()
    kube.image("v2")
    running = kube.begin("v2")
    running.reaches("holding", 1)
    kube.until(lambda: kube.ask(**{"X-Lane": "new", "Cookie": "a=1; lane=new; b=2"}) == "v2")
    answers = {kube.ask(**{"X-Lane": "new", "Cookie": "lane=new"}) for _ in range(20)}
    assert answers == {"v2"}
    for others in ({}, {"X-Lane": "new"}, {"Cookie": "lane=new"}, {"X-Lane": "new", "Cookie": "lane=newer"}):
        assert {kube.ask(**others) for _ in range(10)} == {"v1"}, others
    assert kube.run("promote", "shop", "--full", "--reason", "it sells").code == 0
    done = running.finish()
    assert done.code == 0, done
    kube.assert_alone("v2")


def test_copies_reach_the_candidate_and_its_answers_reach_nobody(kube: KubeShop) -> None:
    kube.spec["strategy"] = {"shadow": {"percent": 100, "hold": "60s"}}
    kube.serve()
    kube.image("v2", errorRate=0.5, errorsAfterSeconds=3600)
    with kube.visitors() as load:
        running = kube.begin("v2")
        running.reaches("holding", 1)
        kube.until(lambda: kube.counted("v2") > 30)
        kube.sicken("v2")
        done = running.finish()
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    seen = load.snapshot()
    assert (seen.total.failed, "v2" in seen.by_version) == (0, False), seen
    kube.assert_alone("v1")


@pytest.mark.parametrize("good", [True, False])
def test_a_live_deployment_is_adopted_and_its_clients_never_fail(kube: KubeShop, good: bool) -> None:
    kube.image("v0")
    kube.live("v0")
    before = copy.deepcopy(kube.route["spec"])
    kube.gateway["adopt"] = ["live"]
    kube.kube["stableService"] = "live"
    kube.objects.append(kube.service(ROUTE))
    kube.canary({"share": 50, "hold": "400ms" if good else "60s"})
    kube.image("v1")
    with kube.visitors() as load:
        running = kube.begin("v1")
        if not good:
            running.reaches("holding", 1)
            kube.sicken("v1")
        done = running.finish()
    seen = load.snapshot()
    assert done.code == (0 if good else 3), done
    assert (seen.total.failed, kube.late) == (0, 0), seen.reasons
    assert "live" in kube.deployments, "what was adopted is nobody's to delete"
    if good:
        assert list(kube.shares) == ["v1"]
        assert seen.by_version["v1"].requests
    else:
        assert kube.route["spec"] == before
        assert kube.deployments == {"live": "v0"}
        assert kube.names == {"live"}


def test_an_abort_takes_a_canary_back_and_leaves_nothing(kube: KubeShop) -> None:
    kube.canary({"share": 50, "hold": "60s"})
    kube.serve()
    kube.image("v2")
    running = kube.begin("v2")
    running.reaches("holding", 1)
    told = kube.run("abort", "shop", "--reason", "the basket is empty")
    assert told.code == 0, told
    assert running.finish().code == 3
    kube.assert_alone("v1")


def test_a_rollout_whose_command_and_store_are_gone_is_taken_up_by_its_marks(kube: KubeShop) -> None:
    kube.canary({"share": 50, "hold": "1500ms"})
    kube.serve()
    kube.image("v2")
    running = kube.begin("v2")
    running.reaches("holding", 1)
    made = kube.deployments
    running.end()
    kube.lose_store()
    done = kube.start("v2")
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    kube.assert_alone("v2")
    assert set(kube.deployments) <= set(made), "what was made already is not made again"


def test_what_helm_or_kustomize_prints_is_taken_from_standard_input(kube: KubeShop) -> None:
    kube.image("v1")
    kube.kube["template"] = "-"
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"currency": "EUR"}}
    kube.objects.append(settings)
    kube.write()
    rendered = (kube.folder / "deployment.yaml").read_bytes()
    words = [sys.executable, "-c", "from orchestrator.cli.main import main; main()", "start", "rollout.yaml"]
    done = subprocess.run(
        [*words, "--tag", "v1"],
        check=False,
        input=rendered,
        cwd=kube.folder,
        env=kube.environment,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    (name,) = kube.deployments
    assert kube.names == {name, f"{name}-words"}
    assert kube.shares == {"v1": 1000}
