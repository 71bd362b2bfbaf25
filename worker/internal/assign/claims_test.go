package assign

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func TestClaimsRememberSinceWhen(t *testing.T) {
	has := Claims{}.Next(map[string][]int32{"a": {0, 1}}, 3)
	has = has.Next(map[string][]int32{"a": {1, 2}}, 4)
	want := map[kafka.TopicPartition]int32{{Topic: "a", Partition: 1}: 3, {Topic: "a", Partition: 2}: 4}
	if diff := cmp.Diff(Claims{Generation: 4, Since: want}, has); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	has = has.Next(map[string][]int32{"a": {1}}, 1)
	if got := has.Since[kafka.TopicPartition{Topic: "a", Partition: 1}]; got != 1 {
		t.Errorf("the group began again at generation 1, and the partition is held since %d", got)
	}
}

func TestClaimsTravel(t *testing.T) {
	has := Claims{}.Next(map[string][]int32{"a": {0, 1}, "b": {7}}, 3)
	has = has.Next(map[string][]int32{"a": {0, 1, 5}, "b": {7}}, 7)
	sent, err := has.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"generation":7,"held":{"a":{"3":[0,1],"7":[5]},"b":{"3":[7]}}}`; string(sent) != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
	if diff := cmp.Diff(has, Decode(sent)); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
}

func TestWhatCannotBeReadIsNoClaim(t *testing.T) {
	for name, data := range map[string]string{
		"Nothing":  ``,
		"NotOurs":  "\x00\x00\x00\x01\x00\x01a",
		"CutOff":   `{"generation":7,"held":{"a":{"3":[0`,
		"Null":     `null`,
		"TooLarge": `{"generation":7,"held":{"a":{"3":[4294967296]}}}`,
	} {
		if claims := Decode([]byte(data)); len(claims.Since) > 0 || claims.Generation != 0 {
			t.Errorf("%s: %+v", name, claims)
		}
	}
}

// The entries are read in any order, so this is read more than once.
func TestOfTwoEntriesTheOlderHolds(t *testing.T) {
	for range 50 {
		claims := Decode([]byte(`{"generation":7,"held":{"a":{"3":[0],"2":[0],"6":[0],"4":[0]}}}`))
		if got := claims.Since[kafka.TopicPartition{Topic: "a"}]; got != 2 {
			t.Fatalf("held since %d", got)
		}
	}
}

func TestNothingIsHeldSinceTheFuture(t *testing.T) {
	claims := Decode([]byte(`{"generation":7,"held":{"a":{"9":[0]}}}`))
	if got := claims.Since[kafka.TopicPartition{Topic: "a"}]; got != 7 {
		t.Errorf("held since %d at generation 7", got)
	}
}
