"""The objects of one slot, made from the user's template; pure.

The template may be the output of `kubectl get -o yaml`: what only the server may write is dropped, and so are nulls.
All objects bear the slot's name and labels; the Deployment comes first, for it owns the others, and the Service last,
for its presence says that the workload is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from providers.images import repository, without_tag
from providers.kubernetes import marks, ports
from providers.kubernetes.foreign import foreign_annotations, foreign_labels, not_pruned
from providers.kubernetes.parts import CONTAINER_LISTS, Object, Parts, at, mapping, name_of, parts, pod_spec, sequence
from providers.kubernetes.places import BUDGET, CONFIG_MAP, DEPLOYMENT, PLACES, SCALER, SERVICE
from providers.kubernetes.settings import Deployments
from strategies.seen import Mark

_NAME_LIMIT = 253
_HASH_DIGITS = 10
_SERVICE_KEPT = (
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "publishNotReadyAddresses",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution",
)
"""What is left of a Service's spec: a slot's is a plain ClusterIP, whatever the template's is to the outside."""
_NOBODY = Mark("rollout", "", "", 0, 0)


def bodies(
    settings: Deployments,
    image: str,
    mark: Mark,
    *,
    name: str | None = None,
    uid: str | None = None,
    replicas: int | None = None,
) -> list[dict[str, Any]]:
    """Make all objects of one slot in the order in which they are applied.

    `image` is the manifest's repository, `mark.digest` what it becomes. `name` is the slot's: a retained one that is
    used again keeps that of its first mark, else `mark` says it. `uid` is the Deployment's, known once it stands: the
    others name it as their owner. `replicas` is what it starts with where the template does not say.
    """
    found = parts(settings.objects)
    slot = _Slot(settings, image, mark, found, name=name or marks.backend_name(mark), uid=uid)
    made = [slot.deployment(replicas), *(slot.config_map(item) for item in found.config_maps)]
    made += [slot.scaler(found.scaler)] if found.scaler is not None else []
    made += [slot.budget(found.budget)] if found.budget is not None else []
    return [*made, slot.service(found.service)]


def meaning(settings: Deployments, image: str) -> Any:
    """Return what a template means, as a value that is equal for equal meaning; its hash is the template's.

    Names, namespace, marks, injected words, the replaced image's tag, the Deployment's replicas and what is opened for
    probes do not count; a HorizontalPodAutoscaler's bounds do.
    """
    neutral = Deployments("", "", settings.objects, settings.containers, inject=False)
    made = bodies(neutral, image, _NOBODY)
    made[0]["spec"].pop("replicas", None)
    return made


