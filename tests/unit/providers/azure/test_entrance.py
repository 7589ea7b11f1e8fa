"""A gateway's endpoint in a profile: opened and closed as a whole, everything else byte for byte, on both doors."""

from __future__ import annotations

import copy
import random
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.azure.entrance_requests import entrance_patch, entrance_seen, name_of
from providers.azure.settings import Parent
from providers.emulator.faults import Fault
from providers.errors import Conflict, Invalid, Missing
from providers.ports import EntranceSeen
from strategies.names import parse_endpoint
from tests.unit.providers.azure.gateway import GATEWAY, OURS, OWNER, PROFILE, Door
from tests.unit.providers.azure.values import Azure, external, profile_body


def listed(azure: Azure) -> dict[str, tuple[str, str, int]]:
    """Name -> target, status and weight of every endpoint."""
    found = {item["name"]: item["properties"] for item in azure.profile()["properties"]["endpoints"]}
    return {name: (p["target"], p["endpointStatus"], p["weight"]) for name, p in found.items()}


def stored(azure: Azure) -> Any:
    """The profile but for what Traffic Manager itself thinks of it."""
    body = azure.profile()
    body["properties"]["monitorConfig"].pop("profileMonitorStatus")
    for item in body["properties"]["endpoints"]:
        item["properties"].pop("endpointMonitorStatus")
    return body


def test_our_endpoints_name_is_never_a_slots() -> None:
    assert name_of(PROFILE, OWNER) == OURS
    assert parse_endpoint(OURS) is None


def test_an_entrance_is_made_opened_closed_and_opened_again(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body(external("theirs", "other.example.com", 300), ttl=40, tags={"team": "shop"}))
    entrance = door(azure, replace(PROFILE, weight=700))
    seen = entrance.look()
    assert (seen.open, seen.ttl_seconds, seen.address) == (False, 40, "contoso-shop.trafficmanager.net")
    assert seen.why == f"there is no endpoint {OURS}"
    entrance.set(True)
    assert listed(azure)[OURS] == (GATEWAY, "Enabled", 700)
    assert entrance.look().open
    entrance.set(False)
    assert listed(azure)[OURS] == (GATEWAY, "Disabled", 700)
    assert entrance.look().why == f"endpoint {OURS} is disabled"
    entrance.set(True)
    assert listed(azure) == {"theirs": ("other.example.com", "Enabled", 300), OURS: (GATEWAY, "Enabled", 700)}
    assert azure.profile()["tags"] == {"team": "shop"}


def test_what_is_so_already_is_not_written(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body(external("theirs", "other.example.com")))
    entrance = door(azure, PROFILE)
    before = len(azure.writes())
    entrance.set(False)
    entrance.set(True)
    entrance.set(True)
    door(azure, PROFILE).set(True)
    assert len(azure.writes()) == before + 1


def test_the_whole_is_one_write_that_leaves_everything_foreign_as_it_was(azure: Azure, door: Door) -> None:
    headers = [{"name": "Host", "value": "x"}]
    azure.put_profile(
        profile_body(
            external("theirs", "a.example.com", 7, customHeaders=headers, priority=3, alwaysServe="Enabled"),
            external(OURS, GATEWAY, 50, endpointStatus="Disabled", customHeaders=headers),
            external("off", "b.example.com", 9, endpointStatus="Disabled", geoMapping=["WORLD"]),
            tags={"team": "shop", "rollout-ttl": "300", "rollout-active": "other.west=r9"},
        )
    )
    before = stored(azure)
    entrance = door(azure, PROFILE)
    writes = len(azure.writes())
    entrance.set(True)
    assert len(azure.writes()) == writes + 1
    opened = stored(azure)
    assert opened != before
    entrance.set(False)
    assert stored(azure) == before
    before["properties"]["endpoints"][1]["properties"]["endpointStatus"] = "Enabled"
    assert opened == before


