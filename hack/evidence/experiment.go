package main

import (
	"context"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// experiment shows what a rule is about: programs run at the same time on one
// cluster, each on a topic of its own, and the same faults happen to all.
type experiment struct {
	// Pitfall is what docs/producer-policy.md calls it, such as "P2", and Rule
	// the id of its rule; none where no rule can see it.
	Pitfall, Rule string
	// Faults is what happens, in words.
	Faults string
	// Flagged is what the rule warns of, Lossless the same under a Lossless policy.
	Flagged, Lossless arm
	// Control is Flagged but for what the rule is about; nil where Lossless is.
	Control *arm
	load    load
	// fault makes it happen, once the programs run.
	fault func(context.Context, *scene) error
	// harm is which of the counts shows it.
	harm harm
}

// arm is a program under a policy.
type arm struct {
	// Settings is what is particular about it, in words.
	Settings string
	policy   v1alpha1.KafkaProducerPolicySpec
	place    placement
	// run is the program; nil sends the load with the worker runtime.
	run program
	// beside are the other policies of the topic.
	beside []producerpolicy.TopicPolicy
}

// program sends messages until enough is closed, and returns once it has told the
// ledger all results.
type program func(ctx context.Context, s *scene, a arm, topic string, book *ledger, enough <-chan struct{}) error

// harm is one of the counts.
type harm struct {
	name string
	of   func(counts) int
}

var (
	losing     = harm{"lost", func(c counts) int { return c.Lost }}
	doubling   = harm{"doubled", func(c counts) int { return c.Doubled }}
	reordering = harm{"reordered", func(c counts) int { return c.Reordered }}
	givingUp   = harm{"given up", func(c counts) int { return c.GivenUp }}
)

// lossless is the policy whose promise all others are compared with.
func lossless() v1alpha1.KafkaProducerPolicySpec {
	return v1alpha1.KafkaProducerPolicySpec{Durability: v1alpha1.Lossless}
}

// arms are all of them, in the order of the table.
func (e experiment) arms() []arm {
	all := []arm{e.Flagged, e.Lossless}
	if e.Control != nil {
		all = append(all, *e.Control)
	}
	return all
}

// The arms that each experiment has.
const (
	flagged = iota
	safest
)

// outcome is what came of an experiment.
type outcome struct {
	experiment
	rounds int
	// counts are of each arm, over all rounds.
	counts []counts
	// found are the rules that find an error with the settings of each arm on its
	// real topic.
	found [][]string
	err   error
}

func (o outcome) provoked() bool { return o.harm.of(o.counts[flagged]) > 0 }

// do repeats the experiment until the harm is seen, and so often at most.
func (e experiment) do(ctx context.Context, s *stand, rounds int) outcome {
	o := outcome{experiment: e, counts: make([]counts, len(e.arms())), found: make([][]string, len(e.arms()))}
	for o.rounds < rounds && o.err == nil && !o.provoked() {
		o.rounds++
		say("%s round %d: %s", e.Pitfall, o.rounds, e.Faults)
		o.err = e.round(ctx, s, &o)
		for i := range e.arms() {
			say("  %s: %v; rules that find an error: %v", armNames[i], o.counts[i], o.found[i])
		}
	}
	if o.err != nil {
		say("%s FAILED: %v", e.Pitfall, o.err)
	}
	return o
}

// armNames are what the arms are called.
var armNames = []string{"flagged", "Lossless", "control"}