def config_map_name(slot: str, name: str) -> str:
    """Name a slot's copy of a ConfigMap; what is too long is cut and ends in a hash of the whole."""
    whole = f"{slot}-{name}"
    if len(whole) <= _NAME_LIMIT:
        return whole
    digits = hashlib.sha256(whole.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{whole[: _NAME_LIMIT - _HASH_DIGITS - 1].rstrip('-.')}-{digits}"


class _Slot:
    """One slot's objects in the making."""

    def __init__(
        self, settings: Deployments, image: str, mark: Mark, found: Parts, *, name: str, uid: str | None
    ) -> None:
        self._settings, self._image, self._mark, self._parts = settings, image, mark, found
        self._name, self._uid = name, uid
        self._keys = {
            name_of(item): {*mapping(item, "data"), *mapping(item, "binaryData")} for item in found.config_maps
        }
        self._maps = {name_of(item): config_map_name(self._name, name_of(item)) for item in found.config_maps}

    def deployment(self, replicas: int | None) -> dict[str, Any]:
        template = self._parts.deployment
        spec = _clean(mapping(template, "spec"))
        for dropped in ("selector", "template", "paused"):
            spec.pop(dropped, None)
        if replicas is not None:
            spec.setdefault("replicas", replicas)
        spec["selector"] = {"matchLabels": {marks.WORKLOAD: self._name}}
        metadata = mapping(template, "spec", "template", "metadata")
        kept = foreign_annotations(metadata.get("annotations"))
        labels = {**foreign_labels(metadata.get("labels")), **self._labels()}
        if self._settings.inject:
            labels[marks.REVISION] = self._mark.revision[:8]
        spec["template"] = {
            "metadata": {"labels": labels, **({"annotations": kept} if kept else {})},
            "spec": self._pod(pod_spec(template)),
        }
        return self._object(DEPLOYMENT, template, spec=spec)

    def config_map(self, template: Object) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key in ("data", "binaryData"):
            if template.get(key) is not None:
                # A key without a value is an empty text there, and not a key to leave out.
                kept[key] = {name: "" if value is None else value for name, value in template[key].items()}
        if template.get("immutable") is not None:
            kept["immutable"] = template["immutable"]
        return self._object(CONFIG_MAP, template, self._maps[name_of(template)], **kept)

    def scaler(self, template: Object) -> dict[str, Any]:
        spec = _clean(mapping(template, "spec"))
        spec["scaleTargetRef"] = {
            "apiVersion": PLACES[DEPLOYMENT].api_version,
            "kind": DEPLOYMENT,
            "name": self._name,
        }
        ours = {(DEPLOYMENT, name_of(self._parts.deployment)), (SERVICE, name_of(self._parts.service))}
        for metric in sequence(spec, "metrics"):
            described = at(metric, "object", "describedObject")
            if (at(described, "kind"), at(described, "name")) in ours:
                described["name"] = self._name
        return self._object(SCALER, template, spec=spec)

    def budget(self, template: Object) -> dict[str, Any]:
        spec = _clean(mapping(template, "spec"))
        spec["selector"] = {"matchLabels": {marks.WORKLOAD: self._name}}
        return self._object(BUDGET, template, spec=spec)

    def service(self, template: Object | None) -> dict[str, Any]:
        own = _clean(mapping(template, "spec"))
        spec = {key: own[key] for key in _SERVICE_KEPT if key in own}
        opened = ports.service_ports(self._settings.objects, self._settings.probe_port)
        spec |= {
            "type": "ClusterIP",
            "selector": {marks.WORKLOAD: self._name},
            "ports": [dict(each) for each in opened],
        }
        return self._object(SERVICE, template or {}, spec=spec)

    def _object(self, kind: str, template: Object, name: str | None = None, **rest: Any) -> dict[str, Any]:
        own = mapping(template, "metadata")
        labels, annotations = foreign_labels(own.get("labels")), foreign_annotations(own.get("annotations"))
        metadata: dict[str, Any] = {
            "name": name or self._name,
            "namespace": self._settings.namespace,
            "labels": {**labels, **self._labels()},
            "annotations": {**annotations, **not_pruned(labels), **marks.to_annotations(self._mark)},
        }
        if self._uid is not None and kind != DEPLOYMENT:
            owner = {"apiVersion": PLACES[DEPLOYMENT].api_version, "kind": DEPLOYMENT, "name": self._name}
            metadata["ownerReferences"] = [{**owner, "uid": self._uid}]
        return {"apiVersion": PLACES[kind].api_version, "kind": kind, "metadata": metadata, **rest}

    def _labels(self) -> dict[str, str]:
        return marks.to_labels(self._mark, self._name)

    def _pod(self, template: Mapping[str, Any]) -> dict[str, Any]:
        spec: dict[str, Any] = _clean(template)
        for key in CONTAINER_LISTS:
            if key in spec:
                spec[key] = [self._container(item) for item in spec[key]]
        for volume in sequence(spec, "volumes"):
            self._rename(volume.get("configMap"))
            for source in sequence(volume, "projected", "sources"):
                self._rename(source.get("configMap"))
        return spec

    def _container(self, container: dict[str, Any]) -> dict[str, Any]:
        for source in sequence(container, "envFrom"):
            self._rename(source.get("configMapRef"))
        for variable in sequence(container, "env"):
            self._rename(at(variable, "valueFrom", "configMapKeyRef"))
        names, image = self._settings.containers, self._image
        if names is not None:
            replaced = container.get("name") in names
        else:
            replaced = repository(container.get("image", "")) == repository(image)
        if replaced:
            container["image"] = f"{without_tag(image)}@{self._mark.digest}"
            if self._settings.inject:
                container["env"] = self._environment(container.get("env") or ())
        return container

    def _environment(self, variables: Any) -> list[Any]:
        mark = self._mark
        words = {"ROLLOUT_SERVICE": mark.service, "ROLLOUT_REVISION": mark.revision, "ROLLOUT_TARGET": mark.target}
        kept = [item for item in variables if item.get("name") not in words]
        # First, so that the template's own variables may refer to them.
        return [{"name": name, "value": value} for name, value in words.items()] + kept

    def _rename(self, reference: Any) -> None:
        """Let a reference to a ConfigMap of the template name the slot's copy; any other stands already."""
        if not isinstance(reference, dict) or reference.get("name") not in self._maps:
            return
        name = reference["name"]
        keys = [at(holder, "key") for holder in (reference, *sequence(reference, "items"))]
        if all(str(key) in self._keys[name] for key in keys if key is not None):
            # The copy is made after the Deployment: a pod that may do without it would start without it, for good.
            reference.pop("optional", None)
        reference["name"] = self._maps[name]


def _clean(value: Any) -> Any:
    """Copy without nulls, which an export has where nothing is set."""
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
