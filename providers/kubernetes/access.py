"""What this identity must be allowed in a namespace, and how the missing rule is written; asked, not guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from providers.errors import ProviderError
from providers.kubernetes.api import Api
from providers.kubernetes.parts import at
from providers.kubernetes.places import Place
from providers.kubernetes.route_access import role_of, role_rule
from providers.ports import Finding

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Need:
    """What must be allowed on one kind of object, and for what; without a `needed` one it is only better to have."""

    place: Place
    verbs: tuple[str, ...]
    why: str
    needed: bool = True


def findings(api: Api, namespace: str, needs: Iterable[Need]) -> Iterator[Finding]:
    """Ask the server for each verb; yield one finding per kind of object on which something is not allowed.

    The remedy holds the rule to add to a Role, as one line of YAML. Where all is allowed, one finding says so.
    """
    subject, short = f"permissions in namespace {namespace}", False
    for need in needs:
        try:
            missing = [verb for verb in need.verbs if not _allowed(api, namespace, need.place, verb)]
        except ProviderError as error:
            yield Finding(False, subject, f"cannot be checked: {error}", "they show when they are used", fatal=False)
            return
        if missing:
            short = True
            what = f"{need.place.plural}.{need.place.group}".rstrip(".")
            message = f"lack {', '.join(missing)} on {what}, needed {need.why}"
            rule = role_rule(need.place.group, need.place.plural, missing)
            yield Finding(False, subject, message, role_of(namespace, rule), fatal=need.needed)
    if not short:
        yield Finding(True, subject, "suffice")


def _allowed(api: Api, namespace: str, place: Place, verb: str) -> bool:
    wanted = {"namespace": namespace, "verb": verb, "group": place.group, "resource": place.plural}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": wanted},
    }
    answer = api.write(f"asking whether {verb} is allowed on {place.plural}", "POST", _REVIEWS, body)
    return at(answer, "status", "allowed") is True
