"""From a machine with an empty disk and no login: `start`, `undo`, `plan`, `doctor` and `tags` through a daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.store.memory import MemoryStore
from orchestrator.wiring import App
from tests.unit.orchestrator.cli.branch import Branch, branch
from tests.unit.orchestrator.remote.far import ACTS, Engine, Far, ask, far
from watchers.errors import NotFound
from watchers.reference import Reference


@dataclass
class Office:
    """An emulated Azure with a daemon's API before it, and a desk far from both."""

    branch: Branch
    desk: Far
    app: App

    @property
    def manifest(self) -> str:
        return self.branch.manifest

    @property
    def store(self) -> MemoryStore:
        """What the daemon remembers."""
        return self.desk.store


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("ROLLOUT_TOKEN", ACTS)
    with branch(tmp_path, monkeypatch) as here:
        app = App(here.desk.store, here.desk.clock)
        with far(here.desk, tokens=True, app=app) as desk:
            yield Office(here, desk, app)
        app.close()


def test_start_is_driven_by_the_daemon_followed_from_afar_and_remembered_only_there(office: Office) -> None:
    desk = office.desk
    with Engine(office.app).running():
        assert desk.type("start", office.manifest, "--tag", "v1", "--actor", "ana", "-o", "json") == 0
        assert (desk.document["outcome"], desk.document["engine"]) == ("promoted", "daemon")
        assert "phase_changed" in desk.told
        assert desk.type("start", office.manifest, "--tag", "v1", "-o", "json") == 0
        assert desk.document["reason"]["code"] == "alreadyServing"
        assert desk.type("start", office.manifest, "--tag", "v2", "--no-wait", "-o", "json") == 0
        assert (desk.document["outcome"], desk.document["engine"]) == ("running", "daemon")
        assert desk.type("status", "shop", "--watch") == 0
        assert desk.type("undo", "shop", "--reason", "looks odd", "-o", "json") == 0
    assert desk.document["candidate"]["tag"] == "v1"
    asked = [dict(e.event.data)["actor"] for e in office.store.events("shop") if e.event.kind == "rollout_requested"]
    assert asked[0] == "ana via ci"
    assert not (office.branch.folder / "state").exists()


def test_an_undo_from_afar_takes_back_what_holds_at_a_step_and_leaves_what_served_before(office: Office) -> None:
    desk = office.desk
    office.branch.edit("rollout.yaml", {"hold: 200ms": "hold: 60s"})
    with Engine(office.app).running():
        assert desk.type("start", office.manifest, "--tag", "v1") == 0, desk.told
        assert desk.type("start", office.manifest, "--tag", "v2", "--no-wait", "-o", "json") == 0
        begun = desk.document["rollout"]
        assert desk.type("undo", "shop", "--reason", "looks odd", "-o", "json") == 0, desk.told
    assert (desk.document["rollout"], desk.document["outcome"]) == (begun, "rolledBack")
    assert desk.document["stable"]["tag"] == "v1"
    assert office.store.active("shop") is None


def test_plan_and_doctor_are_looked_at_from_the_daemon_and_change_nothing(office: Office) -> None:
    desk = office.desk
    office.branch.serve("v1")
    with office.branch.untouched():
        assert desk.type("plan", office.manifest, "--tag", "v2", "-o", "json") == 0
        far_away = desk.document
        assert office.branch.desk.type("plan", office.manifest, "--tag", "v2", "-o", "json") == 0
        assert far_away == office.branch.desk.document
        assert desk.type("plan", office.manifest, "--tag", "v2") == 0
        assert desk.said.startswith("○ shop  v1 → v2")
        assert desk.type("doctor", office.manifest, "--tag", "v2", "-o", "json") == 0
        far_away = desk.document
        assert office.branch.desk.type("doctor", office.manifest, "--tag", "v2", "-o", "json") == 0
        assert far_away == office.branch.desk.document
    assert office.store.latest("shop") is None


