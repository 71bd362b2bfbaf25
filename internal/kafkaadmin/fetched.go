package kafkaadmin

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// errDamaged is an answer that was read whole and can't be decoded.
var errDamaged = fmt.Errorf("%w: the answer can't be decoded", kafka.ErrRejected)

// fetched is a broker's answer to looks, or why there is none.
type fetched struct {
	response *sarama.FetchResponse
	err      error
}

// readable makes an answer of one that sarama can't decode, as of a batch that
// is damaged. The connection is well: all of the answer was read.
func readable(response *sarama.FetchResponse, err error) (fetched, error) {
	var decoding sarama.PacketDecodingError
	if framed := !unframed(err); framed && (errors.As(err, &decoding) || errors.Is(err, sarama.ErrInsufficientData)) {
		return fetched{err: errDamaged}, nil
	}
	return fetched{response: response}, err
}

// unframed tells whether sarama could not tell where an answer begins or ends.
// It reads nothing more from such a connection.
func unframed(err error) bool {
	var decoding sarama.PacketDecodingError
	return tooLarge(err) || errors.As(err, &decoding) && strings.HasPrefix(decoding.Info, "correlation ID")
}

func (f fetched) block(p position) (*sarama.FetchResponseBlock, error) {
	if f.err != nil {
		return nil, f.err
	}
	block := f.response.GetBlock(p.log.name, p.id)
	if block == nil {
		return nil, errLeftOut // as of a broker that throttles us
	}
	if block.Err != sarama.ErrNoError {
		return nil, partitionRefusal(block.Err)
	}
	return block, nil
}

const (
	// shortRespite doubles with each failure in a row: what fails for good must not
	// keep the rest from being asked.
	shortRespite = 10 * time.Second
	longRespite  = 10 * time.Minute
)

// respite is how long a partition is left alone that could not be read: 10, 20,
// 40, 80, 160, 320, 600 seconds.
type respite struct {
	until    time.Time
	failures int8
}

func (p *respite) lasts(now time.Time) bool { return now.Before(p.until) }

func (p *respite) fail(now time.Time) {
	p.until = now.Add(min(shortRespite<<p.failures, longRespite))
	p.failures = min(p.failures+1, 6)
}
