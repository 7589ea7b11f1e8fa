"""Creating and replacing objects: defaults, validation, versions, generation and ownership of fields."""

from __future__ import annotations

import random

from providers.emulator.kube import custom, defaults, fields, job_rules, managed, validation, validation_kinds
from providers.emulator.kube.bodies import read
from providers.emulator.kube.call import Call, Reply
from providers.emulator.kube.kinds import JOB, LEASE, NAMESPACE, POD, SERVICE, Kind
from providers.emulator.kube.managed import Owners, Writer
from providers.emulator.kube.objects import Json, Objects, is_over, stamp
from providers.emulator.kube.shapes import Shape, shape_of
from providers.emulator.kube.status import (
    Causes,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    internal,
    invalid_object,
    invalid_resource,
    not_found,
)

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_WRONG_NAMESPACE = "the namespace of the provided object does not match the namespace sent on the request"
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_GIVEN_BY_SERVER = (*_KEPT, "generation", "selfLink")


class Writes:
    """Writes into one store; `rng` makes the ends of generated names."""

    def __init__(self, objects: Objects, rng: random.Random) -> None:
        self.objects = objects
        self._rng = rng

    def create(self, call: Call) -> Reply:
        """Answer a POST to a collection."""
        call.check_options()
        body, warnings = read(call, call.target.kind)
        return warned(Reply(201, self.make(call, body)), warnings)

    def make(self, call: Call, obj: Json, owners: Owners | None = None) -> Json:
        """Store a decoded object that is new; `owners` None means that the caller's manager owns what it set."""
        kind, metadata = call.target.kind, obj["metadata"]
        if metadata.get("namespace") not in (None, call.target.namespace):
            raise bad_request(_WRONG_NAMESPACE)
        self._check_namespace(call, metadata.get("name") or "")
        version = metadata.pop("resourceVersion", None)
        for name in (*_GIVEN_BY_SERVER, "managedFields"):
            metadata.pop(name, None)
        if kind.namespaced:
            metadata["namespace"] = call.target.namespace
        if not metadata.get("name") and metadata.get("generateName"):
            end = "".join(self._rng.choice(_LETTERS) for _ in range(5))
            metadata["name"] = metadata["generateName"] + end
        if kind.status or "status" in shape_of(kind.kind).fields:
            reset_status(kind, obj)
        if kind is JOB:
            job_rules.allot(obj, str(self.objects.version))
        self.complete(kind, obj)
        causes = judged(kind, None, obj)
        if causes.found:
            raise invalid_object(kind, metadata.get("name") or "", causes.found)
        if version:
            raise internal("resourceVersion should not be set on objects to be created")
        standing = self.objects.peek(kind, call.target.namespace, metadata["name"])
        if standing is not None:
            raise already_exists(kind, metadata["name"], "deletionTimestamp" in standing["metadata"])
        self._own(call, empty(kind), obj, owners)
        return self.objects.prepared(kind, None, obj) if call.dry else self.objects.put(kind, obj)

    def complete(self, kind: Kind, obj: Json) -> None:
        """Fill in defaults, and for a Service what the cluster allots."""
        if kind.custom:
            custom.fill_in(kind, obj)
            return
        defaults.fill_in(kind.kind, obj)
        if kind is JOB:
            job_rules.fill_in(obj)
        if kind is SERVICE:
            others = [one["spec"] for one in self.objects.each(SERVICE)]
            ports = {port.get("nodePort") for one in others for port in one.get("ports") or ()}
            defaults.allocate(obj["spec"], {one.get("clusterIP", "") for one in others}, ports - {None, 0})

    def replace(self, call: Call) -> Reply:
        """Answer a PUT."""
        call.check_options()
        kind, name = call.target.kind, call.target.name or ""
        body, warnings = read(call, kind)
        check_names(call, body)
        standing = self.standing(call)
        given = body["metadata"].get("resourceVersion")
        if not given and (kind.custom or kind is LEASE):
            causes = Causes()
            causes.invalid("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid_resource(kind, name, causes.found)
        uid, known = body["metadata"].get("uid"), standing["metadata"]["uid"]
        if uid and uid != known:
            key = "/".join(filter(None, ("/registry", kind.plural, call.target.namespace, name)))
            raise conflict(
                kind,
                name,
                f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg:"
                f" Precondition failed: UID in precondition: {uid}, UID in object meta: {known}",
            )
        return warned(Reply(200, self.change(call, standing, body)), warnings)

    def standing(self, call: Call) -> Json:
        """Return the object that a call is to change; raises Refusal (404)."""
        found = self.objects.get(call.target.kind, call.target.namespace, call.target.name or "")
        if found is None:
            raise not_found(call.target.kind, call.target.name or "")
        return found

    def change(self, call: Call, before: Json, after: Json, owners: Owners | None = None) -> Json:
        """Store a decoded object in place of what stands; what changes nothing is answered and not stored."""
        kind, name = call.target.kind, call.target.name or ""
        given = after["metadata"].get("resourceVersion")
        if given and given != before["metadata"]["resourceVersion"]:
            raise conflict(kind, name)
        only_status = call.target.subresource == "status"
        carried_over(kind, before, after, only_status)
        self.complete(kind, after)
        causes = judged(kind, before, after, only_status)
        if causes.found:
            raise invalid_object(kind, name, causes.found)
        self._own(call, before, after, owners)
        if _same(before, after):
            return before
        prepared = self.objects.prepared(kind, before, after)
        if call.dry:
            prepared["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
            return prepared
        if is_over(after):
            # The last finalizer is gone: the object goes with it, and the answer shows it as it last stood.
            self.objects.remove(kind, call.target.namespace, name)
            return after
        return self.objects.put(kind, after)

    def _check_namespace(self, call: Call, name: str) -> None:
        namespace, kind = call.target.namespace, call.target.kind
        if not kind.namespaced or namespace is None:
            return
        found = self.objects.peek(NAMESPACE, None, namespace)
        if found is None:
            raise not_found(NAMESPACE, namespace)
        if "deletionTimestamp" in found["metadata"]:
            details = {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {"reason": "NamespaceTerminating", "field": "metadata.namespace"}
            cause["message"] = f"namespace {namespace} is being terminated"
            raise forbidden(f'{kind.resource} "{name}" is forbidden: {why}', {**details, "causes": [cause]})

    def _own(self, call: Call, before: Json, after: Json, owners: Owners | None) -> None:
        kind, now = call.target.kind, stamp(self.objects.now())
        if owners is None:
            writer = Writer(call.manager, "Update", kind.api_version, call.target.subresource or "")
            known = managed.read(before)
            owners = managed.of_update(known, writer, fields.compare(before, after, shape_of(kind.kind)), now)
        managed.write(after, owners)


def check_names(call: Call, body: Json) -> None:
    """Refuse a body whose name or namespace is not that of the path (400)."""
    metadata, target = body["metadata"], call.target
    if metadata.get("name") not in (None, target.name):
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        )
    if metadata.get("namespace") not in (None, "", target.namespace):
        raise bad_request(_WRONG_NAMESPACE)
    metadata["name"] = target.name
    if target.kind.namespaced:
        metadata["namespace"] = target.namespace


def reset_status(kind: Kind, obj: Json) -> None:
    """Forget a status that came with a new object: only the subresource writes one."""
    obj.pop("status", None)
    field = shape_of(kind.kind).fields.get("status")
    if field is not None and field.always:
        obj["status"] = zero(field.shape)


def carried_over(kind: Kind, before: Json, after: Json, only_status: bool) -> None:
    """Put into a changed object what a caller need not, or must not, send."""
    old, new = before["metadata"], after["metadata"]
    for name in _KEPT:
        if name in old:
            new.setdefault(name, old[name])
    new.pop("selfLink", None)
    for name in ("generation", "managedFields"):
        new.pop(name, None)
        if name in old:
            new[name] = old[name]
    new["resourceVersion"] = old["resourceVersion"]
    if only_status:
        for name in [name for name in {**before, **after} if name not in ("status", "metadata")]:
            after[name] = before[name]
        kept = {key: value for key, value in old.items() if key != "annotations"}
        notes = old.get("annotations") if kind.custom else new.get("annotations")
        sent = {name: new[name] for name in ("uid", "deletionTimestamp") if name in new}
        after["metadata"] = {**kept, **({"annotations": notes} if notes else {}), **sent}
    elif kind.status:
        after.pop("status", None)
        if "status" in before:
            after["status"] = before["status"]
    if kind is SERVICE and not only_status:
        _service(before["spec"], after["spec"])
    if kind is POD and not only_status:
        for name in ("nodeName", "tolerations"):
            if name in before["spec"]:
                after["spec"].setdefault(name, before["spec"][name])


def _service(before: Json, after: Json) -> None:
    if before["type"] == "ExternalName" or after.get("type", "ClusterIP") == "ExternalName":
        return
    if not after.get("clusterIP"):
        after["clusterIP"] = before.get("clusterIP", "")
    if after["clusterIP"] != before.get("clusterIP") or not after.get("clusterIPs"):
        after["clusterIPs"] = [after["clusterIP"]]
    known = {(port["port"], port["protocol"]): port.get("nodePort") for port in before.get("ports") or ()}
    for port in (after.get("ports") or ()) if after.get("type") in ("NodePort", "LoadBalancer") else ():
        number = known.get((port["port"], port.get("protocol", "TCP")))
        if number:
            port.setdefault("nodePort", number)


def judged(kind: Kind, before: Json | None, after: Json, only_status: bool = False) -> Causes:
    """Judge an object that is new (`before` None) or changed."""
    if not kind.custom:
        if before is None:
            return validation_kinds.new(kind, after)
        check = validation_kinds.status if only_status else validation_kinds.changed
        return check(kind, before, after)
    causes = Causes()
    if before is None:
        validation.metadata(causes, kind, after["metadata"])
    else:
        validation.metadata_update(causes, before["metadata"], after["metadata"])
        causes.found *= 2
        if kind.kind == "GatewayClass" and before["spec"]["controllerName"] != after["spec"].get("controllerName"):
            causes.invalid("spec.controllerName", after["spec"].get("controllerName"), "Value is immutable")
    custom.judge(kind, after, causes, only_status)
    return causes


def zero(shape: Shape) -> Json:
    """A struct as it is before anything is set: what is always written, at its zero."""
    zeros = {"str": "", "bool": False, "int32": 0, "int64": 0}
    return {
        name: zero(field.shape)
        if field.shape.kind == "struct" and not field.shape.atomic
        else zeros.get(field.shape.kind)
        for name, field in shape.fields.items()
        if field.always
    }


def empty(kind: Kind) -> Json:
    """An object of the kind with nothing in it, against which a new one's fields are counted."""
    return {"metadata": {}} if kind.custom else zero(shape_of(kind.kind))


def _same(before: Json, after: Json) -> bool:
    """Whether a write changes nothing but when fields were last written."""
    return _timeless(before) == _timeless(after)


def _timeless(obj: Json) -> Json:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    if "managedFields" in metadata:
        metadata["managedFields"] = [{**entry, "time": ""} for entry in metadata["managedFields"]]
    return {**obj, "metadata": metadata}


def warned(reply: Reply, warnings: list[str]) -> Reply:
    """Add warnings to an answer's headers."""
    if warnings:
        quoted = ['"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in warnings]
        reply.headers["Warning"] = ", ".join(f"299 - {one}" for one in quoted)
    return reply
