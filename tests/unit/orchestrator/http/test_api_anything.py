"""Whatever is sent to the API, it answers as its document says, and never with a mistake of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.http.api_fields import Field, Kind
from orchestrator.http.api_routes import ROUTES, Route
from orchestrator.http.openapi import openapi
from orchestrator.remote.calls import CALLS, WIRE_HEADER
from orchestrator.store.opening import open_store
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.orchestrator.remote.far import Far, ask, far

DOCUMENT = openapi()
TEXTS = st.text(max_size=12) | st.sampled_from(["storefront", "\ud800", "\x00", "é" * 9, "2030-01-01T00:00:00Z"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """A daemon with a real store, because a store of plain objects takes anything."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('store')}/rollout.db")
    here = Desk(store)  # type: ignore[arg-type]
    here.put(states.holding())
    with far(here) as opened:
        yield opened
    store.close()


def fitting(field: Field) -> st.SearchStrategy[Any]:
    """Values that mostly fit a field."""
    kinds: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.TEXT: st.sampled_from(field.one_of) if field.one_of else TEXTS,
        Kind.FLAG: st.booleans(),
        Kind.NUMBER: st.integers(field.least, min(field.most, 3)) if field.least <= 3 else st.just(field.least),
        Kind.AMOUNT: st.floats(field.least, min(field.most, 1000)),
        Kind.TEXTS: st.dictionaries(TEXTS, TEXTS, max_size=2),
        Kind.MOMENT: st.just("2030-01-31T18:00:00Z"),
    }
    return st.one_of(kinds[field.kind], kinds[field.kind], kinds[field.kind], ANYTHING)


def bodies(route: Route) -> st.SearchStrategy[Any]:
    filled = {field.name: fitting(field) for field in route.body}
    return st.fixed_dictionaries({}, optional=filled) | st.fixed_dictionaries(filled) | ANYTHING


@pytest.mark.parametrize("route", [each for each in ROUTES if each.body], ids=lambda route: route.name)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_body_is_answered_as_the_document_says(desk: Far, route: Route, data: st.DataObject) -> None:
    body = json.dumps(data.draw(bodies(route))).encode()
    path = f"/api/v1{route.path}"
    answer = ask(desk.server, route.method, path.replace("{service}", "storefront"), body)
    assert str(answer.status) in DOCUMENT["paths"][path][route.method.lower()]["responses"], answer.body
    assert answer.status != 500
    assert answer.document


@pytest.mark.parametrize("route", [each for each in ROUTES if each.query], ids=lambda route: route.name)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_query_is_answered_as_the_document_says(desk: Far, route: Route, data: st.DataObject) -> None:
    names = st.sampled_from([field.name for field in route.query if field.name != "wait"]) | st.text(max_size=5)
    words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.integers(-5, 5).map(str)
    query = data.draw(st.dictionaries(names, words, max_size=3))
    told = "&".join(f"{quote(name)}={quote(word)}" for name, word in query.items() if name.isprintable())
    path = f"/api/v1{route.path}"
    answer = ask(desk.server, route.method, f"{path.replace('{service}', 'storefront')}?{told}")
    assert answer.status in (200, 400), answer.body


SPEAKING = sorted(name for name, call in CALLS.items() if not call.slow)


@pytest.mark.parametrize("name", SPEAKING)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.sampled_from(["service", "rollout_id", "after", "limit", "key"]) | TEXTS, ANYTHING))
def test_any_arguments_of_a_call_are_answered_or_refused(desk: Far, name: str, body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    answer = ask(desk.server, "POST", f"/api/v1/calls/{name}", raw, **{WIRE_HEADER: "1"})
    assert answer.status in (200, 400, 404, 409), answer.body
