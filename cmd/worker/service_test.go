package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

func TestAWorkerHasOneMessageInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle, started := serve(5*time.Millisecond, 1), time.Now()
		var partitions sync.WaitGroup
		for partition := range int32(12) {
			partitions.Go(func() {
				if err := handle(t.Context(), worker.Message{Partition: partition}); err != nil {
					t.Error(err)
				}
			})
		}
		partitions.Wait()
		if got := time.Since(started); got != 60*time.Millisecond {
			t.Errorf("12 messages of 5 ms took %s, want 60ms", got)
		}
	})
}

func TestAWorkerHasAsManyMessagesInHandAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle, started := serve(5*time.Millisecond, 4), time.Now()
		var messages sync.WaitGroup
		for range 12 {
			messages.Go(func() {
				if err := handle(t.Context(), worker.Message{}); err != nil {
					t.Error(err)
				}
			})
		}
		messages.Wait()
		if got := time.Since(started); got != 15*time.Millisecond {
			t.Errorf("12 messages of 5 ms, 4 at a time, took %s, want 15ms", got)
		}
	})
}

func TestServeGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle := serve(time.Hour, 1)
		inHand, giveUp := context.WithCancelCause(t.Context())
		waiting, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		boom := errors.New("boom")
		var calls sync.WaitGroup
		calls.Go(func() {
			if err := handle(inHand, worker.Message{}); !errors.Is(err, boom) {
				t.Errorf("the message in hand ended with %v", err)
			}
		})
		synctest.Wait()
		if err := handle(waiting, worker.Message{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the message that waited ended with %v", err)
		}
		giveUp(boom)
		calls.Wait()
	})
}

func TestHandsOf(t *testing.T) {
	cases := map[string]struct {
		reason string
		config worker.Config
		want   int
	}{
		"Nothing":        {"A worker's rate does not depend on its partitions.", worker.Config{}, 1},
		"ByPartition":    {"As asked for.", worker.Config{Ordering: worker.OrderByPartition, Concurrency: 3}, 3},
		"ByKey":          {"The runtime's own default.", worker.Config{Ordering: worker.OrderByKey}, worker.DefaultConcurrency},
		"NoneWithNumber": {"As asked for.", worker.Config{Ordering: worker.OrderNone, Concurrency: 64}, 64},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := handsOf(tc.config); got != tc.want {
				t.Errorf("%s\ngot %d hands, want %d", tc.reason, got, tc.want)
			}
		})
	}
}
