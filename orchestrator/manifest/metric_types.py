"""The manifest's small words about sources of evidence: addresses, queries, ids of resources, what is run."""

from __future__ import annotations

import math
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema

from orchestrator.manifest.kube_types import STANDARD_INPUT
from orchestrator.manifest.types import expected, json_as, matching
from providers.metrics.addresses import is_link_local, written

_NAME = r"[a-z][a-z0-9-]{0,39}"
_NAME_RULE = "must begin with a small letter and go on with small letters, digits and hyphens, 40 at most"
_WORD = r"[ -~]{1,256}"
_LONGEST_QUERY = 20_000
_RESOURCE = (
    r"/subscriptions/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/resource[gG]roups/[^/\s]{1,90}"
    r"/providers/[A-Za-z][A-Za-z0-9.]{1,100}(/[^/?#\s]{1,260}/[^/?#\s]{1,260})+"
)
_RESOURCE_RULE = (
    "must be a resource's id, such as /subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers"
    "/Microsoft.Insights/components/shop"
)
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_SCOPE = r"[a-z][a-z0-9+.-]*:/{0,2}[!-~]{1,400}/\.default"
_ADDRESS_RULE = "must be an address such as https://prometheus.contoso.com"
_SHELL = ("/bin/sh", "-c")
_HEAVIEST = 1000.0


def _url(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,2000}", value):
        raise expected(_ADDRESS_RULE)
    try:
        parts = urlsplit(value)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise expected(_ADDRESS_RULE) from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise expected(f"{_ADDRESS_RULE}, with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise expected("must be an address without a user's name or password: put them into `headers` as a secret")
    if parts.fragment:
        raise expected("must be an address without a fragment (#…), which no server is told")
    if any(map(is_link_local, written(host))):
        raise expected("must be no link-local address: there a machine hands out its own identity")
    return value


def _query(value: object) -> object:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise expected("must be a query: text that is not empty")
    if len(value) > _LONGEST_QUERY:
        raise expected(f"must be a query of at most {_LONGEST_QUERY} characters")
    return value


def _argv(value: object) -> object:
    """A list is the program with its arguments; one text is for the shell."""
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return [*_SHELL, value]
    if not isinstance(value, list) or not value or not all(isinstance(part, str) for part in value):
        raise expected("must be a program with its arguments as a list of texts, or one text for the shell")
    if not value[0] or any("\0" in part for part in value):
        raise expected("must begin with a program's name or path")
    return value


def _local_path(value: object) -> object:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise expected("must be an absolute path, for another process may go on with the rollout elsewhere")
    return value


def _job_file(value: object) -> object:
    if not isinstance(value, str) or value in ("", STANDARD_INPUT) or "\0" in value:
        raise expected("must be the path of a file with one Job, relative to the manifest")
    return value


def _variable(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_VARIABLE, value):
        raise expected("must be the name of an environment variable")
    if value.upper().startswith("ROLLOUT_"):
        raise expected("must not begin with ROLLOUT_: those say what is checked, and are given anyway")
    return value


def _text(value: object) -> object:
    if not isinstance(value, str) or "\0" in value:
        raise expected("must be text (quote a number)")
    return value


def _weight(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _HEAVIEST:
        raise expected(f"must be a number above 0 and at most {_HEAVIEST:g}")
    return float(value) if math.isfinite(value) else value


MetricName = Annotated[str, BeforeValidator(matching(_NAME, _NAME_RULE)), json_as(pattern=_NAME)]
Word = Annotated[
    str, BeforeValidator(matching(_WORD, "must be one line of text, not empty (quote a number)")), json_as()
]
SourceUrl = Annotated[str, BeforeValidator(_url), json_as(pattern=r"https?://[!-~]+")]
Query = Annotated[str, BeforeValidator(_query), json_as()]
ResourceId = Annotated[str, BeforeValidator(matching(_RESOURCE, _RESOURCE_RULE)), json_as(pattern=_RESOURCE)]
Scope = Annotated[
    str,
    BeforeValidator(matching(_SCOPE, "must be a scope that ends with /.default, as api://<application>/.default")),
    json_as(pattern=_SCOPE),
]
LocalPath = Annotated[str, BeforeValidator(_local_path), json_as(pattern="/.*")]
JobFile = Annotated[str, BeforeValidator(_job_file), json_as()]
Argv = Annotated[
    list[str],
    BeforeValidator(_argv),
    json_as(any_of=[{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]),
]
"""A program and its arguments; what was one text is given to the shell."""
Environment = dict[
    Annotated[str, BeforeValidator(_variable), json_as(pattern=_VARIABLE)],
    Annotated[str, BeforeValidator(_text), json_as()],
]
"""Environment variables by name."""
Weight = Annotated[
    float, BeforeValidator(_weight), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": _HEAVIEST})
]
