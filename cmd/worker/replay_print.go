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
	// Headers are in the order of the message's, which may have two of a name.
	Headers []printedHeader `json:"headers,omitempty"`
	// Value is there if it was asked for; null is a tombstone.
	Value       any    `json:"value,omitempty"`
	ValueBase64 []byte `json:"valueBase64,omitempty"`
}

type printedHeader struct {
	Key         string  `json:"key"`
	Value       *string `json:"value"`
	ValueBase64 []byte  `json:"valueBase64,omitempty"`
}

// printable is the content as text, or where it is none as it is.
func printable(content []byte) (text *string, raw []byte) {
	switch {
	case content == nil:
		return nil, nil
	case utf8.Valid(content):
		asText := string(content)
		return &asText, nil
	default:
		return nil, content
	}
}

func newPrinted(msg worker.Message, values bool) printed {
	p := printed{Topic: msg.Topic, Partition: msg.Partition, Offset: msg.Offset, Timestamp: msg.Timestamp.UTC()}
	p.Key, p.KeyBase64 = printable(msg.Key)
	for _, header := range msg.Headers {
		one := printedHeader{Key: string(header.Key)}
		one.Value, one.ValueBase64 = printable(header.Value)
		p.Headers = append(p.Headers, one)
	}
	if values {
		var text *string
		text, p.ValueBase64 = printable(msg.Value)
		p.Value = text // a typed nil, which omitempty keeps
	}
	return p
}

// printer writes each message before it is finished: what is kept was printed.
func printer(output io.Writer, values bool) worker.Handler {
	var mutex sync.Mutex
	encoder := json.NewEncoder(output)
	return func(_ context.Context, msg worker.Message) error {
		mutex.Lock()
		defer mutex.Unlock()
		if err := encoder.Encode(newPrinted(msg, values)); err != nil {
			return worker.Permanent(fmt.Errorf("print a message: %w", err)) // whoever read it is gone
		}
		return nil
	}
}
