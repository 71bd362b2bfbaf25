package v1alpha1

// Conditions of a KafkaConsumerGroup, owned by the group controller, and of a
// KafkaConnection, owned by the connection controller. Ready, Reconciling,
// Stalled and ConnectionResolved are of both kinds.
//
// Ready, Reconciling and Stalled follow kstatus: Reconciling and Stalled are
// abnormal when True, the others are normal when True unless their comment
// says otherwise.
const (
	// ConditionReady: this generation is applied, and no rollout or scale-up is
	// past its progress deadline; while one is younger, the number of workers
	// that was available before it suffices.
	ConditionReady = "Ready"
	// ConditionReconciling is True while a rollout is under way, or this generation
	// can't be applied yet. Scaling is not a rollout.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when nothing will change until someone acts.
	ConditionStalled = "Stalled"
	// ConditionKafkaReachable: the last poll cycle reached a broker.
	ConditionKafkaReachable = "KafkaReachable"
	// ConditionLagKnown: the lag of every partition is known.
	ConditionLagKnown = "LagKnown"
	// ConditionScalingActive: the number of workers follows lag now.
	ConditionScalingActive = "ScalingActive"
	// ConditionScalingLimited is True when lag asks for another number of
	// workers than bounds and partitions allow. Neither normal nor abnormal.
	ConditionScalingLimited = "ScalingLimited"
	// ConditionSkewDetected is True while a partition gets more messages than one
	// worker handles: no number of workers keeps up with it. A group without a lag
	// target in seconds has no such condition.
	ConditionSkewDetected = "SkewDetected"
	// ConditionScaleUpIneffective is True while more workers are not asked for since
	// the last ones handled no more. A group without a lag target in seconds has no
	// such condition.
	ConditionScaleUpIneffective = "ScaleUpIneffective"
	// ConditionPaused is True while a pause is in force.
	ConditionPaused = "Paused"
	// ConditionOffsetResetInProgress is True while a KafkaOffsetReset has the
	// group, which then has no workers. A group that never had one has no such condition.
	ConditionOffsetResetInProgress = "OffsetResetInProgress"
	// ConditionConnectionResolved: the KafkaConnection, Secrets and ConfigMaps that
	// the connection names were read and hold what is needed. A group whose
	// connection names nothing has no such condition.
	ConditionConnectionResolved = "ConnectionResolved"
	// ConditionProducerPolicyAccepted: the workers are given what the
	// KafkaProducerPolicy that the group names has in force, of its newest
	// generation. A group that names none has no such condition.
	ConditionProducerPolicyAccepted = "ProducerPolicyAccepted"
	// ConditionReachable: a broker of the KafkaConnection answers.
	ConditionReachable = "Reachable"
	// ConditionAuthenticated: the brokers accept who the KafkaConnection says it
	// is, and it accepts who they say they are.
	ConditionAuthenticated = "Authenticated"
)

