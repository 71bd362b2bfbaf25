package lag

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

var (
	// errSiblingsUnread: whether the partition starts at log start or log end
	// depends on partitions that could not be read.
	errSiblingsUnread = fmt.Errorf("read the commits of the topic's other partitions: %w", kafka.ErrUnavailable)
	// errNoSuchLog: a negative offset, or a log that ends before it starts. The
	// start is read less often than the end, so a log that lost its tail looks
	// like this until both are read anew.
	errNoSuchLog = fmt.Errorf("read the offsets of the partition: they contradict each other: %w", kafka.ErrUnavailable)
)
