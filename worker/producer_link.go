package worker

import (
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// producerLink is one producer of sarama's, with the credentials that it was
// made with.
type producerLink struct {
	client  sarama.Client
	async   sarama.AsyncProducer
	used    kafkaauth.SASL
	pending sync.WaitGroup // messages that sarama has
	drain   sync.WaitGroup
}

// link connects and starts a producer of sarama's.
func (p *Producer) link() (*producerLink, error) {
	kafka, used, err := p.authenticating()
	if err != nil {
		return nil, err
	}
	first, err := p.reach(kafka)
	if err != nil {
		return nil, err
	}
	defer func() { _ = first.Close() }() // it has served its purpose
	client, err := sarama.NewClient(p.config.BootstrapServers, kafka)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	patient := newPatientClient(client, first, p.settings.RetryBudget, p.givenUp)
	async, err := sarama.NewAsyncProducerFromClient(patient)
	if err != nil {
		return nil, fmt.Errorf("get a producer id: %w", errors.Join(err, client.Close()))
	}
	patient.first.Store(nil)
	link := &producerLink{client: client, async: async, used: used}
	link.drain.Go(func() { p.take(link) })
	return link, nil
}

// authenticating is the configuration with the credentials of the moment. Those
// for PLAIN stay, the others are read again for each connection.
func (p *Producer) authenticating() (*sarama.Config, kafkaauth.SASL, error) {
	config := *p.kafka
	if p.config.SASL == nil {
		return &config, kafkaauth.SASL{}, nil
	}
	used, err := p.files.credentials()
	if err != nil {
		return nil, used, err
	}
	credentials := p.files.credentials
	if used.Mechanism == kafkaauth.Plain {
		credentials = func() (kafkaauth.SASL, error) { return used, nil }
	}
	return &config, used, kafkaauth.ApplySASL(&config, credentials)
}

// reach connects to the first of the bootstrap servers that answers.
func (p *Producer) reach(kafka *sarama.Config) (*sarama.Broker, error) {
	var errs []error
	for _, address := range p.config.BootstrapServers {
		broker := sarama.NewBroker(address)
		err := broker.Open(kafka)
		if err == nil {
			_, err = broker.Connected()
		}
		if err == nil {
			return broker, nil
		}
		_ = broker.Close() // nothing was sent on it
		if field := explainOpening(err, kafka); field != nil {
			err = field
		}
		errs = append(errs, fmt.Errorf("connect to %q: %w", address, err))
	}
	return nil, errors.Join(errs...)
}

// take reads both of sarama's channels until it has closed them, so that
// neither ever holds it up and no result is dropped.
func (p *Producer) take(link *producerLink) {
	successes, failures := link.async.Successes(), link.async.Errors()
	for successes != nil || failures != nil {
		select {
		case record, open := <-successes:
			if !open {
				successes = nil
				continue
			}
			p.resolved(link, record, nil)
		case failure, open := <-failures:
			if !open {
				failures = nil
				continue
			}
			p.resolved(link, failure.Msg, produceError(failure.Msg.Topic, failure.Err))
		}
	}
}

// resolved takes a result of sarama's: it lets the next message of the lane go,
// or fails all that wait, and tells the results.
func (p *Producer) resolved(link *producerLink, record *sarama.ProducerMessage, err error) {
	sent := record.Metadata.(*sending)
	if err != nil && p.hasGivenUp() {
		err = fmt.Errorf("%w before the brokers had acknowledged: %w", ErrProducerClosed, err)
	}
	next, failed := p.lanes.finished(sent, err)
	if next != nil {
		p.queue <- next // has room for all that are in the backlog
	}
	link.pending.Done()
	p.settle(sent, err)
	for _, behind := range failed {
		p.settle(behind, &KeyStoppedError{Cause: err})
	}
}

// close waits for the results of all that sarama has, and ends it. sarama must
// have nothing to do by then: it fails what it would have to try again.
func (l *producerLink) close() error {
	l.pending.Wait()
	l.async.AsyncClose()
	l.drain.Wait()
	if err := l.client.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		return fmt.Errorf("close the Kafka client: %w", err)
	}
	return nil
}
