"""What this identity may do with routes and Services by name, by a SelfSubjectAccessReview, which stores nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from providers.errors import ProviderError
from providers.kubernetes.api import Api
from providers.ports import Finding

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Access:
    """One verb on one kind of resource in a namespace, perhaps on one name alone."""

    group: str
    resource: str
    verb: str
    namespace: str
    name: str | None = None


def refused(api: Api, access: Access) -> Finding | None:
    """Say what is wrong where this identity may not do it, with the rule to add; None where it may."""
    what = f"{access.verb} {access.resource}" + (f" {access.name}" if access.name else "")
    attributes = {
        "group": access.group,
        "resource": access.resource,
        "verb": access.verb,
        "namespace": access.namespace,
        **({"name": access.name} if access.name else {}),
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    subject = f"permission: {what} in namespace {access.namespace}"
    try:
        answer = api.write(f"asking whether we may {what}", "POST", _PATH, review)
    except ProviderError as error:
        return Finding(False, subject, str(error), "it can only be found out by trying", fatal=False)
    if (answer.get("status") or {}).get("allowed"):
        return None
    rule = role_rule(access.group, access.resource, (access.verb,), access.name)
    return Finding(False, subject, "is not granted to this identity", role_of(access.namespace, rule))


def role_of(namespace: str, rule: str) -> str:
    """The remedy that a rule is."""
    return f"add to a Role in namespace {namespace}: {rule}"


def role_rule(group: str, resource: str, verbs: Sequence[str], name: str | None = None) -> str:
    """One rule of a Role as YAML in one line."""
    names = f', resourceNames: ["{name}"]' if name else ""
    said = ", ".join(f'"{verb}"' for verb in verbs)
    return f'{{apiGroups: ["{group}"], resources: ["{resource}"]{names}, verbs: [{said}]}}'
