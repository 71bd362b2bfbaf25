package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

func brokerCommand() *cobra.Command {
	var options broker.Options
	var topics []string
	command := &cobra.Command{
		Use:   "broker",
		Short: "Run one broker in memory until interrupted",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var err error
			if options.Topics, err = parseTopics(topics); err != nil {
				return err
			}
			running, err := broker.Start(options)
			if err != nil {
				return err
			}
			defer running.Close()
			_, _ = fmt.Fprintf(command.OutOrStdout(), "broker ready at %s, topics %v\n", running.Address, topics)
			<-command.Context().Done()
			return nil
		},
	}
	command.Flags().StringVar(&options.Listen, "listen", "127.0.0.1:9092", "host:port to listen on")
	command.Flags().StringVar(&options.Advertise, "advertise", "", "host:port that clients are told to connect to (default: the one listened on)")
	command.Flags().StringSliceVar(&topics, "topic", nil, "name:partitions to create; may be repeated")
	return command
}
