package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// roundTime bounds a round.
const roundTime = 6 * time.Minute

// round adds what one round does.
func (e experiment) round(ctx context.Context, s *stand, o *outcome) (err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	scene := &scene{stand: s, load: e.load}
	for i, a := range e.arms() {
		topic := fmt.Sprintf("%s-%d-%s", e.Pitfall, time.Now().UnixMilli(), armNames[i])
		if err := s.create(ctx, topic, a.place); err != nil {
			return err
		}
		if o.found[i], err = s.rulesThatFind(ctx, topic, a); err != nil {
			return err
		}
		scene.topics, scene.books = append(scene.topics, topic), append(scene.books, newLedger())
	}
	if err := e.perform(ctx, scene); err != nil {
		return err
	}
	return scene.count(ctx, o)
}

// perform runs all programs while the fault happens.
func (e experiment) perform(ctx context.Context, s *scene) error {
	enough, ended := make(chan struct{}), make(chan error, len(s.topics))
	for i, a := range e.arms() {
		go func() { ended <- a.start(ctx, s, s.topics[i], s.books[i], enough) }()
	}
	err := s.underWay(ctx)
	if err == nil {
		err = e.fault(ctx, s)
	}
	s.calm()
	err = errors.Join(err, s.again(context.WithoutCancel(ctx))) // for those that come after, too
	if err == nil {
		s.breathe(ctx, time.Second)
	}
	close(enough)
	for range s.topics {
		err = errors.Join(err, <-ended)
	}
	return err
}

func (a arm) start(ctx context.Context, s *scene, topic string, book *ledger, enough <-chan struct{}) error {
	if a.run != nil {
		return a.run(ctx, s, a, topic, book, enough)
	}
	producer, err := s.runtime(a, topic)
	if err != nil {
		return err
	}
	return s.load.run(ctx, producer, book, enough)
}

// count reads back what all programs wrote.
func (s *scene) count(ctx context.Context, o *outcome) error {
	for i, topic := range s.topics {
		if err := s.books[i].settled(ctx); err != nil {
			return fmt.Errorf("program on topic %q: %w", topic, err)
		}
		read, err := s.readBack(ctx, topic)
		if err != nil {
			return err
		}
		o.counts[i] = o.counts[i].plus(tally(s.books[i], read))
		failures := s.books[i].failures()
		for _, failure := range slices.Sorted(maps.Keys(failures)) {
			say("  %s: %d failed: %s", topic, failures[failure], failure)
		}
	}
	return s.delete(ctx)
}
