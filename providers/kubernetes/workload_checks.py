"""What `doctor` and the start of a rollout check of a cluster before anything is touched.

Nothing is made: a server is asked to judge (SelfSubjectAccessReview, dry run), and everything else is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from providers.errors import Conflict, Denied, Invalid, Missing, ProviderError, Transient
from providers.kubernetes import access, requests
from providers.kubernetes.access import Need
from providers.kubernetes.api import FIELD_MANAGER, Api
from providers.kubernetes.neighbours import selecting
from providers.kubernetes.parts import at, mapping, parts
from providers.kubernetes.places import (
    BUDGET,
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    PLACES,
    POD,
    SCALER,
    SERVICE,
    path,
)
from providers.kubernetes.quota import quotas
from providers.kubernetes.settings import IN_CLUSTER, Deployments
from providers.kubernetes.template_pods import notes
from providers.ports import Finding
from strategies.seen import Mark

CONTEXT, NAMESPACE = "kubernetes.context", "kubernetes.namespace"
_OLDEST = (1, 30)
_DRY = {"dryRun": "All", "fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
_NOBODY = "0" * 8


def findings(
    api: Api, settings: Deployments, *, service: str, target: str, image: str, slots: int
) -> tuple[Finding, ...]:
    """Check the server, the namespace, permissions, who else selects the pods, quota, and admission by a dry run.

    Where the server or the namespace cannot be used, nothing else is asked.
    """
    found = [*_server(api, settings)]
    if any(each.fatal and not each.ok for each in found):
        return tuple(found)
    found += _namespace(api, settings)
    if any(each.fatal and not each.ok for each in found):
        return tuple(found)
    candidate = Mark(service, target, _NOBODY, 0, 0, digest=f"sha256:{'0' * 64}")
    made = requests.bodies(settings, image, candidate)
    found += access.findings(api, settings.namespace, needs(settings))
    found += selecting(api, settings.namespace, made[0])
    found += quotas(api, settings, slots)
    found += _dry_run(api, settings, made)
    found += [
        Finding(False, f"template: {what}", says, "see whether that is meant", fatal=False)
        for what, says in notes(parts(settings.objects).deployment)
    ]
    return tuple(found)


def needs(settings: Deployments) -> tuple[Need, ...]:
    """What must be allowed in the namespace for this template."""
    found = parts(settings.objects)
    made = ("get", "create", "patch")
    listed = [
        _need(DEPLOYMENT, ("get", "list", "create", "patch", "delete"), "to make and retire revisions"),
        _need(SERVICE, ("get", "list", "create", "patch"), "to give each revision an address"),
        _need(POD, ("list",), "to see whether a revision's containers restart"),
    ]
    if settings.proxied:
        listed.append(Need("", "services/proxy", ("get",), "to probe each revision (gates.probe.via: apiProxy)"))
    for kind, part in ((CONFIG_MAP, found.config_maps), (SCALER, found.scaler), (BUDGET, found.budget)):
        if part:
            listed.append(_need(kind, made, f"to copy the template's {kind} for each revision"))
    return (*listed, _need(EVENT, ("list",), "to say why a revision does not come up", needed=False))


def _need(kind: str, verbs: tuple[str, ...], why: str, *, needed: bool = True) -> Need:
    return Need(PLACES[kind].group, PLACES[kind].plural, verbs, why, needed)


def _server(api: Api, settings: Deployments) -> Iterator[Finding]:
    subject = "this cluster" if settings.context == IN_CLUSTER else f"cluster {settings.context}"
    try:
        version = api.read("reading the server's version", "/version")
    except Denied as error:
        remedy = "sign in, or give this process a token that the cluster accepts"
        yield Finding(False, subject, str(error), remedy)
        return
    except Transient as error:
        remedy = "see that the server can be reached from here (a tunnel or proxy that has to run, a firewall)"
        yield Finding(False, subject, f"cannot be reached: {error}", remedy)
        return
    except Invalid as error:
        yield Finding(False, subject, str(error), "name a context of the kubeconfig", key=CONTEXT)
        return
    except ProviderError as error:
        yield Finding(False, subject, str(error), "the context must lead to a Kubernetes API server", key=CONTEXT)
        return
    said = str(at(version, "gitVersion") or "")
    number = re.match(r"v?(\d+)\.(\d+)", said)
    if number is None:
        message = "does not answer as a Kubernetes API server"
        yield Finding(False, subject, message, "the context must lead to one", key=CONTEXT)
    elif (int(number[1]), int(number[2])) < _OLDEST:
        message = f"runs {said}, and nothing older than 1.30 is tried"
        yield Finding(False, subject, message, "upgrade it when you can", fatal=False)
    else:
        yield Finding(True, subject, f"runs {said}")


def _namespace(api: Api, settings: Deployments) -> Iterator[Finding]:
    name, subject = settings.namespace, f"namespace {settings.namespace}"
    try:
        found = api.read(f"reading namespace {name}", f"/api/v1/namespaces/{name}")
    except Missing:
        where = "" if settings.context == IN_CLUSTER else f" --context {settings.context}"
        yield Finding(False, subject, "does not exist", f"kubectl{where} create namespace {name}", key=NAMESPACE)
        return
    except Denied:
        # Nothing else needs this permission, and a dry run says as well when the namespace is not there.
        return
    except ProviderError as error:
        yield Finding(False, subject, str(error), "try again")
        return
    if at(found, "status", "phase") == "Terminating" or mapping(found, "metadata").get("deletionTimestamp"):
        yield Finding(False, subject, "is being deleted", "wait until it is gone and make it anew")
    else:
        yield Finding(True, subject, "exists")


def _dry_run(api: Api, settings: Deployments, made: list[dict[str, Any]]) -> Iterator[Finding]:
    """Let the server judge what would be made: its schemas, quotas of objects, and admission by others."""
    refused = False
    for body in made:
        kind, name = body["kind"], body["metadata"]["name"]
        subject = f"{kind} of a new revision"
        try:
            api.write(f"trying {kind} {name}", "POST", path(kind, settings.namespace), body, query=_DRY)
        except Conflict:
            # An object of that name stands, which is for its own creation to see: names of real revisions differ.
            continue
        except Missing as error:
            refused = True
            yield Finding(False, subject, f"would be refused: {error}", "make the namespace first", key=NAMESPACE)
            return
        except Denied as error:
            refused = True
            # Whoever judges images cannot know the one of this trial, so this may be no refusal of a real one.
            remedy = "add the permission named above, or see what the admission policy wants of the template"
            yield Finding(False, subject, f"was refused in a dry run: {error}", remedy, fatal=False)
        except Transient as error:
            refused = True
            yield Finding(False, subject, f"could not be tried: {error}", "try again", fatal=False)
        except ProviderError as error:
            refused = True
            yield Finding(False, subject, f"would be refused: {error}", "put the template right, or make room for it")
    if not refused:
        yield Finding(True, "template", "is accepted by the server in a dry run")
