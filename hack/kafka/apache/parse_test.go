package apache

import "testing"

func TestMajorVersion(t *testing.T) {
	cases := map[string]int{
		"openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime": 17,
		"openjdk version \"25\" 2025-09-16":                       25,
		"java version \"1.8.0_402\"":                              8,
		"no such command":                                         0,
	}
	for said, want := range cases {
		if got := majorVersion(said); got != want {
			t.Errorf("%q is Java %d, want %d", said, got, want)
		}
	}
}

// What ConsumerGroupCommand printed, with members, without, and of a partition without a leader.
func TestParseOffsets(t *testing.T) {
	out := `
Consumer group 'shipping' has no active members.

GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID                                  HOST            CLIENT-ID
billing         orders          0          5               5               0               pod-1-2f0a                                   /127.0.0.1      pod-1
billing         orders          1          -               3               -               -                                            -               -
`
	lines, err := ParseOffsets(out)
	if err != nil || len(lines) != 2 {
		t.Fatalf("%d lines, %v; want 2", len(lines), err)
	}
	if got := lines[0]; got.ClientID != "pod-1" || got.Committed != (Number{5, true}) || got.Lag != (Number{0, true}) {
		t.Errorf("got %+v", got)
	}
	if got := lines[1]; got.Partition != 1 || got.Committed.Known || got.Lag.String() != "-" || got.End.String() != "3" {
		t.Errorf("got %+v", got)
	}
}

func TestParseState(t *testing.T) {
	const header = "GROUP    COORDINATOR (ID)     ASSIGNMENT-STRATEGY  STATE    #MEMBERS\n"
	cases := map[string]string{
		"with a strategy": header + "billing  127.0.0.1:9092 (0)   range                Stable   2\n",
		"without":         header + "billing  127.0.0.1:9092 (0)                        Stable   2\n",
	}
	for name, out := range cases {
		if state, members, err := parseState(out, "billing"); state != "Stable" || members != 2 || err != nil {
			t.Errorf("%s: %q, %d members, %v", name, state, members, err)
		}
	}
	if _, _, err := parseState(header, "billing"); err == nil {
		t.Error("a group that is not in the output was found")
	}
}
