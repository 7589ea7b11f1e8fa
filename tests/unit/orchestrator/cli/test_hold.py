"""Holding services back: who did what and why can be read afterwards, and a name mistyped does not pass in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.store.records import Sighting, Snapshot
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk


def journal(desk: Desk, service: str = "storefront") -> list[tuple[str, dict[str, object]]]:
    """What the journal says about holding the service back."""
    events = [each.event for each in desk.store.events(service)]
    return [(each.kind, dict(each.data)) for each in events if each.kind.endswith("suspended")]


def test_who_held_a_service_back_and_who_let_it_go_stands_in_its_journal(desk: Desk) -> None:
    desk.put(states.promoted())
    assert desk.type("suspend", "storefront", "--reason", "freeze", "--until", "2h", "--actor", "ana") == 0
    assert desk.type("unsuspend", "storefront", "--reason", "over", "--actor", "bo") == 0
    assert journal(desk) == [
        ("service_suspended", {"actor": "ana", "reason": "freeze", "until": "2026-03-04T14:00:00.000Z", "all": False}),
        ("service_unsuspended", {"actor": "bo", "reason": "over", "all": False}),
    ]
    assert desk.type("events", "storefront") == 0
    assert "service_unsuspended" in desk.said


def test_holding_all_back_stands_in_the_journal_of_every_service(desk: Desk) -> None:
    desk.put(states.promoted())
    other = states.promoted()
    desk.put(replace(other, id="2" * 12, service=replace(other.service, name="checkout")))
    assert desk.type("suspend", "--all", "--reason", "freeze", "--actor", "ana") == 0
    assert desk.type("unsuspend", "--all", "--actor", "bo") == 0
    for service in ("storefront", "checkout"):
        told = [(kind, data["actor"], data["all"]) for kind, data in journal(desk, service)]
        assert told == [("service_suspended", "ana", True), ("service_unsuspended", "bo", True)]


def test_lifting_what_is_not_held_back_writes_nothing(desk: Desk) -> None:
    desk.put(states.promoted())
    assert desk.type("suspend", "--all", "--reason", "freeze") == 0
    before = journal(desk)
    assert desk.type("unsuspend", "storefront", "--actor", "bo") == 0
    assert journal(desk) == before
    assert desk.store.suspended("storefront", desk.clock.now()) is not None


def test_a_service_that_nobody_knows_is_held_back_with_a_warning(desk: Desk) -> None:
    desk.put(states.promoted())
    assert desk.type("suspend", "storefornt", "--reason", "freeze", "-o", "json") == 0
    assert desk.document["known"] is False
    assert "nothing is known of a service 'storefornt'" in desk.told
    assert desk.store.suspended("storefornt", desk.clock.now()) is not None
    assert desk.type("unsuspend", "storefornt", "-o", "json") == 0
    assert desk.document["known"] is False


def test_a_service_with_a_rollout_a_watch_or_a_manifest_is_known(desk: Desk) -> None:
    desk.put(states.promoted())
    desk.store.keep_sighting(Sighting("watched", "h/r", "semver *", "1.0", "sha256:1", desk.clock.now()))
    desk.store.keep_manifest("kept", Snapshot("service: kept", "x.yaml"))
    for words in (("storefront",), ("watched",), ("kept",), ("--all",)):
        assert desk.type("suspend", *words, "--reason", "freeze", "-o", "json") == 0
        assert desk.document["known"] is True
        assert "nothing is known" not in desk.told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("suspend", "Bad Name!", "--reason", "x"), "must be a service's name"),
        (("unsuspend", "Bad Name!"), "must be a service's name"),
        (("pause", "Bad Name!"), "must be a service's name"),
        (("why", "x\x1b[2J"), "must be a service's name"),
        (("suspend", "storefront", "--reason", "a\x1b[2Jb"), "without control characters"),
        (("suspend", "storefront", "--reason", "  "), "reason: must be given"),
        (("suspend", "storefront", "--reason", "x" * 2001), "at most 2000 characters"),
        (("suspend", "storefront", "--reason", "x", "--actor", "a\x07"), "without control characters"),
        (("abort", "storefront", "--reason", "\x9b2J"), "without control characters"),
        (("suspend", "storefront", "--reason", "x", "--until", "9999-12-31T23:59:59-12:00"), "beyond the calendar"),
    ],
)
def test_what_no_terminal_should_be_shown_is_bad_usage_and_is_not_kept(
    desk: Desk, words: tuple[str, ...], sentence: str
) -> None:
    rollout = desk.put(states.holding())
    assert desk.type(*words) == 2
    assert sentence in desk.told
    assert desk.store.load(rollout.id).commands == ()
    assert desk.store.suspended("storefront", desk.clock.now()) is None


def test_a_cis_name_for_who_runs_it_is_cleaned_and_never_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(states.promoted())
    monkeypatch.delenv("ROLLOUT_ACTOR", raising=False)
    monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", "ana\x1b[31m" + "x" * 300)
    assert desk.type("suspend", "storefront", "--reason", "freeze") == 0
    held = desk.store.suspended("storefront", desk.clock.now())
    assert held is not None
    assert held.actor == ("ana [31m" + "x" * 300)[:200]
