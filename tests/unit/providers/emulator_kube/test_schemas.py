"""Our tables of fields say what the official schemas say, and both judge the same objects alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.emulator.kube import custom
from providers.emulator.kube.custom_rules import _FIELDS, _STRUCTS
from providers.emulator.kube.kinds import GRPC_ROUTE, HTTP_ROUTE, KINDS, Kind
from providers.emulator.kube.shapes import NOTHING, Shape, shape_of
from providers.emulator.kube.status import Causes

Json = dict[str, Any]
SHARED = Path(__file__).parents[5] / "shared"
OPENAPI, CRDS = SHARED / "kubernetes" / "openapi", SHARED / "gateway-api" / "crd" / "standard"
needs_openapi = pytest.mark.skipif(not OPENAPI.is_dir(), reason="the schemas of ../shared are not here")
needs_crds = pytest.mark.skipif(not CRDS.is_dir(), reason="the resource definitions of ../shared are not here")
SCALARS = {"Quantity": "qty", "Time": "time", "MicroTime": "micro", "IntOrString": "intstr"}
BUILT_IN = (
    "io.k8s.api.core.v1.Pod",
    "io.k8s.api.core.v1.Service",
    "io.k8s.api.core.v1.ConfigMap",
    "io.k8s.api.core.v1.Event",
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.api.apps.v1.ReplicaSet",
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    "io.k8s.api.policy.v1.PodDisruptionBudget",
    "io.k8s.api.coordination.v1.Lease",
    "io.k8s.api.discovery.v1.EndpointSlice",
)


def official() -> Json:
    """All schemas of the OpenAPI documents by name."""
    found: Json = {}
    for path in sorted(OPENAPI.glob("*_v*.json")):
        found |= json.loads(path.read_text())["components"]["schemas"]
    return found


def resolved(schemas: Json, schema: Json) -> tuple[str, Json]:
    """Follow a reference; returns the name it leads to, too."""
    reference = schema.get("$ref") or (schema["allOf"][0].get("$ref") if len(schema.get("allOf", ())) == 1 else None)
    if reference is None:
        return "", schema
    name = reference.rpartition("/")[2]
    return name, schemas[name]


def unlike(schemas: Json, schema: Json, shape: Shape, path: str, seen: set[str]) -> list[str]:
    """List where a table differs from a schema of OpenAPI; what the table takes as anything is not looked into."""
    name, found = resolved(schemas, schema)
    short = name.rpartition(".")[2]
    if short in SCALARS or shape.kind == "any":
        return [] if shape.kind in ("any", SCALARS.get(short, "any")) else [f"{path}: {shape.kind}, official {short}"]
    kind = found.get("type")
    if kind == "object" and "properties" in found:
        if name in seen:
            return []
        seen.add(name)
        wrong = (
            []
            if set(shape.fields) == set(found["properties"])
            else [f"{path}: fields {sorted(set(shape.fields) ^ set(found['properties']))}"]
        )
        if shape.atomic != (found.get("x-kubernetes-map-type") == "atomic"):
            wrong.append(f"{path}: atomic {shape.atomic}")
        for key, part in found["properties"].items():
            wrong += unlike(schemas, part, shape.below(key), f"{path}.{key}", seen)
        return wrong
    if kind == "object":
        wrong = [] if shape.kind == "map" else [f"{path}: {shape.kind}, official map"]
        if shape.atomic != (found.get("x-kubernetes-map-type") == "atomic"):
            wrong.append(f"{path}: atomic {shape.atomic}")
        return wrong
    if kind == "array":
        keys = tuple(found.get("x-kubernetes-list-map-keys", ()))
        is_set = found.get("x-kubernetes-list-type") == "set"
        wrong = (
            []
            if (shape.kind, shape.keys, shape.is_set) == ("list", keys, is_set)
            else [f"{path}: {shape.kind} {shape.keys} {shape.is_set}, official {keys} {is_set}"]
        )
        return wrong + unlike(schemas, found["items"], shape.item or shape, f"{path}[]", seen)
    words = {"string": ("str", "b64"), "boolean": ("bool",), "number": ("num",)}
    wanted = words.get(str(kind), (found.get("format", "int64"),))
    return [] if shape.kind in wanted else [f"{path}: {shape.kind}, official {wanted}"]


@needs_openapi
@pytest.mark.parametrize("name", BUILT_IN)
def test_fields_of_built_in_kinds_are_the_official_ones(name: str) -> None:
    schemas = official()
    kind = name.rpartition(".")[2]
    assert unlike(schemas, {"$ref": f"/{name}"}, shape_of(kind), kind, set()) == []


def definition(kind: str) -> Json:
    """The schema of version v1 of a resource definition."""
    plural = next(one.plural for one in KINDS if one.kind == kind)
    path = CRDS / f"gateway.networking.k8s.io_{plural}.yaml"
    found = next(one for one in yaml.safe_load_all(path.read_text()) if one["kind"] == "CustomResourceDefinition")
    version = next(one for one in found["spec"]["versions"] if one["name"] == "v1")
    schema: Json = version["schema"]["openAPIV3Schema"]
    return schema


def custom_unlike(schema: Json, shape: Shape, path: str) -> list[str]:
    """List where a table differs from a structural schema: fields, required ones, defaults, limits, lists."""
    limits = {
        "low": next((schema[k] for k in ("minimum", "minLength", "minItems", "minProperties") if k in schema), None),
        "high": next((schema[k] for k in ("maximum", "maxLength", "maxItems", "maxProperties") if k in schema), None),
        "pattern": schema.get("pattern", ""),
        "choices": tuple(map(str, schema.get("enum", ()))),
        "atomic": schema.get("x-kubernetes-map-type") == "atomic",
        "keys": tuple(schema.get("x-kubernetes-list-map-keys", ())),
        "is_set": schema.get("x-kubernetes-list-type") == "set",
    }
    wrong = [
        f"{path}: {name} {getattr(shape, name)!r}, official {value!r}"
        for name, value in limits.items()
        if getattr(shape, name) != value
    ]
    if "properties" in schema:
        if set(shape.fields) != set(schema["properties"]):
            wrong.append(f"{path}: fields {sorted(set(shape.fields) ^ set(schema['properties']))}")
        for name, part in schema["properties"].items():
            field = shape.fields.get(name)
            if field is None or (path.count(".") == 0 and name in ("apiVersion", "kind", "metadata")):
                continue
            if field.required != (name in schema.get("required", ())):
                wrong.append(f"{path}.{name}: required {field.required}")
            if part.get("default", NOTHING) != field.default:
                wrong.append(f"{path}.{name}: default {field.default!r}")
            wrong += custom_unlike(part, field.shape, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            wrong += custom_unlike(schema[key], shape.item or shape, path + mark)
    return wrong


@needs_crds
@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute", "Gateway", "GatewayClass", "ReferenceGrant"])
def test_fields_of_gateway_kinds_are_those_of_the_definitions(kind: str) -> None:
    assert custom_unlike(definition(kind), shape_of(kind), kind) == []


def messages(schema: Any) -> set[str]:
    """All messages of a definition's rules."""
    if isinstance(schema, dict):
        own = {rule["message"] for rule in schema.get("x-kubernetes-validations", ()) if isinstance(rule, dict)}
        return own.union(*(messages(part) for part in schema.values()))
    return set().union(*(messages(part) for part in schema)) if isinstance(schema, list) else set()


