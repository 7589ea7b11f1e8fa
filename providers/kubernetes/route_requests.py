"""The JSON patch that turns one route, as just read, into the wanted split; pure.

`rules` is one atomic list to the API, so an apply or a merge patch of it would take the rules of others along. A JSON
patch names places by number: each is tested for what stands there, and the version that was read goes along, which
makes a stale patch a clean conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.errors import Conflict, Invalid
from providers.kubernetes import marks, route_rules
from providers.kubernetes.route_limits import unfit
from providers.kubernetes.route_ours import ALIASES, Body, Ours, items, natural_backend
from providers.kubernetes.route_read import RouteRead, weight_of
from providers.kubernetes.settings import HIGHEST_WEIGHT
from strategies.detours import Detour, Mirror
from strategies.model import Member, TrafficIntent
from strategies.names import parse_endpoint

Op = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Split:
    """What one host shall hold of ours: weights by backend, and the backends that leave."""

    weights: Mapping[str, int]
    gone: frozenset[str]


def route_patch(read: RouteRead, intent: TrafficIntent) -> list[Op] | None:
    """Make the patch of one route, or None when it is as wanted already.

    Raises Invalid where the route cannot hold what is wanted: no rule for us, a weight out of range, no weight left at
    all, too many rules, matches, backends or filters.
    """
    split = _Split(_weights(intent), frozenset(_gone(read, intent)))
    if split.weights and not read.hosts:
        raise Invalid(f"{read.route} has no rule for our backends: none holds one of ours, and none waits for any")
    ops: list[Op] = []
    after = list(read.rules)
    for index in read.hosts:
        refs, backend_ops = _backends(read, index, split)
        filters, filter_ops = _mirrors(read, index, intent)
        if backend_ops or filter_ops:
            ops += [*_identity(index, read.rules[index]), *backend_ops, *filter_ops]
            after[index] = {**read.rules[index], "backendRefs": refs, "filters": filters}
    after, rule_ops = _rules(read, intent, after)
    ops += rule_ops
    why = unfit(after) if ops else ""
    if why:
        raise Invalid(f"{read.route}: {why}")
    ops += _annotations(read, intent)
    if not ops:
        return None
    version = str((read.body.get("metadata") or {}).get("resourceVersion"))
    return [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}, *ops]


def refuse_rival(read: RouteRead, intent: TrafficIntent) -> None:
    """Raise Conflict where another store's rollout of this very target has put its mark on the route meanwhile."""
    holder = read.ours.holder
    found = dict(marks.pairs(read.annotation(marks.ACTIVE))).get(holder)
    if found is not None and intent.own and found not in intent.own:
        message = f"{read.route}: rollout {found}, of another store, moves the weights of {holder}"
        raise Conflict(message, code="OtherRollout")


def backend_of(each: Member | Detour | Mirror) -> str:
    """The name of the backend that is meant: a retained workload that serves again keeps the name that it has."""
    return each.address or natural_backend(each.endpoint)


def annotation_ops(body: Body, wanted: Mapping[str, str | None]) -> list[Op]:
    """Make the operations that set (or with None take away) annotations of any object, all others untouched."""
    have = (body.get("metadata") or {}).get("annotations")
    before: dict[str, str] = dict(have or {})
    after = {key: value for key, value in before.items() if wanted.get(key, value) is not None}
    after |= {key: value for key, value in wanted.items() if value is not None}
    if after == before:
        return []
    if not before:
        return [{"op": "add", "path": "/metadata/annotations", "value": after}]
    if not after:
        return [{"op": "remove", "path": "/metadata/annotations"}]
    ops: list[Op] = []
    for key in wanted:
        path = "/metadata/annotations/" + key.replace("~", "~0").replace("/", "~1")
        if key in after and after[key] != before.get(key):
            ops.append({"op": "replace" if key in before else "add", "path": path, "value": after[key]})
        elif key in before and key not in after:
            ops.append({"op": "remove", "path": path})
    return ops


def _weights(intent: TrafficIntent) -> dict[str, int]:
    weights: dict[str, int] = {}
    for member in intent.members:
        if not 0 <= member.weight <= HIGHEST_WEIGHT:
            said = f"expected a weight from 0 to {HIGHEST_WEIGHT}; got {member.weight}"
            raise Invalid(f"endpoint {member.endpoint}: {said}")
        weights[backend_of(member)] = member.weight
    return weights


def _gone(read: RouteRead, intent: TrafficIntent) -> Iterable[str]:
    stays = {backend_of(member) for member in intent.members}
    named = {alias: name for name, alias in read.aliases.items()}
    return {named.get(endpoint, natural_backend(endpoint)) for endpoint in intent.absent} - stays


def _identity(index: int, rule: Body) -> list[Op]:
    for key in ("name", "matches"):
        if rule.get(key):
            return [{"op": "test", "path": f"/spec/rules/{index}/{key}", "value": rule[key]}]
    return []


def _backends(read: RouteRead, index: int, split: _Split) -> tuple[list[Body], list[Op]]:
    refs = items(read.rules[index], "backendRefs")
    path = f"/spec/rules/{index}/backendRefs"
    ops: list[Op] = []
    kept: list[Body] = []
    leaving: list[int] = []
    placed: set[str] = set()
    for at, ref in enumerate(refs):
        name = read.ours.backend(ref, read.route)
        if name is not None and name in split.gone:
            leaving.append(at)
            ops.append({"op": "test", "path": f"{path}/{at}/name", "value": name})
            continue
        if name is not None and name in split.weights:
            # One that stands there twice keeps its second place empty: both together have its weight.
            weight = 0 if name in placed else split.weights[name]
            placed.add(name)
            ops += _weigh(f"{path}/{at}", ref, name, weight)
            ref = {**ref, "weight": weight}  # noqa: PLW2901 - what stands there afterwards
        kept.append(ref)
    sibling = next((ref for ref in refs if read.ours.backend(ref, read.route)), None)
    fresh = [
        {**read.ours.new_ref(name, read.route, sibling), "weight": weight}
        for name, weight in split.weights.items()
        if name not in placed
    ]
    ops += _listed(path, refs, leaving, fresh)
    after = [*kept, *fresh]
    if ops and after and not any(weight_of(ref) for ref in after):
        raise Invalid(f"{read.route} rules[{index}] would be left without any weight: nobody would be answered")
    return after, ops


