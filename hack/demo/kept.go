package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/hack/demo/internal/beside"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/screen"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/stack"
)

// kept is what a demo that was left running is found by.
type kept struct {
	// Control is where the process beside the cluster answers.
	Control string `json:"control"`
	// Stack says what of the cluster is the demo's.
	Stack stack.Marks `json:"stack"`
}

func keptPath(s *stack.Stack) string { return s.Path("bin/demo/kept.json") }

func readKept(path string) (kept, error) {
	var k kept
	text, err := os.ReadFile(path)
	if err != nil {
		return k, fmt.Errorf("find a demo that was left running: %w", err)
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return k, fmt.Errorf("read %q: %w", path, err)
	}
	return k, nil
}

func (k kept) write(path string) error {
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("note what runs: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("note what runs: %w", err)
	}
	return nil
}

// refuseSecond is an error if a demo was left running: it has the ports.
func refuseSecond(ctx context.Context, path string) error {
	k, err := readKept(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := (&beside.Process{Control: k.Control}).Counts(ctx); err == nil {
		return errors.New("a demo is still running; end it with: go run ./hack/demo stop")
	}
	return nil // the machine was restarted, say
}

func stopCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stop", Short: "End a demo that was left running with --keep", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return stop(command.Context(), screen.New(os.Stdout))
		},
	}
}

// stop ends everything; what is gone already is fine.
func stop(ctx context.Context, show *screen.Terminal) error {
	s, err := stack.New(ctx)
	if err != nil {
		return err
	}
	k, err := readKept(keptPath(s))
	if errors.Is(err, os.ErrNotExist) {
		show.Print("no demo was left running")
		return nil
	}
	if err != nil {
		return err
	}
	_ = show.Step("end the broker", func(io.Writer) error {
		return (&beside.Process{Control: k.Control}).Stop(ctx)
	}) // shown; it may be gone
	err = show.Step("end the cluster, or take the demo out of it", func(progress io.Writer) error {
		if err := s.Resume(ctx, k.Stack); err != nil {
			return err
		}
		return s.Down(ctx, progress)
	})
	if err != nil {
		return err
	}
	return os.Remove(keptPath(s))
}
