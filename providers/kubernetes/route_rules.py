"""Detours as rules that we add to a route, mirrors as filters in its hosts, and both read back as values; pure.

A detour is a copy of each host, with its match added to every match of the host and nothing but its endpoints behind
it. More header matches win over fewer whatever the order of rules, so ours stand at the end, where they move nobody's
index. It is read back only where it is exactly what we would write beside its host as that is now.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import permutations
from typing import Any

from providers.errors import Invalid
from providers.kubernetes.route_ours import Body, items, natural_backend
from providers.kubernetes.route_read import RouteRead
from strategies.detours import Detour, Match, Mirror, is_for_probes

MIRROR = "RequestMirror"
MOST_COOKIES = 3
"""Cookies of one match: they may come in any order, and each order is written out."""
_EVERYTHING = {"path": {"type": "PathPrefix", "value": "/"}}
_BEFORE, _AFTER, _BETWEEN = r"^(.*;\s*)?", r"(\s*;.*)?$", r"\s*;(.*;)?\s*"
_FINEST = 1_000_000
_OBJECT_REFERENCE = ("group", "kind", "name", "namespace", "port")
"""All that the backend of a mirror can say; one of a split says more."""


def detour_rules(read: RouteRead, detours: Iterable[Detour]) -> list[dict[str, Any]]:
    """The rules that lead requests past the split of one route: one per host and match, probes' first.

    Raises Invalid where a host cannot be copied for a match.
    """
    by_match: dict[Match, list[Detour]] = {}
    for detour in sorted(detours, key=lambda d: (not is_for_probes(d), d.endpoint)):
        by_match.setdefault(detour.match, []).append(detour)
    found: dict[str, dict[str, Any]] = {}
    for index in read.hosts:
        for match, group in by_match.items():
            rule = _rule(read, index, match, [d.address or natural_backend(d.endpoint) for d in group])
            found.setdefault(rule["name"], rule)
    return list(found.values())


def detours(read: RouteRead) -> list[Detour]:
    """The detours that the rules of ours in one route are; a rule that is not as we would write it is none."""
    found: dict[Detour, None] = {}
    for index in read.added:
        rule = read.rules[index]
        names = [read.ours.backend(ref, read.route) for ref in items(rule, "backendRefs")]
        backends = [name for name in names if name is not None]
        match = _match_of(read, rule) if backends and len(backends) == len(names) else None
        if match is not None:
            found |= {Detour(match, read.endpoint(name), name): None for name in backends}
    return list(found)


def stand(read: RouteRead, wanted: Sequence[Detour]) -> bool:
    """Whether the rules of ours in one route are exactly those of the wanted detours."""
    try:
        rules = detour_rules(read, wanted)
    except Invalid:
        return False
    have = [dict(read.rules[index]) for index in read.added]
    return len(have) == len(rules) and all(rule in have for rule in rules)


def mirrors(read: RouteRead, index: int) -> list[Mirror]:
    """The mirrors of ours in one host."""
    found = []
    for at in mirror_filters(read, index):
        inner = items(read.rules[index], "filters")[at]["requestMirror"]
        name = str(inner["backendRef"]["name"])
        found.append(Mirror(read.endpoint(name), name, _percent(inner)))
    return found


def mirror_filters(read: RouteRead, index: int) -> list[int]:
    """Where among a host's filters those stand that mirror to one of our slots; all others are foreign."""
    filters = items(read.rules[index], "filters")
    return [at for at, item in enumerate(filters) if item.get("type") == MIRROR and _mirrors_to_us(read, item)]


def mirror_filter(read: RouteRead, index: int, mirror: Mirror) -> dict[str, Any]:
    """Make the filter that mirrors a part of a host's requests; Invalid for a part that cannot be written."""
    name = mirror.address or natural_backend(mirror.endpoint)
    ref = read.ours.new_ref(name, read.route, _sibling(read, index, name))
    bare = {key: value for key, value in ref.items() if key in _OBJECT_REFERENCE}
    return {"type": MIRROR, "requestMirror": {"backendRef": bare, **_part(mirror.percent)}}


def _rule(read: RouteRead, index: int, match: Match, backends: Sequence[str]) -> dict[str, Any]:
    host = read.rules[index]
    ours = set(mirror_filters(read, index))
    kept = {key: value for key, value in host.items() if key not in ("name", "backendRefs", "matches", "filters")}
    filters = [item for at, item in enumerate(items(host, "filters")) if at not in ours]
    rule = {**kept, "matches": _matches(read, index, match), **({"filters": filters} if filters else {})}
    # One host's match may be another host's with a header more: the name tells of which of them this is the copy.
    text = json.dumps([rule, _headers(match)], sort_keys=True)
    name = read.ours.rule_prefix + hashlib.sha256(text.encode()).hexdigest()[:12]
    refs = [{**read.ours.new_ref(b, read.route, _sibling(read, index, b)), "weight": 1} for b in backends]
    return {**rule, "name": name, "backendRefs": refs}


