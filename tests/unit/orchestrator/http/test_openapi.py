"""The API's document: true OpenAPI, the very table that is served, and what is answered is what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from orchestrator.counted import evidence_of
from orchestrator.desk import LocalDesk
from orchestrator.http.api import Api
from orchestrator.http.guard import Guard
from orchestrator.http.openapi import openapi
from orchestrator.store.records import Sighting, Suspension
from orchestrator.wiring import App
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.orchestrator.remote.far import Far, ask, far

DOCUMENT = openapi()


def test_what_is_described_is_what_is_served_and_nothing_else() -> None:
    desk = Desk()
    served = {
        (route.method, route.path)
        for route in Api(LocalDesk(App(desk.store, desk.clock)), Guard(), desk.clock).routes()
    }
    described = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert served - described == {("GET", "/api/v1/openapi.json"), ("POST", "/api/v1/calls/{name}")}
    assert described <= served


def test_every_operation_is_named_once_says_its_scope_and_describes_its_path_and_its_refusals() -> None:
    names = []
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            names.append(operation["operationId"])
            (scopes,) = (each["token"] for each in operation["security"])
            assert scopes in (["read"], ["operate"])
            wanted = set(re.findall(r"{(\w+)}", path))
            assert {each["name"] for each in operation["parameters"] if each["in"] == "path"} == wanted
            assert {"400", "401", "403", "503"} <= set(operation["responses"])
            assert operation["summary"].endswith(".")
    assert len(names) == len(set(names))


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere() -> None:
    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if key == "$ref":
                    yield inner
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    known = DOCUMENT["components"]["schemas"]
    references = set(walk(DOCUMENT))
    assert references == {f"#/components/schemas/{name}" for name in known}
    for schema in known.values():
        Draft202012Validator.check_schema(schema)
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            for parameter in operation["parameters"]:
                Draft202012Validator.check_schema(parameter["schema"])
            if "requestBody" in operation:
                Draft202012Validator.check_schema(operation["requestBody"]["content"]["application/json"]["schema"])


@pytest.fixture
def desk() -> Iterator[Far]:
    """A daemon that knows a service with a past, one with a candidate, one that is stuck, and one that is watched."""
    here = Desk()
    here.put(states.promoted())
    here.put(replace(states.holding(), id="2" * 12, number=4))
    for name, rollout in (("stuck", states.stuck()), ("back", states.rolled_back()), ("two", states.two_targets())):
        service = replace(rollout.service, name=name)
        here.put(replace(rollout, id=f"{name:x<12}", service=service))
    now = here.clock.now()
    here.store.suspend(Suspension("two", "ana", "freeze", now, now + timedelta(hours=1)))
    seen = Sighting("fresh", "h/shop/fresh", "semver *", "1.0", "sha256:1", now, problem="401", problem_at=now)
    here.store.keep_sighting(seen)
    with far(here) as opened:
        yield opened


def check(path: str, method: str, status: int, document: Any) -> None:
    """Hold an answer against what the document says of it."""
    answers = DOCUMENT["paths"][path][method.lower()]["responses"]
    assert str(status) in answers, f"{method} {path} answered {status}, which is not described"
    schema = {**answers[str(status)]["content"]["application/json"]["schema"], "components": DOCUMENT["components"]}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)


SAMPLES: list[tuple[str, str, Any, int]] = [
    ("GET", "/services", None, 200),
    ("GET", "/services?limit=2&after=back", None, 200),
    *(("GET", f"/services/{name}", None, 200) for name in ("storefront", "stuck", "back", "two", "fresh")),
    *(("GET", f"/services/{name}/why", None, 200) for name in ("storefront", "stuck", "back", "two")),
    ("GET", "/services/storefront/events?after=2&limit=3", None, 200),
    ("GET", "/services/storefront/history", None, 200),
    ("GET", "/services/nobody", None, 404),
    ("GET", "/services/storefront?more=1", None, 400),
    ("GET", "/services?limit=1&limit=2", None, 400),
    ("GET", "/watches", None, 200),
    ("POST", "/services/storefront/commands", {"kind": "pause"}, 200),
    ("POST", "/services/storefront/commands", {"kind": "resume"}, 409),
    ("POST", "/services/back/commands", {"kind": "abort"}, 200),
    ("POST", "/services/back/commands", {"kind": "pause"}, 409),
    ("POST", "/services/back/commands", {"kind": "retry"}, 200),
    ("POST", "/services/stuck/commands", {"kind": "settle"}, 400),
    ("POST", "/services/back/undo", {}, 409),
    ("PUT", "/services/two/suspension", {"reason": "x", "until": "2030-01-31T18:00:00Z"}, 200),
    ("DELETE", "/services/two/suspension", None, 200),
    ("PUT", "/suspension", {"reason": "x"}, 200),
    ("DELETE", "/suspension", None, 200),
    ("POST", "/rollouts", {"manifest": "service: x"}, 400),
    ("POST", "/resolve", {"image": "h.io/x@sha256:" + "a" * 64}, 200),
    ("POST", "/resolve", {"image": "::"}, 400),
    ("POST", "/plan", {}, 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), SAMPLES, ids=lambda value: str(value)[:40])
def test_an_answer_is_what_the_document_says(desk: Far, method: str, path: str, body: Any, status: int) -> None:
    answer = ask(desk.server, method, f"/api/v1{path}", body)
    assert answer.status == status, answer.body
    plain = re.sub(r"/services/\w+", "/services/{service}", path.partition("?")[0])
    check(f"/api/v1{plain}", method, answer.status, answer.document)


def test_all_that_is_told_of_sources_and_checks_is_described_and_nothing_is_described_that_is_not_told() -> None:
    state = states.judged().targets[0]
    told = evidence_of(states.judged(), state)
    known = DOCUMENT["components"]["schemas"]
    for name, said in (("Evidence", told), ("Metric", told["metrics"][0]), ("Check", told["checks"][0])):
        assert set(known[name]["required"]) == set(known[name]["properties"]) == set(said), name


def test_the_document_is_served_to_everybody_as_it_is() -> None:
    with far(Desk(), tokens=True) as desk:
        answer = ask(desk.server, "GET", "/api/v1/openapi.json")
        assert answer.status == 200
        assert answer.document == json.loads(json.dumps(DOCUMENT))
        assert ask(desk.server, "GET", "/api/v1/services").status == 401
