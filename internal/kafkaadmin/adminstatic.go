package kafkaadmin

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
)

// RemoveStatic has static members leave their group by their instance ids
// (KIP-345), by one LeaveGroup: they don't leave it themselves when they end. One
// that is gone already has left. So has, to the broker, one of the KIP-848
// protocol, which only its session's end removes.
func (a *Admin) RemoveStatic(ctx context.Context, c Connection, groupID string, instanceIDs []string) error {
	err := a.write(ctx, c, groupID, len(instanceIDs), func(ctx context.Context, _ *client, coordinator *link) error {
		response, err := askOnce(ctx, coordinator, func(b *sarama.Broker) (*sarama.LeaveGroupResponse, error) {
			return b.LeaveGroup(leaveRequest(groupID, instanceIDs))
		})
		if err != nil {
			return err
		}
		return leaveVerdict(instanceIDs, response)
	})
	if err != nil {
		return fmt.Errorf("remove static members of group %q: %w", groupID, err)
	}
	return nil
}

func leaveRequest(groupID string, instanceIDs []string) *sarama.LeaveGroupRequest {
	request := &sarama.LeaveGroupRequest{Version: 4, GroupId: groupID}
	for _, id := range instanceIDs {
		request.Members = append(request.Members, sarama.MemberIdentity{GroupInstanceId: &id})
	}
	return request
}

func leaveVerdict(instanceIDs []string, response *sarama.LeaveGroupResponse) error {
	switch {
	case response.Version < 3: // which has no instances, and removed nobody
		return errTooOld
	case left(response.Err):
		return nil
	case response.Err != sarama.ErrNoError:
		return writeRefusal(response.Err)
	}
	codes := map[string]sarama.KError{}
	for _, m := range response.Members {
		if m.GroupInstanceId != nil {
			codes[*m.GroupInstanceId] = m.Err
		}
	}
	for _, id := range instanceIDs {
		code, answered := codes[id]
		switch {
		case !answered:
			return uncertain(fmt.Errorf("instance %q: %w", id, errLeftOut))
		case code != sarama.ErrNoError && !left(code):
			return uncertain(fmt.Errorf("instance %q: %w", id, writeRefusal(code)))
		}
	}
	return nil
}

// left tells whether a broker says that a member is in no group.
func left(code sarama.KError) bool {
	return code == sarama.ErrUnknownMemberId || code == sarama.ErrGroupIDNotFound
}
