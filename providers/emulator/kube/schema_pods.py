"""The fields of pods and their templates, as `shapes` reads them."""

from __future__ import annotations

PODS = """
Pod: spec PodSpec^; status PodStatus^
PodSpec: activeDeadlineSeconds int64?; affinity any; automountServiceAccountToken bool?; containers [Container|name]^;
  dnsConfig PodDNSConfig; dnsPolicy str; enableServiceLinks bool?; ephemeralContainers [any|name]; hostAliases
  [HostAlias|ip]; hostIPC bool; hostNetwork bool; hostPID bool; hostUsers bool?; hostname str; hostnameOverride str?;
  imagePullSecrets [LocalObjectReference@|name]; initContainers [Container|name]; nodeName str; nodeSelector {str}@;
  os PodOS; overhead {qty}; preemptionPolicy str?; priority int32?; priorityClassName str; readinessGates
  [PodReadinessGate]; resourceClaims [PodResourceClaim|name]; resources ResourceRequirements; restartPolicy str;
  runtimeClassName str?; schedulerName str; schedulingGates [PodSchedulingGate|name]; schedulingGroup
  PodSchedulingGroup; securityContext PodSecurityContext; serviceAccount str; serviceAccountName str;
  setHostnameAsFQDN bool?; shareProcessNamespace bool?; subdomain str; terminationGracePeriodSeconds int64?;
  tolerations [Toleration]; topologySpreadConstraints [TopologySpreadConstraint|topologyKey,whenUnsatisfiable];
  volumes [Volume|name]
PodStatus: allocatedResources {qty}; conditions [PodCondition|type]; containerStatuses [ContainerStatus];
  ephemeralContainerStatuses [ContainerStatus]; extendedResourceClaimStatus any; hostIP str; hostIPs [HostIP~ip];
  initContainerStatuses [ContainerStatus]; message str; nodeAllocatableResourceClaimStatuses
  [NodeAllocatableResourceClaimStatus]; nominatedNodeName str; observedGeneration int64; phase str; podIP str; podIPs
  [PodIP|ip]; qosClass str; reason str; resize str; resourceClaimStatuses [any|name]; resources ResourceRequirements;
  startTime time?
Container: args [str]; command [str]; env [EnvVar|name]; envFrom [EnvFromSource]; image str; imagePullPolicy str;
  lifecycle Lifecycle; livenessProbe Probe; name str^; ports [ContainerPort|containerPort,protocol]; readinessProbe
  Probe; resizePolicy [ContainerResizePolicy]; resources ResourceRequirements^; restartPolicy str?; restartPolicyRules
  [ContainerRestartRule]; securityContext SecurityContext; startupProbe Probe; stdin bool; stdinOnce bool;
  terminationMessagePath str; terminationMessagePolicy str; tty bool; volumeDevices [VolumeDevice|devicePath];
  volumeMounts [VolumeMount|mountPath]; workingDir str
PodDNSConfig: nameservers [str]; options [PodDNSConfigOption]; searches [str]
HostAlias: hostnames [str]; ip str
LocalObjectReference: name str
PodOS: name str
PodReadinessGate: conditionType str
PodResourceClaim: name str; resourceClaimName str; resourceClaimTemplateName str
ResourceRequirements: claims [ResourceClaim|name]; limits {qty}; requests {qty}
PodSchedulingGate: name str
PodSchedulingGroup: podGroupName str
PodSecurityContext: appArmorProfile AppArmorProfile; fsGroup int64?; fsGroupChangePolicy str?; runAsGroup int64?;
  runAsNonRoot bool?; runAsUser int64?; seLinuxChangePolicy str?; seLinuxOptions SELinuxOptions; seccompProfile
  SeccompProfile; supplementalGroups [int64]; supplementalGroupsPolicy str?; sysctls [Sysctl]; windowsOptions any
Toleration: effect str; key str; operator str; tolerationSeconds int64?; value str
TopologySpreadConstraint: labelSelector LabelSelector@; matchLabelKeys [str]; maxSkew int32^; minDomains int32?;
  nodeAffinityPolicy str?; nodeTaintsPolicy str?; topologyKey str^; whenUnsatisfiable str^
Volume: awsElasticBlockStore any; azureDisk any; azureFile AzureFileVolumeSource; cephfs any; cinder any; configMap
  ConfigMapVolumeSource; csi CSIVolumeSource; downwardAPI DownwardAPIVolumeSource; emptyDir EmptyDirVolumeSource;
  ephemeral any; fc any; flexVolume any; flocker any; gcePersistentDisk any; gitRepo any; glusterfs any; hostPath
  HostPathVolumeSource; image any; iscsi any; name str^; nfs NFSVolumeSource; persistentVolumeClaim
  PersistentVolumeClaimVolumeSource; photonPersistentDisk any; portworxVolume any; projected ProjectedVolumeSource;
  quobyte any; rbd any; scaleIO any; secret SecretVolumeSource; storageos any; vsphereVolume any
PodCondition: lastProbeTime time^; lastTransitionTime time^; message str; observedGeneration int64; reason str; status
  str^; type str^
ContainerStatus: allocatedResources {qty}; allocatedResourcesStatus [any|name]; containerID str; image str^; imageID
  str^; lastState ContainerState^; name str^; ready bool^; resources ResourceRequirements; restartCount int32^;
  started bool?; state ContainerState^; stopSignal str; user any; volumeMounts [VolumeMountStatus|mountPath]
HostIP: ip str^
NodeAllocatableResourceClaimStatus: containers [str|set]; resourceClaimName str; resources {qty}
PodIP: ip str^
PodTemplateSpec: metadata ObjectMeta^; spec PodSpec^
EnvVar: name str^; value str; valueFrom EnvVarSource
EnvFromSource: configMapRef ConfigMapEnvSource; prefix str; secretRef SecretEnvSource
Lifecycle: postStart LifecycleHandler; preStop LifecycleHandler; stopSignal str
Probe: exec ExecAction; failureThreshold int32; grpc GRPCAction; httpGet HTTPGetAction; initialDelaySeconds int32;
  periodSeconds int32; successThreshold int32; tcpSocket TCPSocketAction; terminationGracePeriodSeconds int64?;
  timeoutSeconds int32
ContainerPort: containerPort int32^; hostIP str; hostPort int32; name str; protocol str
ContainerResizePolicy: resourceName str^; restartPolicy str^
ContainerRestartRule: action str; exitCodes ContainerRestartRuleOnExitCodes
SecurityContext: allowPrivilegeEscalation bool?; appArmorProfile AppArmorProfile; capabilities Capabilities;
  privileged bool?; procMount str?; readOnlyRootFilesystem bool?; runAsGroup int64?; runAsNonRoot bool?; runAsUser
  int64?; seLinuxOptions SELinuxOptions; seccompProfile SeccompProfile; windowsOptions any
VolumeDevice: devicePath str^; name str^
VolumeMount: mountPath str^; mountPropagation str?; name str^; readOnly bool; recursiveReadOnly str?; subPath str;
  subPathExpr str
PodDNSConfigOption: name str; value str?
ResourceClaim: name str^; request str
AppArmorProfile: localhostProfile str?; type str^
SELinuxOptions: level str; role str; type str; user str
SeccompProfile: localhostProfile str?; type str^
Sysctl: name str^; value str^
AzureFileVolumeSource: readOnly bool; secretName str; shareName str
ConfigMapVolumeSource: defaultMode int32?; items [KeyToPath]; name str; optional bool?
CSIVolumeSource: driver str; fsType str; nodePublishSecretRef LocalObjectReference@; readOnly bool; volumeAttributes
  {str}
DownwardAPIVolumeSource: defaultMode int32?; items [DownwardAPIVolumeFile]
EmptyDirVolumeSource: medium str; sizeLimit qty?
HostPathVolumeSource: path str^; type str?
NFSVolumeSource: path str; readOnly bool; server str
PersistentVolumeClaimVolumeSource: claimName str^; readOnly bool
ProjectedVolumeSource: defaultMode int32?; sources [VolumeProjection]
SecretVolumeSource: defaultMode int32?; items [KeyToPath]; optional bool?; secretName str
ContainerState: running ContainerStateRunning; terminated ContainerStateTerminated; waiting ContainerStateWaiting
VolumeMountStatus: mountPath str; name str; readOnly bool; recursiveReadOnly str; volumeStatus VolumeStatus
EnvVarSource: configMapKeyRef ConfigMapKeySelector@; fieldRef ObjectFieldSelector@; fileKeyRef FileKeySelector@;
  resourceFieldRef ResourceFieldSelector@; secretKeyRef SecretKeySelector@
ConfigMapEnvSource: name str; optional bool?
SecretEnvSource: name str; optional bool?
LifecycleHandler: exec ExecAction; httpGet HTTPGetAction; sleep SleepAction; tcpSocket TCPSocketAction
ExecAction: command [str]
GRPCAction: port int32^; service str?
HTTPGetAction: host str; httpHeaders [HTTPHeader]; path str; port intstr^; scheme str
TCPSocketAction: host str; port intstr^
ContainerRestartRuleOnExitCodes: operator str; values [int32|set]
Capabilities: add [str]; drop [str]
KeyToPath: key str^; mode int32?; path str^
DownwardAPIVolumeFile: fieldRef ObjectFieldSelector@; mode int32; path str; resourceFieldRef ResourceFieldSelector@
VolumeProjection: clusterTrustBundle ClusterTrustBundleProjection; configMap ConfigMapProjection; downwardAPI
  DownwardAPIProjection; podCertificate PodCertificateProjection; secret SecretProjection; serviceAccountToken
  ServiceAccountTokenProjection
ContainerStateRunning: startedAt time^
ContainerStateTerminated: containerID str; exitCode int32^; finishedAt time^; message str; reason str; signal int32;
  startedAt time^
ContainerStateWaiting: message str; reason str
VolumeStatus: image ImageVolumeStatus
ConfigMapKeySelector: key str^; name str; optional bool?
ObjectFieldSelector: apiVersion str; fieldPath str^
FileKeySelector: key str; optional bool; path str; volumeName str
ResourceFieldSelector: containerName str; divisor qty; resource str
SecretKeySelector: key str^; name str; optional bool?
SleepAction: seconds int64
HTTPHeader: name str^; value str^
ClusterTrustBundleProjection: labelSelector LabelSelector@; name str; optional bool; path str; signerName str
ConfigMapProjection: items [KeyToPath]; name str; optional bool?
DownwardAPIProjection: items [DownwardAPIVolumeFile]
PodCertificateProjection: certificateChainPath str; credentialBundlePath str; keyPath str; keyType str;
  maxExpirationSeconds int32; signerName str; userAnnotations {str}
SecretProjection: items [KeyToPath]; name str; optional bool?
ServiceAccountTokenProjection: audience str; expirationSeconds int64; path str
ImageVolumeStatus: imageRef str
"""
