"""The fields of the built-in kinds but pods, as `shapes` reads them."""

from __future__ import annotations

CORE = """
Service: spec ServiceSpec^; status ServiceStatus^
ConfigMap: binaryData {b64}; data {str}; immutable bool?
Event: action str; count int32; eventTime micro^; firstTimestamp time^; involvedObject ObjectReference@^;
  lastTimestamp time^; message str; reason str; related ObjectReference@; reportingComponent str^; reportingInstance
  str^; series EventSeries; source EventSource^; type str
Deployment: spec DeploymentSpec^; status DeploymentStatus^
ReplicaSet: spec ReplicaSetSpec^; status ReplicaSetStatus^
HorizontalPodAutoscaler: spec HorizontalPodAutoscalerSpec^; status HorizontalPodAutoscalerStatus^
PodDisruptionBudget: spec PodDisruptionBudgetSpec^; status PodDisruptionBudgetStatus^
Lease: spec LeaseSpec^
EndpointSlice: addressType str^; endpoints [Endpoint]^; ports [EndpointPort@]^
Scale: spec ScaleSpec^; status ScaleStatus^
ObjectMeta: annotations {str}; creationTimestamp time; deletionGracePeriodSeconds int64?; deletionTimestamp time?;
  finalizers [str|set~]; generateName str; generation int64; labels {str}; managedFields [ManagedFieldsEntry]; name
  str; namespace str; ownerReferences [OwnerReference@|uid]; resourceVersion str; selfLink str; uid str
ManagedFieldsEntry: apiVersion str; fieldsType str; fieldsV1 any; manager str; operation str; subresource str; time
  time
OwnerReference: apiVersion str^; blockOwnerDeletion bool?; controller bool?; kind str^; name str^; uid str^
LabelSelector: matchExpressions [LabelSelectorRequirement]; matchLabels {str}
LabelSelectorRequirement: key str^; operator str^; values [str]
ServiceSpec: allocateLoadBalancerNodePorts bool?; clusterIP str; clusterIPs [str]; externalIPs [str]; externalName
  str; externalTrafficPolicy str; healthCheckNodePort int32; internalTrafficPolicy str?; ipFamilies [str];
  ipFamilyPolicy str?; loadBalancerClass str?; loadBalancerIP str; loadBalancerSourceRanges [str]; ports
  [ServicePort|port,protocol]; publishNotReadyAddresses bool; selector {str}@; sessionAffinity str;
  sessionAffinityConfig SessionAffinityConfig; trafficDistribution str?; type str
ServicePort: appProtocol str?; name str; nodePort int32; port int32^; protocol str; targetPort intstr^
SessionAffinityConfig: clientIP ClientIPConfig
ClientIPConfig: timeoutSeconds int32?
ServiceStatus: conditions [Condition|type]; loadBalancer LoadBalancerStatus^
LoadBalancerStatus: ingress [LoadBalancerIngress]
LoadBalancerIngress: hostname str; ip str; ipMode str; ports [PortStatus]
PortStatus: error str; port int32; protocol str
Condition: lastTransitionTime time^; message str^; observedGeneration int64; reason str^; status str^; type str^
ObjectReference: apiVersion str; fieldPath str; kind str; name str; namespace str; resourceVersion str; uid str
EventSeries: count int32; lastObservedTime micro
EventSource: component str; host str
DeploymentSpec: minReadySeconds int32; paused bool; progressDeadlineSeconds int32?; replicas int32?;
  revisionHistoryLimit int32?; selector LabelSelector@^; strategy DeploymentStrategy^; template PodTemplateSpec^
DeploymentStrategy: rollingUpdate RollingUpdateDeployment; type str
RollingUpdateDeployment: maxSurge intstr?; maxUnavailable intstr?
DeploymentStatus: availableReplicas int32; collisionCount int32?; conditions [DeploymentCondition|type];
  observedGeneration int64; readyReplicas int32; replicas int32; terminatingReplicas int32?; unavailableReplicas
  int32; updatedReplicas int32
DeploymentCondition: lastTransitionTime time^; lastUpdateTime time^; message str; reason str; status str^; type str^
ReplicaSetSpec: minReadySeconds int32; replicas int32?; selector LabelSelector@^; template PodTemplateSpec^
ReplicaSetStatus: availableReplicas int32; conditions [ReplicaSetCondition|type]; fullyLabeledReplicas int32;
  observedGeneration int64; readyReplicas int32; replicas int32^; terminatingReplicas int32?
ReplicaSetCondition: lastTransitionTime time^; message str; reason str; status str^; type str^
HorizontalPodAutoscalerSpec: behavior HorizontalPodAutoscalerBehavior; maxReplicas int32^; metrics [MetricSpec];
  minReplicas int32?; scaleTargetRef CrossVersionObjectReference^
HorizontalPodAutoscalerStatus: conditions [HorizontalPodAutoscalerCondition|type]; currentMetrics [MetricStatus]^;
  currentReplicas int32; desiredReplicas int32^; lastScaleTime time?; observedGeneration int64?
PodDisruptionBudgetSpec: maxUnavailable intstr?; minAvailable intstr?; selector LabelSelector@;
  unhealthyPodEvictionPolicy str?
PodDisruptionBudgetStatus: conditions [Condition|type]; currentHealthy int32^; desiredHealthy int32^; disruptedPods
  {time}; disruptionsAllowed int32^; expectedPods int32^; observedGeneration int64
LeaseSpec: acquireTime micro?; holderIdentity str?; leaseDurationSeconds int32?; leaseTransitions int32?;
  preferredHolder str?; renewTime micro?; strategy str?
Endpoint: addresses [str|set]^; conditions EndpointConditions^; deprecatedTopology {str}; hints EndpointHints;
  hostname str?; nodeName str?; targetRef ObjectReference@; zone str?
EndpointPort: appProtocol str?; name str?; port int32?; protocol str?
ScaleSpec: replicas int32
ScaleStatus: replicas int32^; selector str
HorizontalPodAutoscalerBehavior: scaleDown HPAScalingRules; scaleUp HPAScalingRules
MetricSpec: containerResource ContainerResourceMetricSource; external ExternalMetricSource; object ObjectMetricSource;
  pods PodsMetricSource; resource ResourceMetricSource; type str^
CrossVersionObjectReference: apiVersion str; kind str^; name str^
HorizontalPodAutoscalerCondition: lastTransitionTime time^; message str; reason str; status str^; type str^
MetricStatus: containerResource ContainerResourceMetricStatus; external ExternalMetricStatus; object
  ObjectMetricStatus; pods PodsMetricStatus; resource ResourceMetricStatus; type str
EndpointConditions: ready bool?; serving bool?; terminating bool?
EndpointHints: forNodes [ForNode]; forZones [ForZone]
HPAScalingRules: policies [HPAScalingPolicy]; selectPolicy str?; stabilizationWindowSeconds int32?; tolerance qty
ContainerResourceMetricSource: container str; name str; target MetricTarget
ExternalMetricSource: metric MetricIdentifier; target MetricTarget
ObjectMetricSource: describedObject CrossVersionObjectReference; metric MetricIdentifier; target MetricTarget
PodsMetricSource: metric MetricIdentifier; target MetricTarget
ResourceMetricSource: name str^; target MetricTarget^
ContainerResourceMetricStatus: container str; current MetricValueStatus; name str
ExternalMetricStatus: current MetricValueStatus; metric MetricIdentifier
ObjectMetricStatus: current MetricValueStatus; describedObject CrossVersionObjectReference; metric MetricIdentifier
PodsMetricStatus: current MetricValueStatus; metric MetricIdentifier
ResourceMetricStatus: current MetricValueStatus; name str
ForNode: name str
ForZone: name str
HPAScalingPolicy: periodSeconds int32^; type str^; value int32^
MetricTarget: averageUtilization int32?; averageValue qty?; type str^; value qty?
MetricIdentifier: name str; selector LabelSelector@
MetricValueStatus: averageUtilization int32; averageValue qty; value qty
Namespace: spec NamespaceSpec^; status NamespaceStatus^
NamespaceSpec: finalizers [str]
NamespaceStatus: conditions [any|type]; phase str
Node: spec any; status any
"""
