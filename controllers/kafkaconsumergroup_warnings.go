package controllers

import (
	"fmt"
	"slices"

	v1alpha1 "github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// topicWarnings are of topics that no worker should consume: what a group
// commits is written to Kafka's own topic of offsets, where it is work again.
func topicWarnings(group *v1alpha1.KafkaConsumerGroup) []string {
	internal := slices.DeleteFunc(topicsOf(group), func(topic string) bool { return !kafka.Internal(topic, false) })
	if len(internal) == 0 {
		return nil
	}
	return []string{fmt.Sprintf(
		"topics names %s, which is internal to Kafka: commits and transactions, the group's own too, are written there, so that its lag may never end",
		firstFew(internal))}
}

// versionWarnings are of a cap that caps nothing.
func versionWarnings(seen groupSnapshot) []string {
	connection := seen.connection.connection
	if !connection.BeyondSpoken() {
		return nil
	}
	return []string{fmt.Sprintf("the connection's version %s is newer than %s, the newest that Lagrange knows: it changes nothing",
		connection.Version, kafkaadmin.DefaultVersion)}
}
