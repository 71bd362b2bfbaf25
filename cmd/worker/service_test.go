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
		handle, started := serve(5*time.Millisecond), time.Now()
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

func TestServeGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle := serve(time.Hour)
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
