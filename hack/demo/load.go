package main

import (
	"fmt"
	"time"

	"github.com/lagrange-operator/lagrange/hack/demo/internal/stack"
	"github.com/lagrange-operator/lagrange/hack/kafka/replay"
)

const (
	wholeDuration = 5 * time.Minute
	shortDuration = 75 * time.Second
	minDuration   = 30 * time.Second

	// scale makes 3.6 messages a second of one request in five minutes. A
	// worker handles 50 messages a second, so that the trace's busiest hours
	// (about 120 to 170) keep 9 to 12 workers busy, and its quiet ones (about
	// 30) 2.
	scale = 3.6
	// firstMessages wait in the topic when the group is made.
	firstMessages = 24
)

// The first day's peak, with what is before and after: 07:19 to 24:00 of a
// trace with a point every five minutes.
const peakFrom, peakTo = 60, 260

// curve is what is replayed.
func (o options) curve() (replay.Curve, error) {
	whole, err := replay.TwoDays()
	if err != nil || !o.short {
		return whole, err
	}
	if len(whole) < peakTo {
		return nil, fmt.Errorf("the trace has only %d points", len(whole))
	}
	return section(whole, peakFrom, peakTo), nil
}

// section is a part of a curve, from its own start.
func section(whole replay.Curve, from, to int) replay.Curve {
	var part replay.Curve
	for _, point := range whole[from:to] {
		part = append(part, replay.Point{At: point.At - whole[from].At, Value: point.Value})
	}
	return part
}

// load is the replay that takes the time asked for.
func (o options) load(broker string) (*replay.Replay, error) {
	curve, err := o.curve()
	if err != nil {
		return nil, err
	}
	return replay.New(replay.Options{
		BootstrapServers: []string{broker}, Topic: stack.Topic, Curve: curve,
		SpeedUp: curve.Length().Seconds() / o.duration.Seconds(), Scale: scale,
	})
}

// firstLoad is the few messages that are there before the group.
func firstLoad(broker string) (*replay.Replay, error) {
	const length = 100 * time.Millisecond // of each of the two points
	rate := firstMessages / (2 * length).Seconds()
	return replay.New(replay.Options{
		BootstrapServers: []string{broker}, Topic: stack.Topic,
		Curve: replay.Curve{{At: 0, Value: rate}, {At: length, Value: rate}},
	})
}
