"""The demo's manifest, its fault, and its search for what was left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.demo import scenery
from orchestrator.manifest.loader import load
from tests.unit.providers.emulator_world.conftest import Azure


@pytest.fixture
def azure() -> Azure:
    return Azure()


def test_the_demos_manifest_is_one_that_validate_accepts(tmp_path: Path):
    (loaded,) = load([str(scenery.write(tmp_path, "127.0.0.1:8088", "http://127.0.0.1:8089/counts"))])
    assert loaded.manifest.service == scenery.SERVICE


def test_the_bad_version_is_sound_until_it_is_told_to_fail_however_long_that_takes(azure: Azure):
    image = azure.image(scenery.BAD, error_rate=1.0, errors_after_seconds=3600)
    azure.group("web-old", azure.image(scenery.GOOD, error_rate=1.0, errors_after_seconds=3600))
    azure.group("web-new", image)
    azure.wait(900)
    assert answer(azure, "web-new") == 200
    scenery.begin_to_fail(azure.world, scenery.BAD)
    assert answer(azure, "web-new") == 500
    assert answer(azure, "web-old") == 200


def answer(azure: Azure, name: str) -> int:
    answered = azure.world.answer(azure.key(name), "/")
    assert answered is not None
    return answered.status


def test_all_that_does_not_serve_the_good_version_is_left_over_and_named(azure: Azure):
    kept, lost = azure.image(scenery.GOOD), azure.image(scenery.BAD)
    digest = kept.partition("@")[2]
    azure.profile(azure.endpoint("good", azure.group("web-good", kept)), ttl=scenery.TTL_SECONDS)
    assert scenery.leftovers(azure.world, digest) == []
    azure.group("web-bad", lost)
    body = azure.profile_body(azure.endpoint("dangling", "gone.example.com"), ttl=2)
    azure.ok("PUT", f"{azure.profiles}/shop", {**body, "tags": {"rollout-active": "x", "rollout-ttl": "3"}})
    assert scenery.leftovers(azure.world, digest) == [
        "container group web-bad",
        "endpoint dangling",
        "tag rollout-active of profile shop",
        "tag rollout-ttl of profile shop",
        "TTL 2 s of profile shop, was 3 s",
    ]
