package controllers

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// rightsEvery is how often is asked whether the consumer group may be deleted, and
	// rightsAgain how often while it may not: somebody is about to grant it. rightsWithin
	// is how long the broker may take to say it. One that does not answer is asked again
	// after rightsAgain too.
	rightsEvery  = time.Hour
	rightsAgain  = time.Minute
	rightsWithin = 5 * time.Second
)

// mayDelete asks the broker now and then whether it would let us delete the consumer
// group, so that whoever wrote offsetsOnDelete: Delete learns it in time. A broker that
// does not say it would. It is asked at once for a new generation, which may be the
// first with the field, and spread over time after a restart: until then what the
// status has counts.
func (r *KafkaConsumerGroupReconciler) mayDelete(ctx context.Context, group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot, m *memory) bool {
	e := &m.ending
	if !wantsDeletion(group) {
		e.askAt, e.denied = time.Time{}, false
		return true
	}
	if e.askAt.IsZero() {
		*e = firstAsk(group, seen.now, *e)
	}
	early := seen.now.Before(e.askAt) && e.askAt.Sub(seen.now) <= rightsEvery // or the clock was put back
	if early || !seen.usable(r.Settings.SampleMaxAge) {
		return !e.denied
	}
	ctx, cancel := context.WithTimeout(ctx, rightsWithin)
	defer cancel()
	remains, err := r.Kafka.Remains(ctx, seen.connection.connection, group.Spec.GroupID)
	if err == nil || errors.Is(err, kafka.ErrUnauthorized) {
		e.denied = !remains.MayDelete
	}
	e.askAt = seen.now.Add(rightsEvery)
	if err != nil || e.denied {
		e.askAt = seen.now.Add(rightsAgain)
	}
	return !e.denied
}

// firstAsk says when is asked for the first time. A status of this generation is from
// before a restart: each group then has a moment of its own in the time between two asks.
func firstAsk(group *v1alpha1.KafkaConsumerGroup, now time.Time, e endingMemory) endingMemory {
	e.askAt = now
	if group.Status.ObservedGeneration != group.Generation {
		return e
	}
	every := rightsEvery
	if e.denied = slices.Contains(group.Status.Warnings, rightsWarning(group)); e.denied {
		every = rightsAgain
	}
	own := fnv.New32a()
	_, _ = own.Write([]byte(group.UID)) // a hash takes everything
	e.askAt = now.Add(every / 1000 * time.Duration(own.Sum32()%1000))
	return e
}

// rightsWarnings tell that the consumer group will stay.
func rightsWarnings(group *v1alpha1.KafkaConsumerGroup, seen groupSnapshot) []string {
	if !seen.mayNotDelete {
		return nil
	}
	return []string{rightsWarning(group)}
}

func rightsWarning(group *v1alpha1.KafkaConsumerGroup) string {
	return fmt.Sprintf(
		"offsetsOnDelete is Delete, and the connection's user has not the rights DESCRIBE and DELETE on consumer group %q: it will stay in Kafka when this object is deleted",
		group.Spec.GroupID)
}
