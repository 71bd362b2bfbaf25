package programs

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockFolder makes one compile at a time write to the folder. The kernel frees the lock of a process that was killed.
func lockFolder(ctx context.Context, folder string, out io.Writer) (unlock func(), err error) {
	lock := flock.New(filepath.Join(folder, ".lock"))
	got, err := lock.TryLock()
	if err == nil && !got {
		_, _ = fmt.Fprintf(out, "waiting for another compile into %s\n", folder)
		_, err = lock.TryLockContext(ctx, time.Second)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the cache folder %q: %w", folder, err)
	}
	return func() { _ = lock.Close() }, nil
}
