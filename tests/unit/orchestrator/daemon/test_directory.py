"""Which manifests of a folder are in force, as files come, change, break and go."""

from __future__ import annotations

import gc
import os
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.daemon import folder
from orchestrator.daemon.directory import Directory
from orchestrator.manifest.variables import Variables
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Sighting, Snapshot
from tests.unit.orchestrator.daemon.shelf import NOTHING, Shelf, manifest, names
from tests.unit.orchestrator.yard import IMAGE, TEMPLATE


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "manifests")


def test_manifests_are_found_anywhere_below_and_nothing_else_is_one(shelf: Shelf) -> None:
    shelf.put("shop")
    shelf.put("blog", "team/deep/blog.yml")
    shelf.put("cart", ".hidden/cart.yaml")
    shelf.write(".#shop.yaml", manifest("edited"))
    shelf.write("shop.yaml~", manifest("backup"))
    shelf.write("local.yaml", "ttl: 2s\nservice_name: x\n")
    shelf.write("list.yaml", "- service: no\n")
    shelf.write("compose.yaml", "services: {web: {image: x}}\n")
    shelf.write("chart.yaml", "{{ if .Values.service }}\n  service: {{ .x }}\n")
    shelf.write("empty.yaml", "")
    changes = shelf.scan()
    assert names(changes) == (["blog", "shop"], [], [])
    assert changes.problems == ()
    shop = shelf.directory.known["shop"]
    assert (shop.host, shop.repository, shop.image) == ("contoso.azurecr.io", "shop/web", IMAGE)
    assert (shop.file, shop.every_seconds, shop.problem) == (str(shelf.root / "shop.yaml"), 60.0, "")
    assert shop.policy is not None
    assert shop.policy.text.startswith("semver >=1.4 <2")


def test_a_file_may_hold_several_services_and_each_stands_alone(shelf: Shelf) -> None:
    shelf.put("shop")
    both = manifest("shop") + "---\nttl: 5s\n---\n" + manifest("blog")
    shelf.write("shop.yaml", both)
    assert names(shelf.scan()) == (["blog", "shop"], [], [])
    shelf.write("shop.yaml", both.replace("every: 1m", "every: 0s", 1))
    changes = shelf.scan()
    assert names(changes) == ([], ["shop"], [])
    assert [(each.service, each.file) for each in changes.problems] == [("shop", str(shelf.root / "shop.yaml"))]
    assert shelf.directory.load("blog").manifest.service == "blog"


def test_a_scan_of_what_has_not_changed_reads_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        shelf.put(f"shop-{number}", f"team{number}/shop.yaml")
    shelf.settled()
    read: list[str] = []

    def reading(path: str) -> str:
        read.append(path)
        return Path(path).read_text()

    monkeypatch.setattr(folder, "read_text", reading)
    assert (names(shelf.scan()), read) == (NOTHING, [])
    os.utime(shelf.root / "team3" / "shop.yaml")
    changes = shelf.scan()
    assert names(changes) == NOTHING
    assert read == [str(shelf.root / "team3" / name) for name in ("shop.yaml", "t.yaml")]