def test_a_plan_through_the_daemon_takes_what_is_assumed_of_the_traffic_as_one_made_here(office: Office) -> None:
    source = "{name: errors, webhook: {url: 'http://127.0.0.1:1/'}}"
    office.branch.edit("rollout.yaml", {"gates:\n": f"gates:\n  longestHold: 10m\n  metrics: [{source}]\n"})
    office.branch.serve("v1")
    words = ("plan", office.manifest, "--tag", "v2", "--rps", "40", "--failing", "0.5", "-o", "json")
    assert office.desk.type(*words) == 0, office.desk.told
    far_away = office.desk.document
    (counts,) = far_away["plans"][0]["gates"][0]["counts"]
    assumed = ("assumed", 40, 0.005)
    assert tuple(counts["traffic"][key] for key in ("origin", "requestsPerSecond", "failing")) == assumed
    assert office.branch.desk.type(*words) == 0
    assert far_away == office.branch.desk.document


def test_tags_are_read_by_the_daemon_and_weighed_here(office: Office) -> None:
    words = ("tags", office.manifest, "--policy", '{"alphabetical": "asc"}', "-o", "json")
    assert office.desk.type(*words) == 0, office.desk.told
    assert office.desk.document["winner"] == {"tag": "v2", "digest": office.branch.digests["v2"]}


def test_a_broken_manifest_is_refused_here_with_every_problem_and_never_sent(office: Office) -> None:
    office.branch.edit("rollout.yaml", {"replicas: 2": "replicas: 0", "ttl: 1s": "ttl: soon"})
    office.desk.server = "http://127.0.0.1:1"
    assert office.desk.type("start", office.manifest, "--tag", "v1") == 2
    assert "replicas" in office.desk.told
    assert "ttl" in office.desk.told


def test_an_image_that_the_daemon_cannot_find_is_told_in_the_registrys_words(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(_image: Reference) -> str:
        raise NotFound("shop/web:v9: not in the registry", "check the tag", code="MANIFEST_UNKNOWN")

    monkeypatch.setattr("orchestrator.wiring.digest_of", digest)
    assert office.desk.type("start", office.manifest, "--tag", "v9", "-o", "json") == 7
    assert office.desk.document["reason"]["code"] == "imageUnknown"
    assert "not in the registry; check the tag" in office.desk.told


def test_what_the_daemon_refuses_is_refused_here_with_its_document(office: Office) -> None:
    assert office.desk.type("suspend", "shop", "--reason", "freeze", "--actor", "bo") == 0
    assert office.desk.type("start", office.manifest, "--tag", "v1", "-o", "json") == 7
    assert (office.desk.document["outcome"], office.desk.document["reason"]["code"]) == ("refused", "suspended")
    assert "suspended by bo via ci: freeze" in office.desk.told


SECRET = "pa55-of-the-tests"


def test_a_secret_travels_as_a_reference_and_is_resolved_by_the_daemon(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)
    place = "      image: "
    secure = "      environmentVariables: [{name: KEY, secureValue: '${env:SHOP_KEY}'}]\n"
    office.branch.edit("group.yaml", {place: secure + place})
    with Engine(office.app).running():
        assert office.desk.type("start", office.manifest, "--tag", "v1", "-o", "json") == 0
    said = [office.desk.said, office.desk.told]
    (rollout,) = office.store.history()
    for path in ("/services/shop", "/services/shop/events", "/services/shop/why", "/services/shop/history"):
        said.append(ask(office.desk.server, "GET", f"/api/v1{path}", token=ACTS).body.decode())
    snapshot = office.store.snapshot(rollout.id)
    assert "${env:SHOP_KEY}" in json.dumps(snapshot.templates)
    assert SECRET not in json.dumps([*said, *snapshot.templates])


def test_a_secret_that_is_written_out_in_the_template_stays_here_and_its_place_is_named(office: Office) -> None:
    place = "      image: "
    secure = f"      environmentVariables: [{{name: KEY, secureValue: {SECRET}}}]\n"
    office.branch.edit("group.yaml", {place: secure + place})
    for verb in ("start", "plan", "doctor"):
        assert office.desk.type(verb, office.manifest, "--tag", "v1") == 2, office.desk.told
        assert "secureValue is written out in the template" in office.desk.told
        assert "${keyVault:vault/secret}" in office.desk.told
        assert SECRET not in office.desk.told
    assert office.store.history() == []
