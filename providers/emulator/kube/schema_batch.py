"""The fields of Jobs, as `shapes` reads them."""

from __future__ import annotations

BATCH = """
Job: spec JobSpec^; status JobStatus^
JobSpec: activeDeadlineSeconds int64?; backoffLimit int32?; backoffLimitPerIndex int32?; completionMode str?;
  completions int32?; managedBy str?; manualSelector bool?; maxFailedIndexes int32?; parallelism int32?;
  podFailurePolicy PodFailurePolicy; podReplacementPolicy str?; selector LabelSelector@; successPolicy SuccessPolicy;
  suspend bool?; template PodTemplateSpec^; ttlSecondsAfterFinished int32?
JobStatus: active int32; completedIndexes str; completionTime time?; conditions [JobCondition]; failed int32;
  failedIndexes str?; ready int32?; startTime time?; succeeded int32; terminating int32?; uncountedTerminatedPods
  UncountedTerminatedPods
JobCondition: lastProbeTime time^; lastTransitionTime time^; message str; reason str; status str^; type str^
UncountedTerminatedPods: failed [str|set]; succeeded [str|set]
PodFailurePolicy: rules [PodFailurePolicyRule]^
PodFailurePolicyRule: action str^; onExitCodes PodFailurePolicyOnExitCodesRequirement; onPodConditions
  [PodFailurePolicyOnPodConditionsPattern]
PodFailurePolicyOnExitCodesRequirement: containerName str?; operator str^; values [int32|set]^
PodFailurePolicyOnPodConditionsPattern: status str^; type str^
SuccessPolicy: rules [SuccessPolicyRule]^
SuccessPolicyRule: succeededCount int32?; succeededIndexes str?
"""