def _sibling(read: RouteRead, index: int, name: str) -> Body | None:
    """The backend's own reference in a host, else the first of ours there."""
    refs = [(read.ours.backend(ref, read.route), ref) for ref in items(read.rules[index], "backendRefs")]
    own = next((ref for found, ref in refs if found == name), None)
    return own or next((ref for found, ref in refs if found is not None), None)


def _matches(read: RouteRead, index: int, match: Match) -> list[dict[str, Any]]:
    added = _headers(match)
    http = read.route.kind == "HTTPRoute"
    before = items(read.rules[index], "matches") or [_EVERYTHING if http else {}]
    names = {str(header["name"]).lower() for header in added}
    for item in before:
        taken = names & {str(header.get("name")).lower() for header in items(item, "headers")}
        if taken:
            where = f"{read.route} rules[{index}]"
            raise Invalid(f"{where} matches the header {', '.join(sorted(taken))} already: no detour can go by it")
    return [{**item, "headers": [*items(item, "headers"), *added]} for item in before]


def _headers(match: Match) -> list[dict[str, Any]]:
    found = [{"type": "Exact", "name": name, "value": value} for name, value in match.headers]
    if match.cookies:
        found.append({"type": "RegularExpression", "name": "cookie", "value": _pattern(match.cookies)})
    names = [header["name"].lower() for header in found]
    if not found or len(set(names)) < len(names) or not all(header["value"] for header in found):
        said = ", ".join(names) or "none"
        raise Invalid(f"a match needs headers or cookies, each name once and each with a value; got {said}")
    return found


def _pattern(cookies: Sequence[tuple[str, str]]) -> str:
    """A pattern for all cookies in any order, whether a gateway compares it with the whole header or with a part."""
    if len(cookies) > MOST_COOKIES:
        raise Invalid(f"a match can have {MOST_COOKIES} cookies at most, for each order of them is written out")
    texts = [re.escape(f"{name}={value}") for name, value in cookies]
    orders = [_BETWEEN.join(order) for order in permutations(texts)]
    return f"{_BEFORE}{orders[0] if len(orders) == 1 else '(' + '|'.join(orders) + ')'}{_AFTER}"


def _cookies(pattern: str) -> tuple[tuple[str, str], ...] | None:
    """Read cookies back from a pattern of ours; None when it is none."""
    inner = pattern.removeprefix(_BEFORE).removesuffix(_AFTER)
    first = re.split(r"(?<!\\)\|", inner.removeprefix("("))[0] if _BETWEEN in inner else inner
    pairs = [re.sub(r"\\(.)", r"\1", text).partition("=") for text in first.split(_BETWEEN)]
    found = tuple((name, value) for name, equals, value in pairs if equals)
    if not found or len(found) > MOST_COOKIES or _pattern(found) != pattern:
        return None
    return found


def _match_of(read: RouteRead, rule: Body) -> Match | None:
    """The match for which `rule` is the copy of one of the hosts; None when it is no such copy."""
    for index in read.hosts:
        match = _added(read, index, rule)
        if match is None:
            continue
        refs = items(rule, "backendRefs")
        try:
            if _rule(read, index, match, [str(ref.get("name")) for ref in refs]) == rule:
                return match
        except Invalid:
            continue
    return None


def _added(read: RouteRead, index: int, rule: Body) -> Match | None:
    first = next(iter(items(rule, "matches")), {})
    before = next(iter(items(read.rules[index], "matches")), {})
    headers: list[tuple[str, str]] = []
    cookies: tuple[tuple[str, str], ...] = ()
    for header in items(first, "headers")[len(items(before, "headers")) :]:
        name, value = str(header.get("name")), str(header.get("value"))
        if header.get("type") == "RegularExpression":
            found = _cookies(value)
            if found is None:
                return None
            cookies = found
        else:
            headers.append((name, value))
    return Match(tuple(headers), cookies) if headers or cookies else None


def _mirrors_to_us(read: RouteRead, item: Body) -> bool:
    ref = (item.get("requestMirror") or {}).get("backendRef") or {}
    return read.ours.slot_of(ref, read.route) is not None


def _part(percent: float) -> dict[str, Any]:
    """How much is mirrored: everything needs no word, a whole number is a percentage, all else a fraction."""
    if percent == 100:
        return {}
    exact = Decimal(str(percent))
    if not 0 < exact < 100:
        raise Invalid(f"a mirror gets more than 0 and at most 100 percent of the requests; got {percent:g}")
    if exact == exact.to_integral_value():
        return {"percent": int(exact)}
    places = -int(exact.as_tuple().exponent)
    if 10**places > _FINEST:
        raise Invalid(f"a mirror's percentage has six decimals at most; got {percent!r}")
    return {"fraction": {"numerator": int(exact * 10**places), "denominator": 100 * 10**places}}


def _percent(inner: Body) -> float:
    fraction = inner.get("fraction")
    if fraction is not None:
        denominator = fraction.get("denominator")
        whole = 100 if denominator is None else int(denominator)
        return float(Decimal(int(fraction.get("numerator") or 0)) * 100 / Decimal(whole))
    percent = inner.get("percent")
    return 100.0 if percent is None else float(percent)
