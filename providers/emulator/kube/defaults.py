"""The defaults of built-in kinds, filled in before an object is judged, as the 201 body then shows them.

Those of custom kinds stand in their schema (`custom`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

Json = dict[str, Any]
_TOLERATED_SECONDS = 300
_MODE = 0o644


def fill_in(kind: str, obj: Json) -> None:
    """Fill the defaults into a decoded object of a built-in kind, in place."""
    filler = _FILLERS.get(kind)
    if filler is not None:
        filler(obj)


def pod_template(template: Json) -> None:
    """Fill the defaults into a pod template or a pod."""
    spec = template["spec"]
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    for volume in spec.get("volumes") or ():
        _volume(volume)
    for container in _containers(spec):
        _container(container)
        if spec.get("hostNetwork"):
            for port in container.get("ports") or ():
                port.setdefault("hostPort", port["containerPort"])


def _containers(spec: Json) -> Iterable[Json]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _container(container: Json) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = container.get("image")
    if image:
        floating = "@" not in image and image.rpartition("/")[2].partition(":")[2] in ("", "latest")
        container.setdefault("imagePullPolicy", "Always" if floating else "IfNotPresent")
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        field = (variable.get("valueFrom") or {}).get("fieldRef")
        if field is not None:
            field.setdefault("apiVersion", "v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _probe(container[name])
    for handler in (container.get("lifecycle") or {}).values():
        _handler(handler)


def _probe(probe: Json) -> None:
    _handler(probe)
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)


def _handler(handler: Any) -> None:
    if isinstance(handler, dict) and "httpGet" in handler:
        handler["httpGet"].setdefault("path", "/")
        handler["httpGet"].setdefault("scheme", "HTTP")
    if isinstance(handler, dict) and "grpc" in handler:
        handler["grpc"].setdefault("service", "")


def _volume(volume: Json) -> None:
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if source in volume:
            volume[source].setdefault("defaultMode", _MODE)
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    if len(volume) == 1:
        volume["emptyDir"] = {}


def _pod(pod: Json) -> None:
    pod_template(pod)
    spec = pod["spec"]
    for container in _containers(spec):
        resources = container["resources"]
        for name, limit in (resources.get("limits") or {}).items():
            resources.setdefault("requests", {}).setdefault(name, limit)
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(one.get("key") in (key, None) and one.get("effect") != "NoSchedule" for one in tolerations):
            wanted = {"key": key, "operator": "Exists", "effect": "NoExecute"}
            tolerations.append({**wanted, "tolerationSeconds": _TOLERATED_SECONDS})
    spec.setdefault("priority", 0)
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    pod["status"].setdefault("phase", "Pending")
    pod["status"].setdefault("qosClass", quality(spec))


def quality(spec: Json) -> str:
    """The class of service of a pod by what its containers ask for and may use."""
    resources = [container.get("resources") or {} for container in _containers(spec)]
    asked = [part.get("requests") or {} for part in resources]
    allowed = [part.get("limits") or {} for part in resources]
    if not any(asked) and not any(allowed):
        return "BestEffort"
    whole = all({"cpu", "memory"} <= set(limits) for limits in allowed)
    return "Guaranteed" if whole and asked == allowed else "Burstable"


def _deployment(deployment: Json) -> None:
    spec = deployment["spec"]
    spec.setdefault("replicas", 1)
    strategy = spec["strategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    pod_template(spec["template"])


def _replica_set(replica_set: Json) -> None:
    replica_set["spec"].setdefault("replicas", 1)
    pod_template(replica_set["spec"]["template"])


def _service(service: Json) -> None:
    spec = service["spec"]
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["sessionAffinity"] == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if not port.get("targetPort"):
            port["targetPort"] = port["port"]
    if spec["type"] == "ExternalName":
        return
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec.setdefault("ipFamilies", ["IPv4"])
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def allocate(spec: Json, addresses: set[str], node_ports: set[int]) -> None:
    """Give a Service the cluster's addresses and node ports that it needs, beside those that are taken."""
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        spec["clusterIP"] = (spec.get("clusterIPs") or [_free(addresses)])[0]
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    wants = spec["type"] == "NodePort" or (spec["type"] == "LoadBalancer" and spec["allocateLoadBalancerNodePorts"])
    for port in (spec.get("ports") or ()) if wants else ():
        if not port.get("nodePort"):
            port["nodePort"] = next(number for number in range(30000, 32768) if number not in node_ports)
        node_ports.add(port["nodePort"])


def _free(taken: set[str]) -> str:
    first = int(ipaddress.IPv4Address("10.0.0.10"))
    return next(text for text in (str(ipaddress.IPv4Address(first + n)) for n in range(65_000)) if text not in taken)


def _autoscaler(autoscaler: Json) -> None:
    spec = autoscaler["spec"]
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    for name, policies in (("scaleUp", 4), ("scaleDown", 100)):
        rules = (spec.get("behavior") or {}).get(name)
        if rules is not None:
            rules.setdefault("selectPolicy", "Max")
            percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
            pods = [{"type": "Pods", "value": policies, "periodSeconds": 15}] if name == "scaleUp" else []
            rules.setdefault("policies", [*pods, percent])
            if name == "scaleUp":
                rules.setdefault("stabilizationWindowSeconds", 0)


def _endpoint_slice(endpoints: Json) -> None:
    for port in endpoints.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def _namespace(namespace: Json) -> None:
    metadata = namespace["metadata"]
    metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata.get("name", "")
    namespace["spec"].setdefault("finalizers", ["kubernetes"])
    namespace["status"].setdefault("phase", "Active")


_FILLERS: dict[str, Callable[[Json], None]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "Service": _service,
    "HorizontalPodAutoscaler": _autoscaler,
    "EndpointSlice": _endpoint_slice,
    "Namespace": _namespace,
}
