package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/lagrange-operator/lagrange/worker"
)

// printed is what --print says of a message, one line of JSON each.
type printed struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	// Key is null for a message without one. A key that is no text is in
	// KeyBase64 instead.
	Key       *string   `json:"key"`
	KeyBase64 []byte    `json:"keyBase64,omitempty"`
	Timestamp time.Time `json:"timestamp"`
}

func newPrinted(msg worker.Message) printed {
	p := printed{Topic: msg.Topic, Partition: msg.Partition, Offset: msg.Offset, Timestamp: msg.Timestamp.UTC()}
	switch {
	case msg.Key == nil:
	case utf8.Valid(msg.Key):
		text := string(msg.Key)
		p.Key = &text
	default:
		p.KeyBase64 = msg.Key
	}
	return p
}

// printer writes each message before it is finished: what is kept was printed.
func printer(output io.Writer) worker.Handler {
	var mutex sync.Mutex
	encoder := json.NewEncoder(output)
	return func(_ context.Context, msg worker.Message) error {
		mutex.Lock()
		defer mutex.Unlock()
		if err := encoder.Encode(newPrinted(msg)); err != nil {
			return worker.Permanent(fmt.Errorf("print a message: %w", err)) // whoever read it is gone
		}
		return nil
	}
}
