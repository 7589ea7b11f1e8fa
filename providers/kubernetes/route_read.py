"""One route's body with what is ours in it found; pure.

A rule is a host of ours when it holds one of our backends: there our split stands, beside foreign backends that share
with us. Rules that we added for detours are no hosts. An omitted weight is 1, not 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from providers.kubernetes import marks
from providers.kubernetes.route_ours import ALIASES, Body, Ours, items
from providers.kubernetes.settings import Route

_ANSWERS_ITSELF = ("RequestRedirect", "ExtensionRef")
"""Filters with which a rule without backends answers by itself, so that it waits for none."""


@dataclass(frozen=True, slots=True)
class RouteRead:
    """One route as it was read: the numbers of the rules that are hosts of ours, and of those that we added.

    `aliases` are the endpoints of backends whose own name says another one.
    """

    route: Route
    body: Body
    ours: Ours
    rules: tuple[Body, ...]
    hosts: tuple[int, ...]
    added: tuple[int, ...]
    aliases: Mapping[str, str]

    def annotation(self, key: str) -> str | None:
        """The text of one annotation of the route."""
        found = ((self.body.get("metadata") or {}).get("annotations") or {}).get(key)
        return None if found is None else str(found)

    def endpoint(self, name: str) -> str:
        """The endpoint of our backend called `name`."""
        return self.ours.endpoint(name, self.aliases)

    def weights(self, index: int) -> dict[str, int]:
        """Our backends in one rule and their weights; those of a backend that stands there twice are added up."""
        found: dict[str, int] = {}
        for ref in items(self.rules[index], "backendRefs"):
            name = self.ours.backend(ref, self.route)
            if name is not None:
                found[name] = found.get(name, 0) + weight_of(ref)
        return found


def read_route(route: Route, body: Body, ours: Ours) -> RouteRead:
    """Find what is ours in one route's body.

    A release that adopts nothing has no backend to stand beside at first: then rules that have no backends at all, and
    do not answer by themselves, are its hosts.
    """
    rules = tuple(items(body.get("spec") or {}, "rules"))
    prefix = ours.rule_prefix
    added = tuple(i for i, rule in enumerate(rules) if str(rule.get("name") or "").startswith(prefix))
    others = [i for i in range(len(rules)) if i not in added]
    hosts = tuple(i for i in others if any(ours.backend(ref, route) for ref in items(rules[i], "backendRefs")))
    if not hosts and not ours.settings.adopt:
        hosts = tuple(i for i in others if _waits_for_backends(rules[i]))
    text = ((body.get("metadata") or {}).get("annotations") or {}).get(ALIASES)
    aliases = {name: alias for name, alias in marks.pairs(text) if ours.may_be(name, alias)}
    return RouteRead(route, body, ours, rules, hosts, added, aliases)


def weight_of(ref: Body) -> int:
    """The weight of a backend; an omitted one is 1."""
    weight = ref.get("weight")
    return 1 if weight is None else int(weight)


def _waits_for_backends(rule: Body) -> bool:
    return not rule.get("backendRefs") and not any(f.get("type") in _ANSWERS_ITSELF for f in items(rule, "filters"))