// Reasons of Ready, Reconciling and Stalled.
const (
	// ReasonWorkersAvailable: Ready.
	ReasonWorkersAvailable = "WorkersAvailable"
	// ReasonWorkersStarting: the first workers are not available yet.
	ReasonWorkersStarting = "WorkersStarting"
	// ReasonWorkersUnavailable: fewer workers are available than before.
	ReasonWorkersUnavailable = "WorkersUnavailable"
	// ReasonRollingOut: pods of the new template are replacing the old.
	ReasonRollingOut = "RollingOut"
	// ReasonProgressDeadlineExceeded: a rollout or a scale-up takes longer than its deadline.
	ReasonProgressDeadlineExceeded = "ProgressDeadlineExceeded"
	// ReasonOffsetResetUnfinished: a KafkaOffsetReset went before it had completed
	// what it had begun to commit.
	ReasonOffsetResetUnfinished = "OffsetResetUnfinished"
	// ReasonDuplicateGroup: an older object has the same cluster and group.
	ReasonDuplicateGroup = "DuplicateGroup"
	// ReasonNameTaken: a Deployment of the object's name exists and is not ours.
	ReasonNameTaken = "NameTaken"
	// ReasonInvalidWorkload: the API server refuses what the template makes.
	ReasonInvalidWorkload = "InvalidWorkload"
	// ReasonClusterChanged: another Kafka cluster than before, or than clusterID
	// names, answers behind the bootstrap servers.
	ReasonClusterChanged = "ClusterChanged"
	// ReasonClusterNotSeen: clusterID names a Kafka cluster that was not seen yet
	// behind the bootstrap servers.
	ReasonClusterNotSeen = "ClusterNotSeen"
	// ReasonSeedingOffsets: the first workers wait, for a short time, until
	// partitions without a commit were given one.
	ReasonSeedingOffsets = "SeedingOffsets"
	// ReasonRestoringOffsets: committed offsets expired while the group had no
	// members, and no worker is started before they are committed again.
	ReasonRestoringOffsets = "RestoringOffsets"
	// ReasonOffsetsNotRestored: that can't be done without somebody.
	ReasonOffsetsNotRestored = "OffsetsNotRestored"
	// ReasonDeletingOffsets: the object is being deleted, and its consumer group is
	// deleted from Kafka before (offsetsOnDelete: Delete).
	ReasonDeletingOffsets = "DeletingOffsets"
	// ReasonOffsetsDeleted: that is done. Of a KafkaOffsetReset: what it was to
	// complete went with the consumer group.
	ReasonOffsetsDeleted = "OffsetsDeleted"
	// ReasonApplyFailed: the API server did not take the Deployment; it is tried again.
	ReasonApplyFailed = "ApplyFailed"
	// ReasonNothingStalled and ReasonSettled: the normal case of Stalled and Reconciling.
	ReasonNothingStalled = "NothingStalled"
	ReasonSettled        = "Settled"
)

// Reasons of ConnectionResolved, Reachable, Authenticated, and of a KafkaConnection's Ready.
const (
	// ReasonResolved: everything that the connection names is there.
	ReasonResolved = "Resolved"
	// ReasonCredentialsReloaded: it is, and has changed; what changed is in use.
	ReasonCredentialsReloaded = "CredentialsReloaded"
	// ReasonCredentialsMissing: a Secret, a ConfigMap, or a key in it is not there.
	ReasonCredentialsMissing = "CredentialsMissing"
	// ReasonCredentialsUnreadable: the API server does not let us read it.
	ReasonCredentialsUnreadable = "CredentialsUnreadable"
	// ReasonInvalidCredentials: what the Secrets or ConfigMaps hold can't be used
	// with any cluster: no PEM, no certificate to the key, a line break in a password.
	ReasonInvalidCredentials = "InvalidCredentials"
	// ReasonInvalidBinding: the Secret of a serviceBinding says what no client can do.
	ReasonInvalidBinding = "InvalidBinding"
	// ReasonAmbientNotAllowed: the connection wants the manager's own cloud
	// identity, and the installer has not allowed that.
	ReasonAmbientNotAllowed = "AmbientCredentialsNotAllowed"
	// ReasonConnectionMissing: the KafkaConnection does not exist.
	ReasonConnectionMissing = "ConnectionMissing"
	// ReasonAuthenticationFailed: broker and client do not accept one another.
	ReasonAuthenticationFailed = "AuthenticationFailed"
	// ReasonAccepted: the brokers accept the credentials.
	ReasonAccepted = "Accepted"
	// ReasonAnonymous: the connection has no credentials, and the brokers want none.
	ReasonAnonymous = "Anonymous"
	// ReasonConnected: Ready.
	ReasonConnected = "Connected"
)

// Reasons of KafkaReachable and LagKnown.
const (
	// ReasonBrokersAnswer: the last poll cycle was answered.
	ReasonBrokersAnswer = "BrokersAnswer"
	// ReasonUnreachable: no broker accepted a connection.
	ReasonUnreachable = "Unreachable"
	// ReasonTimeout: a broker accepted and did not answer.
	ReasonTimeout = "Timeout"
	// ReasonNotSampled: no poll cycle has ended yet.
	ReasonNotSampled = "NotSampled"
	// ReasonSampleStale: the last sample is too old to decide on.
	ReasonSampleStale = "SampleStale"
	// ReasonAllPartitionsRead: lag is known.
	ReasonAllPartitionsRead = "AllPartitionsRead"
	// ReasonTopicMissing: a topic does not exist.
	ReasonTopicMissing = "TopicMissing"
	// ReasonUnauthorized: a read was refused.
	ReasonUnauthorized = "Unauthorized"
	// ReasonRejected: a broker answered with an error of another kind.
	ReasonRejected = "Rejected"
	// ReasonUnsupported: the group is of a kind that is not supported yet.
	ReasonUnsupported = "Unsupported"
	// ReasonInvalidConnection: spec.kafka can't be used with any cluster.
	ReasonInvalidConnection = "InvalidConnection"
	// ReasonPartitionsUnread: some partitions could not be read.
	ReasonPartitionsUnread = "PartitionsUnread"
	// ReasonNeverCommitted: lag is known but the group has neither commits nor
	// members although its workers are ready.
	ReasonNeverCommitted = "NeverCommitted"
)

