package lag

import (
	"fmt"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

// errSiblingsUnread: whether the partition starts at log start or log end
// depends on partitions that could not be read.
var errSiblingsUnread = fmt.Errorf("read the commits of the topic's other partitions: %w", kafka.ErrUnavailable)
