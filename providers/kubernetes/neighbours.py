"""Who else in a namespace would take a candidate's pods for its own, by their labels; reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.errors import Denied, ProviderError
from providers.kubernetes import marks
from providers.kubernetes.api import Api
from providers.kubernetes.parts import at, mapping, name_of, pod_labels, sequence
from providers.kubernetes.places import BUDGET, DEPLOYMENT, SERVICE, path
from providers.kubernetes.selectors import of_labels, of_service
from providers.ports import Finding


def selecting(api: Api, namespace: str, deployment: Any) -> Iterator[Finding]:
    """Yield a finding for each object whose selector matches the pods of the candidate's `deployment`.

    A Service would send them traffic before their time, so that is fatal; what only counts or guards pods is a warning.
    """
    labels = pod_labels(deployment)
    try:
        services = _list(api, SERVICE, namespace)
    except Denied:
        # That the permission is missing is a finding of its own.
        return
    except ProviderError as error:
        yield Finding(False, f"Services of {namespace}", str(error), "who selects the pods must be known: try again")
        return
    found = [item for item in services if of_service(at(item, "spec", "selector"), labels)]
    for service in found:
        yield _sends_traffic(service)
    yield from _counts(api, namespace, labels)
    if not found:
        yield Finding(True, f"Services of {namespace}", "none would select a new revision's pods")


def _sends_traffic(service: Any) -> Finding:
    name, selector = name_of(service), mapping(service, "spec", "selector")
    chosen = ", ".join(f"{key}: {value}" for key, value in selector.items())
    message = f"selects {chosen}, which the template's pods bear too: a new revision would get its traffic at once"
    ways = [key for key in selector if key not in (marks.MANAGED_BY, marks.SERVICE, marks.TARGET)]
    if ways:
        remedy = (
            f"give the template's pods another value for one of these labels (spec.selector, spec.template.metadata."
            f"labels and the selectors of the template's own Service and PDB), such as {ways[0]}: {selector[ways[0]]}-"
            f"rollout; what {name} selects now goes on as it is"
        )
    else:
        remedy = f"let {name} select by another label; rollout's own labels are on every revision"
    return Finding(False, f"Service {name}", message, remedy)


def _counts(api: Api, namespace: str, labels: Mapping[str, Any]) -> Iterator[Finding]:
    says = {
        DEPLOYMENT: "its autoscaler, if it has one, would count them as well",
        BUDGET: "it would count them, and no pod that two budgets select can be evicted",
    }
    for kind, what in says.items():
        try:
            items = _list(api, kind, namespace)
        except ProviderError:
            # It is only a warning, and a permission that nothing else needs.
            continue
        for item in items:
            ours = mapping(item, "metadata", "labels").get(marks.MANAGED_BY) == marks.OURS
            if not ours and of_labels(at(item, "spec", "selector"), labels):
                message = f"has a selector that matches the template's pods too: {what}"
                remedy = "give the template's pods labels of their own"
                yield Finding(False, f"{kind} {name_of(item)}", message, remedy, fatal=False)


def _list(api: Api, kind: str, namespace: str) -> list[Any]:
    return sequence(api.read(f"listing objects of kind {kind}", path(kind, namespace)), "items")
