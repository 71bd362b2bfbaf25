package resetplan

import (
	"testing"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

func TestMoved(t *testing.T) {
	saved := func(offsets ...int64) (saved []v1alpha1.SavedOffset) {
		for i, offset := range offsets {
			s := v1alpha1.SavedOffset{Topic: "orders", Partition: int32(i)}
			if offset >= 0 {
				s.Offset = &offset
			}
			saved = append(saved, s)
		}
		return saved
	}
	for what, tc := range map[string]struct {
		before, after []v1alpha1.SavedOffset
		partitions    int32
		distance      int64
	}{
		"nothing":                   {nil, nil, 0, 0},
		"back, ahead and where was": {saved(100, 50, 7), saved(40, 60, 7), 2, -50},
		"a commit where none was":   {saved(-1, 50), saved(10, 50), 1, 0},
		"a commit is deleted":       {saved(10, 50), saved(-1, 40), 2, -10},
		"none before and after":     {saved(-1), saved(-1), 0, 0},
		"not in the snapshot":       {nil, saved(3), 1, 0},
	} {
		t.Run(what, func(t *testing.T) {
			if partitions, distance := Moved(tc.before, tc.after); partitions != tc.partitions || distance != tc.distance {
				t.Errorf("%d partitions by %d, want %d by %d", partitions, distance, tc.partitions, tc.distance)
			}
		})
	}
}
