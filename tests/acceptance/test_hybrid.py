"""One release across Container Instances and a cluster, in both orders: forward together, back together."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tests.acceptance.cloud import Cloud
from tests.acceptance.hybrid import AZURE, CLUSTER, Hybrid

ORDERS = [(AZURE, CLUSTER), (CLUSTER, AZURE)]


@pytest.mark.parametrize(("first", "second"), ORDERS)
def test_a_failure_in_the_second_wave_brings_the_first_one_back_whichever_world_it_is(
    cloud: Cloud, tmp_path: Path, first: str, second: str
) -> None:
    shop = Hybrid(cloud, tmp_path, first)
    try:
        shop.serve()
        shop.image("v2")
        with shop.crowd(15) as azure, shop.visitors(15) as cluster:
            late = next(target for target in shop.spec["targets"] if target["name"] == second)
            late["strategy"] = {"blueGreen": {"hold": "60s"}}
            running = shop.begin("v2")
            running.until(lambda: shop.served == {first: ["v2"], second: ["v2"]})
            shop.sicken("v2")
            bad = running.finish()
        assert (bad.code, bad.json["outcome"]) == (3, "rolledBack"), bad
        shop.assert_both("v1")
        for seen in (azure.snapshot(), cluster.snapshot()):
            assert (seen.total.failed, seen.to_retired) == (0, 0), seen.reasons
            assert seen.by_version["v2"].requests
        assert shop.late == 0
    finally:
        shop.close()


@pytest.mark.parametrize(("first", "second"), ORDERS[:1])
def test_an_abort_between_the_waves_and_a_lost_store_lead_home_all_the_same(
    cloud: Cloud, tmp_path: Path, first: str, second: str
) -> None:
    shop = Hybrid(cloud, tmp_path, first)
    try:
        shop.spec["waves"] = {"bake": "60s"}
        shop.serve_at_once("v1")
        shop.image("v2")
        running = shop.begin("v2")
        running.until(lambda: shop.served == {first: ["v2"], second: ["v1"]})
        running.end()
        shop.lose_store()
        again = shop.begin("v2")
        again.until(lambda: "bakes until" in again.err or again.events)
        told = shop.run("abort", "shop", "--reason", "not on a Friday")
        assert told.code == 0, told
        assert again.finish().code == 3
        shop.assert_both("v1")
    finally:
        shop.close()


def test_the_gateway_is_an_endpoint_of_a_profile_from_the_first_release_on(cloud: Cloud, tmp_path: Path) -> None:
    shop = Hybrid(cloud, tmp_path, AZURE)
    try:
        name = f"{shop.dns_name}.trafficmanager.net"
        shop.edit_hosts([shop.host, name])
        profile = copy.deepcopy(shop.routing)
        shop.routing["weight"] = 500
        shop.cluster_target["trafficManager"] = {
            **profile,
            "subscription": shop.subscription,
            "address": shop.host,
            "weight": 500,
        }
        shop.serve_at_once("v1")
        targets = {endpoint["target"]: endpoint["endpointStatus"] for endpoint in shop.endpoints.values()}
        assert targets[shop.host] == "Enabled"
        assert len(targets) == 2
        shop.image("v2")
        with shop.crowd(30) as load:
            done = shop.start("v2")
        assert done.code == 0, done
        assert shop.shares == {"v2": 1000}
        assert shop.weights == {"v2": 500, next(n for n, e in shop.endpoints.items() if e["target"] == shop.host): 500}
        seen = load.snapshot()
        assert seen.total.failed == 0, seen.reasons
        assert shop.counted("v2") > 0, "the profile leads to the cluster as well"
    finally:
        shop.close()
