"""What one route can hold (Gateway API v1), and why rules do not fit; pure."""

from __future__ import annotations

from collections.abc import Sequence

from providers.kubernetes.route_ours import Body, items

RULES, MATCHES_OF_ROUTE = 16, 128
MATCHES, HEADERS, BACKENDS, FILTERS = 64, 16, 16, 16


def unfit(rules: Sequence[Body]) -> str:
    """Why these rules cannot stand in one route; empty when they can."""
    if len(rules) > RULES:
        return f"it would have {len(rules)} rules, and a route holds {RULES}: split it in two routes"
    matches = sum(len(items(rule, "matches")) for rule in rules)
    if matches > MATCHES_OF_ROUTE:
        return f"its rules would have {matches} matches in all, and a route holds {MATCHES_OF_ROUTE}: split it in two"
    for index, rule in enumerate(rules):
        counts = (
            (len(items(rule, "matches")), MATCHES, "matches"),
            (len(items(rule, "backendRefs")), BACKENDS, "backends"),
            (len(items(rule, "filters")), FILTERS, "filters"),
            (max((len(items(m, "headers")) for m in items(rule, "matches")), default=0), HEADERS, "headers in a match"),
        )
        for count, most, what in counts:
            if count > most:
                return f"rules[{index}] would have {count} {what}, and {most} is the most: take some away"
    return ""
