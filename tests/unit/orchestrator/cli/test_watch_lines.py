"""What people see of the watcher, in `status`, in `why` and as JSON."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator.store.records import Sighting
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk

IMAGE = "contoso.azurecr.io/shop/storefront"
SEEN = Sighting(
    "storefront",
    IMAGE,
    "semver >=1.4 <2",
    "1.5.0",
    "sha256:15",
    states.NOW - timedelta(minutes=2),
    handled="sha256:15",
    outcome="begun",
    message="rollout r1 was begun",
)
REFUSED = replace(SEEN, outcome="rolledBackBefore", message="revision abc was rolled back before; `rollout retry`")
BLIND = replace(SEEN, problem="contoso.azurecr.io: 401\nsign in (az login)", problem_at=states.NOW)
WRONG = "basket.yaml:3: image: must be there; got nothing"
BROKEN = Sighting("basket", "", "", manifest_problem=WRONG, manifest_problem_at=states.NOW)


def test_status_says_what_is_watched_by_which_rule_and_what_was_seen_when(desk: Desk) -> None:
    desk.put(states.promoted())
    desk.store.keep_sighting(SEEN)
    desk.type("status", "storefront")
    assert f"  watching   {IMAGE} by semver >=1.4 <2: 1.5.0, seen 2 m ago" in desk.said.splitlines()
    assert "refused" not in desk.said
    assert "problem" not in desk.said
    desk.type("status", "storefront", "-o", "json")
    assert desk.document["watch"] == {
        "image": IMAGE,
        "rule": "semver >=1.4 <2",
        "tag": "1.5.0",
        "digest": "sha256:15",
        "seenAt": "2026-03-04T11:58:00.000Z",
        "outcome": "begun",
        "message": "rollout r1 was begun",
        "problem": None,
        "problemAt": None,
    }


def test_a_refused_find_and_what_it_waits_for_stand_in_status_and_why(desk: Desk) -> None:
    desk.put(states.promoted())
    for sighting, line in (
        (REFUSED, f"  refused    {REFUSED.message}"),
        (replace(SEEN, outcome="after", message="1.4.2 must end first"), "  waits      1.4.2 must end first"),
    ):
        desk.store.keep_sighting(sighting)
        for verb in ("status", "why"):
            desk.type(verb, "storefront")
            assert line in desk.said.splitlines()
            desk.type(verb, "storefront", "-o", "json")
            assert desk.document["watch"]["message"] == sighting.message


def test_a_trouble_stands_on_one_line_with_its_remedy_and_since_when(desk: Desk) -> None:
    desk.put(states.promoted())
    desk.store.keep_sighting(BLIND)
    desk.clock.at += timedelta(hours=1)
    desk.type("status", "storefront")
    told = f"  problem    contoso.azurecr.io: 401; sign in (az login), since {states.NOW:%H:%M:%S} UTC"
    assert told in desk.said.splitlines()
    desk.type("status", "storefront", "-o", "json")
    assert desk.document["watch"]["problem"] == BLIND.problem
    assert desk.document["watch"]["problemAt"] is not None


def test_a_service_with_a_broken_manifest_and_no_rollout_shows_up(desk: Desk) -> None:
    desk.put(states.holding())
    desk.store.note_manifest("basket", WRONG, states.NOW, image="")
    desk.store.keep_sighting(replace(SEEN, service="cart"))
    desk.store.keep_sighting(Sighting("dull", IMAGE, ""))
    desk.type("status")
    *rows, last = desk.said.splitlines()[1:]
    assert last.startswith("nothing is watched now: no daemon runs on this store")
    assert [row.split()[1] for row in rows] == ["basket", "cart", "storefront"]
    assert "no rollout yet" in rows[0]
    assert rows[0].endswith(BROKEN.manifest_problem)
    desk.type("status", "-o", "json")
    watches = {entry["service"]: entry["watch"] for entry in desk.document["services"]}
    assert watches["basket"]["problem"] == BROKEN.manifest_problem
    assert (watches["cart"]["tag"], watches["storefront"]) == ("1.5.0", None)
    desk.type("status", "basket")
    assert desk.said.splitlines()[0].endswith("basket  no rollout yet")
    assert f"  manifest   {BROKEN.manifest_problem}, since" in desk.said
    desk.type("why", "basket")
    assert "basket has had no rollout yet" in desk.said
    assert BROKEN.manifest_problem in desk.said


def test_a_rule_that_nothing_fits_says_where_to_look(desk: Desk) -> None:
    desk.store.keep_sighting(Sighting("storefront", IMAGE, "semver >=9"))
    desk.type("status", "storefront")
    assert "nothing seen yet that it takes; `rollout tags FILE` shows what there is" in desk.said


def test_the_table_notes_a_watchers_trouble_beside_a_rollout_that_is_well(desk: Desk) -> None:
    desk.put(states.promoted())
    desk.put(states.holding(rollout=states.fresh(replace(states.service(), name="cart"), rollout_id="c1")))
    desk.store.keep_sighting(REFUSED)
    desk.type("status")
    assert REFUSED.message in desk.said


def test_nothing_is_said_of_a_watcher_where_nothing_is_watched(desk: Desk) -> None:
    desk.put(states.promoted())
    desk.store.keep_sighting(Sighting("storefront", IMAGE, ""))
    desk.type("status", "storefront")
    assert "watching" not in desk.said
    desk.type("status", "storefront", "-o", "json")
    assert desk.document["watch"] is None
