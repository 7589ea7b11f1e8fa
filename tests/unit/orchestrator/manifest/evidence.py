"""Sources of evidence as edits of the manifest, and what is told of them."""

from __future__ import annotations

END = "  probe: {port: 8080}\n"
RESOURCE = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/s/providers/Microsoft.Web/sites/shop"
PROMETHEUS = 'url: "http://prom:9090", requests: \'r{v="$revision"}\''


def at(line: int, number: int, below: str, message: str) -> str:
    """What is told of a place in a source of the service's list."""
    return f"rollout.yaml:{line}: gates.metrics[{number}]{'.' if below else ''}{below}: {message}"


def metrics(*items: str) -> dict[str, str]:
    """The edit that gives these sources: the first stands in line 21, each in a line of its own."""
    return {END: f"{END}  metrics:\n" + "".join(f"  - {item}\n" for item in items)}


def prometheus(more: str = "", beside: str = "") -> dict[str, str]:
    """One source of Prometheus with more keys, or with more beside it."""
    return metrics(f"{{name: errors, prometheus: {{{PROMETHEUS}{more}}}{beside}}}")
