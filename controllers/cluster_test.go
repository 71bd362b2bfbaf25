package controllers

import (
	"strings"
	"testing"
)

func TestJudgeCluster(t *testing.T) {
	known := clusterSeen{id: "A", servers: "a:1"}
	cases := map[string]struct {
		reason       string
		pin, servers string
		before       clusterSeen
		sampled      string
		id           string
		changed      string // words of the reason, "" for none
	}{
		"First":         {"the first cluster behind the servers is the one that is meant", "", "a:1", clusterSeen{}, "A", "A", ""},
		"Same":          {"nothing happened", "", "a:1", known, "A", "A", ""},
		"NotYet":        {"what was known stays", "", "a:1", known, "", "A", ""},
		"Changed":       {"another one behind the same servers", "", "a:1", known, "B", "A", `was "A" and now is "B"`},
		"OtherServers":  {"other servers are another choice", "", "b:1", known, "B", "B", ""},
		"OtherNotYet":   {"and forget the id", "", "b:1", known, "", "", ""},
		"Pinned":        {"the pin accepts it", "B", "a:1", known, "B", "B", ""},
		"PinnedOther":   {"the pin refuses it, and nothing is forgotten", "C", "a:1", known, "A", "A", `is "A", and clusterID names "C"`},
		"PinnedFirst":   {"also the first", "C", "a:1", clusterSeen{}, "A", "", `is "A", and clusterID names "C"`},
		"Unresolved":    {"without servers nothing is forgotten", "", "", known, "", "A", ""},
		"BeforeServers": {"a status of an earlier version names no servers", "", "a:1", clusterSeen{id: "A"}, "B", "B", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := judgeCluster(tc.pin, tc.servers, tc.before, tc.sampled)
			if got.id != tc.id {
				t.Errorf("%s: id %q, want %q", tc.reason, got.id, tc.id)
			}
			if (got.changed != nil) != (tc.changed != "") || (got.changed != nil && !strings.Contains(got.changed.message, tc.changed)) {
				t.Errorf("%s: %v, want %q", tc.reason, got.changed, tc.changed)
			}
			if tc.servers != "" && got.servers != tc.servers {
				t.Errorf("%s: servers %q, want %q", tc.reason, got.servers, tc.servers)
			}
		})
	}
}
