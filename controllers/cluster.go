package controllers

import (
	"cmp"
	"fmt"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// clusterSeen is what is known of the cluster behind the bootstrap servers.
type clusterSeen struct {
	// id is the cluster that is meant, as far as it is known, and servers what it
	// was found behind. Both go to status, so that a restart forgets neither.
	id, servers string
	// changed says that another one answers there now.
	changed *blocked
}

// judgeCluster compares the cluster that answers with the one that is meant. It
// is meant because the spec pins it, or because it was the first behind these
// servers. So another cluster is accepted by a pin, or by other servers.
func judgeCluster(pin, servers string, before clusterSeen, sampled string) clusterSeen {
	seen := clusterSeen{servers: servers}
	if servers == "" || servers == before.servers {
		seen = clusterSeen{id: before.id, servers: before.servers}
	}
	meant := cmp.Or(pin, seen.id)
	switch {
	case sampled == "":
	case meant == "" || meant == sampled:
		seen.id = sampled
	case pin != "":
		seen.changed = &blocked{v1alpha1.ReasonClusterChanged, fmt.Sprintf(
			"the cluster behind %s is %q, and clusterID names %q: mend one of the two", seen.servers, sampled, pin)}
	default:
		seen.changed = &blocked{v1alpha1.ReasonClusterChanged, fmt.Sprintf(
			"the cluster behind %s was %q and now is %q: if that is meant, set clusterID to %q; else mend the servers' address",
			seen.servers, meant, sampled, sampled)}
	}
	return seen
}
