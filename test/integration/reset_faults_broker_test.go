package integration

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// answer is what a broker does with a commit: a response, an error that cuts the
// connection, or neither, to handle it as usual.
type answer func(*kmsg.OffsetCommitRequest) (kmsg.Response, error)

// onResetCommit has the broker treat the nth commit request of resets from now on
// so; from says whether also all that follow.
func (b *broker) onResetCommit(nth int64, from bool, do answer) (seen *atomic.Int64) {
	seen = &atomic.Int64{}
	b.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		commit := r.(*kmsg.OffsetCommitRequest)
		if commit.Generation >= 0 {
			return nil, nil, false // a worker's
		}
		b.KeepControl() // it counts on
		if n := seen.Add(1); n != nth && (n < nth || !from) {
			return nil, nil, false
		}
		response, err := do(commit)
		return response, err, response != nil || err != nil
	})
	return seen
}

// doneAlready carries out a commit from within its control.
func (b *broker) doneAlready(t *testing.T, commit *kmsg.OffsetCommitRequest) {
	b.SleepControl(func() {
		other, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...))
		if err != nil {
			t.Error(err)
			return
		}
		defer other.Close()
		again := *commit
		again.InstanceID = kmsg.StringPtr("twin") // which tells the two apart, and means nothing
		if _, err := again.RequestWith(context.Background(), other); err != nil {
			t.Error(err)
		}
	})
}

func refusing(commit *kmsg.OffsetCommitRequest, code *kerr.Error) kmsg.Response {
	response := commit.ResponseKind().(*kmsg.OffsetCommitResponse)
	for _, topic := range commit.Topics {
		of := kmsg.OffsetCommitResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID}
		for _, p := range topic.Partitions {
			of.Partitions = append(of.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: code.Code})
		}
		response.Topics = append(response.Topics, of)
	}
	return response
}

var errCut = errors.New("the connection is cut")

// TestResetFaultUncertainCommit (A18): whatever becomes of a commit request and of
// its answer, all partitions are committed in the end, and none of them twice to
// anything else.
func TestResetFaultUncertainCommit(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*testing.T, *broker) answer{
		"done-and-cut": func(t *testing.T, b *broker) answer {
			return func(r *kmsg.OffsetCommitRequest) (kmsg.Response, error) { b.doneAlready(t, r); return nil, errCut }
		},
		"not-done-and-cut": func(*testing.T, *broker) answer {
			return func(*kmsg.OffsetCommitRequest) (kmsg.Response, error) { return nil, errCut }
		},
		"done-and-unknown": func(t *testing.T, b *broker) answer {
			return func(r *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
				b.doneAlready(t, r)
				return refusing(r, kerr.UnknownServerError), nil
			}
		},
		"not-done-and-unknown": func(*testing.T, *broker) answer {
			return func(r *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
				return refusing(r, kerr.UnknownServerError), nil
			}
		},
		"twice": func(t *testing.T, b *broker) answer {
			return func(r *kmsg.OffsetCommitRequest) (kmsg.Response, error) { b.doneAlready(t, r); return nil, nil }
		},
		"moved": func(*testing.T, *broker) answer {
			return func(r *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
				return refusing(r, kerr.NotCoordinator), nil
			}
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			for _, nth := range []int64{1, 2} {
				commits := s.b.onResetCommit(nth, false, tc(t, s.b))
				r := s.toThree(fmt.Sprintf("request-%d", nth), automatic)
				create(t, r)
				s.wantMoved(t, r)
				if commits.Load() < 2 {
					t.Errorf("%d commit requests", commits.Load())
				}
			}
		})
	}
}

// TestResetFaultLateCommit (A18): a request that was given up for lost is carried
// out when the workers are back: the broker's fence refuses it.
func TestResetFaultLateCommit(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	late, carried := make(chan struct{}), make(chan struct{})
	s.b.onResetCommit(1, false, func(*kmsg.OffsetCommitRequest) (kmsg.Response, error) {
		s.b.SleepControl(func() { <-late })
		close(carried)
		return nil, nil
	})
	r := s.toThree("kor", automatic)
	create(t, r)
	s.wantMoved(t, r)
	close(late)
	<-carried
	s.b.cycles(t, 3)
	s.wantBegun(t, 10) // nobody began, and nothing was overwritten
}

// TestResetFaultLateCommitAndMember (A18): the first request is given up for lost,
// is not there when it is read back, and is carried out after all, right before
// somebody joins. That nothing was committed is then not claimed.
func TestResetFaultLateCommitAndMember(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	late := make(chan struct{})
	s.b.onResetCommit(1, false, func(*kmsg.OffsetCommitRequest) (kmsg.Response, error) {
		s.b.SleepControl(func() { <-late })
		return nil, nil
	})
	first := s.moments.stopAt("after commit")
	r := s.toThree("kor", automatic)
	create(t, r)
	var again *moment
	first.do(t, func() { again = s.moments.stopAt("before commit") })
	leave := func() {}
	again.do(t, func() {
		close(late)
		eventually(t, func() error { return s.committedSomewhere(0, 3) })
		leave = s.joined(t, idler{})
	})
	wantStalled(t, r, v1alpha1.PhaseCommitting, v1alpha1.ReasonForeignMembers, `client id "laptop"`)
	wantReplicas(t, s.g, 0)
	leave()
	s.wantMoved(t, r)
}
