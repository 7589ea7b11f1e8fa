"""Bodies that are wrong somewhere: always a 400 that says where, never anything else, and nothing changed."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.providers.emulator_world.conftest import Azure

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70000) | st.floats(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=3,
)


def _places(value, path=()):
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from _places(item, (*path, key))


def _spoiled(body, path, junk):
    if not path:
        return junk
    body = copy.deepcopy(body)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = junk
    return body


def _group(azure):
    body = azure.body(volumes=[{"name": "v", "secret": {"a": "b"}}])
    container = body["properties"]["containers"][0]["properties"]
    container["environmentVariables"] = [{"name": "A", "value": "b"}]
    container["livenessProbe"] = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5}
    return f"{azure.groups}/web-1", body


def _profile(azure):
    headers = [{"name": "Host", "value": "a"}]
    endpoint = azure.endpoint("a", "www.example.com", customHeaders=headers, alwaysServe="Disabled")
    ranges = [{"min": 200, "max": 299}]
    return f"{azure.profiles}/shop", azure.profile_body(endpoint, monitor={"expectedStatusCodeRanges": ranges})


@pytest.mark.parametrize("made", [_group, _profile], ids=["group", "profile"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_body_with_junk_anywhere_is_taken_or_refused_and_never_breaks_the_world(made, data):
    azure = Azure()
    azure.handle = azure.arm.handle  # the descriptions are stricter than the service about junk that it ignores
    path, body = made(azure)
    spoiled = _spoiled(body, data.draw(st.sampled_from(sorted(_places(body), key=str))), data.draw(JUNK))
    status, answer, _ = azure.send("PUT", path, json.dumps(spoiled).encode())
    assert status in (201, 400) or answer["error"]["code"] == "ContainerGroupQuotaReached", answer
    azure.wait(60)
    assert (azure.send("GET", path)[0] == 200) == (status == 201)
    state = azure.world.state()
    assert len(state["groups"]) + len(state["profiles"]) == (status == 201)
    azure.world.resolve("shop.trafficmanager.net")


def test_the_refusal_of_a_wrong_shape_names_the_place_and_what_was_expected(azure):
    body = azure.body()
    body["properties"]["containers"][0]["properties"]["ports"][0]["port"] = "8080"
    message = azure.send("PUT", f"{azure.groups}/web-1", body)[1]["error"]["message"]
    assert "properties.containers[0].properties.ports[0].port" in message
    assert "expected a whole number; got '8080'" in message
