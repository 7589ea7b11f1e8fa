"""What outlives a manifest: what was handled of its service; and rows that a newer version wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator.daemon.told import REMEMBERED
from orchestrator.manifest.problems import ManifestError
from orchestrator.store.opening import open_store
from orchestrator.store.records import Sighting
from orchestrator.submit import submit
from providers.emulator.behaviour import Behaviour
from tests.unit.orchestrator.daemon.house import House
from tests.unit.orchestrator.daemon.shelf import Shelf, names
from tests.unit.orchestrator.yard import IMAGE


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "manifests")


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_handled_is_remembered_while_a_manifest_is_away_and_for_days(shelf: Shelf, restarted: bool) -> None:
    path = shelf.put("shop")
    shelf.scan()
    handled = Sighting("shop", IMAGE, "semver *", "1.5.0", "sha256:1", shelf.clock.now(), "sha256:1", "begun")
    shelf.store.keep_sighting(handled)
    path.write_text("")  # as it is for a moment while somebody writes it anew
    if restarted:
        shelf.restart()
    shelf.scan()
    assert shelf.store.sighting("shop") == replace(handled, unwatched_at=shelf.clock.now())
    shelf.clock.pass_(REMEMBERED.total_seconds())
    shelf.restart()
    shelf.scan()
    assert shelf.store.sighting("shop").handled == "sha256:1"
    shelf.put("shop")
    shelf.scan()
    assert shelf.store.sighting("shop") == handled
    path.unlink()
    shelf.scan()
    shelf.clock.pass_(REMEMBERED.total_seconds() + 1.0)
    shelf.restart()
    shelf.scan()
    assert shelf.store.sightings() == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_manifest_that_is_away_for_a_scan_takes_back_nothing_that_a_person_chose(
    tmp_path: Path, restarted: bool
) -> None:
    house = House(tmp_path)
    house.push("1.0.0")
    house.run(300.0)
    house.push("1.1.0", hook=True)
    house.run(300.0)
    hotfix = house.yard.world.register_image("shop/web", "hotfix", Behaviour("hotfix", start_seconds=2.0)).digest
    wish = replace(house.yard.wish(None), loaded=house.directory.load("shop"), digest=hotfix, tag="hotfix")
    submit(house.app, wish)
    house.run(300.0)
    serves = [("1.0.0", "promoted"), ("1.1.0", "promoted"), ("hotfix", "promoted")]
    assert house.ended() == serves
    file = tmp_path / "shop.yaml"
    manifest = file.read_text()
    file.unlink()
    house.run(6.0)
    if restarted:
        house.daemon.stop()
        house.start()
        house.run(6.0)
    file.write_text(manifest)
    house.run(600.0)
    assert house.ended() == serves
    house.push("1.2.0", hook=True)
    house.run(300.0)
    assert house.ended() == [*serves, ("1.2.0", "promoted")]


def test_rows_that_a_newer_version_wrote_keep_no_other_service_from_being_watched(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/rollout.db")
    shelf = Shelf(tmp_path / "manifests", store)
    for service in ("blog", "cart", "shop"):
        shelf.put(service)
    shelf.scan()
    for service in ("blog", "shop"):
        store.keep_sighting(Sighting(service, IMAGE, "semver *"))
    with store.database.write() as connection:
        connection.execute(text("UPDATE sightings SET body = '[5]' WHERE service = 'blog'"))
        connection.execute(text("UPDATE manifests SET body = '[5]' WHERE service IN ('blog', 'cart')"))
    shelf.write("cart.yaml", "service: cart\n")
    shelf.restart()
    changes = shelf.scan()
    assert names(changes) == (["blog", "shop"], [], [])
    assert store.manifest("blog") is not None
    assert any("newer rollout" in str(problem) for problem in changes.problems if problem.service == "cart")
    with pytest.raises(ManifestError, match="good manifest of the service cart"):
        shelf.directory.load("cart")
    blog, cart, shop = store.sightings()
    assert "newer rollout" in blog.problem
    assert "cart.yaml" in cart.manifest_problem
    assert shop == Sighting("shop", IMAGE, "semver *")
    store.close()
