package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"
)

// startBroker runs the subcommand and returns the address in its ready line.
func startBroker(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	command := rootCommand()
	command.SetArgs(append([]string{"broker", "--listen", "127.0.0.1:0"}, args...))
	command.SetOut(in)
	var running sync.WaitGroup
	running.Go(func() {
		if err := command.ExecuteContext(ctx); err != nil {
			_ = in.CloseWithError(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("no ready line: %v", err)
	}
	address, found := strings.CutPrefix(line, "broker ready at ")
	if !found {
		t.Fatalf("ready line %q", line)
	}
	address, _, _ = strings.Cut(address, ",")
	return address
}

func TestLoadFillsABrokersTopic(t *testing.T) {
	address := startBroker(t, "--topic", "demo:3")
	var out strings.Builder
	command := rootCommand()
	// Two days in half a second.
	command.SetArgs([]string{"load", "--bootstrap", address, "--speed-up", "345600", "--scale", "10"})
	command.SetOut(&out)
	if err := command.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("load: %v\n%s", err, &out)
	}
	if !strings.Contains(out.String(), "producing 368 messages to demo") || !strings.Contains(out.String(), "acknowledged 368") {
		t.Errorf("load printed\n%s", &out)
	}
	client, err := sarama.NewClient([]string{address}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	total := int64(0)
	for partition := range int32(3) {
		end, err := client.GetOffset("demo", partition, sarama.OffsetNewest)
		if err != nil {
			t.Fatal(err)
		}
		total += end
	}
	if total != 368 {
		t.Errorf("the topic holds %d messages, want 368", total)
	}
}

func TestCommandsRefuseWhatCannotWork(t *testing.T) {
	cases := map[string][]string{
		"Topic":       {"broker", "--listen", "127.0.0.1:0", "--topic", "demo"},
		"Listen":      {"broker", "--listen", "nowhere"},
		"ApacheTopic": {"apache", "--topic", "demo"},
		"TwoBrokers":  {"apache", "--brokers", "2"},
		"NoPort":      {"apache", "--listen", "127.0.0.1"},
		"Trace":       {"load", "--trace", "/does/not/exist.csv"},
		"Scale":       {"load", "--scale", "-1"},
		"Unreachable": {"load", "--bootstrap", "127.0.0.1:1"},
	}
	for name, args := range cases {
		command := rootCommand()
		command.SetArgs(args)
		command.SetOut(io.Discard)
		if err := command.ExecuteContext(t.Context()); err == nil {
			t.Errorf("%s: %v succeeded", name, args)
		}
	}
}
