package kafka_test

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// batch is one record batch as a broker received it, with what its request said.
type batch struct {
	acks          int16
	timeoutMs     int32
	transactional string // the id
	producerID    int64  // -1 without idempotence
	codec         int16
	messages      int
	bytes         int
}

// asked is the head of a request.
type asked struct {
	key         kmsg.Key
	correlation int32
	client      string
	request     kmsg.Request
}

// keep takes down what the recorder is for. Other requests it doesn't read.
func (r *recorder) keep(l *link, frame []byte) {
	a, ok := parse(frame)
	if !ok {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	switch request := a.request.(type) {
	case *kmsg.ProduceRequest:
		r.keepProduce(l, a.correlation, request)
	case *kmsg.MetadataRequest:
		if request.AllowAutoTopicCreation && len(request.Topics) > 0 {
			r.creating[a.client] = true
		}
	case *kmsg.InitProducerIDRequest:
		if request.TransactionalID != nil {
			r.timeouts[*request.TransactionalID] = request.TransactionTimeoutMillis
		}
	}
	r.changed.Broadcast()
}

func (r *recorder) keepProduce(l *link, correlation int32, request *kmsg.ProduceRequest) {
	for _, topic := range request.Topics {
		name := topic.Topic
		if request.Version >= 13 {
			name = r.topics[topic.TopicID]
		}
		if request.Acks != 0 { // else there is no answer
			l.waiting[correlation] = name
			r.mostInFlight[name] = max(r.mostInFlight[name], len(l.waiting))
		}
		for _, partition := range topic.Partitions {
			r.batches[name] = append(r.batches[name], batchesOf(request, partition.Records)...)
		}
	}
}

func batchesOf(request *kmsg.ProduceRequest, raw []byte) []batch {
	var found []batch
	for len(raw) > 12 { // an offset, and the length of the rest
		size := 12 + int(binary.BigEndian.Uint32(raw[8:]))
		b := batch{acks: request.Acks, timeoutMs: request.TimeoutMillis, bytes: size}
		if request.TransactionID != nil {
			b.transactional = *request.TransactionID
		}
		var records kmsg.RecordBatch
		if records.ReadFrom(raw[:size]) == nil {
			b.producerID, b.messages, b.codec = records.ProducerID, int(records.NumRecords), records.Attributes&7
		}
		found, raw = append(found, b), raw[size:]
	}
	return found
}

// parse reads a request of the kinds that are kept.
func parse(frame []byte) (asked, bool) {
	a := asked{key: kmsg.Key(binary.BigEndian.Uint16(frame[4:])), correlation: int32(binary.BigEndian.Uint32(frame[8:]))}
	if a.key != kmsg.Produce && a.key != kmsg.Metadata && a.key != kmsg.InitProducerID {
		return a, false
	}
	a.request = kmsg.RequestForKey(a.key.Int16())
	a.request.SetVersion(int16(binary.BigEndian.Uint16(frame[6:])))
	name := 14 + int(binary.BigEndian.Uint16(frame[12:])) // every client here has one
	a.client = string(frame[14:name])
	body := frame[name:]
	if a.request.IsFlexible() {
		body = body[1:] // no client here sends tags in the head
	}
	return a, a.request.ReadFrom(body) == nil
}