def test_a_change_that_keeps_size_and_time_of_a_file_is_noticed(shelf: Shelf) -> None:
    path = shelf.put("shop")
    shelf.settled()
    before = path.stat()
    path.write_text(path.read_text().replace("<2", "<3"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert names(shelf.scan()) == ([], ["shop"], [])


def test_a_file_that_was_just_written_is_read_again_in_case_it_changes_unseen(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "manifests")
    path = shelf.put("shop")
    stamp = path.stat()
    directory = Directory(shelf.root, Variables(), shelf.store, shelf.clock, now_ns=lambda: stamp.st_ctime_ns)
    directory.scan()
    directory.scan()
    real = os.stat
    path.write_text(path.read_text().replace("<2", "<3"))
    with pytest.MonkeyPatch.context() as patch:  # a file system whose clock has not moved since
        patch.setattr(folder.os, "stat", lambda name: stamp if str(name) == str(path) else real(name))
        assert names(directory.scan()) == ([], ["shop"], [])


def test_image_and_rule_make_a_service_another_one_and_its_template_does_not(shelf: Shelf) -> None:
    shelf.put("shop")
    shelf.settled()
    loaded = shelf.directory.load("shop")
    shelf.write("t.yaml", TEMPLATE.replace("cpu: 0.5", "cpu: 1.5"))
    assert names(shelf.scan()) == NOTHING
    assert shelf.directory.load("shop").template_hash != loaded.template_hash
    assert dict(shelf.store.manifest("shop").templates)["t.yaml"].count("cpu: 1.5") == 1
    shelf.put("shop", **{"<2": "<3"})
    assert names(shelf.scan()) == ([], ["shop"], [])
    shelf.put("shop", **{IMAGE: IMAGE + "-2"})
    shelf.write("t.yaml", TEMPLATE.replace(IMAGE, IMAGE + "-2"))
    changes = shelf.scan()
    assert names(changes) == ([], ["shop"], [])
    assert changes.changed[0].repository == "shop/web-2"


def test_a_manifest_without_a_rule_is_known_and_not_watched(shelf: Shelf) -> None:
    shelf.put("shop", follow="")
    assert [each.policy for each in shelf.scan().added] == [None]
    assert shelf.directory.load("shop").manifest.service == "shop"
    assert shelf.store.sightings() == []
    shelf.put("shop")
    assert [each.policy is None for each in shelf.scan().changed] == [False]


def test_a_rule_that_is_taken_away_leaves_no_rule_in_what_people_see(shelf: Shelf) -> None:
    shelf.put("shop")
    shelf.scan()
    seen = Sighting("shop", IMAGE, shelf.directory.known["shop"].policy.text, "1.5.0", "sha256:1", shelf.clock.now())
    shelf.store.keep_sighting(seen)
    shelf.put("shop", follow="")
    shelf.scan()
    assert shelf.store.sighting("shop") == replace(seen, unwatched_at=shelf.clock.now())
    assert not shelf.store.sighting("shop").tells
    shelf.put("shop")
    shelf.scan()
    assert shelf.store.sighting("shop") == seen
    shelf.put("shop", follow="")
    shelf.restart()
    shelf.scan()
    assert not shelf.store.sighting("shop").tells


def test_a_template_outside_the_folder_is_watched_too(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "shared.txt").write_text(TEMPLATE)
    shelf.write("shop.yaml", manifest("shop", **{"template: t.yaml": "template: ../shared.txt"}))
    shelf.settled()
    assert shelf.in_force() == ["shop"]
    (tmp_path / "shared.txt").write_text("name: [\n")
    assert "shared.txt:2: must be valid YAML" in str(shelf.scan().problems[0])


@pytest.mark.parametrize("restarted", [False, True])
def test_a_manifest_that_is_gone_is_watched_and_remembered_no_longer(shelf: Shelf, restarted: bool) -> None:
    shelf.put("blog")
    path = shelf.put("shop")
    shelf.scan()
    for service in ("shop", "blog"):
        shelf.store.keep_sighting(Sighting(service, IMAGE, "semver *"))
    path.unlink()
    if restarted:
        shelf.restart()
    assert names(shelf.scan()) == ((["blog"], [], []) if restarted else ([], [], ["shop"]))
    assert shelf.store.manifest_files().keys() == {"blog"}
    assert [each.service for each in shelf.store.sightings() if each.tells] == ["blog"]


def test_a_manifest_that_moves_stays_in_force(shelf: Shelf) -> None:
    path = shelf.put("shop")
    shelf.scan()
    (shelf.root / "team").mkdir()
    shutil.copy(shelf.root / "t.yaml", shelf.root / "team" / "t.yaml")
    moved = path.rename(shelf.root / "team" / "shop.yaml")
    assert names(shelf.scan()) == ([], ["shop"], [])
    assert shelf.directory.known["shop"].file == shelf.store.manifest("shop").file == str(moved)


def test_the_manifests_of_another_folder_on_the_same_store_are_left_alone(tmp_path: Path) -> None:
    store = MemoryStore()
    mine, other = Shelf(tmp_path / "mine", store), Shelf(tmp_path / "mine-too", store)
    mine.put("shop")
    other.put("blog")
    for shelf in (mine, other, mine):
        shelf.restart()
        shelf.scan()
    assert (mine.in_force(), other.in_force()) == (["shop"], ["blog"])
    assert store.manifest_files().keys() == {"shop", "blog"}


def test_a_mounted_config_map_is_read_through_its_links_and_swaps_in_one_go(shelf: Shelf) -> None:
    def swap(version: str, **more: str) -> None:
        shelf.put("shop", f"..{version}/shop.yaml", **more)
        (shelf.root / "..next").symlink_to(f"..{version}")
        (shelf.root / "..next").rename(shelf.root / "..data")

    swap("v1")
    for name in ("shop.yaml", "t.yaml"):
        (shelf.root / name).symlink_to(f"..data/{name}")
    assert names(shelf.scan()) == (["shop"], [], [])
    swap("v2")
    shutil.rmtree(shelf.root / "..v1")
    assert names(shelf.scan()) == NOTHING
    swap("v3", **{"<2": "<3"})
    assert names(shelf.scan()) == ([], ["shop"], [])
    assert shelf.directory.known["shop"].file == str(shelf.root / "shop.yaml")


def test_a_secret_in_a_linked_template_is_named_by_the_link_which_stays(shelf: Shelf) -> None:
    shelf.write("..v1/t.yaml", TEMPLATE.replace("value: FLAVOUR", "secureValue: FLAVOUR"))
    (shelf.root / "t.yaml").symlink_to("..v1/t.yaml")
    shelf.write("shop.yaml", manifest("shop"))
    shelf.scan()
    (template,) = dict(shelf.directory.load("shop").snapshot.templates).values()
    assert f"${{template:{shelf.root}/t.yaml#properties.containers" in template


def test_a_restart_on_unchanged_manifests_writes_nothing(shelf: Shelf) -> None:
    shelf.put("shop")
    shelf.put("blog", follow="")
    shelf.write("bad.yaml", "service: bad\n")
    shelf.scan()

    class ReadOnly(MemoryStore):
        def __init__(self, filled: MemoryStore) -> None:
            super().__init__()
            self.__dict__ |= vars(filled)

        def keep_manifest(self, service: str, snapshot: Snapshot) -> None:
            raise AssertionError(service)

        def keep_sighting(self, sighting: Sighting) -> None:
            raise AssertionError(sighting)

    shelf.store = ReadOnly(shelf.store)
    shelf.restart()
    assert names(shelf.scan()) == (["blog", "shop"], [], [])


def test_other_variables_make_another_manifest(shelf: Shelf) -> None:
    shelf.put("shop", **{"<2": "<${var:next}"})
    shelf.variables = Variables({"next": "2", "unused": "x"})
    shelf.restart()
    shelf.scan()
    assert "<2" in shelf.directory.known["shop"].policy.text
    assert shelf.store.manifest("shop").variables == (("next", "2"),)
    shelf.variables = Variables({"next": "3"})
    shelf.restart()
    shelf.scan()
    assert shelf.store.manifest("shop").variables == (("next", "3"),)
    shelf.variables = Variables()
    shelf.restart()
    assert "the variable 'next' must be given" in str(shelf.scan().problems[0])
    assert "<3" in shelf.directory.known["shop"].policy.text


def test_loading_takes_what_is_on_disk_now_when_it_is_good(shelf: Shelf) -> None:
    shelf.put("shop")
    shelf.scan()
    shelf.put("shop", **{"steps: [50]": "steps: [25]"})
    assert shelf.directory.load("shop").service().targets[0].plan.steps[1].share == 25
    shelf.write("shop.yaml", "service: shop\n")
    assert shelf.directory.load("shop").service().targets[0].plan.steps[1].share == 50


def test_a_service_takes_little_memory(tmp_path: Path) -> None:
    many = 200
    shelf = Shelf(tmp_path / "many")
    shelf.put("warm")
    shelf.settled()
    for number in range(many):
        shelf.put(f"service-{number}")
    tracemalloc.start()
    try:
        shelf.store = MemoryStore()
        shelf.restart()
        shelf.settled()
        shelf.store._manifests.clear()
        gc.collect()
        each = tracemalloc.get_traced_memory()[0] / many
    finally:
        tracemalloc.stop()
    assert each < 1000
