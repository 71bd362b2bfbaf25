// Package autoscale decides how many workers a consumer group gets. It is
// pure: configuration, state, one observation and now go in, the next state
// and a decision come out; no input is changed.
package autoscale

import (
	"time"

	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
	"github.com/lagrange-operator/lagrange/internal/layout"
)

// Config is what the user and the installer asked for.
type Config struct {
	// Reset is the name of the KafkaOffsetReset that has the group, which then has
	// no workers whatever else is configured; "" for none.
	Reset string
	// Manual obeys Replicas literally.
	Manual   bool
	Replicas int32
	// Recommend holds the count, and tells what it would be.
	Recommend bool
	// MinReplicas and MaxReplicas bound the automatic count; MaxReplicas 0 is no bound.
	MinReplicas, MaxReplicas int32
	// MessagesPerReplica is the lag that one worker may carry, at least 1. It means
	// nothing with a Target.
	MessagesPerReplica int64
	// Target is a lag target in seconds, and none while its Target is 0. Its Counts,
	// Assignor and SeenFor are filled in from what follows.
	Target target.Config
	// OnUnknown raises the count when lag has been unknown for long.
	OnUnknown OnUnknown
	// CatchUp is the time for a backlog.
	CatchUp CatchUp
	// Pause is what is paused.
	Pause Pause
	// Assignor is the group's own.
	Assignor layout.Assignor
	// ScaleDownAfter is how long the count must have been too high before it
	// goes down, and then only to the highest count wanted in that time. A Target has
	// its own way down, which begins once the group has been seen for as long.
	ScaleDownAfter time.Duration
}

// OnUnknown is a floor that holds once the lag has been unknown for After.
// MinReplicas 0 is none.
type OnUnknown struct {
	After       time.Duration
	MinReplicas int32
}

// PauseMode is what a pause stops; the zero value is no pause.
type PauseMode string

// The pause modes.
const (
	PauseNone         PauseMode = ""
	PauseHoldReplicas PauseMode = "HoldReplicas"
	PauseScaleToZero  PauseMode = "ScaleToZero"
)

// Pause is a pause that ends by itself at Until, or never when Until is zero.
type Pause struct {
	Mode   PauseMode
	Until  time.Time
	Reason string
}

// At is the pause mode in force at now.
func (p Pause) At(now time.Time) PauseMode {
	if !p.Until.IsZero() && !now.Before(p.Until) {
		return PauseNone
	}
	return p.Mode
}

// Observation is what one sample and the Deployment say.
type Observation struct {
	// Exists is false before the first workers were asked for; then Replicas is 0.
	Exists bool
	// Replicas is the number of workers last asked for.
	Replicas int32
	// Sampled is false while no usable sample exists; then what follows up to WhyUnknown means nothing.
	Sampled bool
	// At is when the sample was taken.
	At time.Time
	// Lag is the lag over the partitions that are known.
	Lag int64
	// Target is what a lag target in seconds goes by, but for its Replicas.
	Target target.Observation
	// Backlog is the part of Lag that CatchUp is for.
	Backlog int64
	// Produced is how many messages a second are written to the group's topics, and
	// PerReplica how many a second one worker handles; PerReplica 0 is not measured.
	Produced, PerReplica float64
	// Unknown is the number of partitions and topics that are not known.
	Unknown int
	// Partitions are the partitions of each topic that is known.
	Partitions []int32
	// Topics are their names, needed only to name a partition.
	Topics []string
	// AllTopics is false while a topic's partitions are not known.
	AllTopics bool
	// WhyUnknown says in words why the lag is unknown.
	WhyUnknown string
	// Rebalancing: partitions are being moved between members now.
	Rebalancing bool
	// StateUnknown says in words why the group's state can't be read, "" when it
	// was: it may be rebalancing.
	StateUnknown string
	// NeverJoined: workers have been ready for a while and the group has
	// neither members nor commits, or they wait for a topic that doesn't exist, so
	// that more workers can't help.
	NeverJoined bool

	// demand is what the lag target in seconds asks for; Decide sets it.
	demand target.Demand
}

// unsettled: partitions are or may be on the move.
func (o Observation) unsettled() bool { return o.Rebalancing || o.StateUnknown != "" }

func (o Observation) lagKnown() bool { return o.Sampled && o.Unknown == 0 }

// State is what a decision remembers. The zero value is right after a restart:
// it delays the next scale-down by the whole window. With a lag target in seconds
// the count is held until the rates are known again.
type State struct {
	// Window are the counts wanted lately, newest last, each smaller than the
	// one before: all that is needed for the highest in the window.
	Window []Wanted
	// WindowSince is when the lag became known without a gap; zero while unknown.
	WindowSince time.Time
	// UnknownSince is when the lag became unknown; zero while known.
	UnknownSince time.Time
	// Last is when the state was last brought forward.
	Last time.Time
	// Target is what the lag target in seconds remembers, up to the sample of TargetAt.
	Target   target.State
	TargetAt time.Time
}

// Wanted is a count that lag asked for at a time.
type Wanted struct {
	At       time.Time
	Replicas int32
}

// Reason is a decision in one word.
type Reason string

// The reasons.
const (
	ReasonOffsetReset  Reason = "OffsetReset"
	ReasonManual       Reason = "Manual"
	ReasonRecommend    Reason = "Recommend"
	ReasonPaused       Reason = "Paused"
	ReasonLagTarget    Reason = "LagTarget"
	ReasonCatchUp      Reason = "CatchUp"
	ReasonCoolingDown  Reason = "CoolingDown"
	ReasonRebalancing  Reason = "Rebalancing"
	ReasonGroupUnknown Reason = "GroupUnknown"
	ReasonLagUnknown   Reason = "LagUnknown"
	ReasonOnUnknown    Reason = "OnUnknown"
	ReasonNeverJoined  Reason = "NeverJoined"
)

// Limit is what keeps the count from what lag asks for.
type Limit string

// The limits.
const (
	LimitNone          Limit = ""
	LimitMaxReplicas   Limit = "MaxReplicas"
	LimitUsefulMembers Limit = "UsefulMembers"
	LimitMinReplicas   Limit = "MinReplicas"
)

// Decision is how many workers to ask for, and why.
type Decision struct {
	Replicas int32
	Reason   Reason
	// Message is the whole decision in one sentence, with its numbers.
	Message string
	// Recommended is what the count would be without Recommend; 0 without that.
	Recommended int32
	// Hot names a partition that gets more than one worker handles, "" for none, and
	// Ineffective tells that more workers have not handled more. Only a Target finds them.
	Hot         string
	Ineffective bool
	// Useful is how many members the assignor gives a partition; 0 while not known.
	Useful int32
	// Limit is what keeps the count from what lag asks for.
	Limit Limit
	// RecheckAfter is when the decision may change with no new observation; 0 is never.
	RecheckAfter time.Duration
}
