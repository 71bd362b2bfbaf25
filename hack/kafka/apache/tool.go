package apache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lagrange-operator/lagrange/hack/process"
)

// quick are the flags of a JVM that runs for a second or two.
var quick = []string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"}

// Tool runs one of Kafka's own programs by its class, such as
// org.apache.kafka.tools.TopicCommand, and returns what it writes to standard
// output. It takes 1 to 2 s. The error has what it writes to standard error.
func (c *Cluster) Tool(ctx context.Context, class string, args ...string) (string, error) {
	command := c.javaCommand(ctx, quick, class, args...)
	command.SysProcAttr = process.As(nil)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		said := strings.TrimSpace(out.String() + problems.String())
		return out.String(), fmt.Errorf("run %s: %w", short(class), errors.Join(err, errors.New(said)))
	}
	return out.String(), nil
}

// Program is a program of Kafka's that runs until it is stopped.
type Program struct{ process *process.Process }

// Begin starts a program that runs for long, such as a console consumer. The
// caller stops it; Close of the cluster does not.
func (c *Cluster) Begin(class, log string, args ...string) (*Program, error) {
	started, err := process.Start(c.javaCommand(context.Background(), quick, class, args...), process.Options{Log: log})
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", short(class), err)
	}
	return &Program{process: started}, nil
}

// Stop lets the program end in its own way: a consumer leaves its group.
func (p *Program) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return p.process.Stop(ctx, syscall.SIGTERM)
}

// Err is an error once the program has ended, nil while it runs.
func (p *Program) Err() error { return p.process.Failure() }

func (c *Cluster) javaCommand(ctx context.Context, flags []string, class string, args ...string) *exec.Cmd {
	flags = append([]string{"-XX:+UseSerialGC", "-Xshare:auto", "-Djava.awt.headless=true",
		"-Dorg.slf4j.simpleLogger.showShortLogName=true", "-cp", filepath.Join(c.jars, "*")}, flags...)
	command := exec.CommandContext(ctx, c.java, append(append(flags, class), args...)...)
	command.Dir = c.dir
	command.WaitDelay = 5 * time.Second
	return command
}

func short(class string) string { return class[strings.LastIndex(class, ".")+1:] }
