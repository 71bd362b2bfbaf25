// Package checkout finds the source tree that a command is run in.
package checkout

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

const module = "github.com/lagrange-operator/lagrange"

// Folder is the root of the project's checkout around the working directory.
func Folder(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find the checkout of %s (run this inside it): %w", module, err)
	}
	return strings.TrimSpace(string(output)), nil
}
