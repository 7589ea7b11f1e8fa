"""The subresources that are objects of their own: `scale` of Deployments and ReplicaSets, `binding` of pods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers.emulator.kube import decode, patch
from providers.emulator.kube.bodies import read, typed
from providers.emulator.kube.call import Call, Reply, Target
from providers.emulator.kube.kinds import POD, Kind
from providers.emulator.kube.managed import BEFORE_APPLY
from providers.emulator.kube.objects import Json, clone, stamp
from providers.emulator.kube.patches import APPLY, JSON_PATCH, media_type, parsed
from providers.emulator.kube.selectors import text_of
from providers.emulator.kube.status import (
    Causes,
    Refusal,
    bad_request,
    conflict,
    failure,
    invalid_object,
    invalid_options,
    not_allowed,
    rejected,
)
from providers.emulator.kube.writes import Writes, check_names, warned

SCALE = Kind("autoscaling", "v1", "scales", "Scale")


def scale(writes: Writes, call: Call) -> Reply:
    """Answer GET, PUT and PATCH of a scale."""
    standing = writes.standing(call)
    before = _scale_of(standing)
    if call.method == "GET":
        return Reply(200, before)
    if call.method == "PUT":
        call.check_options()
        after, warnings = read(call, SCALE)
    elif call.method == "PATCH":
        after, warnings = _patched(call, before)
    else:
        raise not_allowed()
    check_names(call, after)
    given = after["metadata"].get("resourceVersion")
    if given and given != standing["metadata"]["resourceVersion"]:
        raise conflict(call.target.kind, call.target.name or "")
    wanted = after["spec"].get("replicas", 0)
    if wanted < 0:
        causes = Causes()
        causes.invalid("spec.replicas", wanted, "must be greater than or equal to 0")
        raise invalid_object(SCALE, call.target.name or "", causes.found)
    changed = clone(standing)
    changed["spec"]["replicas"] = wanted
    stored = writes.change(replace(call, target=replace(call.target, subresource="scale")), standing, changed)
    return warned(Reply(200, _scale_of(stored)), warnings)


def _scale_of(obj: Json) -> Json:
    metadata = obj["metadata"]
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas = obj["spec"].get("replicas", 0)
    counted = (obj.get("status") or {}).get("replicas", 0)
    return {
        "kind": "Scale",
        "apiVersion": SCALE.api_version,
        "metadata": {name: metadata[name] for name in names if name in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": counted, "selector": text_of(obj["spec"].get("selector") or {})},
    }


def _patched(call: Call, before: Json) -> tuple[Json, list[str]]:
    media = media_type(call)
    call.check_options()
    if media == APPLY:
        return _applied(call, before), []
    content = parsed(call, media)
    try:
        after = patch.apply(before, content) if media == JSON_PATCH else patch.merge(before, content)
    except patch.Misfit as error:
        raise rejected() from error
    return typed(call, SCALE, after)


def _applied(call: Call, before: Json) -> Json:
    """An apply of another number conflicts: whoever set it before is not known as an owner of the scale."""
    if not call.query.get("fieldManager"):
        causes = Causes()
        causes.required("fieldManager", "is required for apply patch")
        raise invalid_options("PatchOptions", causes.found)
    try:
        config: Any = decode.parse_yaml(call.body)
    except decode.Undecodable as error:
        raise bad_request(f"error decoding YAML: {error}") from error
    after, _ = typed(call, SCALE, config)
    if after["spec"].get("replicas") != before["spec"].get("replicas") and not call.flag("force"):
        owner = f'conflict with "{BEFORE_APPLY}" with subresource "scale" using {SCALE.api_version}'
        cause = {"reason": "FieldManagerConflict", "message": owner, "field": ".spec.replicas"}
        message = f"Apply failed with 1 conflict: {owner}: .spec.replicas"
        raise Refusal(409, failure(409, message, "Conflict", {"causes": [cause]}))
    return after


def binding(writes: Writes, call: Call) -> Reply:
    """Bind a pod to a node, as a scheduler does."""
    if call.method != "POST":
        raise not_allowed()
    pod = writes.standing(replace(call, target=Target(POD, call.target.namespace, call.target.name)))
    try:
        body = decode.parse_json(call.body)
        node = str(body["target"]["name"])
    except (decode.Undecodable, KeyError, TypeError) as error:
        raise bad_request("the body is no Binding with a target") from error
    if pod["spec"].get("nodeName"):
        raise conflict(POD, call.target.name or "", f"pod {call.target.name} is already assigned to node {node!r}")
    pod["spec"]["nodeName"] = node
    now = stamp(writes.objects.now())
    others = [one for one in pod["status"].get("conditions") or () if one["type"] != "PodScheduled"]
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    pod["status"]["conditions"] = [*others, scheduled]
    if not call.dry:
        writes.objects.put(POD, pod)
    return Reply(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
