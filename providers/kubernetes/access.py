"""What this identity must be allowed, and how a missing rule is written: asked of the server, which stores nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from providers.errors import ProviderError
from providers.kubernetes.api import Api
from providers.kubernetes.parts import at
from providers.ports import Finding

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Access:
    """One verb on one resource (`services`, or a subresource such as `services/proxy`), perhaps on one name alone."""

    group: str
    resource: str
    verb: str
    namespace: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What must be allowed on one resource, and for what; without a `needed` one it is only better to have."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str
    needed: bool = True


def findings(api: Api, namespace: str, needs: Iterable[Need]) -> Iterator[Finding]:
    """Ask the server for each verb; yield one finding per resource on which something is not allowed.

    The remedy holds the rule to add to a Role, as one line of YAML. Where all is allowed, one finding says so.
    """
    subject, short = f"permissions in namespace {namespace}", False
    for need in needs:
        try:
            missing = [v for v in need.verbs if not allowed(api, Access(need.group, need.resource, v, namespace))]
        except ProviderError as error:
            yield Finding(False, subject, f"cannot be checked: {error}", "they show when they are used", fatal=False)
            return
        if missing:
            short = True
            what = f"{need.resource}.{need.group}".rstrip(".")
            message = f"lack {', '.join(missing)} on {what}, needed {need.why}"
            rule = role_rule(need.group, need.resource, missing)
            yield Finding(False, subject, message, role_of(namespace, rule), fatal=need.needed)
    if not short:
        yield Finding(True, subject, "suffice")


def refused(api: Api, access: Access) -> Finding | None:
    """Say what is wrong where this identity may not do it, with the rule to add; None where it may."""
    subject = f"permission: {_what(access)} in namespace {access.namespace}"
    try:
        if allowed(api, access):
            return None
    except ProviderError as error:
        return Finding(False, subject, str(error), "it can only be found out by trying", fatal=False)
    rule = role_rule(access.group, access.resource, (access.verb,), access.name)
    return Finding(False, subject, "is not granted to this identity", role_of(access.namespace, rule))


def allowed(api: Api, access: Access) -> bool:
    """Ask the server whether this identity may do it, by a SelfSubjectAccessReview; raises `providers.errors`."""
    resource, _, subresource = access.resource.partition("/")
    attributes = {
        "group": access.group,
        "resource": resource,
        "verb": access.verb,
        "namespace": access.namespace,
        **({"subresource": subresource} if subresource else {}),
        **({"name": access.name} if access.name else {}),
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = api.write(f"asking whether we may {_what(access)}", "POST", _REVIEWS, review)
    return at(answer, "status", "allowed") is True


def _what(access: Access) -> str:
    return f"{access.verb} {access.resource}" + (f" {access.name}" if access.name else "")


def role_of(namespace: str, rule: str) -> str:
    """The remedy that a rule is."""
    return f"add to a Role in namespace {namespace}: {rule}"


def role_rule(group: str, resource: str, verbs: Sequence[str], name: str | None = None) -> str:
    """One rule of a Role as YAML in one line."""
    names = f', resourceNames: ["{name}"]' if name else ""
    said = ", ".join(f'"{verb}"' for verb in verbs)
    return f'{{apiGroups: ["{group}"], resources: ["{resource}"]{names}, verbs: [{said}]}}'