def test_a_profile_that_does_not_exist_is_a_closed_entrance_and_made_open(azure: Azure, door: Door) -> None:
    entrance = door(azure, PROFILE)
    assert entrance.look() == EntranceSeen(azure.clock.now(), open=False, why="profile shop does not exist")
    entrance.set(False)
    assert azure.profile() is None
    entrance.set(True)
    body = azure.profile()
    assert listed(azure) == {OURS: (GATEWAY, "Enabled", 1000)}
    assert (body["properties"]["dnsConfig"]["ttl"], body["tags"]) == (25, {"managed-by": "rollout"})


def test_a_profile_that_nobody_said_how_to_make_is_missing(azure: Azure, door: Door) -> None:
    with pytest.raises(Missing, match=r"trafficManager\.create"):
        door(azure, replace(PROFILE, create=None)).set(True)


def test_an_adopted_endpoint_keeps_its_name_weight_and_settings(azure: Azure, door: Door) -> None:
    headers = [{"name": "Host", "value": "www.contoso.com"}]
    azure.put_profile(
        profile_body(external("Gateway", "GATEWAY.contoso.com", 40, customHeaders=headers), external("b", "b.example"))
    )
    entrance = door(azure, replace(PROFILE, adopt=("gateway",)))
    assert entrance.look().open
    before = stored(azure)
    entrance.set(False)
    assert listed(azure)["Gateway"] == ("GATEWAY.contoso.com", "Disabled", 40)
    entrance.set(True)
    assert stored(azure) == before


def test_an_endpoint_that_leads_elsewhere_is_no_open_entrance_and_led_back(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body(external(OURS, "old-gateway.contoso.com", 40)))
    entrance = door(azure, PROFILE)
    seen = entrance.look()
    assert (seen.open, "leads to old-gateway.contoso.com" in seen.why) == (False, True)
    entrance.set(True)
    assert listed(azure) == {OURS: (GATEWAY, "Enabled", 40)}


def test_the_manifests_settings_of_an_endpoint_go_with_the_next_write(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body(external(OURS, GATEWAY, 40, endpointStatus="Disabled")))
    settings = replace(PROFILE, custom_headers=(("Host", "www.contoso.com"),), always_serve=True, weight=60)
    door(azure, settings).set(True)
    (item,) = azure.profile()["properties"]["endpoints"]
    inner = item["properties"]
    assert (inner["customHeaders"], inner["alwaysServe"]) == ([{"name": "Host", "value": "www.contoso.com"}], "Enabled")
    assert inner["weight"] == 60


def test_an_open_entrance_is_online_once_traffic_manager_says_so(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body(external(OURS, GATEWAY, 40, alwaysServe="Enabled")))
    assert door(azure, PROFILE).look().online
    azure.put_profile(profile_body(external(OURS, GATEWAY, 40)))
    seen = door(azure, PROFILE).look()
    assert (seen.open, seen.online) == (True, False)
    assert f"Traffic Manager takes endpoint {OURS} for checking" in seen.why


def test_clients_may_remember_for_as_long_as_the_longest_ttl_above(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body(external(OURS, GATEWAY, 40), ttl=20))
    child = azure.profile()["id"]
    kind = "Microsoft.Network/trafficManagerProfiles/nestedEndpoints"
    inner = {"targetResourceId": child, "minChildEndpoints": 1, "endpointStatus": "Enabled", "weight": 1}
    above = profile_body({"name": "child", "type": kind, "properties": inner}, ttl=90)
    above["properties"]["dnsConfig"]["relativeName"] = "contoso-world"
    azure.put_profile(above, "world")
    settings = replace(PROFILE, parents=(Parent("shop", "world", "child"), Parent("shop", "absent", "x")))
    assert door(azure, settings).look().ttl_seconds == 90


