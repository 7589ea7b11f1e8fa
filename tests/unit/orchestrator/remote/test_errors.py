"""Every error comes out of the wire as what went into it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from orchestrator.manifest.problems import ManifestError, Problem
from orchestrator.remote.errors import from_wire, to_wire
from orchestrator.store import errors as store
from orchestrator.wish import Refused
from providers import errors as providers
from watchers import errors as watchers


def below(base: type[Exception]) -> Iterator[type[Exception]]:
    for each in base.__subclasses__():
        yield each
        yield from below(each)


def ours(base: type[Exception], package: str) -> list[type[Exception]]:
    """The tree below a base as its own package has it, without what tests and other layers add."""
    return [base, *(each for each in below(base) if each.__module__.startswith(package))]


PLAIN = [store.StaleWrite, store.UnreadableRecord, store.StoreUnavailable, store.StoreMisplaced]
ERRORS: list[Exception] = [
    *(kind(f"{kind.__name__} with words") for kind in PLAIN),
    store.ActiveRollout("shop", "r1"),
    store.UnknownRollout("r1"),
    store.EndedRollout("r1", "promoted"),
    Refused("rolledBackBefore", "it was rolled back before"),
    ManifestError([Problem("rollout.yaml", 3, "targets[0].wave", "must be 1; got 0"), Problem("t.yaml", 0, "", "x")]),
    *(kind("words", code="ScopeLocked", retry_after=2.5) for kind in ours(providers.ProviderError, "providers")),
    *(
        kind("words", "a remedy", code="MANIFEST_UNKNOWN", retry_after=None)
        for kind in ours(watchers.RegistryError, "watchers.errors")
    ),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_crosses_the_wire_as_itself(error: Exception) -> None:
    written = to_wire(error)
    assert written is not None
    status, told = written
    again = from_wire(json.loads(json.dumps(told)))
    assert 400 <= status < 600
    assert type(again) is type(error)
    assert str(again) == str(error)
    for name in ("service", "rollout", "outcome", "code", "problems", "retry_after", "remedy", "passing"):
        assert getattr(again, name, None) == getattr(error, name, None)


def test_every_error_of_the_store_has_its_way_across() -> None:
    named = {type(error) for error in ERRORS}
    tree = [kind for kind in ours(store.StoreError, "orchestrator.store.errors") if kind is not store.StoreError]
    assert set(tree) <= named


def test_a_defect_is_not_told_outside() -> None:
    assert to_wire(RuntimeError("password=hunter2")) is None


def test_an_error_of_a_kind_that_only_a_newer_daemon_knows_is_still_one_of_its_family() -> None:
    told = {"code": "registry", "kind": "Quarantined", "message": "m", "remedy": "wait"}
    assert type(from_wire(told)) is watchers.RegistryError
    assert from_wire({"code": "somethingNew", "message": "m"}) is None
