"""DELETE: preconditions, grace periods, finalizers, and what is left for the garbage collector to do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from providers.emulator.kube import decode, job_rules
from providers.emulator.kube.call import Call, Reply
from providers.emulator.kube.kinds import JOB, NAMESPACE, POD, SERVICE, Kind
from providers.emulator.kube.objects import Json, Objects, clone, is_over, stamp
from providers.emulator.kube.reads import listed, selects
from providers.emulator.kube.status import Causes, bad_request, invalid_options, not_found, precondition, success
from providers.emulator.kube.writes import warned

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_POLICIES = ("Foreground", "Background", "Orphan")
_ANSWERED_BY_OBJECT = (POD, SERVICE, NAMESPACE)


def one(objects: Objects, call: Call) -> Reply:
    """Delete one object, or begin to."""
    call.check_options()
    options = _options(call)
    kind, name = call.target.kind, call.target.name or ""
    found = objects.get(kind, call.target.namespace, name)
    if found is None:
        raise not_found(kind, name)
    _check(kind, found, options)
    warnings = _by_default(kind, options)
    if call.dry:
        return warned(Reply(200, success(kind, name, found["metadata"]["uid"])), warnings)
    left, gone = _begin(objects, kind, found, options)
    if gone and kind not in _ANSWERED_BY_OBJECT:
        return warned(Reply(200, success(kind, name, found["metadata"]["uid"])), warnings)
    return warned(Reply(200, left), warnings)


def collection(objects: Objects, call: Call) -> Reply:
    """Delete all that the selectors match; the answer lists it."""
    call.check_options()
    options, test, kind = _options(call), selects(call), call.target.kind
    found = [clone(obj) for obj in objects.each(kind, call.target.namespace) if test(obj)]
    metadata: Json = {"resourceVersion": str(objects.version), **({"continue": ""} if kind.custom else {})}
    warnings = _by_default(kind, options)
    for obj in found if not call.dry else ():
        _begin(objects, kind, clone(obj), options)
    return warned(Reply(200, listed(kind, metadata, found)), warnings)


def _by_default(kind: Kind, options: Json) -> list[str]:
    """Leave the pods of a Job standing where nothing else is said, as batch/v1 does; returns the warnings."""
    if kind is not JOB or options.get("propagationPolicy"):
        return []
    options["propagationPolicy"] = "Orphan"
    return [job_rules.KEPT_PODS]


def _options(call: Call) -> Json:
    """Read DeleteOptions from the body, and what of them stands in the query."""
    try:
        options = decode.parse_json(call.body) if call.body.strip() else {}
    except decode.Undecodable as error:
        raise bad_request(str(error)) from error
    if not isinstance(options, dict):
        raise bad_request("couldn't get version/kind; json parse error: expected DeleteOptions")
    found: Json = {name: options[name] for name in ("preconditions", "propagationPolicy") if options.get(name)}
    if options.get("gracePeriodSeconds") is not None:
        found["gracePeriodSeconds"] = int(options["gracePeriodSeconds"])
    if options.get("orphanDependents") is not None:
        found["propagationPolicy"] = "Orphan" if options["orphanDependents"] else "Background"
    if call.query.get("propagationPolicy"):
        found["propagationPolicy"] = call.query["propagationPolicy"]
    grace = call.number("gracePeriodSeconds")
    if grace is not None:
        found["gracePeriodSeconds"] = grace
    policy = found.get("propagationPolicy")
    if policy is not None and policy not in _POLICIES:
        causes = Causes()
        causes.unsupported("propagationPolicy", policy, (*_POLICIES, "nil"))
        raise invalid_options("DeleteOptions", causes.found)
    return found


def _check(kind: Kind, found: Json, options: Json) -> None:
    metadata, wanted = found["metadata"], options.get("preconditions") or {}
    if wanted.get("uid") and wanted["uid"] != metadata["uid"]:
        raise precondition(
            kind,
            metadata["name"],
            f"the UID in the precondition ({wanted['uid']}) does not match the UID in record ({metadata['uid']})."
            " The object might have been deleted and then recreated",
        )
    if wanted.get("resourceVersion") and wanted["resourceVersion"] != metadata["resourceVersion"]:
        raise precondition(
            kind,
            metadata["name"],
            f"the ResourceVersion in the precondition ({wanted['resourceVersion']}) does not match the ResourceVersion"
            f" in record ({metadata['resourceVersion']}). The object might have been modified",
        )


def _begin(objects: Objects, kind: Kind, found: Json, options: Json) -> tuple[Json, bool]:
    """Mark an object as being deleted, or remove it at once; return how it stands then, and whether it is gone."""
    metadata, now = found["metadata"], objects.now()
    finalizers = [one for one in metadata.get("finalizers") or () if one not in (FOREGROUND, ORPHAN)]
    policy = options.get("propagationPolicy")
    if policy is None:
        finalizers = list(metadata.get("finalizers") or ())
    elif policy in ("Foreground", "Orphan"):
        finalizers.append(FOREGROUND if policy == "Foreground" else ORPHAN)
    metadata.pop("finalizers", None)
    if finalizers:
        metadata["finalizers"] = finalizers
    if not finalizers and kind not in (POD, NAMESPACE):
        return objects.remove(kind, metadata.get("namespace"), metadata["name"]) or found, True
    grace = _grace(kind, found, options)
    if "deletionTimestamp" not in metadata or (kind is POD and grace < metadata["deletionGracePeriodSeconds"]):
        metadata["deletionTimestamp"] = _ends(metadata, now, grace)
        metadata["deletionGracePeriodSeconds"] = grace
    if kind is NAMESPACE:
        found["status"] = {**(found.get("status") or {}), "phase": "Terminating"}
    metadata.pop("resourceVersion", None)
    left = objects.put(kind, found)
    return left, is_over(left)


def _ends(metadata: dict[str, Any], now: datetime, grace: int) -> str:
    before = metadata.get("deletionTimestamp")
    begun = now
    if before is not None and grace:
        # A shorter grace period counts from when the deletion began.
        begun = datetime.fromisoformat(before) - timedelta(seconds=metadata["deletionGracePeriodSeconds"])
    return stamp(begun + timedelta(seconds=grace))


def _grace(kind: Kind, found: Json, options: Json) -> int:
    """Seconds that a pod has to end; a pod on no node, or one that has ended, has none."""
    if kind is not POD:
        return 0
    if not found["spec"].get("nodeName") or (found.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    asked = options.get("gracePeriodSeconds")
    return int(found["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked)
