//go:build linux

package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLeftovers(t *testing.T) {
	cases := map[string]struct {
		reason        string
		before, after Snapshot
		want          []string
	}{
		"Same": {
			reason: "A machine that did not change has no leftovers.",
			before: Snapshot{"mount /": ""},
			after:  Snapshot{"mount /": ""},
		},
		"New": {
			reason: "What was not there before was left behind.",
			before: Snapshot{},
			after:  Snapshot{"link lagrange0": "veth", "address 10.244.0.1/24": ""},
			want:   []string{"new: address 10.244.0.1/24", "new: link lagrange0"},
		},
		"Changed": {
			reason: "A sysctl that was not put back is a leftover.",
			before: Snapshot{"sysctl vm/overcommit_memory": "0"},
			after:  Snapshot{"sysctl vm/overcommit_memory": "1"},
			want:   []string{`changed: sysctl vm/overcommit_memory from "0" to "1"`},
		},
		"Gone": {
			reason: "A mount of the host that was taken away is damage, a process that ended is not.",
			before: Snapshot{"mount /data": "", "process 7 sleep": ""},
			after:  Snapshot{},
			want:   []string{"gone: mount /data"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Leftovers(tc.before, tc.after)); diff != "" {
				t.Errorf("%s\nLeftovers(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestTakeIsStable(t *testing.T) {
	before, err := Take(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := Take(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"mount /", "link lo", "sysctl kernel/panic", "file /etc/passwd"} {
		if _, ok := after[kind]; !ok {
			t.Errorf("Take() has no %q", kind)
		}
	}
	if diff := Leftovers(before, after); len(diff) > 0 {
		t.Errorf("two snapshots in a row differ: %q", diff)
	}
}
