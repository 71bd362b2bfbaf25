package controllers

import (
	"strings"
	"testing"
)

func TestJudgeCluster(t *testing.T) {
	known := clusterSeen{id: "A", servers: "a:1"}
	refused := clusterSeen{id: "A", servers: "a:1", other: "B"}
	refusedFirst := clusterSeen{servers: "a:1", other: "B"}
	cases := map[string]struct {
		reason       string
		pin, servers string
		before       clusterSeen
		sampled      string
		id           string
		changed      string // words of the reason, "" for none
		pending      bool
		other        string
	}{
		"First":         {"the first cluster behind the servers is the one that is meant", "", "a:1", clusterSeen{}, "A", "A", "", false, ""},
		"Same":          {"nothing happened", "", "a:1", known, "A", "A", "", false, ""},
		"NotYet":        {"what was known stays", "", "a:1", known, "", "A", "", false, ""},
		"Changed":       {"another one behind the same servers", "", "a:1", known, "B", "A", `was "A" and now is "B"`, false, "B"},
		"OtherServers":  {"other servers are another choice", "", "b:1", known, "B", "B", "", false, ""},
		"OtherNotYet":   {"and forget the id", "", "b:1", known, "", "", "", false, ""},
		"Pinned":        {"the pin accepts it", "B", "a:1", known, "B", "B", "", false, ""},
		"PinnedOther":   {"the pin refuses it, and nothing is forgotten", "C", "a:1", known, "A", "A", `is "A", and clusterID names "C"`, false, "A"},
		"PinnedFirst":   {"also the first", "C", "a:1", clusterSeen{}, "A", "", `is "A", and clusterID names "C"`, false, "A"},
		"Unresolved":    {"without servers nothing is forgotten", "", "", known, "", "A", "", false, ""},
		"BeforeServers": {"a status of an earlier version names no servers", "", "a:1", clusterSeen{id: "A"}, "B", "B", "", false, ""},

		"StillRefused":  {"nobody answers: an outage, or a new client, is no other cluster", "", "a:1", refused, "", "A", `was "A" and now is "B"`, false, "B"},
		"PinnedRefused": {"the same of a pin that was never seen", "C", "a:1", refusedFirst, "", "", `is "B", and clusterID names "C"`, false, "B"},
		"Back":          {"the right one answers", "", "a:1", refused, "A", "A", "", false, ""},
		"PinnedBack":    {"the pinned one answers", "C", "a:1", refusedFirst, "C", "C", "", false, ""},
		"PinAccepts":    {"the pin names the one that was seen last", "B", "a:1", refused, "", "B", "", false, ""},
		"MovedOn":       {"other servers, other clusters", "", "b:1", refused, "", "", "", false, ""},
		"PinnedNotSeen": {"nothing starts on a cluster that may be another", "C", "a:1", clusterSeen{}, "", "", "", true, ""},
		"PinnedMoved":   {"also not behind other servers", "A", "b:1", known, "", "", "", true, ""},
		"PinnedAnew":    {"nor where another one is known", "C", "a:1", known, "", "A", "", true, ""},
		"PinnedSeen":    {"it was seen: an outage holds nothing up", "A", "a:1", known, "", "A", "", false, ""},
		"Unknowable":    {"while nothing is resolved nothing is judged", "", "", refused, "", "A", "", false, "B"},
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
			if (got.pending != nil) != tc.pending || got.other != tc.other {
				t.Errorf("%s: pending %v, other %q, want %t, %q", tc.reason, got.pending, got.other, tc.pending, tc.other)
			}
			if tc.servers != "" && got.servers != tc.servers {
				t.Errorf("%s: servers %q, want %q", tc.reason, got.servers, tc.servers)
			}
		})
	}
}
