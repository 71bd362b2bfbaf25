package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
	"github.com/lagrange-operator/lagrange/hack/kafka/broker"
)

func apacheCommand() *cobra.Command {
	var (
		options  apache.Options
		listener apache.Listener
		topics   []string
	)
	command := &cobra.Command{
		Use:   "apache",
		Short: "Run Apache Kafka " + apache.Version + " until interrupted; needs Java 17 and Maven",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var err error
			if options.Topics, err = parseTopics(topics); err != nil {
				return err
			}
			options.Listeners, options.Progress = []apache.Listener{listener}, command.ErrOrStderr()
			running, err := apache.Start(command.Context(), options)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(command.OutOrStdout(), "Apache Kafka ready at %s, topics %v\n",
				strings.Join(running.BootstrapServers(), ","), topics)
			<-command.Context().Done()
			return running.Close()
		},
	}
	flags := command.Flags()
	flags.IntVar(&options.Brokers, "brokers", 1, "how many brokers, 1 or 3")
	flags.StringSliceVar(&listener.Listen, "listen", nil, "host:port to listen on, one for each broker (default: free ports of loopback)")
	flags.StringSliceVar(&listener.Advertise, "advertise", nil, "host:port that clients are told to connect to, one for each broker (default: the one listened on)")
	flags.StringSliceVar(&topics, "topic", nil, "name:partitions to create; may be repeated")
	flags.StringToStringVar(&options.Settings, "set", nil, "key=value for server.properties; may be repeated")
	flags.StringVar(&options.Heap, "heap", "384m", "maximum heap of a broker")
	flags.StringVar(&options.Dir, "dir", "", "empty folder for data and logs, which stays (default: a temporary one)")
	return command
}

func parseTopics(texts []string) ([]broker.Topic, error) {
	var topics []broker.Topic
	for _, text := range texts {
		topic, err := broker.ParseTopic(text)
		if err != nil {
			return nil, err
		}
		topics = append(topics, topic)
	}
	return topics, nil
}
