"""What a `Traffic` port on Azure must do, whatever stands between it and the world."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.errors import Conflict, Denied, Invalid, Missing, Throttled, Transient
from providers.ports import Traffic
from strategies.model import Member, TrafficIntent
from strategies.traffic import shows
from tests.conformance.azure_doors import Door, endpoint, external, mark

OLD, NEW = endpoint(mark(letter="b")), endpoint(mark(letter="c", number=2))
EAST = endpoint(mark(target="east"))
HOLDER = "shop.west"
SPLIT = TrafficIntent((Member(OLD, "old.example.org", 990), Member(NEW, "new.example.org", 10)), active="r-2")
FOREIGN = external("foreign", "f.example.org", 7, customHeaders=[{"name": "Host", "value": "f"}], alwaysServe="Enabled")


@pytest.fixture
def live(door: Door) -> Door:
    """A profile that serves an old side of ours beside a foreign endpoint."""
    door.put_profile(external(OLD, "old.example.org", 1000), FOREIGN, tags={"team": "shop"})
    return door


def shift(door: Door, intent: TrafficIntent, traffic: Traffic | None = None) -> list[str]:
    """Shift from what a look shows, and return the writes that it took."""
    port, before = traffic or door.traffic(), len(door.writes())
    port.shift(intent, port.look())
    return door.writes(before)


def test_a_profile_that_does_not_exist_is_a_fact(door: Door) -> None:
    seen = door.traffic().look()
    assert (seen.exists, seen.endpoints) == (False, ())


def test_a_shift_is_one_write_after_which_a_look_shows_exactly_the_intent(live: Door) -> None:
    for intent in (
        SPLIT,
        replace(SPLIT, members=(Member(OLD, "old.example.org", 0), Member(NEW, "new.example.org", 1000))),
        replace(SPLIT, members=(Member(OLD, "old.example.org", 1), Member(NEW, "new.example.org", 999))),
        TrafficIntent((Member(NEW, "new.example.org", 1000),), absent=(OLD,)),
    ):
        assert shift(live, intent) == ["PATCH shop"]
        assert shows(live.traffic().look(), intent, HOLDER)


def test_asking_for_what_stands_already_changes_nothing(live: Door) -> None:
    shift(live, SPLIT)
    before = live.profile()
    shift(live, SPLIT)
    assert live.profile() == before


def test_foreign_endpoints_settings_and_tags_survive_every_shift(live: Door) -> None:
    def foreign() -> object:
        items = live.profile()["properties"]["endpoints"]
        return next(item for item in items if item["name"] == "foreign")

    before, monitor = foreign(), live.profile()["properties"]["monitorConfig"]
    shift(live, replace(SPLIT, ttl_seconds=10, ttl_original=30))
    shift(live, TrafficIntent((Member(NEW, "new.example.org", 1000),), absent=(OLD,), ttl_seconds=30))
    assert foreign() == before
    assert live.profile()["tags"] == {"team": "shop"}
    assert live.profile()["properties"]["monitorConfig"] == monitor


def test_an_adopted_endpoint_comes_back_with_its_exact_weight_and_status(door: Door) -> None:
    blue = external("blue", "blue.example.org", 321, customHeaders=[{"name": "Host", "value": "www"}])
    door.put_profile(blue)
    before = door.profile()["properties"]["endpoints"]
    port = door.traffic(adopt=("blue",))
    away = TrafficIntent((Member("blue", "blue.example.org", 0), Member(NEW, "new.example.org", 321)), active="r-2")
    shift(door, away, port)
    made = next(e for e in door.profile()["properties"]["endpoints"] if e["name"] == NEW)["properties"]
    assert made["customHeaders"] == [{"name": "Host", "value": "www"}]
    shift(door, TrafficIntent((Member("blue", "blue.example.org", 321),), absent=(NEW,)), port)
    assert door.profile()["properties"]["endpoints"] == before


def test_a_foreign_change_since_the_look_is_a_conflict_and_nothing_is_written(live: Door) -> None:
    port = live.traffic()
    seen = port.look()
    live.put_profile(external(OLD, "old.example.org", 1000), external("foreign", "f.example.org", 8))
    before = live.profile()
    with pytest.raises(Conflict):
        port.shift(SPLIT, seen)
    assert live.profile() == before


def test_a_foreign_endpoint_that_vanished_since_the_look_is_a_conflict(live: Door) -> None:
    port = live.traffic()
    seen = port.look()
    live.put_profile(external(OLD, "old.example.org", 1000))
    with pytest.raises(Conflict):
        port.shift(SPLIT, seen)


def test_two_targets_of_one_service_share_a_profile_without_touching_each_other(live: Door) -> None:
    east = live.traffic("east")
    east_intent = TrafficIntent((Member(EAST, "east.example.org", 500),), ttl_seconds=10, ttl_original=30, active="r-9")
    shift(live, replace(SPLIT, ttl_seconds=10, ttl_original=30))
    shift(live, east_intent, east)
    seen = east.look()
    assert dict(seen.active) == {HOLDER: "r-2", "shop.east": "r-9"}
    shift(live, TrafficIntent((Member(NEW, "new.example.org", 1000),), absent=(OLD,)))
    seen = live.traffic().look()
    assert dict(seen.active) == {"shop.east": "r-9"}
    assert (seen.ttl_seconds, seen.ttl_original) == (10, 30)
    assert shows(seen, east_intent, "shop.east")


def test_the_ttl_is_lowered_shown_and_restored_with_its_original(live: Door) -> None:
    shift(live, replace(SPLIT, ttl_seconds=10, ttl_original=30))
    seen = live.traffic().look()
    assert (seen.ttl_seconds, seen.ttl_chain, seen.ttl_original) == (10, 10, 30)
    shift(live, replace(SPLIT, ttl_seconds=30, active=None))
    seen = live.traffic().look()
    assert (seen.ttl_seconds, seen.ttl_original, seen.active) == (30, None, ())


def test_a_revision_that_was_taken_back_is_remembered_on_the_profile(live: Door) -> None:
    shift(live, SPLIT)
    back = TrafficIntent((Member(OLD, "old.example.org", 1000),), absent=(NEW,), rolled_back="c" * 8)
    shift(live, back)
    assert shows(live.traffic().look(), back, HOLDER)
    assert dict(live.traffic().look().rolled_back) == {HOLDER: "c" * 8}


def test_a_parents_ttl_counts_and_goes_down_and_up_with_ours(live: Door) -> None:
    nested = external("west", "")
    nested["type"] = "Microsoft.Network/trafficManagerProfiles/nestedEndpoints"
    nested["properties"] = {"targetResourceId": live.profile()["id"], "minChildEndpoints": 1}
    live.put_profile(nested, name="world", ttl=120)
    port = live.traffic(parent=True)
    assert port.look().ttl_chain == 120
    assert shift(live, replace(SPLIT, ttl_seconds=10, ttl_original=30), port) == ["PATCH world", "PATCH shop"]
    assert port.look().ttl_chain == 10
    assert shift(live, replace(SPLIT, ttl_seconds=30, active=None), port) == ["PATCH world", "PATCH shop"]
    assert port.look().ttl_chain == 120


def test_a_profile_is_created_with_its_members_in_one_write_when_the_manifest_says_how(door: Door) -> None:
    intent = TrafficIntent((Member(NEW, "new.example.org", 1000),), active="r-2")
    assert shift(door, intent) == ["PUT shop"]
    seen = door.traffic().look()
    assert shows(seen, intent, HOLDER)
    assert (seen.ttl_seconds, seen.address) == (30, "contoso-shop.trafficmanager.net")


def test_a_profile_that_nobody_describes_is_missing(door: Door) -> None:
    port = door.traffic(create=False)
    with pytest.raises(Missing):
        port.shift(SPLIT, port.look())


def test_a_profile_deleted_under_our_feet_is_not_made_again_by_a_shift(live: Door) -> None:
    port = live.traffic()
    seen = port.look()
    live.arm("DELETE", "trafficManagerProfiles", "shop")
    with pytest.raises(Conflict):
        port.shift(SPLIT, seen)
    assert live.profile() is None


def test_a_write_whose_answer_is_lost_is_transient_and_the_next_look_shows_it(live: Door) -> None:
    live.fault(method="PATCH", status=500, afterCommit=True)
    with pytest.raises(Transient) as caught:
        shift(live, SPLIT)
    assert not isinstance(caught.value, Throttled | Conflict)
    assert shows(live.traffic().look(), SPLIT, HOLDER)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(403, "AuthorizationFailed", Denied), (409, "Conflict", Conflict), (429, "TooManyRequests", Throttled)],
)
def test_a_refused_write_says_what_kind_it_is_and_leaves_everything(
    live: Door, status: int, code: str, kind: type[Exception]
) -> None:
    before = live.profile()
    live.fault(method="PATCH", status=status, code=code, retryAfter=60)
    with pytest.raises(kind):
        shift(live, SPLIT)
    assert live.profile() == before


def test_what_the_service_can_never_take_is_invalid(live: Door) -> None:
    with pytest.raises(Invalid):
        shift(live, TrafficIntent((Member(NEW, "f.example.org", 1),)))
    with pytest.raises(Invalid):
        shift(live, TrafficIntent((Member(NEW, "new.example.org", 1001),)))


def test_a_look_that_is_refused_or_fails_is_no_fact(live: Door) -> None:
    live.fault(method="GET", status=403)
    with pytest.raises(Denied):
        live.traffic().look()
    live.fault(method="GET", status=503)
    with pytest.raises(Transient):
        live.traffic().look()


def test_preflight_reads_only_and_finds_a_profile_that_is_not_weighted(live: Door) -> None:
    assert all(finding.ok for finding in live.traffic().preflight())
    body = live.profile()
    body["properties"]["trafficRoutingMethod"] = "Priority"
    live.arm("PUT", "trafficManagerProfiles", "shop", body)
    before = len(live.writes())
    assert any(not finding.ok and finding.fatal for finding in live.traffic().preflight())
    assert live.writes(before) == []
