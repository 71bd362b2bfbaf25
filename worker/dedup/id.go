package dedup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/lagrange-operator/lagrange/worker"
)

// ErrNoID is that a message has no id, so that nothing can tell whether it was
// handled. Trying again would not help: the worker sends such a message to its
// dead letters, or stops where there are none.
var ErrNoID = errors.New("the message has no id")

// IDFunc is the id of a message: the same bytes each time that Kafka hands the
// message in, and other bytes for every other message of the namespace.
//
// An error has the message handed in again, as one of the handler has; wrap it
// with worker.Permanent where that is of no use.
type IDFunc func(ctx context.Context, msg worker.Message) ([]byte, error)

// IDFromHeader is the value of the header of this name, of the last one if there
// are several, as Kafka's own clients take it. A message without it has no id.
func IDFromHeader(name string) IDFunc {
	return func(_ context.Context, msg worker.Message) ([]byte, error) {
		var id []byte
		for _, header := range msg.Headers {
			if string(header.Key) == name {
				id = header.Value
			}
		}
		if len(id) == 0 {
			return nil, worker.Permanent(fmt.Errorf("%w: header %q is absent or empty", ErrNoID, name))
		}
		return id, nil
	}
}

// IDFromKey is the message's key, for topics in which no two messages have the
// same: not for one that is keyed by conversation or customer.
func IDFromKey() IDFunc {
	return func(_ context.Context, msg worker.Message) ([]byte, error) { return msg.Key, nil }
}

// maxColumn is the length of the columns of namespace and id.
const maxColumn = 64

// columnID is an id as it is stored: itself up to 63 bytes, else its SHA-256 in
// 64 hex digits. The length tells which, so the two can't be mixed up.
type columnID string

func columnOf(id []byte) columnID {
	if len(id) < maxColumn {
		return columnID(id)
	}
	hash := sha256.Sum256(id)
	return columnID(hex.EncodeToString(hash[:]))
}
