package main

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"
)

// resultsDropped: sarama's Close throws results away that come after it, so that
// the next process sends again what was written.
func resultsDropped() experiment {
	return experiment{
		Pitfall: "P13",
		Faults:  "the leader answers 0.2 s late (proxy); the program ends every 2 s and starts again, with what it has no result of",
		Flagged: arm{Settings: "Lossless, but the program stops to read results and calls sarama's `Close()`", policy: lossless(), place: safe(),
			run: restarting(func(s *scene, a arm, topic string) (sender, error) {
				return newForgetful(s.servers(), saramaConfig(a.policy), topic)
			})},
		Lossless: arm{policy: lossless(), place: safe(), run: restarting((*scene).runtime)},
		load:     load{rate: 500, keys: 400, bytes: 200},
		harm:     doubling,
		fault: func(ctx context.Context, s *scene) error {
			s.clients[0].disturb(func() trouble { return trouble{wait: 200 * time.Millisecond} })
			s.breathe(ctx, 7*time.Second)
			return nil
		},
	}
}

// forgetful stops to read results when it is closed.
type forgetful struct {
	topic string
	async sarama.AsyncProducer
	ends  chan struct{}
	ended chan struct{}
}

func newForgetful(servers []string, config *sarama.Config, topic string) (*forgetful, error) {
	async, err := sarama.NewAsyncProducer(servers, config)
	if err != nil {
		return nil, err
	}
	f := &forgetful{topic: topic, async: async, ends: make(chan struct{}), ended: make(chan struct{})}
	go f.read()
	return f, nil
}

func (f *forgetful) read() {
	defer close(f.ended)
	for {
		select {
		case done := <-f.async.Successes():
			done.Metadata.(func(error))(nil)
		case failed := <-f.async.Errors():
			failed.Msg.Metadata.(func(error))(failed.Err)
		case <-f.ends:
			return
		}
	}
}

func (f *forgetful) send(_ context.Context, m message, value []byte, told func(error)) {
	f.async.Input() <- saramaMessage(f.topic, m, value, told)
}

func (f *forgetful) close(context.Context) error {
	close(f.ends)
	<-f.ended
	return f.async.Close()
}

// podLife is how long a process lives that is ended again and again.
const podLife = 2 * time.Second

// restarting is a program that ends and starts again. It sends again what has no
// result, as one does that must not lose anything.
func restarting(open func(*scene, arm, string) (sender, error)) program {
	return func(ctx context.Context, s *scene, a arm, topic string, book *ledger, enough <-chan struct{}) error {
		for next := 0; ; {
			producer, err := open(s, a, topic)
			if err != nil {
				return err
			}
			for _, m := range book.unsettled() {
				producer.send(ctx, m, m.value(s.load.bytes), func(err error) { book.tell(m, err) })
			}
			if isClosed(enough) { // the last one has time
				return errors.Join(book.settled(ctx), producer.close(ctx))
			}
			life := make(chan struct{})
			time.AfterFunc(podLife, func() { close(life) })
			if next, err = s.load.runFrom(ctx, next, producer, book, life); err != nil {
				return err
			}
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
