"""The manifest's small words: durations, names, status ranges, each with its check, its message and its schema."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION_PATTERN = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_SECONDS = 366 * 86400.0
_LONGEST_WORD = 40
_RANGE = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PART = r"[a-z0-9]+([._-]+[a-z0-9]+)*"


def expected(message: str) -> PydanticCustomError:
    """Make an error that says what was expected; what was got is added where all errors are printed."""
    return PydanticCustomError("expected", "{message}", {"message": message})


def seconds(value: object) -> float:
    """Read a duration such as `30s`, `5m`, `1h30m` or `1d` as seconds; raises when it is none or longer than a year."""
    if (
        isinstance(value, str)
        and len(value) <= _LONGEST_WORD
        and (parts := _DURATION.findall(value))
        and "".join(a + b for a, b in parts) == value
    ):
        total = math.fsum(float(number) * _UNITS[unit] for number, unit in parts)
        if total <= _LONGEST_SECONDS:
            return total
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return 0.0
    raise expected("must be a duration with its unit, such as 30s, 5m, 6h or 1d, and at most 366d")


def _whole_seconds(value: object) -> int:
    exact = seconds(value)
    if exact != int(exact):
        raise expected("must be a whole number of seconds")
    return int(exact)


def _margin(value: object) -> float | None:
    return None if value == "auto" else _worded(value, "auto")


def _quiet(value: object) -> object:
    return value if value in ("auto", "none", "required") else _worded(value, "auto, none, required")


def _worded(value: object, words: str) -> float:
    try:
        return seconds(value)
    except PydanticCustomError:
        raise expected(f"must be {words} or a duration such as 30s") from None


def _status_range(value: object) -> tuple[int, int]:
    word = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    found = _RANGE.fullmatch(word) if isinstance(word, str) else None
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if low > high:
        raise expected("must be an HTTP status from 100 to 599 or a rising range such as 200-299")
    return low, high


def share(value: object) -> float:
    """Read a share of the traffic in percent; raises when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise expected("must be a share in percent, above 0 and at most 100")
    return float(value)


