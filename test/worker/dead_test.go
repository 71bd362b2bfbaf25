package worker_test

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// buryTheDead has members leave that were killed longer ago than their session
// timeout. kfake has lost the connection of one that was killed while it waited
// to join: it counts it in, and begins its session timeout only with an answer
// that arrives. Apache Kafka expels it.
func (x *trial) buryTheDead() {
	if x.fake == nil {
		return
	}
	var dead []string
	for _, m := range x.crew.gone {
		named := func(other *mate) bool { return other.name == m.name }
		if m.killed && time.Since(m.killedAt) > 2*x.settings.Session && !slices.ContainsFunc(x.crew.mates, named) {
			dead = append(dead, m.name)
		}
	}
	if len(dead) == 0 || time.Since(x.buried) < time.Second {
		return
	}
	x.buried = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	groups, err := x.admin.DescribeGroups(ctx, x.settings.Group)
	if err != nil {
		return // the next look may be luckier
	}
	for _, member := range groups[x.settings.Group].Members {
		if slices.Contains(dead, member.ClientID) {
			x.note("%s is still a member", member.ClientID)
			_ = x.remove(ctx, member)
		}
	}
}

// remove has the group go on without a member that knows nothing of it.
func (x *trial) remove(ctx context.Context, one kadm.DescribedGroupMember) error {
	request := kmsg.NewLeaveGroupRequest()
	request.Group, request.MemberID = x.settings.Group, one.MemberID
	member := kmsg.NewLeaveGroupRequestMember()
	member.MemberID, member.InstanceID = one.MemberID, one.InstanceID
	request.Members = append(request.Members, member)
	_, err := request.RequestWith(ctx, x.client)
	return err
}
