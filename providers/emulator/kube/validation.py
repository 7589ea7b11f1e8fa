"""What every object must fulfil: names, labels, annotations, owners, finalizers, and what an update may not touch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.emulator.kube.kinds import Kind
from providers.emulator.kube.status import Causes

Json = dict[str, Any]
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_NAME_PART = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    rf" end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    rf" an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_LABEL_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character,"
    " and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is"
    rf" '{_LABEL_1035}')"
)
_NAME_PART_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    rf" character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_NAME_PART}')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    rf" '{_VALUE}')"
)
_STANDARD_FINALIZERS = ("orphan", "foregroundDeletion", "kubernetes")
_MOST_ANNOTATIONS = 256 * 1024
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def is_subdomain(text: str) -> str | None:
    """Say what keeps a text from being a DNS subdomain; None when nothing does."""
    if len(text) > 253:
        return "must be no more than 253 characters"
    return None if re.fullmatch(_SUBDOMAIN, text) else _SUBDOMAIN_TEXT


def is_label(text: str) -> str | None:
    """Say what keeps a text from being a DNS label; None when nothing does."""
    if len(text) > 63:
        return "must be no more than 63 characters"
    return None if re.fullmatch(_LABEL, text) else _LABEL_TEXT


def is_label_1035(text: str) -> str | None:
    """Say what keeps a text from being a DNS label that begins with a letter, as Services' names must be."""
    if len(text) > 63:
        return "must be no more than 63 characters"
    return None if re.fullmatch(_LABEL_1035, text) else _LABEL_1035_TEXT


def is_qualified(text: str) -> str | None:
    """Say what keeps a text from being a label's key: a name with an optional subdomain before a slash."""
    prefix, slash, name = text.rpartition("/")
    if slash and not prefix:
        return "prefix part must be non-empty"
    if slash and is_subdomain(prefix):
        return f"prefix part {is_subdomain(prefix)}"
    if not name:
        return "name part must be non-empty"
    if len(name) > 63:
        return "name part must be no more than 63 characters"
    return None if re.fullmatch(_NAME_PART, name) else _NAME_PART_TEXT


def labels(causes: Causes, path: str, given: Mapping[str, str] | None) -> None:
    """Check labels; errors name the whole map, as the server's do."""
    for key, value in (given or {}).items():
        why = is_qualified(key)
        if why:
            causes.invalid(path, key, why)
        if len(value) > 63:
            causes.invalid(path, value, "must be no more than 63 characters")
        elif not re.fullmatch(_VALUE, value):
            causes.invalid(path, value, _VALUE_TEXT)


def notes(causes: Causes, path: str, given: Mapping[str, str] | None) -> None:
    """Check the keys of annotations and the size of all of them."""
    for key in given or {}:
        why = is_qualified(key.lower())
        if why:
            causes.invalid(path, key, why)
    if sum(len(key.encode()) + len(value.encode()) for key, value in (given or {}).items()) > _MOST_ANNOTATIONS:
        causes.too_long(path, _MOST_ANNOTATIONS)


def selector(causes: Causes, path: str, given: Json) -> None:
    """Check a label selector."""
    labels(causes, f"{path}.matchLabels", given.get("matchLabels"))
    for index, one in enumerate(given.get("matchExpressions") or ()):
        here = f"{path}.matchExpressions[{index}]"
        operator = one.get("operator")
        if operator not in _OPERATORS:
            causes.invalid(f"{here}.operator", operator, "not a valid selector operator")
        elif operator in ("In", "NotIn") and not one.get("values"):
            causes.required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator not in ("In", "NotIn") and one.get("values"):
            causes.forbidden(f"{here}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        why = is_qualified(one.get("key") or "")
        if why:
            causes.invalid(f"{here}.key", one.get("key"), why)


def metadata(causes: Causes, kind: Kind, given: Json) -> None:
    """Check the metadata of a new object."""
    name = given.get("name") or ""
    if not name:
        causes.required("metadata.name", "name or generateName is required")
        return
    if kind.kind == "Service":
        why = is_label_1035(name)
    else:
        why = is_label(name) if kind.kind == "Namespace" else is_subdomain(name)
    if why:
        causes.invalid("metadata.name", name, why)
    _common(causes, given)


def metadata_update(causes: Causes, old: Json, new: Json) -> None:
    """Check the metadata of a changed object against what stood before."""
    for name in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if old.get(name) != new.get(name):
            causes.invalid(f"metadata.{name}", new.get(name), "field is immutable")
    if "deletionTimestamp" in old:
        added = [one for one in new.get("finalizers") or () if one not in (old.get("finalizers") or ())]
        if added:
            listed = ", ".join(f'"{one}"' for one in added)
            causes.forbidden(
                "metadata.finalizers",
                "no new finalizers can be added if the object is being deleted, found new finalizers"
                f" []string{{{listed}}}",
            )
    _common(causes, new)


def _common(causes: Causes, given: Json) -> None:
    labels(causes, "metadata.labels", given.get("labels"))
    notes(causes, "metadata.annotations", given.get("annotations"))
    _owners(causes, given.get("ownerReferences") or [])
    for index, one in enumerate(given.get("finalizers") or ()):
        why = is_qualified(one)
        if why:
            causes.invalid("metadata.finalizers", one, why)
        elif "/" not in one and one not in _STANDARD_FINALIZERS:
            told = "name is neither a standard finalizer name nor is it fully qualified"
            causes.invalid(f"metadata.finalizers[{index}]", one, told)


def _owners(causes: Causes, owners: list[Json]) -> None:
    controllers = 0
    for index, owner in enumerate(owners):
        here = f"metadata.ownerReferences[{index}]"
        if not owner.get("apiVersion"):
            causes.invalid(f"{here}.apiVersion", "", "version must not be empty")
        for name in ("kind", "name", "uid"):
            if not owner.get(name):
                causes.invalid(f"{here}.{name}", "", "must not be empty")
        controllers += bool(owner.get("controller"))
        if owner.get("controller") and controllers > 1:
            told = 'Only one reference can have Controller set to true. Found "true" in references'
            causes.invalid("metadata.ownerReferences", owners, told)
