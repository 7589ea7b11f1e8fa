"""What is wrong with one service is said in log, status and metrics, and never touches another one."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import yaml

from strategies.model import Outcome
from tests.acceptance.cloud import free_port
from tests.acceptance.crooked import WAYS, CrookedRegistry
from tests.acceptance.daemon import Daemon
from tests.acceptance.shop import SERVICE, Shop

SICK = sorted({*WAYS} - {"junk", "lookalikes", "catastrophic"})
QUIET = ("junk", "lookalikes", "catastrophic")
"""Repositories that answer well and hold no tag that the rule could choose."""


@pytest.fixture
def daemon(shop: Shop) -> Iterator[Daemon]:
    """A daemon with one healthy service, not yet started."""
    started = Daemon(shop)
    shop.serve("1.0.0")
    started.follow(semver="1.x")
    yield started


def beside(daemon: Daemon, name: str, image: str, **follow: str) -> None:
    """Write the manifest of another service beside the healthy one."""
    spec = copy.deepcopy(daemon.shop.spec)
    spec |= {"service": name, "image": image, "follow": {"every": "1s", "semver": ">=0.0.0", **follow}}
    spec["targets"][0]["containerInstances"]["container"] = "web"
    (daemon.shop.folder / "manifests" / f"{name}.yaml").write_text(yaml.safe_dump(spec))


def problem_of(daemon: Daemon, name: str) -> str:
    """What the store knows to be wrong with a watched service."""
    sighting = daemon.stored(lambda store: store.sighting(name))
    return sighting.problem if sighting is not None else ""


def fault_of(daemon: Daemon, name: str) -> str:
    """What the store knows to be wrong with a service's manifest."""
    sighting = daemon.stored(lambda store: store.sighting(name))
    return sighting.manifest_problem if sighting is not None else ""


def healthy_goes_on(daemon: Daemon) -> None:
    """A push to the healthy service is rolled out all the same."""
    daemon.push("1.1.0")
    assert daemon.ends(2).outcome is Outcome.PROMOTED
    daemon.shop.assert_serves_alone("1.1.0")


def test_every_way_in_which_a_registry_fails_is_said_and_stops_nobody_else(daemon: Daemon) -> None:
    with CrookedRegistry() as registry:
        for name in SICK:
            beside(daemon, f"sick-{name}", f"{registry.host}/{name}")
        beside(daemon, "sick-unreachable", f"127.0.0.1:{free_port()}/nobody")
        services = [f"sick-{name}" for name in (*SICK, "unreachable")]
        daemon.start()
        healthy_goes_on(daemon)
        daemon.until(lambda: all(problem_of(daemon, name) for name in services))
        logged = {event.get("service") for event in daemon.process.events if event.get("level") == "warning"}
        assert set(services) <= logged
        status = daemon.shop.run("status").json["services"]
        shown = {each["service"]: each["watch"]["problem"] for each in status if each["watch"]}
        assert all(shown[name] for name in services), shown
        assert not shown[SERVICE]
        _, metrics = daemon.ask("GET", "/metrics")
        assert all(f'service="{name}"' in metrics for name in services), metrics
        assert "made to say 401" not in metrics


def test_junk_lookalikes_and_catastrophic_expressions_choose_nothing_and_hang_nobody(daemon: Daemon) -> None:
    with CrookedRegistry() as registry:
        for name in QUIET:
            pattern = {"pattern": "^(a+)+$", "extract": "$1"} if name == "catastrophic" else {}
            beside(daemon, f"quiet-{name}", f"{registry.host}/{name}", **pattern)
        daemon.start()
        healthy_goes_on(daemon)
        daemon.until(lambda: all(daemon.stored(lambda store, n=name: store.sighting(f"quiet-{n}")) for name in QUIET))
        daemon.quiet(1.5)
        assert {each.service.name for each in daemon.stored(lambda store: store.history(None, 100))} == {SERVICE}
        assert all("no tag" in problem_of(daemon, f"quiet-{name}") for name in QUIET)


def test_two_manifests_of_one_service_are_named_and_what_was_in_force_stays(daemon: Daemon) -> None:
    daemon.start()
    daemon.until(lambda: daemon.stored(lambda store: store.sighting(SERVICE)))
    folder = daemon.shop.folder / "manifests"
    (folder / "twice.yaml").write_text((folder / "rollout.yaml").read_text())
    daemon.until(lambda: "twice.yaml" in fault_of(daemon, SERVICE))
    healthy_goes_on(daemon)
    (folder / "twice.yaml").unlink()
    daemon.until(lambda: not fault_of(daemon, SERVICE))


def test_a_manifest_that_breaks_is_reported_and_the_last_good_one_stays_in_force_even_after_a_restart(
    daemon: Daemon,
) -> None:
    daemon.start()
    daemon.until(lambda: daemon.stored(lambda store: store.manifest(SERVICE)))
    manifest = daemon.shop.folder / "manifests" / "rollout.yaml"
    good = manifest.read_text()
    manifest.write_text(good.replace("image:", "imagine:"))
    daemon.until(lambda: "must be given" in fault_of(daemon, SERVICE))
    daemon.process.end()
    daemon.start()
    healthy_goes_on(daemon)
    assert "must be given" in fault_of(daemon, SERVICE)
    manifest.write_text(good)
    daemon.until(lambda: not fault_of(daemon, SERVICE))


def test_a_manifest_that_is_added_is_watched_and_one_that_is_removed_is_not(daemon: Daemon) -> None:
    (daemon.shop.folder / "manifests" / "rollout.yaml").unlink()
    daemon.start()
    daemon.push("1.1.0", hook=False)
    daemon.write()
    assert daemon.ends(2).revision.tag == "1.1.0"
    (daemon.shop.folder / "manifests" / "rollout.yaml").unlink()
    daemon.until(lambda: daemon.said("service_removed", service=SERVICE))
    daemon.push("1.2.0")
    daemon.quiet(2.5)
    assert len(daemon.history()) == 2
