package kafkaadmin

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lagrange-operator/lagrange/internal/kafka"
)

const (
	// looksPerInterval is how much rarer than groups a cluster is looked at.
	looksPerInterval = 3
	// askVersions is how old a broker's version gets: it changes with a restart.
	askVersions = time.Minute
	// offsetsTopic is what the metadata of a look are asked for: no topic at all
	// is no request that all brokers know, and this one is everywhere.
	offsetsTopic = "__consumer_offsets"
)

// runLooks looks at the cluster while somebody watches it.
func (p *poller) runLooks(ctx context.Context, client *client) {
	timer := time.NewTimer(half(looksPerInterval * p.options.Interval))
	defer timer.Stop()
	var last kafka.ClusterSample
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.wakeLook:
			if !pause(ctx, settleTime) {
				return
			}
		}
		timer.Reset(looksPerInterval * p.options.Interval)
		lookers := p.allLookers()
		if len(lookers) == 0 {
			continue
		}
		if last = client.lookAt(ctx, last); ctx.Err() != nil {
			return
		}
		p.show(lookers, last)
	}
}

func (p *poller) allLookers() []*clusterWatch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.lookers))
}

func (p *poller) show(lookers []*clusterWatch, sample kafka.ClusterSample) {
	for _, w := range lookers {
		w.sample.Store(&sample)
		p.options.OnCluster(w.owner)
	}
}

// lookAt finds out who is in the cluster. What it can not learn stays as it was.
func (c *client) lookAt(ctx context.Context, last kafka.ClusterSample) kafka.ClusterSample {
	known, err := c.locate(ctx, []string{offsetsTopic})
	if err != nil {
		return kafka.ClusterSample{ID: last.ID, At: time.Now(), Err: err, Brokers: last.Brokers}
	}
	sample := kafka.ClusterSample{ID: known.id, Brokers: c.brokersOf(ctx, known)}
	sample.At = time.Now()
	return sample
}

func (c *client) brokersOf(ctx context.Context, known *cluster) []kafka.Broker {
	ctx, cancel := c.step(ctx)
	defer cancel()
	var (
		mu      sync.Mutex
		all     sync.WaitGroup
		brokers []kafka.Broker
	)
	for node, l := range known.brokers {
		all.Go(func() {
			broker := kafka.Broker{NodeID: node, Address: l.address, Version: l.brokerVersion(ctx)}
			mu.Lock()
			defer mu.Unlock()
			brokers = append(brokers, broker)
		})
	}
	all.Wait()
	slices.SortFunc(brokers, func(a, b kafka.Broker) int { return cmp.Compare(a.NodeID, b.NodeID) })
	return brokers
}

// brokerVersion is the version of the broker, asked for once in a while, empty
// while it could not be.
func (l *link) brokerVersion(ctx context.Context) string {
	version, fresh := l.knownVersion(time.Now())
	if fresh {
		return version
	}
	response, err := ask(ctx, l, func(b *sarama.Broker) (*sarama.ApiVersionsResponse, error) {
		return b.ApiVersions(versionsRequest())
	})
	if err != nil || response.ErrorCode != int16(sarama.ErrNoError) {
		return version
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version, l.versionAt = guessVersion(response), time.Now()
	return l.version
}

func versionsRequest() *sarama.ApiVersionsRequest {
	return &sarama.ApiVersionsRequest{Version: 3, ClientSoftwareName: "lagrange", ClientSoftwareVersion: "v1"}
}

func (l *link) knownVersion(now time.Time) (version string, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.version, l.version != "" && now.Sub(l.versionAt) < askVersions
}

// guessVersion names the Kafka release whose requests these are: a broker does
// not say its own. Of a broker that is not Apache Kafka's, and leaves out
// requests that it has no use for, the others tell. It is empty where they tell
// nothing.
func guessVersion(response *sarama.ApiVersionsResponse) string {
	var versions kversion.Versions
	for _, key := range response.ApiKeys {
		versions.SetMaxKeyVersion(key.ApiKey, key.MaxVersion)
	}
	var missing []int16
	kversion.Stable().EachMaxKeyVersion(func(key, _ int16) {
		if !versions.HasKey(key) {
			missing = append(missing, key)
		}
	})
	for _, guess := range []string{versions.VersionGuess(), versions.VersionGuess(kversion.SkipKeys(missing...))} {
		if release := releaseName.FindStringSubmatch(guess); release != nil {
			return release[1] + release[2]
		}
	}
	return ""
}

// releaseName is a guess that is good for something: "v4.2" or "at least v4.4".
var releaseName = regexp.MustCompile(`^(at least )?v(\d+\.\d+)$`)
