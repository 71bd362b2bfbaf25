package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/hack/demo/internal/beside"
	"github.com/lagrange-operator/lagrange/hack/demo/internal/stack"
	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

const partitions = 12

// besideCommand is how the program calls itself for the process beside the cluster.
func besideCommand() *cobra.Command {
	o := beside.Options{Broker: broker.Options{Topics: []broker.Topic{{Name: stack.Topic, Partitions: partitions}}}}
	var stay bool
	command := &cobra.Command{
		Use: "beside", Hidden: true, Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if stay {
				return beside.Serve(command.Context(), o, nil, os.Stdout)
			}
			return beside.Serve(command.Context(), o, os.Stdin, os.Stdout)
		},
	}
	command.Flags().StringVar(&o.Broker.Listen, "listen", "", "host:port of the broker")
	command.Flags().StringVar(&o.Broker.Advertise, "advertise", "", "host:port that the broker's clients connect to")
	command.Flags().StringVar(&o.TallyListen, "tally", "", "host:port of the tally")
	command.Flags().BoolVar(&o.Apache, "apache", false, "run Apache Kafka")
	command.Flags().BoolVar(&stay, "stay", false, "outlive the demo")
	return command
}

// startBeside runs this program again as the process beside the cluster.
func (d *demo) startBeside(ctx context.Context, progress io.Writer) error {
	if d.options.kafka == kafkaApache { // fetched here, where it is seen, and not against the process's deadline
		if err := apache.Ensure(ctx, progress); err != nil {
			return err
		}
	}
	host, err := d.stack.HostAddress(ctx)
	if err != nil {
		return err
	}
	d.addresses = stack.Addresses{Broker: join(host, d.options.brokerPort), Tally: join(host, d.options.brokerPort+1)}
	local, err := listenHost(host)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	command := exec.Command(self, "beside", "--advertise", d.addresses.Broker,
		"--listen", join(local, d.options.brokerPort), "--tally", join(local, d.options.brokerPort+1))
	if d.options.kafka == kafkaApache {
		command.Args = append(command.Args, "--apache")
	}
	if d.options.keep {
		command.Args = append(command.Args, "--stay")
	}
	d.beside, err = beside.Start(ctx, command, filepath.Join(d.options.out, "broker.log"), d.options.keep)
	if err != nil && strings.Contains(strings.ToLower(err.Error()), syscall.EADDRINUSE.Error()) {
		return fmt.Errorf("%w; --broker-port takes another one", err)
	}
	return err
}

// listenHost is the address itself if this host has it, and all addresses if
// it is translated on the way, as it may be to an existing cluster.
func listenHost(host string) (string, error) {
	own, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("list this host's addresses: %w", err)
	}
	for _, address := range own {
		if network, ok := address.(*net.IPNet); ok && network.IP.Equal(net.ParseIP(host)) {
			return host, nil
		}
	}
	return "", nil
}

func join(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
