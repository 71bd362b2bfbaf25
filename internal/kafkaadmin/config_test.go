package kafkaadmin

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
)

func TestTheNewestVersionIsSpokenUnlessCapped(t *testing.T) {
	for given, want := range map[string]sarama.KafkaVersion{
		"": sarama.V4_2_0_0, "3.0.0": sarama.V3_0_0_0, "2.8.1": sarama.V2_8_1_0,
	} {
		config, err := newConfig(Connection{Version: given}, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if config.Version != want || !config.ApiVersionsRequest {
			t.Errorf("version %q: %s, brokers asked: %t", given, config.Version, config.ApiVersionsRequest)
		}
	}
}
