package kafkaadmin_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// lost has the connection end at the next request of the kind, before or after
// the broker does it, and returns how many of them came.
func (b broker) lost(key kmsg.Key, after bool) (times *atomic.Int64) {
	times = new(atomic.Int64)
	b.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if times.Add(1) > 1 {
			return nil, nil, false
		}
		b.mute.Store(after)
		return nil, errors.New("the connection ends"), !after
	})
	return times
}

// A write is never made twice: its answer may be all that was lost.
func TestWriteWhoseConnectionEnds(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("After%v", after), func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			admin := newAdmin(t, kafkaadmin.Options{})
			if _, err := admin.Membership(t.Context(), b.connection(), "billing"); err != nil { // the connection is kept
				t.Fatal(err)
			}
			times := b.lost(kmsg.OffsetCommit, after)
			err := admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, ""))
			wantKinds(t, err, kafka.ErrUncertain, kafka.ErrUnreachable)
			if got := len(b.committed(t, "billing")) > 0; times.Load() != 1 || got != after {
				t.Errorf("%d requests, committed: %v", times.Load(), got)
			}
			eventually(t, "what tells", func() bool {
				survey, err := admin.Survey(t.Context(), b.connection(), kafkaadmin.Question{GroupID: "billing", Topics: []string{"orders"}})
				return err == nil && (survey.Topics[0].Partitions[0].Committed.Offset == 0) == after
			})

			b.commit(t, "billing", "orders", 0, 7)
			times = b.lost(kmsg.OffsetDelete, after)
			wantKinds(t, admin.Delete(t.Context(), b.connection(), "billing", []kafka.TopicPartition{partition(0)}), kafka.ErrUncertain, kafka.ErrUnreachable)
			if got := len(b.committed(t, "billing")) == 0; times.Load() != 1 || got != after {
				t.Errorf("%d requests, deleted: %v", times.Load(), got)
			}
		})
	}
}

// A kept connection that is dead is nothing to be uncertain of: it is found
// before anything is sent on it.
func TestWriteOnADeadConnection(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	admin := newAdmin(t, kafkaadmin.Options{})
	commits := b.counted(kmsg.OffsetCommit)
	// The connection ends with the answer to the probe: the last before the write.
	probes := b.lost(kmsg.ApiVersions, false)
	probes.Store(1)
	if _, err := admin.Membership(t.Context(), b.connection(), "billing"); err != nil {
		t.Fatal(err)
	}
	probes.Store(0)
	if err := admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")); err != nil {
		t.Fatal(err)
	}
	if probes.Load() < 2 || commits.Load() != 1 || len(b.committed(t, "billing")) != 1 {
		t.Errorf("%d probes, %d commits, committed %v", probes.Load(), commits.Load(), b.committed(t, "billing"))
	}
}

func TestWriteThatIsNotAnswered(t *testing.T) {
	cases := map[string]struct {
		timeout time.Duration
		cancel  bool
	}{
		"Deadline": {timeout: 300 * time.Millisecond},
		"Context":  {timeout: time.Hour, cancel: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			b.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
				if tc.cancel {
					cancel()
				}
				return nil, nil, true
			})
			err := newAdmin(t, kafkaadmin.Options{RequestTimeout: tc.timeout}).Commit(ctx, b.connection(), "billing", commitsAt(1, ""))
			wantKinds(t, err, kafka.ErrUncertain, kafka.ErrTimeout)
		})
	}
}

// What fails before the write is sent leaves nothing uncertain.
func TestWriteThatWasNotSent(t *testing.T) {
	cases := map[string]struct {
		key  kmsg.Key
		code *kerr.Error
		kind error
	}{
		"LookUp":    {kmsg.FindCoordinator, kerr.CoordinatorNotAvailable, kafka.ErrUnavailable},
		"Forbidden": {kmsg.FindCoordinator, kerr.GroupAuthorizationFailed, kafka.ErrUnauthorized},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			commits := b.counted(kmsg.OffsetCommit)
			b.Fault(kfake.Fault{Keys: []kmsg.Key{tc.key}, Group: "billing", Err: tc.code})
			admin := newAdmin(t, kafkaadmin.Options{})
			wantKinds(t, admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")), tc.kind)
			if got := commits.Load(); got > 0 {
				t.Errorf("%d commits", got)
			}
			if err := admin.Commit(t.Context(), b.connection(), "billing", commitsAt(1, "")); err != nil {
				t.Errorf("the next: %v", err)
			}
		})
	}
	t.Run("OldBroker", func(t *testing.T) { // OffsetDelete came with 2.4
		b := newBroker(t, kfake.NumBrokers(1), kfake.MaxVersions(kversion.V2_3_0()))
		wantKinds(t, newAdmin(t, kafkaadmin.Options{}).Delete(t.Context(), b.connection(), "billing", []kafka.TopicPartition{partition(0)}), kafka.ErrUnsupported)
	})
	t.Run("Unreachable", func(t *testing.T) {
		nowhere := kafkaadmin.NewConnection([]string{unusedAddress(t)}, "", kafkaauth.Security{})
		wantKinds(t, newAdmin(t, kafkaadmin.Options{}).Commit(t.Context(), nowhere, "billing", commitsAt(1, "")), kafka.ErrUnreachable)
	})
	t.Run("Canceled", func(t *testing.T) {
		b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
		ctx, cancel := context.WithCancel(t.Context())
		b.ControlKey(int16(kmsg.FindCoordinator), func(kmsg.Request) (kmsg.Response, error, bool) {
			cancel()
			return nil, nil, false
		})
		commits := b.counted(kmsg.OffsetCommit)
		wantKinds(t, newAdmin(t, kafkaadmin.Options{}).Commit(ctx, b.connection(), "billing", commitsAt(1, "")), kafka.ErrTimeout)
		if got := commits.Load(); got > 0 {
			t.Errorf("%d commits", got)
		}
	})
}

// A caller that stopped waiting was told that nothing was sent: then nothing is.
func TestWriteThatNobodyWaitsFor(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	ctx, cancel := context.WithCancel(t.Context())
	release, times := make(chan struct{}), 0
	b.ControlKey(int16(kmsg.ApiVersions), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if times++; times == 2 { // the first is the connection's own
			cancel()
			b.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	commits := b.counted(kmsg.OffsetCommit)
	admin := newAdmin(t, kafkaadmin.Options{})
	wantKinds(t, admin.Commit(ctx, b.connection(), "billing", commitsAt(1, "")), kafka.ErrTimeout)
	close(release)
	if _, err := admin.Membership(t.Context(), b.connection(), "billing"); err != nil { // comes behind it
		t.Error(err)
	}
	if got := commits.Load(); got != 0 {
		t.Errorf("%d commits", got)
	}
}
