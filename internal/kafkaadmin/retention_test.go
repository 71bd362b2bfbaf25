package kafkaadmin_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
	"github.com/lagrange-operator/lagrange/internal/kafkaadmin"
)

// TestRetention: it is that of the broker which has the group, in one request.
func TestRetention(t *testing.T) {
	b := newBroker(t, kfake.NumBrokers(3), kfake.BrokerConfigs(map[string]string{"offsets.retention.minutes": "90"}))
	coordinator, asked := b.CoordinatorFor("billing"), []string{}
	b.ControlKey(int16(kmsg.DescribeConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		for _, r := range request.(*kmsg.DescribeConfigsRequest).Resources {
			asked = append(asked, r.ResourceName+" "+r.ConfigNames[0])
		}
		return nil, nil, false
	})
	got, err := newAdmin(t, kafkaadmin.Options{}).Retention(t.Context(), b.connection(), "billing")
	if err != nil || got != 90*time.Minute {
		t.Errorf("%s, %v, want 1h30m", got, err)
	}
	if want := strconv.Itoa(int(coordinator)) + " offsets.retention.minutes"; len(asked) != 1 || asked[0] != want {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

// TestRetentionThatIsNotSaid: what a broker keeps to itself is not known, and no
// failure; what may pass is one.
func TestRetentionThatIsNotSaid(t *testing.T) {
	cases := map[string]struct {
		reason string
		code   int16
		value  *string
		left   bool // the broker leaves the setting out
		kind   error
	}{
		"Denied":      {"no right to describe the cluster's configs", kerr.ClusterAuthorizationFailed.Code, nil, false, nil},
		"Refused":     {"a service that knows no brokers' configs", kerr.InvalidRequest.Code, nil, false, nil},
		"Unsupported": {"or not this request", kerr.UnsupportedVersion.Code, nil, false, nil},
		"Sensitive":   {"the value is hidden", 0, nil, false, nil},
		"Odd":         {"no number", 0, new("a week"), false, nil},
		"Negative":    {"no time", 0, new("-1"), false, nil},
		"LeftOut":     {"the answer does not have it", 0, nil, true, nil},
		"Busy":        {"it passes", kerr.RequestTimedOut.Code, nil, false, kafka.ErrUnavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t)
			b.ControlKey(int16(kmsg.DescribeConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
				b.KeepControl()
				response := request.ResponseKind().(*kmsg.DescribeConfigsResponse)
				resource := kmsg.NewDescribeConfigsResponseResource()
				resource.ErrorCode, resource.ErrorMessage = tc.code, new("")
				if tc.code == 0 && !tc.left {
					entry := kmsg.NewDescribeConfigsResponseResourceConfig()
					entry.Name, entry.Value, entry.IsSensitive = "offsets.retention.minutes", tc.value, tc.value == nil
					resource.Configs = append(resource.Configs, entry)
				}
				response.Resources = append(response.Resources, resource)
				return response, nil, true
			})
			got, err := newAdmin(t, kafkaadmin.Options{}).Retention(t.Context(), b.connection(), "billing")
			if got != 0 || (err != nil) != (tc.kind != nil) {
				t.Errorf("%s: %s, %v", tc.reason, got, err)
			}
			if tc.kind != nil {
				wantKinds(t, err, tc.kind)
			}
		})
	}
}
