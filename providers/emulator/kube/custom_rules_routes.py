"""The rules of HTTPRoutes and GRPCRoutes beyond types and limits, each with its message, by the parts' names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Rule = tuple[str, Callable[[Any], bool]]
"""A message, and what must hold so that it is not said."""
_PATH = r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+"
_PLAIN_TYPES = "type one of ['Exact', 'PathPrefix']"


def _union(*kinds: str) -> tuple[Rule, ...]:
    return tuple(rule for kind in kinds for rule in _member(kind))


def _member(kind: str) -> tuple[Rule, Rule]:
    name = {"CORS": "cors", "URLRewrite": "urlRewrite"}.get(kind, kind[:1].lower() + kind[1:])
    return (
        (
            f"filter.{name} must be nil if the filter.type is not {kind}",
            lambda it: name not in it or it["type"] == kind,
        ),
        (f"filter.{name} must be specified for {kind} filter.type", lambda it: name in it or it["type"] != kind),
    )


def _has_port(ref: Json) -> bool:
    return (ref.get("group"), ref.get("kind")) != ("", "Service") or "port" in ref


def _plain(it: Json) -> bool:
    return it["type"] in ("Exact", "PathPrefix")


def _parent(ref: Json) -> tuple[Any, ...]:
    return ref["group"], ref["kind"], ref["name"], ref.get("namespace") or ""


def _same_parent(refs: list[Json]) -> Iterator[tuple[str, str]]:
    for at, one in enumerate(refs):
        for other in refs[at + 1 :]:
            if _parent(one) == _parent(other):
                yield one.get("sectionName") or "", other.get("sectionName") or ""


def _replaces_prefix(filters: list[Json] | None, name: str) -> int:
    return sum(
        1
        for one in filters or ()
        if ((one.get(name) or {}).get("path") or {}).get("type") == "ReplacePrefixMatch"
        and "replacePrefixMatch" in one[name]["path"]
    )


def _one_prefix(rule: Json) -> bool:
    found = rule.get("matches") or []
    return len(found) == 1 and (found[0].get("path") or {}).get("type") == "PathPrefix"


def _prefix(rule: Json, name: str) -> bool:
    return _replaces_prefix(rule.get("filters"), name) != 1 or _one_prefix(rule)


def _backends_prefix(rule: Json, name: str) -> bool:
    having = sum(1 for ref in rule.get("backendRefs") or () if _replaces_prefix(ref.get("filters"), name) == 1)
    return having != 1 or _one_prefix(rule)


def _no_redirect(rule: Json) -> bool:
    return not rule.get("backendRefs") or not any("requestRedirect" in one for one in rule.get("filters") or ())


def _once(kind: str) -> Rule:
    message = f"{kind} filter cannot be repeated"
    return message, lambda filters: sum(1 for one in filters if one["type"] == kind) <= 1


def _alone(name: str, word: str) -> tuple[Rule, ...]:
    return ((f"{name} cannot contain '*' alongside other {word}", lambda it: "*" not in it or len(it) == 1),)


def _seconds(text: str) -> float:
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9]+)(ms|h|m|s)", text))


def _timeouts(it: Json) -> bool:
    if "request" not in it or "backendRequest" not in it or not _seconds(it["request"]):
        return True
    return _seconds(it["backendRequest"]) <= _seconds(it["request"])


def _without(text: str) -> Rule:
    return f"must not contain '{text}' when {_PLAIN_TYPES}", lambda it: not _plain(it) or text not in it["value"]


def _not_ending(text: str) -> Rule:
    return (
        f"must not end with '{text}' when {_PLAIN_TYPES}",
        lambda it: not _plain(it) or not it["value"].endswith(text),
    )


_PORT: tuple[Rule, ...] = (("Must have port for Service reference", _has_port),)
_PREFIX = "exactly one PathPrefix match must be specified"
_PARENTS: tuple[Rule, ...] = (
    (
        "sectionName must be specified when parentRefs includes 2 or more references to the same parent",
        lambda refs: all(bool(one) == bool(other) for one, other in _same_parent(refs)),
    ),
    (
        "sectionName must be unique when parentRefs includes 2 or more references to the same parent",
        lambda refs: all(one != other for one, other in _same_parent(refs)),
    ),
)
_GRPC_REPEATED = (_once("RequestHeaderModifier"), _once("ResponseHeaderModifier"))
_HTTP_REPEATED: tuple[Rule, ...] = (
    (
        "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both",
        lambda filters: not {"RequestRedirect", "URLRewrite"} <= {one["type"] for one in filters},
    ),
    _once("CORS"),
    *_GRPC_REPEATED,
    _once("RequestRedirect"),
    _once("URLRewrite"),
)
_GRPC_UNION = ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef")
STRUCTS: dict[str, tuple[Rule, ...]] = {
    "BackendObjectReference": _PORT,
    "HTTPBackendRef": _PORT,
    "GRPCBackendRef": _PORT,
    "Fraction": (
        ("numerator must be less than or equal to denominator", lambda it: it["numerator"] <= it["denominator"]),
    ),
    "RequestMirror": (
        (
            "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter",
            lambda it: not ("percent" in it and "fraction" in it),
        ),
    ),
    "HTTPPathModifier": tuple(
        rule
        for name, kind in (("replaceFullPath", "ReplaceFullPath"), ("replacePrefixMatch", "ReplacePrefixMatch"))
        for rule in (
            (
                f"{name} must be specified when type is set to '{kind}'",
                lambda it, name=name, kind=kind: it["type"] != kind or name in it,
            ),
            (
                f"type must be '{kind}' when {name} is set",
                lambda it, name=name, kind=kind: name not in it or it["type"] == kind,
            ),
        )
    ),
    "HTTPRouteFilter": _union(
        "CORS",
        "RequestHeaderModifier",
        "ResponseHeaderModifier",
        "RequestMirror",
        "RequestRedirect",
        "URLRewrite",
        "ExtensionRef",
    ),
    "GRPCRouteFilter": _union(*_GRPC_UNION),
    "HTTPPathMatch": (
        (
            f"value must be an absolute path and start with '/' when {_PLAIN_TYPES}",
            lambda it: not _plain(it) or it["value"].startswith("/"),
        ),
        *(_without(text) for text in ("//", "/./", "/../", "%2f", "%2F", "#")),
        _not_ending("/.."),
        _not_ending("/."),
        (
            f"must only contain valid characters (matching ^{_PATH}$) for types ['Exact', 'PathPrefix']",
            lambda it: not _plain(it) or re.fullmatch(_PATH, it["value"]) is not None,
        ),
    ),
    "HTTPRouteTimeouts": (("backendRequest timeout cannot be longer than request timeout", _timeouts),),
    "HTTPRouteRule": (
        ("RequestRedirect filter must not be used together with backendRefs", _no_redirect),
        *(
            (
                f"When using {word} filter with path.replacePrefixMatch, {_PREFIX}",
                lambda it, name=name: _prefix(it, name),
            )
            for word, name in (("RequestRedirect", "requestRedirect"), ("URLRewrite", "urlRewrite"))
        ),
        *(
            (
                f"Within backendRefs, {when} using {word} filter with path.replacePrefixMatch, {_PREFIX}",
                lambda it, name=name: _backends_prefix(it, name),
            )
            for when, word, name in (
                ("when", "RequestRedirect", "requestRedirect"),
                ("When", "URLRewrite", "urlRewrite"),
            )
        ),
    ),
    "GRPCMethodMatch": (
        (
            "One or both of 'service' or 'method' must be specified",
            lambda it: "service" in it or "method" in it,
        ),
        (
            r"service must only contain valid characters (matching ^(?i)\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$)",
            lambda it: (
                it["type"] != "Exact"
                or re.fullmatch(r"(?i:\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*)", it.get("service", "a")) is not None
            ),
        ),
        (
            "method must only contain valid characters (matching ^[A-Za-z_][A-Za-z_0-9]*$)",
            lambda it: (
                it["type"] != "Exact" or re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", it.get("method", "a")) is not None
            ),
        ),
    ),
}
FIELDS: dict[str, tuple[Rule, ...]] = {
    "HTTPRouteSpec.parentRefs": _PARENTS,
    "GRPCRouteSpec.parentRefs": _PARENTS,
    **{
        f"{spec}.rules": (
            (
                "While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules in a"
                " route must be less than 128",
                lambda rules: sum(len(rule.get("matches") or ()) for rule in rules) <= 128,
            ),
        )
        for spec in ("HTTPRouteSpec", "GRPCRouteSpec")
    },
    **{f"{part}.filters": _HTTP_REPEATED for part in ("HTTPRouteRule", "HTTPBackendRef")},
    **{f"{part}.filters": _GRPC_REPEATED for part in ("GRPCRouteRule", "GRPCBackendRef")},
    "HTTPCORS.allowHeaders": _alone("AllowHeaders", "methods"),
    "HTTPCORS.allowMethods": _alone("AllowMethods", "methods"),
    "HTTPCORS.allowOrigins": _alone("AllowOrigins", "origins"),
}
