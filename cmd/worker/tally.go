package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/lagrange-operator/lagrange/worker"
)

const (
	tallyTimeout = 5 * time.Second
	tallyBackoff = 200 * time.Millisecond
	// tallyBatch is the most messages of one request. There can't be more
	// waiting than the pod has partitions.
	tallyBatch = 1000
)

// tallyClient reports each handled message to a tally server before its offset may
// be committed: what is committed has been counted. Messages that wait at the
// same time go in one request. Requests are numbered and go one after another,
// so the server tells a repeated request from a message handled twice.
type tallyClient struct {
	url     string
	client  *http.Client
	name    string
	log     *slog.Logger
	waiting chan tallied
	ctx     context.Context
	cancel  context.CancelFunc
	sending sync.WaitGroup
}

type tallied struct {
	message tallyMessage
	// acknowledged is closed once the server has counted the message.
	acknowledged chan struct{}
}

// tallyRequest is the body of POST /handled.
type tallyRequest struct {
	Worker   string         `json:"worker"`
	Sequence int64          `json:"sequence"`
	Messages []tallyMessage `json:"messages"`
}

type tallyMessage struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// newTally starts the sender; close ends it. The process id and start time
// make the name that of this process: sequences start again with it.
func newTally(address, clientID string, log *slog.Logger) *tallyClient {
	ctx, cancel := context.WithCancel(context.Background())
	t := &tallyClient{
		url:     "http://" + address + "/handled",
		client:  &http.Client{Timeout: tallyTimeout, Transport: &http.Transport{}},
		name:    fmt.Sprintf("%s/%d/%d", clientID, os.Getpid(), time.Now().UnixNano()),
		log:     log.With("tally", address),
		waiting: make(chan tallied),
		ctx:     ctx,
		cancel:  cancel,
	}
	t.sending.Go(t.send)
	return t
}

// close ends the sender. Handlers that still wait are not acknowledged.
func (t *tallyClient) close() {
	t.cancel()
	t.sending.Wait()
	t.client.CloseIdleConnections()
}

// after runs the handler, then waits until the message is counted. Without an
// acknowledgement the message is not finished and comes again.
func (t *tallyClient) after(handle worker.Handler) worker.Handler {
	return func(ctx context.Context, msg worker.Message) error {
		if err := handle(ctx, msg); err != nil {
			return err
		}
		return t.count(ctx, tallyMessage{Topic: msg.Topic, Partition: msg.Partition, Offset: msg.Offset})
	}
}

func (t *tallyClient) count(ctx context.Context, message tallyMessage) error {
	entry := tallied{message: message, acknowledged: make(chan struct{})}
	select {
	case t.waiting <- entry:
	case <-ctx.Done():
		return fmt.Errorf("hand to the tally: %w", context.Cause(ctx))
	}
	select {
	case <-entry.acknowledged:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the tally's acknowledgement: %w", context.Cause(ctx))
	}
}

// send posts batch after batch until the tally is closed.
func (t *tallyClient) send() {
	for sequence := int64(1); ; sequence++ {
		batch, ok := t.collect()
		if !ok || !t.deliver(sequence, batch) {
			return
		}
		for _, entry := range batch {
			close(entry.acknowledged)
		}
	}
}

// collect waits for one message and takes what waits beside it.
func (t *tallyClient) collect() (batch []tallied, ok bool) {
	select {
	case first := <-t.waiting:
		batch = append(batch, first)
	case <-t.ctx.Done():
		return nil, false
	}
	for len(batch) < tallyBatch {
		select {
		case entry := <-t.waiting:
			batch = append(batch, entry)
		default:
			return batch, true
		}
	}
	return batch, true
}

// deliver posts the same request until it is acknowledged; false when closed.
func (t *tallyClient) deliver(sequence int64, batch []tallied) bool {
	request := tallyRequest{Worker: t.name, Sequence: sequence}
	for _, entry := range batch {
		request.Messages = append(request.Messages, entry.message)
	}
	body, err := json.Marshal(request)
	if err != nil {
		return false // strings and numbers always marshal
	}
	for failed := false; ; failed = true {
		err := t.post(body)
		if err == nil {
			return true
		}
		if !failed {
			t.log.Warn("tally does not acknowledge, trying on", "error", err.Error())
		}
		select {
		case <-time.After(tallyBackoff):
		case <-t.ctx.Done():
			return false
		}
	}
}

func (t *tallyClient) post(body []byte) error {
	request, err := http.NewRequestWithContext(t.ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("prepare request to %q: %w", t.url, err)
	}
	response, err := t.client.Do(request)
	if err != nil {
		return fmt.Errorf("post to %q: %w", t.url, err)
	}
	_, readErr := io.Copy(io.Discard, response.Body)
	if err := errors.Join(readErr, response.Body.Close()); err != nil {
		return fmt.Errorf("read the answer of %q: %w", t.url, err)
	}
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("tally %q answered %s", t.url, response.Status)
	}
	return nil
}