// Reasons of ScalingLimited and Paused that are not reasons of a decision.
const (
	// ReasonWithinBounds: the number that lag asks for is in force.
	ReasonWithinBounds = "WithinBounds"
	// ReasonAtMaxReplicas, ReasonAtUsefulMembers, ReasonAtMinReplicas: what limits.
	ReasonAtMaxReplicas   = "AtMaxReplicas"
	ReasonAtUsefulMembers = "AtUsefulMembers"
	ReasonAtMinReplicas   = "AtMinReplicas"
	// ReasonHotPartition, ReasonNoHotPartition: whether a partition gets more than one worker handles.
	ReasonHotPartition   = "HotPartition"
	ReasonNoHotPartition = "NoHotPartition"
	// ReasonNoMoreHandled, ReasonNoneInVain: whether the last scale-up was in vain.
	ReasonNoMoreHandled = "NoMoreHandled"
	ReasonNoneInVain    = "NoneInVain"
	// ReasonNotPaused, ReasonPauseEnded: no pause is set, or its time is over.
	ReasonNotPaused  = "NotPaused"
	ReasonPauseEnded = "PauseEnded"
)

// Conditions of a KafkaOffsetReset besides Ready, Reconciling and Stalled: its
// steps, normal when True, False while they are waited for or have failed, and
// absent before their turn. Its controller owns them.
const (
	// ConditionPlanned: there is a plan.
	ConditionPlanned = "Planned"
	// ConditionApproved: the plan is approved.
	ConditionApproved = "Approved"
	// ConditionDrained: the group is empty and no worker runs.
	ConditionDrained = "Drained"
	// ConditionCommitted: all offsets of the plan are committed.
	ConditionCommitted = "Committed"
	// ConditionVerified: they were read back, and stayed.
	ConditionVerified = "Verified"
	// ConditionResumed: the group has its workers again.
	ConditionResumed = "Resumed"
)

