package worker

import (
	"context"
	"fmt"
	"sync"
)

// deadLetters produces the dead letters of a run. It connects at the first one:
// a worker that has none to send needs no connection for them, and waits for the
// brokers as any other.
//
//	no letter yet --> connecting --> connected
//	      ^               |
//	      `--- refused ---'
type deadLetters struct {
	producer *Producer
	// run ends a connecting that is under way.
	run context.Context
	end context.CancelFunc

	mutex      sync.Mutex
	connection *connecting // nil before the first letter, and after a failure
	trials     sync.WaitGroup
}

// connecting is one trial, for all letters that wait for it.
type connecting struct {
	over chan struct{} // closed once err is set
	err  error
}

// openDeadLetters prepares a producer, if there is a dead letter topic.
func (r *runner) openDeadLetters() (closed func(), err error) {
	if _, transactional := r.caller.(transforming); transactional || r.config.DeadLetter == nil {
		return func() {}, nil
	}
	config := r.config
	if config.Producer.Partitioner == PartitionManual {
		config.Producer.Partitioner = HashMurmur2 // a letter's partition is nobody's choice
	}
	producer, err := newProducer(config)
	if err != nil {
		return nil, fmt.Errorf("prepare the producer of dead letters: %w", err)
	}
	letters := &deadLetters{producer: producer}
	letters.run, letters.end = context.WithCancel(r.ctx)
	r.deadLetters = letters
	return func() { r.closed("the producer of dead letters", letters.close()) }, nil
}

// send returns once the brokers have the letter, or the context ends.
func (d *deadLetters) send(ctx context.Context, letter Outgoing) error {
	connection, err := d.connect()
	if err != nil {
		return err
	}
	select {
	case <-connection.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	if connection.err != nil {
		return connection.err
	}
	_, err = d.producer.Send(ctx, letter)
	return err
}

// connect is the trial that is under way or has succeeded, or else a new one.
func (d *deadLetters) connect() (*connecting, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if err := d.run.Err(); err != nil {
		return nil, err
	}
	if d.connection == nil {
		trial := &connecting{over: make(chan struct{})}
		d.connection = trial
		d.trials.Go(func() { d.try(trial) })
	}
	return d.connection, nil
}

func (d *deadLetters) try(trial *connecting) {
	if trial.err = d.producer.start(d.run); trial.err != nil {
		d.mutex.Lock()
		d.connection = nil
		d.mutex.Unlock()
	}
	close(trial.over)
}

// close is for when nobody waits for a letter any more. One that is still on its
// way is of a message that was given up, and is not waited for for long.
func (d *deadLetters) close() error {
	d.mutex.Lock()
	d.end()
	d.mutex.Unlock()
	d.trials.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), longestAbandon)
	defer cancel()
	return d.producer.Close(ctx)
}
