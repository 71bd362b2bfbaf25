package kafka_test

import (
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lagrange-operator/lagrange/hack/kafka/apache"
)

// trio is a cluster of three brokers, each behind a proxy.
type trio struct {
	*stand
	proxies [3]*proxy
}

func onBothTrios(t *testing.T, test func(*testing.T, *trio)) {
	t.Helper()
	t.Run(onFake, func(t *testing.T) { test(t, fakeTrio(t)) })
	t.Run(onApache, func(t *testing.T) { test(t, apacheTrio(t)) })
}

func newProxies(t *testing.T) (proxies [3]*proxy, addresses []string) {
	t.Helper()
	for i := range proxies {
		proxies[i] = newProxy(t)
		addresses = append(addresses, proxies[i].address())
	}
	return proxies, addresses
}

// advertised is a listener that tells clients another address.
type advertised struct {
	net.Listener
	as net.Addr
}

// Addr implements net.Listener.
func (a advertised) Addr() net.Addr { return a.as }

// behind makes kfake's next broker listen behind the next of the proxies.
func behind(proxies ...*proxy) kfake.Opt {
	return kfake.ListenFn(func(network, address string) (net.Listener, error) {
		listener, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		next := proxies[0]
		proxies = proxies[1:]
		next.leadTo(listener.Addr().String())
		return advertised{listener, next.listener.Addr()}, nil
	})
}

func fakeTrio(t *testing.T) *trio {
	t.Helper()
	proxies, addresses := newProxies(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.ClusterID("first"), behind(proxies[:]...))
	must(t, "start kfake", err)
	t.Cleanup(cluster.Close)
	return &trio{stand: (&stand{kind: onFake, servers: addresses, fake: cluster}).connected(t), proxies: proxies}
}

func apacheTrio(t *testing.T) *trio {
	t.Helper()
	proxies, addresses := newProxies(t)
	cluster := startApache(t, apache.Options{
		Brokers: 3, Listeners: []apache.Listener{{Name: "CLIENT", Advertise: addresses}},
		Settings: map[string]string{"quota.window.size.seconds": "3", "broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "500"},
	})
	for i, p := range proxies {
		p.leadTo(cluster.Listening("CLIENT")[i])
	}
	return &trio{
		stand:   (&stand{kind: onApache, servers: addresses, own: cluster.Admin(), apache: cluster}).connected(t),
		proxies: proxies,
	}
}

// createPlaced makes a topic with these replicas, the leader first, and four
// records in each partition.
func (f *trio) createPlaced(t *testing.T, topic string, replicas [][]int32) {
	t.Helper()
	made := kmsg.NewCreateTopicsRequestTopic()
	made.Topic, made.NumPartitions, made.ReplicationFactor = topic, -1, -1
	for partition, nodes := range replicas {
		made.ReplicaAssignment = append(made.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{
			Partition: int32(partition), Replicas: nodes,
		})
	}
	request := kmsg.NewCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{made}, int32(patience.Milliseconds())
	response, err := request.RequestWith(within(t), f.client)
	must(t, "create topic "+topic, err)
	must(t, "create topic "+topic, kerr.ErrorForCode(response.Topics[0].ErrorCode))
	f.lead(t, topic, replicas)
	for partition := range replicas {
		f.fill(t, topic, int32(partition), 4)
	}
}

// lead gives the partitions, by number, to these replicas, the first of which leads.
func (f *trio) lead(t *testing.T, topic string, replicas [][]int32) {
	t.Helper()
	var assignment kadm.AlterPartitionAssignmentsReq
	for partition, nodes := range replicas {
		if f.fake != nil {
			must(t, "move a leader", f.fake.MoveTopicPartition(topic, int32(partition), nodes[0]))
		}
		assignment.Assign(topic, int32(partition), nodes)
	}
	if f.fake != nil {
		return
	}
	_, err := f.admin.AlterPartitionAssignments(within(t), assignment)
	must(t, "move leaders", err)
	eventually(t, "other leaders of topic "+topic, func() bool {
		f.electPreferred(t, topic, len(replicas))
		return f.led(t, topic, replicas)
	})
}

// led tells whether the first of the replicas leads each partition.
func (f *trio) led(t *testing.T, topic string, replicas [][]int32) bool {
	t.Helper()
	topics, err := f.admin.ListTopicsWithInternal(within(t), topic)
	must(t, "list the leaders of topic "+topic, err)
	for partition, nodes := range replicas {
		if topics[topic].Partitions[int32(partition)].Leader != nodes[0] {
			return false
		}
	}
	return true
}

// allCommits is the topic of the commits with these replicas for each partition.
func allCommits(nodes ...int32) [][]int32 { return slices.Repeat([][]int32{nodes}, 6) }

// coordinator is the broker that coordinates the group.
func (f *trio) coordinator(t *testing.T, group string) int32 {
	t.Helper()
	node := int32(-1)
	eventually(t, "a coordinator", func() bool { // the topic of the commits may just be being made
		found := f.admin.FindGroupCoordinators(within(t), group)[group]
		node = found.NodeID
		return found.Err == nil
	})
	return node
}

// groupOf is a group with this prefix that the broker coordinates. A broker that
// has just come back is not known as a coordinator everywhere at once, and one
// that was too busy to send its heartbeats has lost what it led: it gets it back
// when leaders are elected.
func (f *trio) groupOf(t *testing.T, prefix string, node int32) string {
	t.Helper()
	var id string
	tried := 0
	eventually(t, fmt.Sprintf("a group that broker %d coordinates", node), func() bool {
		id = fmt.Sprintf("%s-%d", prefix, tried%20)
		tried++
		if f.coordinator(t, id) == node {
			return true
		}
		if f.fake == nil && tried%20 == 0 {
			f.electPreferred(t, "__consumer_offsets", len(allCommits()))
		}
		return false
	})
	return id
}

// electPreferred gives the partitions back to the first of their replicas.
func (f *trio) electPreferred(t *testing.T, topic string, partitions int) {
	t.Helper()
	var set kadm.TopicsSet
	for partition := range partitions {
		set.Add(topic, int32(partition))
	}
	_, err := f.admin.ElectLeaders(within(t), kadm.ElectPreferredReplica, set)
	must(t, "elect leaders", err)
}
