"""Whether the parts of a template that are read or rewritten have the types they must have; pure.

The shapes are data: a mapping of known keys, a list of one shape, or the name of a leaf. What is absent or null passes;
keys that are not listed are for the API server to judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.kubernetes.places import BUDGET, CONFIG_MAP, DEPLOYMENT, SCALER, SERVICE
from providers.problems import Path, Problem, shown
from providers.secrets import SecretRef

TEXT, TEXTS, COUNT, FLAG, PORT, TARGET = "text", "texts", "count", "flag", "port", "target"
_EXPECTED = {
    TEXT: "a text (quote a number or a word such as true)",
    COUNT: "a whole number from 0",
    FLAG: "true or false",
    PORT: "a port from 1 to 65535",
    TARGET: "a port from 1 to 65535, or a port's name",
}
_METADATA = {"name": TEXT, "namespace": TEXT, "labels": TEXTS, "annotations": TEXTS}
_SELECTOR = {"matchLabels": TEXTS, "matchExpressions": [{"key": TEXT, "operator": TEXT, "values": [TEXT]}]}
_NAMED = {"name": TEXT}
_CONTAINER = {
    "name": TEXT,
    "image": TEXT,
    "command": [TEXT],
    "args": [TEXT],
    "env": [{"name": TEXT, "value": TEXT, "valueFrom": {"configMapKeyRef": _NAMED}}],
    "envFrom": [{"configMapRef": _NAMED}],
    "ports": [{"name": TEXT, "containerPort": PORT, "hostPort": COUNT, "protocol": TEXT}],
    "resources": {"requests": {}, "limits": {}},
    "lifecycle": {},
}
_POD = {
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "volumes": [
        {
            "name": TEXT,
            "configMap": _NAMED,
            "projected": {"sources": [{"configMap": _NAMED}]},
            "persistentVolumeClaim": {"claimName": TEXT},
        }
    ],
    "hostNetwork": FLAG,
    "nodeSelector": TEXTS,
    "tolerations": [{"key": TEXT}],
    "hostAliases": [{}],
}
_SHAPES: dict[str, Any] = {
    DEPLOYMENT: {
        "metadata": _METADATA,
        "spec": {
            "replicas": COUNT,
            "paused": FLAG,
            "selector": _SELECTOR,
            "template": {"metadata": _METADATA, "spec": _POD},
        },
    },
    SERVICE: {
        "metadata": _METADATA,
        "spec": {
            "type": TEXT,
            "selector": TEXTS,
            "ports": [{"name": TEXT, "port": PORT, "targetPort": TARGET, "protocol": TEXT, "appProtocol": TEXT}],
        },
    },
    SCALER: {
        "metadata": _METADATA,
        "spec": {
            "scaleTargetRef": {"apiVersion": TEXT, "kind": TEXT, "name": TEXT},
            "minReplicas": COUNT,
            "maxReplicas": COUNT,
            "metrics": [{"object": {"describedObject": {"kind": TEXT, "name": TEXT}}}],
        },
    },
    BUDGET: {"metadata": _METADATA, "spec": {"selector": _SELECTOR}},
    CONFIG_MAP: {"metadata": _METADATA, "data": TEXTS, "binaryData": TEXTS},
}


def misshapen(kind: str, value: Mapping[Any, Any], path: Path) -> Iterator[Problem]:
    """Yield a problem for each part of one object that has the wrong type, or is no plain value at all."""
    yield from _judged(value, _SHAPES[kind], path)
    yield from _no_json(value, path)


def _judged(value: Any, shape: Any, path: Path) -> Iterator[Problem]:
    if value is None:
        return
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            yield Problem(path, f"expected a mapping; got {shown(value)}")
            return
        for key, inner in shape.items():
            yield from _judged(value.get(key), inner, (*path, key))
    elif isinstance(shape, list):
        if not isinstance(value, list | tuple):
            yield Problem(path, f"expected a list; got {shown(value)}")
            return
        for number, item in enumerate(value):
            if item is None:
                yield Problem((*path, number), "expected a value; got nothing")
            yield from _judged(item, shape[0], (*path, number))
    elif shape == TEXTS:
        yield from _texts(value, path)
    elif not _fits(value, shape):
        yield Problem(path, f"expected {_EXPECTED[shape]}; got {shown(value)}")


def _texts(value: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, f"expected a mapping; got {shown(value)}")
        return
    for key, item in value.items():
        if not isinstance(key, str):
            yield Problem((*path, str(key)), f"expected a text as key (quote it); got {shown(key)}")
        elif item is not None and not isinstance(item, SecretRef) and not _fits(item, TEXT):
            yield Problem((*path, key), f"expected {_EXPECTED[TEXT]}; got {shown(item)}")


def _fits(value: Any, leaf: str) -> bool:
    if leaf == TEXT:
        return isinstance(value, str | SecretRef)
    if leaf == FLAG:
        return isinstance(value, bool)
    if leaf == TARGET and isinstance(value, str):
        return bool(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and (value >= 0 if leaf == COUNT else 1 <= value <= 65535)


def _no_json(value: Any, path: Path) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _no_json(item, (*path, key if isinstance(key, int) else str(key)))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _no_json(item, (*path, number))
    elif isinstance(value, SecretRef):
        way_out = "put it into a Secret of the cluster and reference that (secretKeyRef, secretRef, or a volume)"
        yield Problem(path, f"expected a plain value; got the secret {value}: {way_out}")
    elif value is not None and not isinstance(value, str | int | float | bool):
        yield Problem(path, f"expected a plain value; got {shown(value)} (quote it)")
