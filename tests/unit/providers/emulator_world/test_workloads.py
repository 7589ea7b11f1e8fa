"""What runs in a container group: how it crashes, fails its health, errs, and where it listens."""

from __future__ import annotations

import random


def test_a_crash_refuses_connections_and_raises_the_restart_count_with_growing_waits(azure):
    azure.group("web-1", azure.image(crash_after_seconds=30))

    def look():
        view = azure.ok("GET", f"{azure.groups}/web-1")["properties"]["containers"][0]["properties"]["instanceView"]
        return view["restartCount"], view["currentState"]["state"]

    assert look() == (0, "Running")
    azure.wait(29)
    assert azure.world.answer(azure.key(), "/") is None
    assert look() == (0, "Waiting")
    azure.wait(1)
    assert look() == (1, "Running")
    azure.wait(30)
    assert look() == (1, "Waiting")
    azure.wait(9)
    assert azure.world.answer(azure.key(), "/") is None
    azure.wait(1)
    assert look() == (2, "Running")
    assert azure.ok("GET", f"{azure.groups}/web-1")["properties"]["provisioningState"] == "Succeeded"


def test_a_crash_with_restart_policy_never_ends_the_group(azure):
    azure.group("web-1", azure.image(crash_after_seconds=3), restartPolicy="Never")
    azure.wait(600)
    shown = azure.ok("GET", f"{azure.groups}/web-1")["properties"]
    assert shown["instanceView"]["state"] == "Failed"
    assert shown["containers"][0]["properties"]["instanceView"]["currentState"]["state"] == "Terminated"


def test_a_failing_liveness_probe_kills_and_restarts_the_container(azure):
    body = azure.body(azure.image(unhealthy_after_seconds=10))
    probe = {"httpGet": {"path": "/alive", "port": 8080, "scheme": "http"}, "periodSeconds": 5, "failureThreshold": 2}
    body["properties"]["containers"][0]["properties"]["livenessProbe"] = probe
    azure.ok("PUT", f"{azure.groups}/web-1", body)
    azure.wait(40)
    view = azure.ok("GET", f"{azure.groups}/web-1")["properties"]["containers"][0]["properties"]["instanceView"]
    assert view["restartCount"] >= 1
    assert {"Unhealthy", "Killing"} <= {event["name"] for event in view["events"]}


def test_errors_begin_when_the_behaviour_says_and_hit_the_health_path_too(azure):
    azure.group("web-1", azure.image(error_rate=0.5, errors_after_seconds=60))
    rng = random.Random(1)
    assert {azure.world.answer(azure.key(), "/", rng).status for _ in range(50)} == {200}
    azure.wait(60)
    for path in ("/", "/healthz"):
        statuses = [azure.world.answer(azure.key(), path, rng).status for _ in range(400)]
        assert set(statuses) == {200, 500}
        assert 140 < statuses.count(500) < 260


def test_errors_on_one_path_leave_every_other_well_the_health_path_among_them(azure):
    azure.group("web-1", azure.image(error_rate=1.0, error_path="/basket"))
    statuses = {path: azure.world.answer(azure.key(), path).status for path in ("/", "/healthz", "/basket")}
    assert statuses == {"/": 200, "/healthz": 200, "/basket": 500}


def test_a_container_whose_errors_are_on_another_path_passes_its_liveness_probe(azure):
    body = azure.body(azure.image(error_rate=1.0, error_path="/basket"))
    probe = {"httpGet": {"path": "/alive", "port": 8080, "scheme": "http"}, "periodSeconds": 5, "failureThreshold": 2}
    body["properties"]["containers"][0]["properties"]["livenessProbe"] = probe
    azure.ok("PUT", f"{azure.groups}/web-1", body)
    azure.wait(40)
    view = azure.ok("GET", f"{azure.groups}/web-1")["properties"]["containers"][0]["properties"]["instanceView"]
    assert view["restartCount"] == 0


def test_an_unhealthy_workload_fails_its_health_path_only(azure):
    azure.group("web-1", azure.image(unhealthy_after_seconds=60))
    azure.wait(60)
    assert azure.world.answer(azure.key(), "/").status == 200
    assert azure.world.answer(azure.key(), "/healthz").status == 503


def test_a_port_that_cannot_be_bound_fails_the_group_with_an_event_that_names_the_remedy(azure):
    azure.group("web-1")
    azure.world.cannot_bind(azure.key(), 80, "permission denied")
    shown = azure.ok("GET", f"{azure.groups}/web-1")["properties"]
    assert shown["provisioningState"] == "Failed"
    assert "port from 1024" in shown["instanceView"]["events"][0]["message"]
    assert not azure.world.workloads()[0].listening


def test_an_address_in_use_is_replaced_by_the_next_one(azure):
    fqdn = azure.group("web-1")
    before = azure.world.resolve(fqdn).address
    moved = azure.world.next_address(azure.key())
    assert moved != before
    assert azure.world.resolve(fqdn).address == moved
    assert azure.world.answer_at(moved, "/").status == 200


def test_a_kill_by_the_liveness_probe_voids_the_crash_that_was_to_come(azure):
    body = azure.body(azure.image(unhealthy_after_seconds=5, crash_after_seconds=12))
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 8, "failureThreshold": 1}
    body["properties"]["containers"][0]["properties"]["livenessProbe"] = probe
    azure.ok("PUT", f"{azure.groups}/web-1", body)
    azure.wait(9)
    assert azure.world.answer(azure.key(), "/").status == 200
    azure.wait(4)
    assert azure.world.answer(azure.key(), "/").status == 200


def test_a_group_that_is_stopped_while_it_comes_stays_stopped(azure):
    azure.ok("PUT", f"{azure.groups}/web-1", azure.body(azure.image(start_seconds=20)))
    azure.wait(5)
    azure.ok("POST", f"{azure.groups}/web-1/stop")
    azure.wait(60)
    assert azure.ok("GET", f"{azure.groups}/web-1")["properties"]["instanceView"]["state"] == "Stopped"
    assert azure.world.answer(azure.key(), "/") is None
