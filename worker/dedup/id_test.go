package dedup_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/lagrange-operator/lagrange/worker"
	"github.com/lagrange-operator/lagrange/worker/dedup"
)

// TestIDsAreNeverMixedUp stores ids of all lengths that differ in little, each of
// which must be new the first time and known the second.
func TestIDsAreNeverMixedUp(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	hash := sha256.Sum256([]byte(long))
	ids := []string{
		"a", "A", "a ", "a  ", " a", "a\x00", "a\x00\x00", "\x00", "\x00\x00", " ", "ä", "a\u0308", "\xff\xfe", "'", "\\", "\"", "%",
		strings.Repeat("x", 62), strings.Repeat("x", 63), strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("x", 4096),
		long, long + "x", long[1:] + "y",
		hex.EncodeToString(hash[:]), string(hash[:]), // what a long id is stored as must not be that id
		string(bytes.Repeat([]byte{0}, 64)), string(bytes.Repeat([]byte{0}, 65)),
	}
	onEach(t, func(t *testing.T, f fixture) {
		effect := func(ctx context.Context, id string) (already bool) {
			already, err := f.Once(ctx, f.db, message(id), done)
			if err != nil {
				t.Fatal(err)
			}
			return already
		}
		for _, id := range ids {
			if effect(t.Context(), id) {
				t.Errorf("id of %d bytes, %.20q: taken for another one", len(id), id)
			}
		}
		for _, id := range ids {
			if !effect(t.Context(), id) {
				t.Errorf("id of %d bytes, %.20q: not found again", len(id), id)
			}
		}
	})
}

func TestIDFromHeader(t *testing.T) {
	header := func(pairs ...string) worker.Message {
		var msg worker.Message
		for i := 0; i < len(pairs); i += 2 {
			msg.Headers = append(msg.Headers, worker.Header{Key: []byte(pairs[i]), Value: []byte(pairs[i+1])})
		}
		return msg
	}
	cases := map[string]struct {
		msg  worker.Message
		want string
	}{
		"There":      {header("trace", "t", "id", "1"), "1"},
		"LastOfTwo":  {header("id", "1", "id", "2"), "2"},
		"Absent":     {header("ID", "1"), ""},
		"Empty":      {header("id", ""), ""},
		"LastEmpty":  {header("id", "1", "id", ""), ""},
		"NoneAtAll":  {worker.Message{}, ""},
		"BinaryText": {header("id", "\x00\xff"), "\x00\xff"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			id, err := dedup.IDFromHeader("id")(t.Context(), tc.msg)
			if string(id) != tc.want || (tc.want == "") != errors.Is(err, dedup.ErrNoID) {
				t.Errorf("id %q, error %v; want %q", id, err, tc.want)
			}
		})
	}
}

// TestMessageWithoutIDIsRefused: without an id two messages would be one.
func TestMessageWithoutIDIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, f fixture) {
		f.ID = dedup.IDFromKey()
		for range 2 {
			err := f.Handler(f.db, insert)(t.Context(), worker.Message{Topic: "orders", Offset: 7})
			if !errors.Is(err, dedup.ErrNoID) || !strings.Contains(err.Error(), "offset 7") {
				t.Errorf("error %v, want one that names the message", err)
			}
		}
		if effects := f.effects(t, ""); effects != 0 {
			t.Errorf("%d effects of messages without an id", effects)
		}
	})
}
