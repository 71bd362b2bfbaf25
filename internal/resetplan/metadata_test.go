package resetplan

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/api/v1alpha1"
)

// TestMetadataIsKept: what a committer wrote comes back to the byte from a snapshot
// that was stored as JSON, also where it is no text.
func TestMetadataIsKept(t *testing.T) {
	for _, bytes := range []string{"", "map", "æ\u0000\"", "\xff\xfe", "half \xc3", "\xed\xa0\x80"} {
		is := survey(part(100, 20, 500, metadata(bytes)))
		moved := request(spec(earliest), is)
		plan, rows, _ := Make(moved)
		drained, problems := Recheck(moved.Spec, plan, rows, nil, is)
		if problems != nil {
			t.Fatal(problems)
		}
		var stored []v1alpha1.SavedOffset
		content, _ := Hash(drained.Snapshot)
		if err := json.Unmarshal(content, &stored); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(drained.Snapshot, stored); diff != "" {
			t.Errorf("%q as it is read again (-stored +read):\n%s", bytes, diff)
		}
		back := request(spec(rollbackOf), is, stored...)
		plan, rows, _ = Make(back)
		restored, problems := Recheck(back.Spec, plan, rows, stored, is)
		if problems != nil || MetadataOf(restored.Writes[0]) != bytes {
			t.Errorf("%q is restored as %+v: %v", bytes, restored.Writes, problems)
		}
		if got := Overwritten(restored.Writes, is); got != nil {
			t.Errorf("%q reads back as %q", bytes, got)
		}
	}
}
