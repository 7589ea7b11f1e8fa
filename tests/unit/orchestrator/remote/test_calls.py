"""The table by which both ends speak: every call in it gives over the wire what it gives beside the store."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.remote.calls import CALLS, Served
from orchestrator.remote.client import Remote, RemoteDesk
from orchestrator.remote.wire import Wire
from orchestrator.store.ports import Store
from orchestrator.store.records import Retained, Sighting, Snapshot, Suspension
from strategies.model import CommandKind
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.remote.far import Far


@pytest.fixture
def full(desk: Far) -> Far:
    """A store with something of everything."""
    ended = desk.put(states.promoted())
    desk.store.retain(Retained("storefront", "w", "g", ended.id, ended.revision.id, desk.clock.now()))
    desk.store.poison("storefront", "a" * 64, "it was bad")
    desk.store.suspend(Suspension(None, "ana", "freeze", desk.clock.now(), desk.clock.now() + timedelta(hours=1)))
    desk.put(replace(states.holding(), id="2" * 12, number=4))
    desk.store.command("2" * 12, CommandKind.PAUSE, "ana", at=desk.clock.now(), reason="lunch")
    desk.store.keep_manifest("storefront", Snapshot("service: storefront", "x.yaml", (("t", "text"),), (("a", "b"),)))
    desk.store.keep_sighting(Sighting("storefront", "h/r", "semver *", "1.0", "sha256:1", desk.clock.now()))
    return desk


READS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "load": (("2" * 12,), {}),
    "active": (("storefront",), {}),
    "active_ids": ((), {}),
    "latest": (("storefront",), {}),
    "history": ((), {"limit": 5}),
    "promoted": (("storefront",), {}),
    "snapshot": (("2" * 12,), {}),
    "services": ((), {}),
    "events": (("storefront",), {"after": 1}),
    "stirrings": ((), {}),
    "is_poisoned": (("storefront", "a" * 64), {}),
    "poisoned": (("storefront",), {}),
    "retained": (("storefront",), {}),
    "suspended": (("storefront", states.NOW), {}),
    "manifest": (("storefront",), {}),
    "sighting": (("storefront",), {}),
    "sightings": ((), {}),
    "lease_of": (("nobody",), {}),
}


def test_every_call_that_only_reads_gives_over_the_wire_what_the_store_gives(full: Far) -> None:
    assert {name for name, call in CALLS.items() if call.scope == "read"} == set(READS)
    desk = RemoteDesk.at(full.server, None)
    for name, (args, kwargs) in READS.items():
        beside = getattr(full.store, name)(*args, **kwargs)
        over = getattr(desk.store, name)(*args, **kwargs)
        assert over == beside, name
        assert beside or name == "lease_of", f"{name} had nothing to tell"
    desk.close()


def test_arguments_are_read_as_they_were_written_and_what_a_method_does_not_know_is_refused() -> None:
    for name, (args, kwargs) in READS.items():
        call = CALLS[name]
        bound = inspect.signature(getattr(call.of, name)).bind(None, *args, **kwargs)
        bound.apply_defaults()
        read = call.read(call.write(args, kwargs))
        assert read == {key: value for key, value in bound.arguments.items() if key != "self"}
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            call.read(msgspec.json.encode({**read, "nobody knows this": 1}))


def test_a_call_is_written_only_with_what_its_method_takes() -> None:
    with pytest.raises(TypeError):
        CALLS["load"].write((), {"rollout": "r1"})
    assert all(call.of in (Store, Served) for call in CALLS.values())


def test_what_is_the_daemons_own_is_not_in_the_table_and_says_so(desk: Far) -> None:
    remote = Remote(Wire(desk.server, None))
    for name in ("save", "submit_state", "lease_take", "lease_renew", "next_number", "record", "poison"):
        assert name not in CALLS
        with pytest.raises(AttributeError, match="the daemon's own"):
            getattr(remote, name)


def test_a_lease_is_shown_as_long_as_its_holder_lives_whatever_the_askers_clock_says(desk: Far) -> None:
    rollout = desk.put(states.holding())
    desk.engine_elsewhere(rollout, works=False)
    remote = RemoteDesk.at(desk.server, None)
    held = remote.holder("storefront")
    assert held is not None
    assert held.expires_at > desk.clock.now() + timedelta(days=365_000)
    record = desk.store.lease_of("storefront")
    assert record is not None
    desk.store.lease_release(record)
    assert remote.holder("storefront") is None
    remote.close()


def test_words_are_recorded_by_the_daemons_clock(desk: Far) -> None:
    rollout = desk.put(states.holding())
    remote = RemoteDesk.at(desk.server, None)
    wrong = desk.clock.now() - timedelta(days=3)
    said = remote.store.command(rollout.id, CommandKind.PAUSE, "ana", at=wrong)
    assert said.at == desk.clock.now()
    remote.store.suspend(Suspension("storefront", "ana", "freeze", wrong))
    held = desk.store.suspended("storefront", desk.clock.now())
    assert held is not None
    assert held.at == desk.clock.now()
    remote.close()


@given(body=st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(msgspec.json.encode))
def test_any_body_is_read_or_refused_as_one_that_does_not_fit(body: bytes) -> None:
    for call in CALLS.values():
        try:
            call.read(body)
        except msgspec.MsgspecError:
            continue
        except RecursionError:
            continue
