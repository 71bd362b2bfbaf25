package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// message is one of those that a program sends: the number is that in its key,
// from 0, in the order in which the program sent them.
type message struct {
	key    string
	number int
}

// value is what is written, filled up to a size.
func (m message) value(size int) []byte {
	value := m.key + " " + strconv.Itoa(m.number) + " "
	return append([]byte(value), strings.Repeat(".", max(0, size-len(value)))...)
}

// messageOf reads a value.
func messageOf(value []byte) (message, error) {
	fields := strings.Fields(string(value))
	if len(fields) < 2 {
		return message{}, fmt.Errorf("a message that nobody here has sent: %q", value)
	}
	number, err := strconv.Atoi(fields[1])
	if err != nil {
		return message{}, fmt.Errorf("read the number in %q: %w", value, err)
	}
	return message{fields[0], number}, nil
}

// ledger is what a program knows of its messages. It is safe for concurrent use.
type ledger struct {
	mutex sync.Mutex
	sent  map[message]struct{}
	// told has the result of each message; nil is that it was acknowledged.
	told map[message]error
	// acknowledged is how many of told were.
	acknowledged int
}

func newLedger() *ledger {
	return &ledger{sent: make(map[message]struct{}), told: make(map[message]error)}
}

// send notes a message that is sent, be it again.
func (l *ledger) send(m message) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.sent[m] = struct{}{}
}

// unsettled are the messages without a result, in the order of their numbers.
func (l *ledger) unsettled() []message {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var all []message
	for m := range l.sent {
		if _, told := l.told[m]; !told {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b message) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.key, b.key)) })
	return all
}

// tell notes the first result of a message that was sent.
func (l *ledger) tell(m message, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, again := l.told[m]; again {
		return
	}
	l.told[m] = err
	if err == nil {
		l.acknowledged++
	}
}

// settled returns once each message has a result.
func (l *ledger) settled(ctx context.Context) error {
	return until(ctx, func(context.Context) error {
		if n := len(l.unsettled()); n > 0 {
			return fmt.Errorf("%d messages have no result", n)
		}
		return nil
	})
}

// progress is how many were sent, and how many acknowledged.
func (l *ledger) progress() (sent, acknowledged int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return len(l.sent), l.acknowledged
}

// failures are how often each error was told, by what it says in short.
func (l *ledger) failures() map[string]int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	all := make(map[string]int)
	for _, err := range l.told {
		if err == nil {
			continue
		}
		for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
			err = next
		}
		all[err.Error()]++
	}
	return all
}
