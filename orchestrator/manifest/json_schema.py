"""The manifest's JSON Schema for editors, with defaults as people write them."""

from __future__ import annotations

from typing import Any

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Make the manifest's JSON Schema (draft 2020-12), descriptions included."""
    from orchestrator.manifest.schema import Manifest

    schema: dict[str, Any] = _written(Manifest.model_json_schema(by_alias=True))
    return {"$schema": _DIALECT, **schema, "title": "rollout manifest"}


def _written(node: Any) -> Any:
    """Turn defaults from the model's units into the manifest's words; drop those that only repeat others."""
    if isinstance(node, list):
        return [_written(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _written(item) for key, item in node.items() if key != "title" or not isinstance(item, str)}
    default = node.get("default")
    kinds = node.get("anyOf", ())
    if {"const": 0} in kinds and isinstance(default, int | float):
        node["default"] = f"{default:g}s"
    elif {"const": "auto"} in kinds and default is None:
        node["default"] = "auto"
    elif isinstance(default, dict) and default:
        del node["default"]
    elif isinstance(default, list) and default and isinstance(default[0], list | tuple):
        node["default"] = [f"{low}" if low == high else f"{low}-{high}" for low, high in default]
    elif isinstance(default, list) and default and isinstance(default[0], dict):
        node["default"] = [step["share"] for step in default]
    elif "default" in node and default is None:
        del node["default"]
    return node
