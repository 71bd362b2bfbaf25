package kafkaadmin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

func matching(group, pattern string) interest {
	return interest{GroupID: group, TopicPattern: pattern}
}

func namesOf(s kafka.GroupSample) []string {
	var names []string
	for _, t := range s.Topics {
		names = append(names, t.Name)
	}
	return names
}

func TestTopicPattern(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders.eu", "orders.us", "orders", "returns", "my.orders", "__orders", "aaa"))
	if _, err := r.admin.CreateTopic(t.Context(), 1, 1, map[string]*string{"kfake.is_internal": ptr("true")}, "orders.internal"); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason, pattern string
		want            []string
		err             error
	}{
		"Whole":       {"the whole name has to match", `orders`, []string{"orders"}, nil},
		"Some":        {"sorted by name, without internal topics", `orders\..*`, []string{"orders.eu", "orders.us"}, nil},
		"Alternative": {"the anchors hold for each alternative", `returns|orders.*|s`, []string{"orders", "orders.eu", "orders.us", "returns"}, nil},
		"All":         {"no internal topic is ever meant", `.*`, []string{"aaa", "my.orders", "orders", "orders.eu", "orders.us", "returns"}, nil},
		"Underscores": {"not even if it is named", `__orders`, nil, kafka.ErrTopicMissing},
		"None":        {"no match is an error that names the pattern", `refunds`, nil, kafka.ErrTopicMissing},
		"Broken":      {"it can't be asked of any cluster", `orders(`, nil, kafka.ErrInvalid},
		"Unbalanced":  {"a parenthesis does not close the anchors' one", `orders)|(.*`, nil, kafka.ErrInvalid},
		"Backward":    {"RE2 has no backward references", `(a)\1`, nil, kafka.ErrInvalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := r.cycle(matching("billing", c.pattern))[0]
			if diff := cmp.Diff(c.want, namesOf(got)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
			if !errors.Is(got.TopicsErr, c.err) || got.ConnectionErr != nil {
				t.Errorf("%s: errors %v, %v", c.reason, got.TopicsErr, got.ConnectionErr)
			}
			if internal := name == "Underscores"; got.TopicsErr != nil && strings.Contains(got.TopicsErr.Error(), "internal to Kafka") != internal {
				t.Errorf("%s: %v, want internal topics mentioned: %t", c.reason, got.TopicsErr, internal)
			}
			if c.err != nil && !strings.Contains(got.TopicsErr.Error(), "\""+strings.ReplaceAll(c.pattern, `\`, `\\`)+"\"") {
				t.Errorf("the error %q does not name the pattern", got.TopicsErr)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func TestGroupWithoutMatchIsStillRead(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	got := r.cycle(matching("billing", "refunds"))[0]
	if got.ConnectionErr != nil || got.StateErr != nil || got.State == kafka.StateUnknown {
		t.Errorf("no topic matches, and the group is %+v", got)
	}
	if all, none := everything(r); all != 1 || none != 0 {
		t.Errorf("listed all topics %d times, and none %d times, want the pattern's list alone", all, none)
	}
}

// everything counts the requests for the metadata of all topics, and of none.
func everything(r *rig) (all, none int) {
	for _, m := range received[*kmsg.MetadataRequest](r) {
		switch {
		case m.Topics == nil:
			all++
		case len(m.Topics) == 0:
			none++
		}
	}
	return all, none
}

func TestTopicsAreListedOnceForAllPatterns(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "returns"))
	r.cycle(reads("billing", "", "orders"))
	if all, _ := everything(r); all != 0 {
		t.Error("listed all topics, and nobody has a pattern")
	}
	both := []interest{matching("billing", "ord.*"), matching("shipping", "ret.*"), matching("other", "o.*")}
	r.cycle(both...)
	r.cycle(append(both, matching("late", "r.*"))...)
	if all, none := everything(r); all != 1 || none != 0 {
		t.Errorf("listed all topics %d times, and none %d times", all, none)
	}
}

func TestNewTopicIsPickedUp(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders.eu"))
	s := matching("billing", `orders\..*`)
	r.cycle(s)
	if _, err := r.admin.CreateTopic(t.Context(), 1, 1, nil, "orders.us"); err != nil {
		t.Fatal(err)
	}
	if got := namesOf(r.cycle(s)[0]); len(got) != 1 {
		t.Errorf("listed anew before %v: %v", listEvery, got)
	}
	r.client.patterns.listedAt = time.Now().Add(-listEvery)
	if diff := cmp.Diff([]string{"orders.eu", "orders.us"}, namesOf(r.cycle(s)[0])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFailedListingKeepsTheTopics(t *testing.T) {
	p := patterns{names: []string{"orders", "returns"}, err: kafka.ErrTimeout, matches: map[string]match{}}
	got := p.resolve("ord.*")
	if diff := cmp.Diff([]string{"orders"}, got.topics); diff != "" || !errors.Is(got.err, kafka.ErrTimeout) {
		t.Errorf("error %v, topics -want +got:\n%s", got.err, diff)
	}
}

func TestListingThatCanNotBeAsked(t *testing.T) {
	r := newRig(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	s := matching("billing", "ord.*")
	r.cycle(s)
	r.Close()
	r.client.patterns.listedAt = time.Time{}
	for range 2 {
		if _, err := r.client.sample(t.Context(), []interest{s}); err == nil {
			t.Fatal("a cluster that is gone was sampled")
		}
	}
	if p := &r.client.patterns; p.err == nil || len(p.names) != 1 {
		t.Errorf("after a listing that failed: %v, %v", p.err, p.names)
	}
}