def test_a_foreign_change_since_the_last_read_writes_nothing(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body(external("theirs", "a.example.com", 7)))
    entrance = door(azure, PROFILE)
    entrance.look()
    entrance.set(True)
    azure.put_profile(profile_body(external("theirs", "a.example.com", 8), external(OURS, GATEWAY, 1000)))
    with pytest.raises(Conflict, match="nothing was written") as caught:
        entrance.set(False)
    assert caught.value.code == "ForeignChange"
    assert listed(azure)[OURS][1] == "Enabled"
    entrance.set(False)
    assert listed(azure) == {"theirs": ("a.example.com", "Enabled", 8), OURS: (GATEWAY, "Disabled", 1000)}


def test_what_the_service_thinks_of_others_is_no_change(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body(external("theirs", "a.example.com", 7)))
    entrance = door(azure, PROFILE)
    entrance.look()
    azure.clock.advance(600)
    azure.world.tick()
    entrance.set(True)
    assert listed(azure)[OURS] == (GATEWAY, "Enabled", 1000)


def test_a_concurrent_writer_is_a_conflict(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body())
    azure.world.faults.add(Fault("PATCH", re.compile("."), 409, "Conflict"))
    with pytest.raises(Conflict):
        door(azure, PROFILE).set(True)


def test_a_weight_that_no_endpoint_can_have_is_invalid(azure: Azure, door: Door) -> None:
    azure.put_profile(profile_body())
    with pytest.raises(Invalid, match="from 0 to 1000; got 1001"):
        door(azure, replace(PROFILE, weight=1001)).set(True)


def test_an_endpoint_of_an_azure_resource_is_opened_without_a_new_target() -> None:
    kind = "Microsoft.Network/trafficManagerProfiles/azureEndpoints"
    inner = {"targetResourceId": "/ip", "target": "x.cloudapp.azure.com", "endpointStatus": "Disabled", "weight": 5}
    body = profile_body({"name": "gw", "type": kind, "properties": inner})
    settings = replace(PROFILE, adopt=("gw",))
    patch = entrance_patch(body, settings, OWNER, is_open=True)
    assert patch is not None
    (item,) = patch["properties"]["endpoints"]
    assert item["properties"] == {**inner, "endpointStatus": "Enabled"}


NAMES = st.sampled_from(["theirs", "blue", "Storefront_Onprem", "gw", "storefront_west_aaaaaaaa_1_0", "other_onprem"])


@settings(deadline=None)
@given(
    there=st.dictionaries(NAMES, st.tuples(st.booleans(), st.integers(1, 1000)), max_size=5),
    adopt=st.sampled_from([(), ("gw",), ("GW",)]),
    weight=st.sampled_from([None, 1, 1000]),
    is_open=st.booleans(),
    seed=st.integers(0, 9),
)
def test_whatever_is_there_one_patch_makes_it_so_and_a_second_has_nothing_to_do(
    there: dict[str, tuple[bool, int]],
    adopt: tuple[str, ...],
    weight: int | None,
    is_open: bool,
    seed: int,
) -> None:
    rng = random.Random(seed)
    items = [
        external(name, f"{index}.example", load, endpointStatus="Enabled" if on else "Disabled", new=rng.random())
        for index, (name, (on, load)) in enumerate(there.items())
    ]
    body = profile_body(*items)
    settings = replace(PROFILE, adopt=adopt, weight=weight)
    ours = name_of(settings, OWNER, body).lower()
    before = copy.deepcopy(body)
    patch = entrance_patch(body, settings, OWNER, is_open=is_open)
    assert body == before
    after = profile_body(*(patch["properties"]["endpoints"] if patch else items))
    seen = entrance_seen(after, [], settings, OWNER, at=None)  # type: ignore[arg-type]
    assert seen.open == is_open
    assert entrance_patch(after, settings, OWNER, is_open=is_open) is None
    others = [item for item in after["properties"]["endpoints"] if item["name"].lower() != ours]
    assert others == [item for item in items if item["name"].lower() != ours]
