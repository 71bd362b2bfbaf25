package flow

import "testing"

func TestShare(t *testing.T) {
	limit := Amount{Messages: 10_000, Bytes: 64 << 20}
	for _, test := range []struct {
		name             string
		used, own, share Amount
	}{
		{"nothing in flight", Amount{}, Amount{}, Amount{5_000, 32 << 20}},
		{"as documented", Amount{5_000, 0}, Amount{4_000, 0}, Amount{4_500, 32 << 20}},
		{"alone with its share", Amount{5_000, 32 << 20}, Amount{5_000, 32 << 20}, Amount{5_000, 32 << 20}},
		{"one that is stuck leaves half of the rest", Amount{5_000, 32 << 20}, Amount{}, Amount{2_500, 16 << 20}},
		{"two have a third each", Amount{6_666, 0}, Amount{3_333, 0}, Amount{3_333, 32 << 20}},
		{"others are over the limit", Amount{12_000, 70 << 20}, Amount{100, 1 << 20}, Amount{0, 0}},
		{"more of its own than of all, a moment later", Amount{10, 1 << 20}, Amount{9_000, 60 << 20}, Amount{5_000, 32 << 20}},
		{"only bytes are short", Amount{10, 60 << 20}, Amount{}, Amount{4_995, 2 << 20}},
	} {
		if got := limit.Share(test.used, test.own); got != test.share {
			t.Errorf("%s: the share is %v, want %v", test.name, got, test.share)
		}
	}
}

func TestExceeds(t *testing.T) {
	share := Amount{Messages: 10, Bytes: 100}
	for _, test := range []struct {
		amount Amount
		above  bool
	}{
		{Amount{10, 100}, false},
		{Amount{11, 0}, true},
		{Amount{0, 101}, true},
	} {
		if got := test.amount.Exceeds(share); got != test.above {
			t.Errorf("%v above %v: %t, want %t", test.amount, share, got, test.above)
		}
	}
}

// Partitions that get stuck one after another take half of what is left each.
func TestShareHalvesWithEachThatIsStuck(t *testing.T) {
	limit := Amount{Messages: 10_000, Bytes: 64 << 20}
	var used Amount
	for stuck, want := range []int64{5_000, 2_500, 1_250, 625, 312, 156, 78, 39, 20, 10} {
		share := limit.Share(used, Amount{})
		if share.Messages != want {
			t.Errorf("with %d partitions stuck the next one may have %d messages, want %d", stuck, share.Messages, want)
		}
		used.Messages += share.Messages
		used.Bytes += share.Bytes
	}
}
