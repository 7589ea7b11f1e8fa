"""What Prometheus is told: counted from the engine's own events, with labels that go with what they name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.telemetry.metrics import MANIFEST, Meters
from strategies.evidence import proof
from strategies.journal import explain
from strategies.model import Reason, Rollout
from strategies.phases import Phase
from strategies.proof import e_of
from tests.unit.strategies.build import at, in_phase, rollout, service
from tests.unit.strategies.sources import RULE, after, judged

NAMES = st.sampled_from(["shop", "cart", "mail", "a.b/c:5000", 'qu"ote\\', "line\nend"])


def named(meters: Meters, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """What a scrape shows under a name, by the values of these labels."""
    families = text_string_to_metric_families(meters.render().decode())
    found = (sample for family in families for sample in family.samples if sample.name == name)
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in found}


def promoted(of: Rollout, seconds: float) -> Rollout:
    return replace(in_phase(of, Phase.PROMOTED), ended_at=at(seconds))


def test_a_release_is_counted_by_its_phases_its_end_and_how_long_it_took() -> None:
    meters = Meters("0.1.0")
    listen = meters.listener()
    begun = rollout()
    preparing, retiring = in_phase(begun, Phase.PREPARING), in_phase(begun, Phase.RETIRING)
    listen(preparing, explain(begun, preparing, at(1)) if preparing != begun else ())
    done = promoted(begun, 90)
    listen(done, explain(retiring, done, at(90)))
    assert named(meters, "rollout_rollouts_total", "service", "outcome") == {("shop", "promoted"): 1.0}
    assert named(meters, "rollout_phase_changes_total", "phase")[("promoted",)] == 1.0
    assert named(meters, "rollout_release_seconds_sum", "outcome") == {("promoted",): 90.0}


def test_a_scrape_says_nothing_of_when_a_series_was_made() -> None:
    meters = Meters("0.1.0")
    meters.looked("registry.example", "unchanged", 0.1)
    assert b"_created" not in meters.render()


def test_a_rollout_that_is_stuck_is_counted_and_took_no_time_yet() -> None:
    meters = Meters("0.1.0")
    begun = in_phase(rollout(), Phase.HOLDING)
    stuck = in_phase(begun, Phase.STUCK)
    meters.listener()(stuck, explain(begun, stuck, at(5)))
    assert named(meters, "rollout_rollouts_total", "service", "outcome") == {("shop", "stuck"): 1.0}
    assert named(meters, "rollout_release_seconds_sum", "outcome") == {}


def test_looks_and_deliveries_are_counted_by_where_they_went_and_what_came_of_them() -> None:
    meters = Meters("0.1.0")
    meters.looked("contoso.azurecr.io", "unchanged", 0.02)
    meters.looked("contoso.azurecr.io", "unchanged", 0.03)
    meters.looked("docker.io", "Throttled", 3.0)
    meters.heard("acr", "taken")
    assert named(meters, "rollout_watch_looks_total", "host", "outcome") == {
        ("contoso.azurecr.io", "unchanged"): 2.0,
        ("docker.io", "Throttled"): 1.0,
    }
    assert named(meters, "rollout_watch_look_seconds_sum", "host")[("contoso.azurecr.io",)] == pytest.approx(0.05)
    assert named(meters, "rollout_webhook_deliveries_total", "source", "outcome") == {("acr", "taken"): 1.0}


@given(steps=st.lists(st.tuples(NAMES, st.sampled_from(["Denied", "Throttled", "manifest", ""]))))
def test_a_service_shows_the_trouble_it_has_now_and_none_when_it_is_well(steps: list[tuple[str, str]]) -> None:
    meters, now, begun = Meters("0.1.0"), dict[str, str](), 0
    for name, kind in steps:
        if kind:
            begun += now.get(name) != kind
            now[name] = kind
            meters.troubled(name, kind)
        else:
            now.pop(name, None)
            meters.well(name)
    assert named(meters, "rollout_trouble", "service", "kind") == dict.fromkeys(now.items(), 1.0)
    assert sum(named(meters, "rollout_troubles_total", "kind").values()) == begun


def test_what_is_watched_no_longer_takes_its_labels_along() -> None:
    meters = Meters("0.1.0")
    for name in ("shop", "cart"):
        begun = rollout(replace(service(), name=name))
        done = promoted(begun, 5)
        meters.listener()(done, explain(in_phase(begun, Phase.RETIRING), done, at(5)))
        meters.troubled(name, "Denied")
        meters.looked(f"{name}.azurecr.io", "changed", 0.1)
    meters.keep({"shop"}, {"shop.azurecr.io"})
    shown = meters.render().decode()
    assert "cart" not in shown
    assert named(meters, "rollout_rollouts_total", "service", "outcome") == {("shop", "promoted"): 1.0}
    meters.keep(set(), set())
    assert "shop" not in meters.render().decode()


def test_a_number_that_cannot_be_told_does_not_hide_the_others_and_can_be_replaced() -> None:
    meters = Meters("0.1.0")
    meters.gauge("rollout_schedule_delay_seconds", "Seconds behind.", lambda: 1 / 0)
    value = named(meters, "rollout_schedule_delay_seconds")[()]
    assert value != value
    assert named(meters, "rollout_build_info", "version") == {("0.1.0",): 1.0}
    meters.gauge("rollout_schedule_delay_seconds", "Seconds behind.", lambda: 2.5)
    assert named(meters, "rollout_schedule_delay_seconds") == {(): 2.5}


def test_two_daemons_in_one_process_count_apart() -> None:
    one, other = Meters("0.1.0"), Meters("0.1.0")
    one.heard("acr", "taken")
    assert named(other, "rollout_webhook_deliveries_total", "source", "outcome") == {}


def test_a_service_may_have_a_trouble_of_each_kind_at_once_and_each_ends_by_itself() -> None:
    meters = Meters("0.1.0")
    meters.troubled("shop", "Unreachable")
    meters.troubled("shop", "Manifest", MANIFEST)
    meters.well("shop")
    assert named(meters, "rollout_trouble", "service", "kind") == {("shop", "Manifest"): 1.0}


def test_a_rollout_that_waits_for_a_person_is_a_trouble_until_it_goes_on() -> None:
    meters = Meters("0.1.0")
    listen = meters.listener()
    paused = replace(rollout(), paused=Reason("pause", "paused by ana"))
    listen(paused, ())
    assert named(meters, "rollout_trouble", "service", "kind") == {("shop", "WaitsForPerson"): 1.0}
    listen(replace(paused, paused=None), ())
    assert named(meters, "rollout_trouble", "service", "kind") == {}


def weighed(meters: Meters) -> dict[str, dict[tuple[str, ...], float]]:
    """Evidence and proof by service and target."""
    return {name: named(meters, f"rollout_{name}", "service", "target") for name in ("evidence", "proof")}


def test_evidence_and_proof_of_what_is_under_way_are_shown_by_target_until_it_ends() -> None:
    meters = Meters("0.1.0")
    listen = meters.listener()
    of = after(judged(names=("west", "north")), 15, (100, 0), (100, 1))
    listen(of, ())
    assert set(weighed(meters)["evidence"]) == {("shop", "west"), ("shop", "north")}
    state = of.target("west")
    assert weighed(meters)["evidence"][("shop", "west")] == pytest.approx(e_of(state, of.service.target("west")))
    assert weighed(meters)["proof"][("shop", "west")] == pytest.approx(proof(state.metrics[0]))
    ended = in_phase(in_phase(of, Phase.PROMOTED), Phase.PROMOTED, name="north")
    listen(replace(ended, ended_at=at(90)), ())
    assert weighed(meters) == {"evidence": {}, "proof": {}}


def test_of_a_service_that_no_source_decides_about_no_evidence_is_shown() -> None:
    meters = Meters("0.1.0")
    meters.listener()(judged(replace(RULE, dry_run=True)), ())
    meters.listener()(rollout(), ())
    assert weighed(meters) == {"evidence": {}, "proof": {}}


def test_telemetry_of_the_candidate_that_is_lost_is_a_trouble_until_it_is_back() -> None:
    meters = Meters("0.1.0")
    listen = meters.listener()
    troubles = []
    of = judged(share=10.0)
    for start, seconds, candidate in ((0, 20, (1, 0)), (20, 40, None), (60, 10, (1, 0))):
        of = after(of, seconds, (100, 0), candidate, start=start)
        listen(of, ())
        troubles.append(named(meters, "rollout_trouble", "service", "kind"))
    assert troubles == [{}, {("shop", "TelemetryLost"): 1.0}, {}]
    assert named(meters, "rollout_troubles_total", "kind") == {("TelemetryLost",): 1.0}


def test_a_lost_telemetry_and_a_waiting_person_are_two_troubles() -> None:
    meters = Meters("0.1.0")
    of = after(judged(share=10.0), 60, (100, 0), None)
    meters.listener()(replace(of, paused=Reason("pause", "paused by ana")), ())
    assert set(named(meters, "rollout_trouble", "service", "kind")) == {
        ("shop", "TelemetryLost"),
        ("shop", "WaitsForPerson"),
    }
