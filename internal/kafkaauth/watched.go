package kafkaauth

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/IBM/sarama"
)

// tlsHandshake and tlsAlert are the first bytes of TLS records. A Kafka
// request or answer never starts with either: it would be over 340 MB long.
const (
	tlsHandshake = 0x16
	tlsAlert     = 0x15
)

// Watch wraps a connection just opened, below TLS if there is TLS. It tells
// by its first bytes in each direction a listener that expects something
// else, and has every call from then on say so. Without it sarama would take
// the first four bytes of such an answer for a length and allocate that much.
func Watch(conn net.Conn) net.Conn { return &watched{Conn: conn} }

type watched struct {
	net.Conn

	mu       sync.Mutex
	wrote    byte // the first byte written
	writes   bool
	answered bool
	verdict  error
}

// Write notes whether TLS is spoken.
func (w *watched) Write(data []byte) (int, error) {
	w.mu.Lock()
	if !w.writes && len(data) > 0 {
		w.writes, w.wrote = true, data[0]
	}
	verdict := w.verdict
	w.mu.Unlock()
	if verdict != nil {
		return 0, verdict
	}
	return w.Conn.Write(data) //nolint:wrapcheck // a net.Conn passes on its errors
}

// Read judges the first answer.
func (w *watched) Read(data []byte) (int, error) {
	n, err := w.Conn.Read(data)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.answered {
		w.answered = n > 0
		w.verdict = judge(w.wrote, data[:n], err)
	}
	if w.verdict != nil {
		return 0, w.verdict
	}
	return n, err //nolint:wrapcheck // a net.Conn passes on its errors
}

// judge returns why the first answer can't be one to what was asked, nil if it
// may be.
func judge(asked byte, answer []byte, err error) error {
	switch {
	case asked == tlsHandshake && len(answer) == 0 && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return &FieldError{"tls", errClosesHello}
	case asked == tlsHandshake || len(answer) < 4:
		return nil
	case answer[0] == tlsAlert && answer[1] == 3:
		return &FieldError{"tls", errWantsTLS}
	case binary.BigEndian.Uint32(answer) > uint32(sarama.MaxResponseSize):
		return fmt.Errorf("an answer that starts with %q", answer[:4])
	}
	return nil
}
