package worker_test

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/worker"
)

// heard remembers the topics of which messages were handled.
type heard struct {
	mu     sync.Mutex
	topics map[string]int
}

func (h *heard) handle(_ context.Context, msg worker.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.topics == nil {
		h.topics = map[string]int{}
	}
	h.topics[msg.Topic]++
	return nil
}

func (h *heard) of(topic string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.topics[topic]
}

// subscribed are the topics that the group's only member asks for.
func (b *broker) subscribed() []string {
	info := b.GroupInfo(group)
	if info == nil || len(info.Members) != 1 || info.State != "Stable" {
		return nil
	}
	topics := slices.Clone(info.Members[0].SubscribedTopics)
	slices.Sort(topics)
	return topics
}

func TestAPatternFollowsTheTopics(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	for _, name := range []string{"orders-eu", "returned-orders", "__orders"} {
		if err := b.CreateTopic(name, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	config := b.config()
	config.Topics, config.TopicPattern = nil, "orders|orders-[a-z]+|__orders"
	config.MetadataRefresh = 200 * time.Millisecond
	var got heard
	w := start(t, config, got.handle)
	b.awaitMembers(t, 1)
	if diff := cmp.Diff([]string{"orders", "orders-eu"}, b.subscribed()); diff != "" {
		t.Errorf("whole names, none that is internal, -want +got:\n%s", diff)
	}

	if err := b.CreateTopic("orders-us", 1, nil); err != nil {
		t.Fatal(err)
	}
	b.produceTo(t, "orders-us", 0, 3)
	await(t, "messages of the new topic", func() bool { return got.of("orders-us") == 3 })

	if err := b.DeleteTopic("orders-eu"); err != nil {
		t.Fatal(err)
	}
	await(t, "the deleted topic is left out", func() bool { return slices.Equal(b.subscribed(), []string{"orders", "orders-us"}) })
	b.produce(t, 0, 2)
	await(t, "messages of the topic that stayed", func() bool { return got.of("orders") == 2 })
	w.stop(t)
}

func TestAPatternThatMatchesNothingYetWaits(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	var log lockedBuffer
	config := b.config()
	config.Topics, config.TopicPattern = nil, "later"
	config.MetadataRefresh = 50 * time.Millisecond
	config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	config.ListenAddress = freeAddress(t)
	looks := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Observe: true, Count: -1})
	var got heard
	w := start(t, config, got.handle)
	await(t, "the log says so", func() bool { return strings.Contains(log.String(), "no topic matches the pattern yet") })
	await(t, "the probe says so", func() bool {
		code, text := get(t, "http://"+config.ListenAddress+"/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(text, `no topic matches topicPattern "later" yet`)
	})
	await(t, "it looks again and again", func() bool { return looks.Hits() > 5 })
	if info := b.GroupInfo(group); info != nil && len(info.Members) > 0 {
		t.Errorf("a member of the group without a topic: %+v", info)
	}
	if err := b.CreateTopic("later", 1, nil); err != nil {
		t.Fatal(err)
	}
	b.produceTo(t, "later", 0, 3)
	await(t, "its messages", func() bool { return got.of("later") == 3 })
	w.stop(t)
	if count := strings.Count(log.String(), "no topic matches"); count != 1 {
		t.Errorf("the wait is logged %d times", count)
	}
}

// One that waits ends at once when it is told to.
func TestAWaitForATopicEnds(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	var log lockedBuffer
	config := b.config()
	config.Topics, config.TopicPattern = nil, "never"
	config.MetadataRefresh = time.Hour
	config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	w := start(t, config, newRecord().handle)
	await(t, "it waits", func() bool { return strings.Contains(log.String(), "no topic matches the pattern yet") })
	w.stop(t)
}
