package worker

import "testing"

func TestFirstCountSurvivesACommit(t *testing.T) {
	cases := map[string]struct {
		reason   string
		metadata string
		want     int32
	}{
		"Ours":     {"What a commit writes is read back.", commit{firstCount: 12}.metadata(), 12},
		"Unknown":  {"A commit that knows nothing says nothing.", commit{}.metadata(), 0},
		"Foreign":  {"Another program's metadata means nothing here.", "bitset:AAECAw==", 0},
		"Negative": {"Nonsense is not believed.", firstCountKey + "-1", 0},
		"NoNumber": {"As above.", firstCountKey + "twelve", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := parseFirstCount(tc.metadata); got != tc.want {
				t.Errorf("%s\nparseFirstCount(%q) = %d, want %d", tc.reason, tc.metadata, got, tc.want)
			}
		})
	}
}
