package controllers

import (
	"slices"
	"strings"
	"time"

	"github.com/lagrange-operator/lagrange/internal/autoscale/target"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// setTargetOwners numbers the members that have partitions, and tells each partition
// the number of its own.
func setTargetOwners(partitions []target.Partition, seen groupSnapshot) {
	type run struct{ from, count int }
	runs, from := make(map[string]run, len(seen.lag.Topics)), 0
	for _, t := range seen.lag.Topics {
		runs[t.Name] = run{from, len(t.Partitions)}
		from += len(t.Partitions)
	}
	for number, m := range byLeaving(seen) {
		for _, tp := range m.Assigned {
			if r := runs[tp.Topic]; tp.Partition >= 0 && int(tp.Partition) < r.count {
				partitions[r.from+int(tp.Partition)].Owner = number
			}
		}
	}
}

// byLeaving are the members that have partitions, those last that go first when the
// group scales down. Of a Deployment these are the pods that are not ready, and then
// those that became ready last. Lag does not count: a member keeps its number while
// lag comes and goes, or nobody could tell what it handles.
func byLeaving(seen groupSnapshot) []kafka.Member {
	ready := make(map[string]time.Time, 2*len(seen.pods)) // by client id and by address
	for i := range seen.pods {
		pod := &seen.pods[i]
		if since, ok := podReadySince(pod); ok {
			ready[pod.Name], ready["/"+pod.Status.PodIP] = since, since
		}
	}
	delete(ready, "/") // a pod without an address
	since := func(m kafka.Member) time.Time {
		for _, name := range []string{m.ClientID, "/" + strings.TrimPrefix(m.Host, "/")} {
			if at, ok := ready[name]; ok {
				return at
			}
		}
		return seen.now
	}
	members := slices.DeleteFunc(slices.Clone(seen.sample.Members), func(m kafka.Member) bool { return len(m.Assigned) == 0 })
	slices.SortStableFunc(members, func(a, b kafka.Member) int { return since(a).Compare(since(b)) })
	return members
}