// Reasons of a KafkaOffsetReset's conditions.
const (
	// ReasonDone: the step is done.
	ReasonDone = "Done"
	// ReasonInProgress: it is under way.
	ReasonInProgress = "InProgress"
	// ReasonAwaitingApproval: the plan waits for spec.approved.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonApprovalMismatch: spec.approved is not the hash of the plan.
	ReasonApprovalMismatch = "ApprovalMismatch"
	// ReasonAwaitingTurn: another reset has the group.
	ReasonAwaitingTurn = "AwaitingTurn"
	// ReasonGroupMissing: the KafkaConsumerGroup does not exist.
	ReasonGroupMissing = "GroupMissing"
	// ReasonGroupStalled: the KafkaConsumerGroup is stalled, and does not run its workers.
	ReasonGroupStalled = "GroupStalled"
	// ReasonGroupNotSupported: the consumer group is of a kind without committed offsets, or does not exist in Kafka.
	ReasonGroupNotSupported = "GroupNotSupported"
	// ReasonKafkaFailed: Kafka could not be asked; it is tried again.
	ReasonKafkaFailed = "KafkaFailed"
	// ReasonTargetRefused: the target can't be reached on some partitions, and the policies don't say otherwise.
	ReasonTargetRefused = "TargetRefused"
	// ReasonRollbackMissing: the reset to be rolled back does not exist, is of another group, or has committed nothing.
	ReasonRollbackMissing = "RollbackMissing"
	// ReasonNoDedupNamespace: dedup is NewNamespace, and the group has no consumer.dedup.
	ReasonNoDedupNamespace = "NoDedupNamespace"
	// ReasonNotPermitted: Kafka does not let us do what the plan needs.
	ReasonNotPermitted = "NotPermitted"
	// ReasonTablesLost: a ConfigMap with the plan, the snapshot or what is to be committed is gone or altered.
	ReasonTablesLost = "TablesLost"
	// ReasonTooLarge: the plan or the snapshot is larger than can be stored.
	ReasonTooLarge = "TooLarge"
	// ReasonScaledByOthers: an autoscaler targets the workload, and would start workers during the reset.
	ReasonScaledByOthers = "ScaledByOthers"
	// ReasonForeignMembers: the group has members that are no workers of the KafkaConsumerGroup.
	ReasonForeignMembers = "ForeignMembers"
	// ReasonDrainTimeout: the workers did not leave the group in time.
	ReasonDrainTimeout = "DrainTimeout"
	// ReasonDrifted: a committed offset moved farther than maxDrift between plan and commit.
	ReasonDrifted = "Drifted"
	// ReasonTopicChanged: a topic was created anew, or lost partitions, since the plan.
	ReasonTopicChanged = "TopicChanged"
	// ReasonOverwritten: another writer has overwritten the committed offsets.
	ReasonOverwritten = "Overwritten"
	// ReasonCancelled: cancel is set.
	ReasonCancelled = "Cancelled"
	// ReasonAlreadyRun: a reset of this name and spec has run before.
	ReasonAlreadyRun = "AlreadyRun"
	// ReasonResumeHeld: resume is false, and nobody has asked to resume yet.
	ReasonResumeHeld = "ResumeHeld"
	// ReasonResetSucceeded: Ready.
	ReasonResetSucceeded = "Succeeded"
	// ReasonResetInProgress: of OffsetResetInProgress; ReasonNoReset is its normal case.
	ReasonResetInProgress = "ResetInProgress"
	ReasonNoReset         = "NoReset"
)

// Conditions of a KafkaProducerPolicy besides Ready, Reconciling, Stalled,
// ConnectionResolved and KafkaReachable, normal when True. Its controller owns them.
const (
	// ConditionAccepted: the settings of this generation are in force.
	ConditionAccepted = "Accepted"
	// ConditionApplied: every workload that the policy is for reports that it runs
	// what is in force. A policy without workloads has no such condition.
	ConditionApplied = "Applied"
)

// Reasons of a KafkaProducerPolicy's conditions.
const (
	// ReasonNoErrors: no rule is broken, as far as the cluster tells what rules need.
	ReasonNoErrors = "NoErrors"
	// ReasonErrorsTold: rules are broken, and enforcement is Warn.
	ReasonErrorsTold = "ErrorsTold"
	// ReasonDenied: rules are broken, and enforcement is Deny: what was accepted
	// last stays in force.
	ReasonDenied = "Denied"
	// ReasonDeniedWithoutPredecessor: the same, and nothing was accepted before.
	ReasonDeniedWithoutPredecessor = "DeniedWithoutPredecessor"
	// ReasonPolicyMissing: the KafkaProducerPolicy that a group names does not exist.
	ReasonPolicyMissing = "PolicyMissing"
	// ReasonPolicyHeld: a KafkaOffsetReset has the group; its workers get what is
	// in force once that has ended.
	ReasonPolicyHeld = "HeldByOffsetReset"
	// ReasonNotChecked: topics or brokers could not be looked at yet.
	ReasonNotChecked = "NotChecked"
	// ReasonAllApplied, ReasonWorkloadsRolling, ReasonWorkloadsNotReporting,
	// ReasonWorkloadsDrifted and ReasonWorkloadConflict: of Applied, by the worst
	// of the workloads.
	ReasonAllApplied            = "AllApplied"
	ReasonWorkloadsRolling      = "WorkloadsRolling"
	ReasonWorkloadsNotReporting = "WorkloadsNotReporting"
	ReasonWorkloadsDrifted      = "WorkloadsDrifted"
	ReasonWorkloadConflict      = "WorkloadConflict"
	// ReasonDeliveryNotEnabled: the installer has not let Lagrange change
	// workloads, and the policy selects some.
	ReasonDeliveryNotEnabled = "DeliveryNotEnabled"
	// ReasonInvalidSelector: spec.selector can't be read. Workloads keep what they have.
	ReasonInvalidSelector = "InvalidSelector"
)
