package main

import (
	"encoding/binary"
	"io"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// exchange is one connection through a proxy.
type exchange struct {
	*proxy
	mutex sync.Mutex
	// keys are what was asked and not yet answered, by correlation id.
	keys map[uint32]kmsg.Key
	// client is the client.id.
	client string
}

// note remembers what was asked, and returns who did. A request begins with
// length 4, key 2, version 2, correlation id 4, and client.id, 2 and what that says.
func (e *exchange) note(request []byte) string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.keys[binary.BigEndian.Uint32(request[8:])] = kmsg.Key(binary.BigEndian.Uint16(request[4:]))
	length := int(int16(binary.BigEndian.Uint16(request[12:]))) // -1 is none
	e.client = string(request[14 : 14+min(max(length, 0), len(request)-14)])
	return e.client
}

// requests carries what the client asks.
func (e *exchange) requests(broker io.Writer, client io.Reader) {
	for {
		frame, err := readFrame(client)
		if err != nil || len(frame) < 14 {
			return
		}
		e.pass(e.note(frame))
		if _, err := broker.Write(frame); err != nil {
			return
		}
	}
}

// answers carries what the broker says.
func (e *exchange) answers(client io.Writer, broker io.Reader) {
	for {
		frame, err := readFrame(broker)
		if err != nil || len(frame) < 8 {
			return
		}
		who, t := e.troubleOf(binary.BigEndian.Uint32(frame[4:]))
		e.pass(who)
		if t.wait > 0 {
			time.Sleep(t.wait)
		}
		if t.cut {
			return
		}
		if _, err := client.Write(frame); err != nil {
			return
		}
	}
}

// troubleOf is what happens to the answer of this number, and whose it is.
func (e *exchange) troubleOf(correlation uint32) (client string, t trouble) {
	e.mutex.Lock()
	key, client := e.keys[correlation], e.client
	delete(e.keys, correlation)
	e.mutex.Unlock()
	e.proxy.mutex.Lock()
	produce := e.produce
	e.proxy.mutex.Unlock()
	if key != kmsg.Produce || produce == nil {
		return client, trouble{}
	}
	return client, produce()
}

// readFrame reads one request or answer with its length.
func readFrame(from io.Reader) ([]byte, error) {
	length := make([]byte, 4)
	if _, err := io.ReadFull(from, length); err != nil {
		return nil, err
	}
	frame := make([]byte, 4+binary.BigEndian.Uint32(length))
	copy(frame, length)
	_, err := io.ReadFull(from, frame[4:])
	return frame, err
}
