package main

import (
	"errors"
	"fmt"
	"slices"
)

// verdict is an error where Lossless didn't keep its promise, a rule doesn't see
// what it is about, or an experiment didn't come to its end. That a harm was not
// seen is none: the table says so.
func verdict(outcomes []outcome) error {
	var failures []error
	for _, o := range outcomes {
		if err := o.failure(); err != nil {
			failures = append(failures, fmt.Errorf("%s %s: %w", o.Pitfall, o.Rule, err))
		}
	}
	return errors.Join(failures...)
}

func (o outcome) failure() error {
	switch kept := o.counts[safest]; {
	case o.err != nil:
		return o.err
	case kept.broken() || o.harm.of(kept) > 0:
		return fmt.Errorf("the promise of Lossless is broken: %v", kept)
	case o.Rule != "" && !slices.Contains(o.found[flagged], o.Rule):
		return fmt.Errorf("the rule finds no error with the flagged settings; others do: %v", o.found[flagged])
	case len(o.found[safest]) > 0:
		return fmt.Errorf("rules find errors with the Lossless settings: %v", o.found[safest])
	}
	return nil
}