@needs_crds
def test_every_rule_of_the_definitions_is_ours_in_the_same_words() -> None:
    theirs = set().union(
        *(messages(definition(kind)) for kind in ("HTTPRoute", "GRPCRoute", "Gateway", "GatewayClass"))
    )
    ours = {message for rules in (*_STRUCTS.values(), *_FIELDS.values()) for message, _ in rules}
    # The type's enumeration says the first already; the second is said where the update is judged.
    said_elsewhere = {"type must be one of ['Exact', 'PathPrefix', 'RegularExpression']", "Value is immutable"}
    assert theirs - said_elsewhere == ours


NAMES = st.sampled_from(["web", "a.b", "", "Not_A_Name", "x" * 254])
REFS = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "port": st.sampled_from([80, 0, 65535, 65536, -1]) | st.just("80"),
        "weight": st.sampled_from([0, 1, 1_000_000, 1_000_001, -1]) | st.just("1"),
        "kind": st.sampled_from(["Service", "Import", "1x", ""]),
        "namespace": st.sampled_from(["shop", "Shop", "a.b"]),
    },
)
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["GET", "get", "PATCH"]),
        "path": st.fixed_dictionaries(
            {}, optional={"type": st.sampled_from(["Exact", "Glob"]), "value": st.just("/x")}
        ),
        "headers": st.lists(
            st.fixed_dictionaries({}, optional={"name": st.sampled_from(["x", "y z", ""]), "value": NAMES}), max_size=2
        ),
    },
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "backendRefs": st.lists(REFS, max_size=3) | st.lists(REFS, min_size=17, max_size=17),
        "matches": st.lists(MATCHES, max_size=2),
        "timeouts": st.fixed_dictionaries({}, optional={"request": st.sampled_from(["1s", "500ms", "soon", "1.5s"])}),
    },
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "hostnames": st.lists(st.sampled_from(["a.test", "*.a.test", "A.test", ""]), max_size=2),
        "parentRefs": st.lists(st.fixed_dictionaries({}, optional={"name": NAMES, "sectionName": NAMES}), max_size=2),
        "rules": st.lists(RULES, max_size=2),
    },
)


def accepts(kind: Kind, obj: Json) -> bool:
    """Whether our schema, without the rules beyond it, accepts an object with its defaults."""
    causes = Causes()
    custom._Schema(causes).check(obj["spec"], shape_of(kind.kind).below("spec"), "spec", "spec")
    return not causes.found


@needs_crds
@pytest.mark.parametrize("kind", [HTTP_ROUTE, GRPC_ROUTE])
def test_routes_are_judged_as_the_definitions_judge_them(kind: Kind) -> None:
    from jsonschema import Draft202012Validator

    judge = Draft202012Validator(definition(kind.kind)["properties"]["spec"])
    verdicts = set()

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(spec=SPECS)
    def judged_alike(spec: Json) -> None:
        obj: Json = {"spec": json.loads(json.dumps(spec))}
        if kind is GRPC_ROUTE:
            for rule in obj["spec"].get("rules", ()):
                rule.pop("timeouts", None)
                rule.pop("matches", None)
        custom.fill_in(kind, obj)
        # Items of lists with keys must differ, which JSON Schema cannot say: `_unique` alone does.
        for rule in obj["spec"].get("rules", ()):
            for match in rule.get("matches", ()):
                match["headers"] = match.get("headers", [])[:1]
        verdict = judge.is_valid(obj["spec"])
        assert accepts(kind, obj) == verdict, [error.message for error in judge.iter_errors(obj["spec"])]
        verdicts.add(verdict)

    judged_alike()
    assert verdicts == {True, False}
