package main

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
	"github.com/lagrange-operator/lagrange/internal/producerpolicy"
)

// TestSaramaIsConfiguredAsTranslated: a program that uses sarama itself has the
// settings that the policy's file says.
func TestSaramaIsConfiguredAsTranslated(t *testing.T) {
	careless := lossless()
	careless.Idempotence, careless.MaxMessageBytes = new(false), 5000
	for name, policy := range map[string]v1alpha1.KafkaProducerPolicySpec{"Lossless": lossless(), "Careless": careless} {
		t.Run(name, func(t *testing.T) {
			config := saramaConfig(policy)
			got := map[string]any{
				"Producer.Idempotent": config.Producer.Idempotent, "Net.MaxOpenRequests": config.Net.MaxOpenRequests,
				"Producer.Retry.Max": config.Producer.Retry.Max, "Producer.Timeout": config.Producer.Timeout,
				"Net.ReadTimeout": config.Net.ReadTimeout, "Producer.MaxMessageBytes": config.Producer.MaxMessageBytes,
				"Producer.Return.Successes": config.Producer.Return.Successes, "Producer.Return.Errors": config.Producer.Return.Errors,
				"Metadata.AllowAutoTopicCreation": config.Metadata.AllowAutoTopicCreation,
			}
			told := make(map[string]string)
			for _, option := range producerpolicy.Translate(v1alpha1.ClientSarama, producerpolicy.Resolve(policy)).Options {
				told[option.Name] = option.Value
			}
			for name, value := range got {
				if diff := cmp.Diff(told[name], fmt.Sprint(value)); diff != "" {
					t.Errorf("%s, -told +configured:\n%s", name, diff)
				}
			}
			if err := config.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}