def _weigh(path: str, ref: Body, name: str, weight: int) -> list[Op]:
    if weight_of(ref) == weight:
        return []
    verb = "replace" if ref.get("weight") is not None else "add"
    test: Op = {"op": "test", "path": f"{path}/name", "value": name}
    return [test, {"op": verb, "path": f"{path}/weight", "value": weight}]


def _listed(path: str, before: Sequence[Body], leaving: Sequence[int], fresh: Sequence[Body]) -> list[Op]:
    """Put new items at the end of a list and take others out; a list that was or becomes empty comes or goes whole."""
    if not before:
        return [{"op": "add", "path": path, "value": list(fresh)}] if fresh else []
    if len(leaving) == len(before) and not fresh:
        return [{"op": "remove", "path": path}]
    added: list[Op] = [{"op": "add", "path": f"{path}/-", "value": item} for item in fresh]
    return added + [{"op": "remove", "path": f"{path}/{at}"} for at in sorted(leaving, reverse=True)]


def _mirrors(read: RouteRead, index: int, intent: TrafficIntent) -> tuple[list[Body], list[Op]]:
    filters = items(read.rules[index], "filters")
    path = f"/spec/rules/{index}/filters"
    wanted = [route_rules.mirror_filter(read, index, mirror) for mirror in intent.mirrors]
    leaving: list[int] = []
    for at in route_rules.mirror_filters(read, index):
        if filters[at] in wanted:
            wanted.remove(dict(filters[at]))
        else:
            leaving.append(at)
    tests: list[Op] = [
        {"op": "test", "path": f"{path}/{at}/requestMirror", "value": filters[at]["requestMirror"]} for at in leaving
    ]
    after = [item for at, item in enumerate(filters) if at not in leaving] + wanted
    return after, tests + _listed(path, filters, leaving, wanted)


def _rules(read: RouteRead, intent: TrafficIntent, after: list[Body]) -> tuple[list[Body], list[Op]]:
    """The rules for detours: those that are wanted stay where they are, others go from the last on, new ones end it."""
    wanted = route_rules.detour_rules(read, intent.detours)
    leaving: list[int] = []
    for index in read.added:
        if read.rules[index] in wanted:
            wanted.remove(dict(read.rules[index]))
        else:
            leaving.append(index)
    ops: list[Op] = []
    for index in sorted(leaving, reverse=True):
        path = f"/spec/rules/{index}"
        ops += [{"op": "test", "path": f"{path}/name", "value": read.rules[index]["name"]}]
        ops += [{"op": "remove", "path": path}]
    ops += [{"op": "add", "path": "/spec/rules/-", "value": rule} for rule in wanted]
    return [rule for index, rule in enumerate(after) if index not in leaving] + wanted, ops


def _annotations(read: RouteRead, intent: TrafficIntent) -> list[Op]:
    holder = read.ours.holder
    active = dict(marks.pairs(read.annotation(marks.ACTIVE)))
    wanted = (
        {marks.ACTIVE: _with(read, marks.ACTIVE, holder, intent.active)}
        if (active.get(holder) != intent.active)
        else {}
    )
    bad = dict(marks.pairs(read.annotation(marks.ROLLED_BACK))).get(holder)
    if intent.rolled_back not in (None, bad) or (intent.rolled_back is None and _is_redeemed(intent, bad)):
        wanted[marks.ROLLED_BACK] = _with(read, marks.ROLLED_BACK, holder, intent.rolled_back)
    aliases = _aliases(read, intent)
    if aliases != dict(marks.pairs(read.annotation(ALIASES))):
        wanted[ALIASES] = marks.write_pairs(aliases.items())
    return annotation_ops(read.body, wanted)


def _with(read: RouteRead, key: str, holder: str, value: str | None) -> str | None:
    pairs = dict(marks.pairs(read.annotation(key)))
    if value is None:
        pairs.pop(holder, None)
    else:
        pairs[holder] = value
    return marks.write_pairs(pairs.items())


def _aliases(read: RouteRead, intent: TrafficIntent) -> dict[str, str]:
    """The names of endpoints that their backends' own names do not say, those of other services kept."""
    pairs = dict(marks.pairs(read.annotation(ALIASES)))
    for name in _gone(read, intent):
        if read.ours.owns(name):
            pairs.pop(name, None)
    led: list[Member | Detour | Mirror] = [*intent.mirrors, *intent.detours, *intent.members]
    for each in led:
        name = backend_of(each)
        if _is_alias(read.ours, name, each.endpoint):
            pairs[name] = each.endpoint
        elif read.ours.owns(name):
            pairs.pop(name, None)
    return pairs


def _is_alias(ours: Ours, name: str, endpoint: str) -> bool:
    return name != natural_backend(endpoint) and ours.may_be(name, endpoint)


def _is_redeemed(intent: TrafficIntent, bad: str | None) -> bool:
    """Whether a revision that was taken back once has now won after all, so that the mark would accuse what serves."""
    winners = (parse_endpoint(member.endpoint) for member in intent.members if member.weight)
    return intent.active is None and bad is not None and any(m is not None and m.revision == bad for m in winners)
