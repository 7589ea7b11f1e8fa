"""What a GitHub workflow and an Azure pipeline of ours may consist of, as strict JSON Schemas.

They were written after the two systems' published schemas and documentation, and hold less than those allow: only what
an example needs, nothing that would pass as a mistyped key. Every scalar is read as a string.
"""

from __future__ import annotations

from typing import Any

ACTION = r"^[a-z-]+/[a-z-]+@[0-9a-f]{40}$"
"""An action at a commit: a tag can be moved by whoever owns the action."""
_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_NAME = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$"}
_ENV = {"type": "object", "minProperties": 1, "propertyNames": {"pattern": "^[A-Z][A-Z0-9_]*$"}}
_ENV |= {"additionalProperties": _TEXT}
_MINUTES = {"type": "string", "pattern": "^[1-9][0-9]{0,3}$"}
_TAGS = {"type": "array", "items": _TEXT, "minItems": 1}


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these keys and no others."""
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


_GITHUB_COMMON = {"id": _NAME, "if": {"type": "string", "pattern": r"^\$\{\{ .+ \}\}$"}, "env": _ENV}
_GITHUB_STEP = {
    "oneOf": [
        closed({"name": _TEXT, "run": _TEXT}, {**_GITHUB_COMMON, "shell": {"enum": ["bash"]}}),
        closed(
            {"name": _TEXT, "uses": {"type": "string", "pattern": ACTION}},
            {**_GITHUB_COMMON, "with": {"type": "object", "additionalProperties": _TEXT}},
        ),
    ]
}
_GITHUB_JOB = closed(
    {
        "runs-on": {"enum": ["ubuntu-24.04"]},
        "timeout-minutes": _MINUTES,
        "permissions": closed({"contents": {"const": "read"}}, {"id-token": {"const": "write"}}),
        "steps": {"type": "array", "items": _GITHUB_STEP, "minItems": 1},
    },
    {"environment": _TEXT, "env": _ENV},
)
GITHUB: dict[str, Any] = closed(
    {
        "name": _TEXT,
        "on": closed({"push": closed({"tags": _TAGS})}),
        "permissions": {"type": "object", "maxProperties": 0},
        "concurrency": closed({"group": _TEXT, "cancel-in-progress": {"const": "false"}}),
        "jobs": {"type": "object", "minProperties": 1, "propertyNames": _NAME, "additionalProperties": _GITHUB_JOB},
    }
)

_AZURE_COMMON = {
    "name": _NAME,
    "env": {**_ENV, "additionalProperties": {"type": "string", "pattern": r"^\$\([A-Za-z.]+\)$"}},
    "condition": {"enum": ["always()", "succeededOrFailed()"]},
}
_CLI = closed(
    {
        "azureSubscription": _TEXT,
        "scriptType": {"const": "bash"},
        "scriptLocation": {"const": "inlineScript"},
        "inlineScript": _TEXT,
    }
)
_RESULTS = closed({"testResultsFormat": {"const": "JUnit"}, "testResultsFiles": _TEXT}, {"testRunTitle": _TEXT})
_AZURE_STEP = {
    "oneOf": [
        closed({"checkout": {"const": "self"}, "persistCredentials": {"const": "false"}}),
        closed({"bash": _TEXT, "displayName": _TEXT}, _AZURE_COMMON),
        closed({"task": {"const": "AzureCLI@2"}, "displayName": _TEXT, "inputs": _CLI}, _AZURE_COMMON),
        closed({"task": {"const": "PublishTestResults@2"}, "displayName": _TEXT, "inputs": _RESULTS}, _AZURE_COMMON),
        closed({"publish": _TEXT, "artifact": _TEXT, "displayName": _TEXT}, _AZURE_COMMON),
    ]
}
_DEPLOY = closed({"steps": {"type": "array", "items": _AZURE_STEP, "minItems": 1}})
_AZURE_JOB = closed(
    {
        "deployment": _NAME,
        "environment": _TEXT,
        "timeoutInMinutes": _MINUTES,
        "strategy": closed({"runOnce": closed({"deploy": _DEPLOY})}),
    },
    {"displayName": _TEXT},
)
AZURE: dict[str, Any] = closed(
    {
        "trigger": closed({"tags": closed({"include": _TAGS}), "branches": closed({"exclude": _TAGS})}),
        "pr": {"const": "none"},
        "lockBehavior": {"const": "sequential"},
        "pool": closed({"vmImage": {"const": "ubuntu-24.04"}}),
        "variables": {"type": "array", "items": closed({"group": _TEXT}), "minItems": 1},
        "jobs": {"type": "array", "items": _AZURE_JOB, "minItems": 1},
    }
)
