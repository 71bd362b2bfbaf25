package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// feed hands accepted messages to sarama until the producer ends. It owns the
// link, and so may put another in its place.
func (p *Producer) feed(link *producerLink) {
	for {
		select {
		case next := <-p.queue:
			link.pending.Add(1)
			link.async.Input() <- next.record
		case renewed := <-p.renewed:
			// Not before the old one has its results: two at a time would
			// not keep the order.
			p.ended(link.close())
			link = renewed
		case <-p.over.Done():
			p.ended(link.close())
			return
		}
	}
}

func (p *Producer) ended(err error) {
	if err != nil {
		p.log.Warn("the producer's client ended with an error", "error", err)
	}
}

// watchPlain makes another link when the credentials for PLAIN are others than
// those used and the brokers take them. sarama keeps what it started with for
// PLAIN alone. Until then the old ones go on.
func (p *Producer) watchPlain(used kafkaauth.SASL) {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		select {
		case <-p.over.Done():
			return
		case <-look.C:
		}
		link, err := p.changed(used)
		if err != nil {
			p.log.Warn("the changed credentials don't work yet", "error", err)
		}
		if link != nil {
			used = link.used
			p.renew(link)
		}
	}
}

// changed returns a link with the credentials of the moment, nil when they are
// still those used.
func (p *Producer) changed(used kafkaauth.SASL) (*producerLink, error) {
	now, err := p.files.credentials()
	if err != nil || now == used {
		return nil, err
	}
	return p.link()
}

func (p *Producer) renew(link *producerLink) {
	select {
	case p.renewed <- link:
		p.log.Info("the credentials have changed, producing with the new ones")
	case <-p.over.Done():
		p.ended(link.close())
	}
}

// Flush returns once the result of every message that was accepted before has
// been told. It does not cut Linger short.
func (p *Producer) Flush(ctx context.Context) error {
	for _, settled := range p.backlog.settled() {
		select {
		case <-settled:
		case <-ctx.Done():
			return fmt.Errorf("flush the producer: %w", ctx.Err())
		}
	}
	return nil
}

// Close takes no more messages, waits for the results of those that it has, and
// ends everything that the producer started. Nothing is dropped: when the
// context ends first, the connections are cut and what is left fails with
// ErrProducerClosed, and Close says how many did. Such a message may have been
// written. Close may be called more than once, and from several goroutines.
func (p *Producer) Close(ctx context.Context) error {
	p.backlog.close()
	err := p.Flush(ctx)
	if err != nil {
		err = fmt.Errorf("close the producer, giving up %d messages: %w", p.backlog.held(), ctx.Err())
		p.giveUp()
	}
	for _, settled := range p.backlog.settled() {
		<-settled
	}
	p.end()
	p.feeding.Wait()
	p.giveUp() // on a link that watchPlain may just be making
	p.watching.Wait()
	return err
}

// giveUp has all that is under way fail soon.
func (p *Producer) giveUp() {
	p.givingUp.Do(func() {
		close(p.givenUp)
		p.dialer.cutAll()
	})
}

func (p *Producer) hasGivenUp() bool {
	select {
	case <-p.givenUp:
		return true
	default:
		return false
	}
}
