package kafkaadmin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/IBM/sarama"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// writeRefusal is refusal for a write. A version of OffsetCommit is refused in an
// answer where the group has members of KIP-848, and only there.
func writeRefusal(code sarama.KError) error {
	switch code {
	case sarama.ErrUnknownMemberId, sarama.ErrIllegalGeneration, sarama.ErrNonEmptyGroup, sarama.ErrGroupSubscribedToTopic,
		sarama.ErrUnsupportedVersion:
		return refusalOf(kafka.ErrGroupNotEmpty, code)
	case sarama.ErrMessageSizeTooLarge, sarama.ErrInvalidCommitOffsetSize:
		return refusalOf(kafka.ErrTooLarge, code)
	case sarama.ErrUnknown:
		return refusalOf(kafka.ErrUncertain, code)
	case sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrNotCoordinatorForConsumer, sarama.ErrRequestTimedOut:
		return uncertain(refusal(code))
	default:
		return refusal(code)
	}
}

// verdict is nil if all that was asked for was done. A partition that the answer
// leaves out may have been.
func verdict(asked []kafka.TopicPartition, codes map[string]map[int32]sarama.KError) error {
	var silent []kafka.TopicPartition
	refused, done := map[sarama.KError][]kafka.TopicPartition{}, false
	for _, p := range asked {
		switch code, answered := codes[p.Topic][p.Partition]; {
		case !answered:
			silent = append(silent, p)
		case code != sarama.ErrNoError:
			refused[code] = append(refused[code], p)
		default:
			done = true
		}
	}
	var reasons []error
	for _, code := range slices.Sorted(maps.Keys(refused)) {
		reasons = append(reasons, fmt.Errorf("%w: %s", writeRefusal(code), fewOf(refused[code])))
	}
	if len(silent) > 0 {
		reasons = append(reasons, fmt.Errorf("%w: %s", uncertain(errLeftOut), fewOf(silent)))
	}
	if done && len(reasons) > 0 {
		return partlyError{joined(reasons)}
	}
	return joined(reasons)
}

// partlyError is a write that was done for some partitions only.
type partlyError struct{ error }

// Error says so before what was refused.
func (e partlyError) Error() string { return "done for some partitions only: " + e.error.Error() }

func (e partlyError) Unwrap() []error { return []error{kafka.ErrUncertain, e.error} }

// joined says all of the errors in one line.
func joined(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	causes := make([]any, len(errs))
	for i, err := range errs {
		causes[i] = err
	}
	return fmt.Errorf(strings.TrimSuffix(strings.Repeat("%w; ", len(errs)), "; "), causes...)
}

// fewOf names the first partitions, in their order, and counts the others.
func fewOf(partitions []kafka.TopicPartition) string {
	const few = 3
	sorted := slices.SortedFunc(slices.Values(partitions), kafka.TopicPartition.Compare)
	var names []string
	for _, p := range sorted[:min(few, len(sorted))] {
		names = append(names, p.String())
	}
	text := strings.Join(names, ", ")
	if more := len(sorted) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
