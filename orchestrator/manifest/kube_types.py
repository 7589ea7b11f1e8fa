"""The manifest's small words about clusters and requests: names of Kubernetes, template files, what is matched."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from orchestrator.manifest.types import HEADER, expected, json_as, listed, matching

STANDARD_INPUT = "-"
"""The name of a template that is not a file: what is piped in."""
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_LABEL_RULE = "small letters, digits and inner hyphens, 63 at most"
_ROUTE = rf"({_LABEL}/)?[a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?"
_VALUE = r"[!-~]([ -~]{0,4094}[!-~])?"
_COOKIE = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"
_COOKIE_VALUE = r"[!#-+\--:<-\[\]-~]{1,1024}"
_TEMPLATE = "must be the path of a file with Kubernetes objects, relative to the manifest, or - for standard input"
_ROUTE_RULE = "must be a route's name, alone or as namespace/name: small letters, digits, dots and inner hyphens"


def _template_files(value: object) -> object:
    if isinstance(value, dict):
        raise expected("must be a file's path; a template as a mapping is reserved for a later version")
    files = listed(value)
    if isinstance(files, list) and any("\0" in item or not item for item in files):
        raise expected(_TEMPLATE)
    return files


def _routes(value: object) -> object:
    names = listed(value)
    if isinstance(names, list) and not all(re.fullmatch(_ROUTE, name) for name in names):
        raise expected(_ROUTE_RULE)
    return names


def _context(value: object) -> object:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 253:
        raise expected("must be a context of the kubeconfig, or in-cluster")
    return value


Context = Annotated[str, BeforeValidator(_context), json_as()]
Namespace = Annotated[
    str, BeforeValidator(matching(_LABEL, f"must be a namespace's name: {_LABEL_RULE}")), json_as(pattern=_LABEL)
]
KubeService = Annotated[
    str, BeforeValidator(matching(_LABEL, f"must be the name of a Service: {_LABEL_RULE}")), json_as(pattern=_LABEL)
]
RouteNames = Annotated[
    list[str],
    BeforeValidator(_routes),
    json_as(
        any_of=[
            {"type": "string", "pattern": f"^{_ROUTE}$"},
            {"type": "array", "items": {"type": "string", "pattern": f"^{_ROUTE}$"}, "minItems": 1},
        ]
    ),
]
"""Routes, each by its name or as `namespace/name`."""
TemplateFiles = Annotated[
    list[str],
    BeforeValidator(_template_files),
    json_as(any_of=[{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]),
]
"""Paths of files with Kubernetes objects; `-` is standard input."""
Wanted = dict[
    Annotated[str, BeforeValidator(matching(HEADER, "must be the name of an HTTP header")), json_as(pattern=HEADER)],
    Annotated[
        str,
        BeforeValidator(matching(_VALUE, "must be one line of text, not empty (quote a number)")),
        json_as(),
    ],
]
"""HTTP headers that a request must carry, each with exactly this value."""
Cookies = dict[
    Annotated[str, BeforeValidator(matching(_COOKIE, "must be the name of a cookie")), json_as(pattern=_COOKIE)],
    Annotated[
        str,
        BeforeValidator(
            matching(_COOKIE_VALUE, "must be a cookie's value, not empty, without spaces, quotes, commas, semicolons")
        ),
        json_as(),
    ],
]
"""Cookies that a request must carry, each with exactly this value."""
