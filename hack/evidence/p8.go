package main

import "time"

// shortBudget: a partition has no leader for longer than a message is tried.
func shortBudget() experiment {
	risky := lossless()
	risky.RetryBudget.Duration = 300 * time.Millisecond
	return experiment{
		Pitfall: "P8", Rule: "retry-budget-short",
		Faults:   "the leader is killed (`kill -9`) under load",
		Flagged:  arm{Settings: "`retryBudget: 300ms`, as long as sarama's default", policy: risky, place: safe()},
		Lossless: arm{policy: lossless(), place: safe()},
		load:     load{rate: 500, keys: 400, bytes: 200},
		harm:     givingUp,
		fault:    killLeader,
	}
}
