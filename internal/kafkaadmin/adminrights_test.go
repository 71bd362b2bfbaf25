package kafkaadmin

import (
	"math"
	"testing"

	"github.com/IBM/sarama"
)

// What a broker does not say is no refusal: the attempt tells.
func TestAllowed(t *testing.T) {
	for said, want := range map[operations]bool{
		math.MinInt32: true, 0: true, // not asked, and too old to be asked
		1 << sarama.AclOperationRead: true, 1<<sarama.AclOperationRead | 1<<sarama.AclOperationDescribe: true,
		1 << sarama.AclOperationDescribe: false,
	} {
		if got := said.allow(sarama.AclOperationRead); got != want {
			t.Errorf("%b allows reading: %t, want %t", said, got, want)
		}
	}
}
