"""The benchmark of the drain with a TTL of one second: real resolvers are asked where they are installed."""

from __future__ import annotations

import time

import pytest

from tests.benchmarks import drain
from tests.benchmarks.drain import Scale, resolvers

TINY = Scale(ttls=(1,), names=2, clients=4, pinned_ttl=1, hold_seconds=0.2)


def test_the_tail_is_measured_with_every_resolver_there_is_and_the_others_are_named() -> None:
    quick = Scale(ttls=TINY.ttls, names=2, clients=4, pinned_ttl=1, hold_seconds=0.2, most_after=3.0)
    report = drain.run(quick)
    present = [kind.name for kind in resolvers.KINDS if kind.path is not None]
    absent = [kind.name for kind in resolvers.KINDS if kind.path is None]
    assert [row["resolver"] for row in report.table] == [*present, drain.OWN]
    assert all(0 <= row["mean"] <= row["last"] < 3 for row in report.table)
    for name in absent:
        assert any(name in note for note in report.notes)


@pytest.mark.parametrize("kind", resolvers.KINDS, ids=lambda kind: kind.name)
def test_a_resolver_that_cannot_reach_its_server_is_ended_and_says_so(kind: resolvers.Kind, tmp_path: object) -> None:
    if kind.path is None:
        pytest.skip(f"{kind.name} is not installed (a Debian package)")
    nobody = f"127.0.0.1:{resolvers.free_udp_port()}"
    began = time.monotonic()
    with (
        pytest.raises(resolvers.ResolverError, match="no answer for"),
        resolvers.running(kind, tmp_path / "x", nobody, "name.example", ready_seconds=0.5),  # type: ignore[operator]
    ):
        pass
    assert time.monotonic() - began < 10
