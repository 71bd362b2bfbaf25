package controllers

import (
	"cmp"
	"time"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/api/workerconfig"
)

// workerConsumer is spec.consumer in the words of the worker's file.
func workerConsumer(spec v1alpha1.ConsumerSpec) workerconfig.Consumer {
	c := workerconfig.Consumer{
		InitialOffset:     spec.InitialOffset,
		OnOutOfRange:      spec.OnOutOfRange,
		MaxMessageAge:     workerconfig.Duration(spec.MaxMessageAge.Duration),
		IsolationLevel:    spec.IsolationLevel,
		Assignment:        string(spec.Assignment),
		MaxProcessingTime: workerconfig.Duration(spec.MaxProcessingTime.Duration),
		SessionTimeout:    workerconfig.Duration(spec.SessionTimeout.Duration),
		HeartbeatInterval: workerconfig.Duration(spec.HeartbeatInterval.Duration),
		RebalanceTimeout:  workerconfig.Duration(spec.RebalanceTimeout.Duration),
		Commit:            workerconfig.Commit{Interval: workerconfig.Duration(commitInterval(spec))},
		Ordering:          spec.Ordering,
		Concurrency:       int(spec.Concurrency),
	}
	if spec.InFlight != nil {
		c.InFlight = workerconfig.InFlight{Messages: int(spec.InFlight.Messages), Bytes: spec.InFlight.Bytes}
	}
	if spec.Retry != nil {
		c.Retry = workerRetry(*spec.Retry)
	}
	if spec.DeadLetter != nil {
		c.DeadLetter = &workerconfig.DeadLetter{Topic: string(spec.DeadLetter.Topic)}
	}
	if spec.Dedup != nil {
		c.Dedup = &workerconfig.Dedup{Namespace: spec.Dedup.Namespace}
	}
	return c
}

func workerRetry(spec v1alpha1.RetrySpec) workerconfig.Retry {
	r := workerconfig.Retry{
		Attempts:       int(spec.Attempts),
		InitialBackoff: workerconfig.Duration(spec.InitialBackoff.Duration),
		MaxBackoff:     workerconfig.Duration(spec.MaxBackoff.Duration),
	}
	if spec.JitterPercent != nil {
		percent := int(*spec.JitterPercent)
		r.JitterPercent = &percent
	}
	return r
}

// commitInterval is the time between a worker's commits.
func commitInterval(spec v1alpha1.ConsumerSpec) time.Duration {
	if spec.Commit == nil {
		return time.Duration(workerconfig.DefaultCommitInterval)
	}
	return cmp.Or(spec.Commit.Interval.Duration, time.Duration(workerconfig.DefaultCommitInterval))
}