def listed(value: object) -> object:
    """Read one text, or a list of them, as a list; raises when it is neither."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise expected("must be text or a list of texts")
    return value


def _repository(value: object) -> object:
    if not isinstance(value, str):
        raise expected("must be an image's repository, such as contoso.azurecr.io/shop/storefront")
    path = value.rpartition("/")[2]
    if "://" in value:
        raise expected("must be a repository without a scheme (plain HTTP is spoken to loopback registries only)")
    if "@" in value:
        raise expected("must be a repository without a digest (give the image with --image)")
    if ":" in path:
        raise expected("must be a repository without a tag (give the tag with --tag)")
    if len(value) > 255 or not re.fullmatch(rf"([A-Za-z0-9.-]+(:\d{{1,5}})?/)?{_PART}(/{_PART})*", value):
        raise expected("must be an image's repository in small letters, such as contoso.azurecr.io/shop/storefront")
    return value


def _location(value: object) -> object:
    name = value.replace(" ", "").lower() if isinstance(value, str) else ""
    if not re.fullmatch(r"[a-z][a-z0-9]{2,40}", name):
        raise expected("must be an Azure region, such as westeurope")
    return name


def _template_path(value: object) -> object:
    if isinstance(value, dict):
        raise expected("must be a file's path; a template as a mapping (Bicep) is reserved for a later version")
    if not isinstance(value, str) or not value or "\0" in value:
        raise expected("must be the path of a container group's file, relative to the manifest")
    return value


def matching(pattern: str, message: str) -> Callable[[object], object]:
    """Make a check that takes text of this pattern alone; what it raises says `message`."""
    compiled = re.compile(pattern)

    def check(value: object) -> object:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise expected(message)
        return value

    return check


def json_as(*, pattern: str | None = None, any_of: list[dict[str, Any]] | None = None, **more: Any) -> WithJsonSchema:
    """Make the schema of a text, perhaps of a pattern, or of one of several things."""
    if any_of is not None:
        return WithJsonSchema({"anyOf": any_of, **more})
    return WithJsonSchema({"type": "string", **({"pattern": f"^{pattern}$"} if pattern else {}), **more})


_SERVICE = r"[a-z][a-z0-9-]{0,39}"
_TARGET = r"[a-z0-9][a-z0-9-]{0,59}"
_GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_GROUP = r"[\w().-]{0,89}[\w()-]"
_PROFILE = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?"
_ENDPOINT = r"[A-Za-z0-9._-]{1,260}"
_HOST = rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*"
_PATH = r"/[!-~]*"
HEADER = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_DURATIONS: list[dict[str, Any]] = [{"type": "string", "pattern": _DURATION_PATTERN}, {"const": 0}]
_NAME_RULE = (
    "must begin with a small letter and go on with small letters, digits and hyphens, 40 at most: "
    "-<revision>-<n>-<slot> is added, and a name ends at 63"
)

ServiceName = Annotated[str, BeforeValidator(matching(_SERVICE, _NAME_RULE)), json_as(pattern=_SERVICE)]
TargetName = Annotated[
    str,
    BeforeValidator(matching(_TARGET, "must be small letters, digits and hyphens, 60 at most")),
    json_as(pattern=_TARGET),
]
Guid = Annotated[
    str,
    BeforeValidator(matching(_GUID, "must be a GUID, such as 11111111-2222-3333-4444-555555555555")),
    json_as(pattern=_GUID),
]
ResourceGroup = Annotated[
    str,
    BeforeValidator(matching(_GROUP, "must be a resource group's name: letters, digits and -_.(), 90 at most")),
    json_as(pattern=_GROUP),
]
ProfileName = Annotated[
    str,
    BeforeValidator(matching(_PROFILE, "must be a profile's name: letters, digits, hyphens and dots, 63 at most")),
    json_as(pattern=_PROFILE),
]
EndpointName = Annotated[
    str,
    BeforeValidator(matching(_ENDPOINT, "must be an endpoint's name: letters, digits and ._-, 260 at most")),
    json_as(pattern=_ENDPOINT),
]
DnsLabel = Annotated[
    str,
    BeforeValidator(matching(_LABEL, "must be one DNS label: letters, digits and inner hyphens, 63 at most")),
    json_as(pattern=_LABEL),
]
HostName = Annotated[
    str, BeforeValidator(matching(_HOST, "must be a host name, such as www.contoso.com")), json_as(pattern=_HOST)
]
HttpPath = Annotated[
    str,
    BeforeValidator(matching(_PATH, "must be a path that begins with / and has no spaces")),
    json_as(pattern=_PATH),
]
Repository = Annotated[str, BeforeValidator(_repository), json_as()]
Location = Annotated[str, BeforeValidator(_location), json_as()]
TemplatePath = Annotated[str, BeforeValidator(_template_path), json_as()]
Share = Annotated[
    float, BeforeValidator(share), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 100})
]
Seconds = Annotated[float, BeforeValidator(seconds), json_as(any_of=_DURATIONS)]
"""A duration, in seconds."""
WholeSeconds = Annotated[int, BeforeValidator(_whole_seconds), json_as(any_of=_DURATIONS)]
"""A duration that is a whole number of seconds."""
Margin = Annotated[float | None, BeforeValidator(_margin), json_as(any_of=[{"const": "auto"}, *_DURATIONS])]
"""Seconds, or None for `auto`."""
QuietWord = Annotated[
    Literal["auto", "none", "required"] | float,
    BeforeValidator(_quiet),
    json_as(any_of=[{"enum": ["auto", "none", "required"]}, *_DURATIONS]),
]
"""A word, or for how many seconds quiet is required."""
StatusRange = Annotated[
    tuple[int, int],
    BeforeValidator(_status_range),
    json_as(any_of=[{"type": "integer"}, {"type": "string", "pattern": r"^[1-5]\d\d(-[1-5]\d\d)?$"}]),
]
"""An inclusive range of HTTP statuses."""
Words = Annotated[
    list[str],
    BeforeValidator(listed),
    json_as(any_of=[{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]),
]
"""One text, or a list of them."""
Headers = dict[
    Annotated[str, BeforeValidator(matching(HEADER, "must be the name of an HTTP header")), json_as(pattern=HEADER)],
    Annotated[str, BeforeValidator(matching(r"[ -~\t]*", "must be one line of text (quote a number)")), json_as()],
]
"""HTTP headers by name."""
