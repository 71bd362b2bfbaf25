package controllers

import (
	"cmp"
	"fmt"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// clusterSeen is what is known of the cluster behind the bootstrap servers.
type clusterSeen struct {
	// id is the cluster that is meant, as far as it was seen, and servers what it
	// was found behind. other is one that answered there last and is not meant. All
	// go to status: neither a restart, nor an outage, nor a client that was swapped
	// and has learned nothing yet makes another cluster out of a refused one.
	id, servers, other string
	// changed says that another one answers there now.
	changed *blocked
	// pending says that clusterID names a cluster that was not seen there yet.
	pending *blocked
}

// judgeCluster compares the cluster that answered last with the one that is
// meant. It is meant because the spec pins it, or because it was the first behind
// these servers. So another cluster is accepted by a pin, or by other servers.
//
//	pin, not seen ──> pending ──it answers──> accepted <──no pin: the first that answers
//	                     └─another answers─> changed <──another answers──┘
//
// A state stays while nobody answers. servers is empty while the connection can't
// be resolved: then the pin isn't known either, and nothing is judged.
func judgeCluster(pin, servers string, before clusterSeen, sampled string) clusterSeen {
	if servers == "" {
		return clusterSeen{id: before.id, servers: before.servers, other: before.other}
	}
	seen := clusterSeen{servers: servers}
	if servers == before.servers {
		seen.id, sampled = before.id, cmp.Or(sampled, before.other)
	}
	meant := cmp.Or(pin, seen.id)
	switch {
	case sampled == "" && pin != "" && pin != seen.id:
		seen.pending = &blocked{v1alpha1.ReasonClusterNotSeen, fmt.Sprintf(
			"clusterID names cluster %q, and none has been seen behind %s yet: until then nothing is started or changed", pin, servers)}
	case sampled == "":
	case meant == "" || meant == sampled:
		seen.id = sampled
	case pin != "":
		seen.other, seen.changed = sampled, &blocked{v1alpha1.ReasonClusterChanged, fmt.Sprintf(
			"the cluster behind %s is %q, and clusterID names %q: mend one of the two", servers, sampled, pin)}
	default:
		seen.other, seen.changed = sampled, &blocked{v1alpha1.ReasonClusterChanged, fmt.Sprintf(
			"the cluster behind %s was %q and now is %q: if that is meant, set clusterID to %q; else mend the servers' address",
			servers, meant, sampled, sampled)}
	}
	return seen
}

// withRunning adds to the words of another cluster that workers run on it.
func (b *blocked) withRunning(name string) *blocked {
	return &blocked{b.reason, b.message + fmt.Sprintf(
		"; the workers that run are left alone and may be on the wrong cluster: kubectl scale deployment/%s --replicas=0 stops them", name)}
}
