package main

import (
	"context"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// acksNone: what was on its way to a broker that dies is lost, and was reported
// as written before it left.
func acksNone() experiment {
	e := acksLeader()
	e.Pitfall, e.Rule = "P1", "acks-none"
	e.Flagged.Settings = "`acks: none`"
	e.Flagged.policy.Acks = v1alpha1.AcksNone
	return e
}

// acksLeader: what the leader had and the others had not fetched yet is lost
// with it.
func acksLeader() experiment {
	risky := lossless()
	risky.Acks = v1alpha1.AcksLeader
	return experiment{
		Pitfall: "P2", Rule: "acks-leader",
		Faults:   "the leader is killed (`kill -9`) under load",
		Flagged:  arm{Settings: "`acks: leader`", policy: risky, place: safe()},
		Lossless: arm{policy: lossless(), place: safe()},
		load:     busy(),
		harm:     losing,
		fault:    killLeader,
	}
}

// busy is a load under which followers are always a little behind.
func busy() load { return load{rate: 1500, keys: 400, bytes: 200} }

// killLeader returns once another broker leads.
func killLeader(ctx context.Context, s *scene) error {
	s.kill(0)
	return s.ledByAnother(ctx, 0, s.topics...)
}
