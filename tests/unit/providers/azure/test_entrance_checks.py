"""What would keep a gateway's endpoint from being opened is found before anything is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.azure.entrance_requests import entrance_findings
from tests.unit.providers.azure.gateway import GATEWAY, OURS, OWNER, PROFILE, Door
from tests.unit.providers.azure.values import Azure, external, profile_body


def nested(name: str) -> dict[str, Any]:
    kind = "Microsoft.Network/trafficManagerProfiles/nestedEndpoints"
    return {"name": name, "type": kind, "properties": {"targetResourceId": "/x", "endpointStatus": "Enabled"}}


@pytest.mark.parametrize(
    ("endpoints", "more", "said", "remedy"),
    [
        ([external("gw", GATEWAY.upper())], {}, "endpoint gw leads to gateway.contoso.com already", "adopt: [gw]"),
        ([external("gw", GATEWAY), external(OURS, "x.example")], {}, "leads to gateway.contoso.com", "adopt: [gw]"),
        ([external("theirs", "a.example")], {}, "has other enabled endpoints (theirs)", "trafficManager.weight"),
        ([external("a", "a.example")], {"adopt": ("gw",)}, "has no endpoint to adopt called gw", "it has a"),
        ([nested("gw")], {"adopt": ("gw",)}, "endpoint gw is a nested profile", "External or Azure"),
        ([external("a", GATEWAY), external("b", "b.x")], {"adopt": ("a", "b")}, "only one endpoint", "adopt the one"),
    ],
)
def test_what_would_keep_it_from_opening_is_found_before_anything_is_touched(
    endpoints: list[Any], more: dict[str, Any], said: str, remedy: str
) -> None:
    found = list(entrance_findings(profile_body(*endpoints), replace(PROFILE, **more), OWNER, "profile shop"))
    wrong = [item for item in found if not item.ok]
    assert all(item.fatal and item.remedy for item in wrong)
    assert any(said in item.message and remedy in item.remedy for item in wrong), wrong


@pytest.mark.parametrize(
    ("endpoints", "more"),
    [
        ([], {}),
        ([external("theirs", "a.example")], {"weight": 100}),
        ([external("theirs", "a.example"), external(OURS, GATEWAY)], {}),
        ([external("theirs", "a.example"), external("gw", GATEWAY)], {"adopt": ("GW",)}),
    ],
)
def test_a_profile_that_can_be_used_has_nothing_wrong(endpoints: list[Any], more: dict[str, Any]) -> None:
    found = entrance_findings(profile_body(*endpoints), replace(PROFILE, **more), OWNER, "profile shop")
    assert [item.message for item in found if not item.ok] == []


def test_an_endpoint_that_somebody_closed_is_a_warning_because_a_rollout_opens_it() -> None:
    closed = external(OURS, GATEWAY, endpointStatus="Disabled")
    (found,) = [item for item in entrance_findings(profile_body(closed), PROFILE, OWNER, "profile shop") if not item.ok]
    assert (found.fatal, found.message) == (False, f"endpoint {OURS} is disabled, and a rollout opens it")


@pytest.mark.parametrize(
    ("body", "more", "said"),
    [
        (None, {"create": None}, "does not exist"),
        (profile_body(trafficRoutingMethod="Priority"), {}, "Priority"),
        (profile_body(external("gw", GATEWAY)), {}, "leads to gateway.contoso.com already"),
    ],
)
def test_the_preflight_of_both_doors_finds_it(
    azure: Azure, door: Door, body: Any, more: dict[str, Any], said: str
) -> None:
    if body is not None:
        azure.put_profile(body)
    found = door(azure, replace(PROFILE, **more)).preflight()
    wrong = [item for item in found if not item.ok]
    assert any(said in item.message and item.fatal and item.remedy for item in wrong), found


def test_the_preflight_of_both_doors_passes_what_can_be_used(azure: Azure, door: Door) -> None:
    assert [item for item in door(azure, PROFILE).preflight() if not item.ok and item.fatal] == []
    azure.put_profile(profile_body(external(OURS, GATEWAY)))
    assert [item for item in door(azure, PROFILE).preflight() if not item.ok and item.fatal] == []
