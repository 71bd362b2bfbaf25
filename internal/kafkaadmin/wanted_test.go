package kafkaadmin

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafkaauth"
)

// TestWantedBy runs cycles one after another on one client: what is kept from
// the cycle before must not show.
func TestWantedBy(t *testing.T) {
	client := newClient(t.Context(), NewConnection([]string{"a:1"}, "", kafkaauth.Security{}), Options{}.withDefaults())
	reads := func(topics ...string) interest { return interest{GroupID: "billing", Topics: topics} }
	three, two := []int32{0, 1, 2}, []int32{0, 1}
	known := func(orders []int32) *cluster {
		return &cluster{topics: map[string]topic{"orders": {ids: orders}, "returns": {ids: two}}}
	}
	for _, tc := range []struct {
		reason  string
		cluster *cluster
		asked   []interest
		want    map[string][]int32
	}{
		{"the first cycle", known(two), []interest{reads("orders")}, map[string][]int32{"orders": two}},
		{"the same again", known(two), []interest{reads("orders")}, map[string][]int32{"orders": two}},
		{"the topic has grown", known(three), []interest{reads("orders")}, map[string][]int32{"orders": three}},
		{"another owner asks for another topic", known(three), []interest{reads("orders"), reads("returns")}, map[string][]int32{"orders": three, "returns": two}},
		{"that owner has gone", known(three), []interest{reads("orders")}, map[string][]int32{"orders": three}},
		{"another topic instead", known(three), []interest{reads("returns")}, map[string][]int32{"returns": two}},
		{"a topic that does not exist", known(nil), []interest{reads("orders", "returns")}, map[string][]int32{"returns": two}},
		{"still as many, of others", known(nil), []interest{reads("orders")}, map[string][]int32{}},
	} {
		if diff := cmp.Diff(wanted{"billing": tc.want}, client.wantedBy(tc.asked, tc.cluster)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
		}
	}
}
