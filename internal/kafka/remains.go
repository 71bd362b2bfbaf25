package kafka

// Remains is all that a cluster has of a group.
type Remains struct {
	ClusterID string
	Membership
	// Commits is how many partitions have a commit, and Topics how many topics they are of.
	Commits, Topics int
	// MayDelete tells whether the cluster lets us delete the group; true where it does not say.
	MayDelete bool
}

// Gone tells whether there is nothing.
func (r Remains) Gone() bool { return !r.Known && r.Vacant() }

// Vacant tells whether there are neither members nor commits: some brokers don't
// tell an empty group from none.
func (r Remains) Vacant() bool { return len(r.Members) == 0 && r.Commits == 0 }
