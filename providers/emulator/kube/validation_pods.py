"""What pods and pod templates must fulfil, and what of a pod may change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from providers.emulator.kube import validation
from providers.emulator.kube.status import Causes

Json = dict[str, Any]
PORT_RANGE = "must be between 1 and 65535, inclusive"
NOT_NEGATIVE = "must be greater than or equal to 0"
_ENV = re.compile(r"[ -<>-~]+")
_ENV_TEXT = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_UPDATE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
)


def pod_spec(causes: Causes, path: str, spec: Json) -> None:
    """Check the spec of a pod or template."""
    volumes = _volumes(causes, f"{path}.volumes", spec)
    names: set[str] = set()
    if not spec.get("containers"):
        causes.required(f"{path}.containers")
    for part in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            here = f"{path}.{part}[{index}]"
            _name(causes, f"{here}.name", container.get("name"), names)
            _container(causes, here, container, volumes)
    _choice(causes, f"{path}.restartPolicy", spec.get("restartPolicy"), ("Always", "OnFailure", "Never"))
    policies = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    _choice(causes, f"{path}.dnsPolicy", spec.get("dnsPolicy"), policies)
    validation.labels(causes, f"{path}.nodeSelector", spec.get("nodeSelector"))
    _tolerations(causes, f"{path}.tolerations", spec)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        causes.invalid(f"{path}.terminationGracePeriodSeconds", spec["terminationGracePeriodSeconds"], NOT_NEGATIVE)


def _name(causes: Causes, path: str, name: str | None, taken: set[str]) -> None:
    if not name:
        causes.required(path)
        return
    why = validation.is_label(name)
    if why:
        causes.invalid(path, name, why)
    elif name in taken:
        causes.duplicate(path, name)
    taken.add(name)


def _choice(causes: Causes, path: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        causes.unsupported(path, value, sorted(allowed))


def _volumes(causes: Causes, path: str, spec: Json) -> set[str]:
    names: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        _name(causes, f"{path}[{index}].name", volume.get("name"), names)
        sources = [key for key in volume if key != "name"]
        for more in sources[1:]:
            causes.forbidden(f"{path}[{index}].{more}", "may not specify more than 1 volume type")
    return names


def _container(causes: Causes, path: str, container: Json, volumes: set[str]) -> None:
    if not container.get("image"):
        causes.required(f"{path}.image")
    elif container["image"] != container["image"].strip():
        causes.invalid(f"{path}.image", container["image"], "must not have leading or trailing whitespace")
    _choice(causes, f"{path}.imagePullPolicy", container.get("imagePullPolicy"), ("Always", "IfNotPresent", "Never"))
    _ports(causes, f"{path}.ports", container)
    for index, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            causes.required(f"{path}.env[{index}].name")
        elif not _ENV.fullmatch(variable["name"]):
            causes.invalid(f"{path}.env[{index}].name", variable["name"], _ENV_TEXT)
        if variable.get("value") and variable.get("valueFrom"):
            told = "may not be specified when `value` is not empty"
            causes.invalid(f"{path}.env[{index}].valueFrom", "", told)
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            causes.missing(f"{path}.volumeMounts[{index}].name", mount.get("name"))
        if not mount.get("mountPath"):
            causes.required(f"{path}.volumeMounts[{index}].mountPath")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _probe(causes, f"{path}.{name}", container[name], single_success=name != "readinessProbe")
    _resources(causes, f"{path}.resources", container.get("resources") or {})


def _ports(causes: Causes, path: str, container: Json) -> None:
    names: set[str] = set()
    for index, port in enumerate(container.get("ports") or ()):
        here = f"{path}[{index}]"
        if port.get("name") in names:
            causes.duplicate(f"{here}.name", port["name"])
        if port.get("name"):
            names.add(port["name"])
            for why in _port_name(port["name"]):
                causes.invalid(f"{here}.name", port["name"], why)
        if not port.get("containerPort"):
            causes.required(f"{here}.containerPort")
        elif not 0 < port["containerPort"] < 65536:
            causes.invalid(f"{here}.containerPort", port["containerPort"], PORT_RANGE)
        _choice(causes, f"{here}.protocol", port.get("protocol"), _PROTOCOLS)


def _port_name(name: str) -> Iterator[str]:
    if len(name) > 15:
        yield "must be no more than 15 characters"
    if not re.fullmatch(r"[-a-z0-9]+", name):
        yield "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search(r"[a-z]", name):
        yield "must contain at least one letter (a-z)"


def _probe(causes: Causes, path: str, probe: Json, single_success: bool) -> None:
    handlers = [name for name in ("exec", "httpGet", "tcpSocket", "grpc") if name in probe]
    if not handlers:
        causes.required(path, "must specify a handler type")
    for more in handlers[1:]:
        causes.forbidden(f"{path}.{more}", "may not specify more than 1 handler type")
    for name in ("httpGet", "tcpSocket"):
        port = (probe.get(name) or {}).get("port")
        if isinstance(port, int) and name in probe and not 0 < port < 65536:
            causes.invalid(f"{path}.{name}.port", port, PORT_RANGE)
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if probe.get(name, 0) < 0:
            causes.invalid(f"{path}.{name}", probe[name], NOT_NEGATIVE)
    if single_success and probe.get("successThreshold", 1) != 1:
        causes.invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def _resources(causes: Causes, path: str, resources: Json) -> None:
    limits = resources.get("limits") or {}
    for name, asked in (resources.get("requests") or {}).items():
        if name in limits and quantity(asked) > quantity(limits[name]):
            causes.invalid(f"{path}.requests", asked, f"must be less than or equal to {name} limit of {limits[name]}")


def quantity(text: str) -> float:
    """A quantity such as `250m` or `1Gi` as a number; raises ValueError for what is none."""
    found = re.fullmatch(r"([+-]?[0-9.]+)([a-zA-Z]*)([+-]?[0-9]*)", text)
    if found is None:
        raise ValueError(f"quantity: expected a number with an optional suffix; got {text!r}")
    number, suffix, power = float(found[1]), found[2], found[3]
    if suffix in ("e", "E") and power:
        return number * 10.0 ** int(power)
    if suffix.endswith("i"):
        return float(number * 1024 ** ("KMGTPE".index(suffix[0]) + 1))
    scales = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
    return float(number * scales[suffix])


def _tolerations(causes: Causes, path: str, spec: Json) -> None:
    for index, one in enumerate(spec.get("tolerations") or ()):
        here = f"{path}[{index}]"
        if not one.get("key") and one.get("operator") != "Exists":
            told = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            causes.invalid(f"{here}.operator", one.get("operator", ""), told)
        if one.get("operator") == "Exists" and one.get("value"):
            causes.invalid(f"{here}.operator", one, "value must be empty when `operator` is 'Exists'")
        _choice(causes, f"{here}.effect", one.get("effect"), ("NoSchedule", "PreferNoSchedule", "NoExecute"))


def pod_update(causes: Causes, old: Json, new: Json) -> None:
    """Check that of a pod's spec nothing changed but images, deadlines and tolerations that were added."""
    if _fixed(old) != _fixed(new) or not _only_more(old.get("tolerations") or [], new.get("tolerations") or []):
        causes.forbidden("spec", _UPDATE)


def _fixed(spec: Json) -> Json:
    free = ("activeDeadlineSeconds", "tolerations")
    fixed = {key: value for key, value in spec.items() if key not in free}
    for part in ("containers", "initContainers"):
        if part in fixed:
            fixed[part] = [{k: v for k, v in one.items() if k != "image"} for one in fixed[part] or ()]
    return fixed


def _only_more(old: list[Json], new: list[Json]) -> bool:
    return all(one in new for one in old)
