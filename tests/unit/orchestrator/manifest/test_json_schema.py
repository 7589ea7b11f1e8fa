"""The schema for editors accepts what loads, refuses what is misspelt, and explains every key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from orchestrator.manifest.json_schema import json_schema

GOOD = """
service: shop
image: contoso.azurecr.io/shop/web
targets:
- name: west
  containerInstances:
    subscription: 11111111-2222-3333-4444-555555555555
    resourceGroup: shop
    location: westeurope
    template: group.yaml
    container: [web, migrate]
  trafficManager: {resourceGroup: shop, profile: shop, ttlDuringRollout: 10s, create: {dnsName: shop}}
strategy: {canary: {steps: [1, {share: 10, hold: 2m}], hold: 1m}}
gates:
  probe: {expect: [200-299, 301], host: null, headers: {a: b}}
  longestHold: 30m
  metrics:
  - name: errors
    when: [before, during]
    weight: 0.5
    interval: 5s
    prometheus: {url: "http://p", requests: r, failures: f, headers: {Authorization: "Bearer ${env:TOKEN}"}}
  - {name: smoke, command: {run: [./smoke, -v], env: {A: b}}}
  - {name: probes, probes: {}}
drain: {margin: auto, quiet: 30s}
retain: 0
"""


def errors(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema())
    return [
        "/".join(str(part) for part in error.absolute_path) for error in validator.iter_errors(yaml.safe_load(text))
    ]


def properties(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for inner in node.values():
            yield from properties(inner)


def test_it_is_a_schema_of_its_draft() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_what_loads_is_accepted() -> None:
    assert errors(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("resourceGroup", "resourcegroup", "targets/0/containerInstances"),
        ("service: shop", "service: Shop", "service"),
        ("retain: 0", "retain: 5", "retain"),
        ("steps: [1,", "steps: [0,", "strategy/canary"),
        ("200-299", "2xx", "gates/probe/expect/0"),
        ("weight: 0.5", "weight: 0", "gates/metrics/0/weight"),
        ("[before, during]", "[sometime]", "gates/metrics/0/when"),
        ('"http://p"', "p", "gates/metrics/0/prometheus"),
        ("./smoke, -v", "./smoke, 5", "gates/metrics/1/command"),
        ("probes: {}", "probes: {port: 1}", "gates/metrics/2/probes"),
    ],
)
def test_what_does_not_load_is_refused_at_its_place(old: str, new: str, place: str) -> None:
    assert place in errors(GOOD.replace(old, new, 1))


def test_every_key_has_a_description() -> None:
    schema = json_schema()
    for name, part in properties(schema):
        model = schema["$defs"].get(part.get("$ref", "").rpartition("/")[2], {})
        assert part.get("description") or model.get("description"), name


def test_every_default_is_accepted_where_it_stands() -> None:
    schema = json_schema()
    for name, part in properties(schema):
        if "default" in part:
            validator = jsonschema.Draft202012Validator({**part, "$defs": schema["$defs"]})
            assert list(validator.iter_errors(part["default"])) == [], name
