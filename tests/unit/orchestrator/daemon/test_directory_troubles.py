"""What is broken, twice or unreadable in a folder of manifests: told with its place, and nothing else suffers."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.daemon import folder
from orchestrator.manifest.problems import ManifestError
from orchestrator.store.errors import StoreUnavailable
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Snapshot
from tests.unit.orchestrator.daemon.shelf import NOTHING, Shelf, manifest, names
from tests.unit.orchestrator.yard import TEMPLATE


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "manifests")


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (manifest("shop").replace("every: 1m", "every: 0s"), r"shop\.yaml:\d+: follow\.every: must be at least 1s"),
        (manifest("shop").replace("image:", "img:"), r"shop\.yaml:\d+: img: .*image"),
        ("service: shop\n\timage: x\n", r"shop\.yaml:2: must be valid YAML; got: a tab"),
        ("service: [shop\n", r"shop\.yaml:\d+: must be valid YAML"),
        (manifest("Shop!"), r"shop\.yaml:1: service: must begin with a small letter"),
        ("service: ''\n", r"shop\.yaml:1: service: "),
    ],
)
def test_a_broken_manifest_is_told_with_its_place_and_the_last_good_one_stays(
    shelf: Shelf, broken: str, said: str, restarted: bool
) -> None:
    shelf.put("shop")
    shelf.scan()
    good = shelf.directory.load("shop")
    watched = shelf.directory.known["shop"]
    shelf.write("shop.yaml", broken)
    if restarted:
        shelf.restart()
    changes = shelf.scan()
    assert names(changes) == ((["shop"], [], []) if restarted else ([], ["shop"], []))
    (now,) = changes.added + changes.changed
    assert replace(now, problem="") == watched
    assert changes.problems == changes.appeared
    assert any(re.search(said, str(each)) for each in changes.problems)
    assert "; the last good manifest stays in force" in now.problem
    assert shelf.directory.load("shop") == good
    assert names(shelf.scan()) == NOTHING
    shelf.put("shop")
    mended = shelf.scan()
    assert names(mended) == ([], ["shop"], [])
    assert (mended.problems, mended.mended) == ((), changes.problems)
    assert shelf.directory.known["shop"] == watched


def test_text_that_is_no_text_leaves_the_last_good_manifest_in_force(shelf: Shelf) -> None:
    path = shelf.put("shop")
    shelf.scan()
    path.write_bytes(b"service: shop\n\xff\xfe\n")
    changes = shelf.scan()
    assert "shop.yaml:2: must be UTF-8 text" in str(changes.problems[0])
    assert shelf.in_force() == ["shop"]


def test_a_manifest_that_was_never_good_is_not_in_force_and_people_see_why(shelf: Shelf) -> None:
    shelf.put("shop", **{"every: 1m": "every: 0s"})
    changes = shelf.scan()
    assert (names(changes), shelf.in_force()) == (NOTHING, [])
    assert [each.service for each in changes.problems] == ["shop"]
    with pytest.raises(ManifestError, match="good manifest of the service shop"):
        shelf.directory.load("shop")
    seen = shelf.store.sighting("shop")
    assert (seen.image, seen.manifest_problem_at) == ("", shelf.clock.now())
    assert "follow.every: must be at least 1s" in seen.manifest_problem
    shelf.restart()
    shelf.clock.pass_(60)
    shelf.scan()
    assert shelf.store.sighting("shop") == seen
    shelf.put("shop")
    assert names(shelf.scan()) == (["shop"], [], [])
    assert shelf.store.sighting("shop").manifest_problem == ""


@pytest.mark.parametrize("restarted", [False, True])
def test_a_manifest_that_was_never_good_and_is_gone_is_not_seen_any_more(shelf: Shelf, restarted: bool) -> None:
    path = shelf.put("shop", **{"every: 1m": "every: 0s"})
    shelf.scan()
    path.unlink()
    if restarted:
        shelf.restart()
    assert shelf.scan().problems == ()
    assert not any(sighting.tells for sighting in shelf.store.sightings())


def test_every_mistake_of_a_manifest_is_told_and_people_see_the_first_and_their_number(shelf: Shelf) -> None:
    shelf.put("shop", **{"every: 1m": "every: 0s", "bogus": "", "hold: 60s": "hold: 60x"})
    changes = shelf.scan()
    assert len(changes.problems) == 2
    assert "(and 1 more: `rollout validate" in shelf.store.sighting("shop").manifest_problem


def test_a_broken_template_is_told_at_its_own_place_and_a_mended_one_is_taken(shelf: Shelf) -> None:
    shelf.put("shop")
    shelf.settled()
    shelf.write("t.yaml", TEMPLATE.replace("cpu: 0.5", "cpu: much"))
    changes = shelf.scan()
    assert names(changes) == ([], ["shop"], [])
    assert f"{shelf.root}/t.yaml:12: properties.containers[0]" in str(changes.problems[0])
    assert "cpu: 0.5" in dict(shelf.directory.load("shop").snapshot.templates)["t.yaml"]
    (shelf.root / "t.yaml").unlink()
    assert "must be a file that exists" in str(shelf.scan().problems[0])
    shelf.write("t.yaml", TEMPLATE)
    assert names(shelf.scan()) == ([], ["shop"], [])
    assert shelf.directory.problems == ()


@pytest.mark.parametrize("restarted", [False, True])
def test_two_documents_with_one_name_change_nothing_until_one_is_gone(shelf: Shelf, restarted: bool) -> None:
    shelf.put("shop")
    shelf.scan()
    second = shelf.put("shop", "z/other.yaml", **{"<2": "<3"})
    if restarted:
        shelf.restart()
    changes = shelf.scan()
    assert shelf.in_force() == ["shop"]
    assert "<2" in shelf.directory.known["shop"].policy.text
    assert "<2" in shelf.directory.load("shop").snapshot.manifest
    (problem,) = changes.problems
    assert f"{shelf.root}/shop.yaml:1: service: must be unique" in str(problem)
    assert f"{second}:1 has too" in str(problem)
    (shelf.root / "shop.yaml").unlink()
    assert shelf.scan().problems == ()
    assert "<3" in shelf.directory.known["shop"].policy.text
    assert "<3" in shelf.store.manifest("shop").manifest


def test_of_two_documents_with_one_name_none_is_taken_where_nothing_was(shelf: Shelf) -> None:
    shelf.put("shop", "a.yaml")
    shelf.put("shop", "b.yaml")
    changes = shelf.scan()
    assert (names(changes), len(changes.problems), shelf.in_force()) == (NOTHING, 1, [])
    assert shelf.store.manifest("shop") is None
    (shelf.root / "b.yaml").unlink()
    assert names(shelf.scan()) == (["shop"], [], [])
    assert shelf.store.manifest("shop").file == str(shelf.root / "a.yaml")


@pytest.mark.parametrize("restarted", [False, True])
def test_a_folder_that_cannot_be_read_changes_nothing_but_is_told(shelf: Shelf, restarted: bool) -> None:
    shelf.put("shop")
    shelf.scan()
    shelf.root.rename(shelf.root.with_name("away"))
    if restarted:
        shelf.restart()
    changes = shelf.scan()
    assert shelf.in_force() == ["shop"]
    assert f"{shelf.root}: must be a folder that can be read; got: No such file" in str(changes.problems[0])
    assert "must be a folder" in shelf.directory.known["shop"].problem
    assert shelf.directory.load("shop").manifest.service == "shop"
    shelf.root.with_name("away").rename(shelf.root)
    assert (shelf.scan().problems, shelf.directory.known["shop"].problem) == ((), "")


def test_a_folder_below_that_may_not_be_read_holds_up_only_its_own(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("shop")
    shelf.put("blog", "team/blog.yaml")
    shelf.scan()
    real = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("team"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(folder.os, "scandir", refusing)
    shelf.put("cart")
    assert names(shelf.scan()) == (["cart"], ["blog"], [])
    assert shelf.in_force() == ["blog", "cart", "shop"]
    monkeypatch.undo()
    assert names(shelf.scan()) == ([], ["blog"], [])


def test_links_pipes_and_odd_names_are_told_and_stop_nothing(shelf: Shelf) -> None:
    shelf.put("shop")
    (shelf.root / "dangling.yaml").symlink_to("nowhere.yaml")
    (shelf.root / "circle.yaml").symlink_to("circle.yaml")
    (shelf.root / "round").symlink_to(shelf.root)
    os.mkfifo(shelf.root / "pipe.yaml")
    shelf.write("two\nlines.yaml", manifest("odd"))
    Path(os.fsdecode(os.fsencode(shelf.root) + b"/\xff.yaml")).write_text(manifest("odder"))
    changes = shelf.scan()
    assert names(changes) == (["shop"], [], [])
    said = sorted(str(each).rpartition("/")[2] for each in changes.problems)
    assert said == [
        "\\\\udcff.yaml': must have a name of plain UTF-8 text; rename it",
        "circle.yaml: must be a file that can be read; got: Too many levels of symbolic links",
        "dangling.yaml: must be a file that can be read; got: No such file or directory",
        "pipe.yaml: must be a file that can be read; got: something that is no file",
        "two\\nlines.yaml': must have a name of plain UTF-8 text; rename it",
    ]
    assert names(shelf.scan()) == NOTHING


def test_a_scan_that_finds_the_store_silent_is_made_up_for_by_the_next(shelf: Shelf) -> None:
    class Silent(MemoryStore):
        silent = True

        def keep_manifest(self, service: str, snapshot: Snapshot) -> None:
            if self.silent and service == "shop":
                raise StoreUnavailable("away")
            super().keep_manifest(service, snapshot)

    store = Silent()
    shelf = Shelf(shelf.root, store)
    shelf.put("blog")
    shelf.put("shop")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            shelf.scan()
        assert shelf.in_force() == []
    store.silent = False
    assert names(shelf.scan()) == (["blog", "shop"], [], [])
    assert store.manifest_files().keys() == {"blog", "shop"}
