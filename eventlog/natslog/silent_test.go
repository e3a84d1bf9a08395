package natslog_test

import (
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/natslog"
)

// A consumer lies on one server. When that dies, NATS does not say so: the follower finds out.
func TestAFollowerGoesOnWhenTheServerOfItsConsumerDies(t *testing.T) {
	nodes := three(t)
	writer := openWith(t, t.TempDir(), settings(nodes[0].js, 3))
	leader := leaderOf(t, nodes[0].js, nodes)
	many := func(name string) {
		large := entry(name, noise(100_000))
		for range 5 {
			large.Events = append(large.Events, entry(name, noise(100_001)).Events[0])
			large.Events[len(large.Events)-1].Version = int64(len(large.Events))
		}
		if r := writer.Append(t.Context(), []eventlog.Entry{large}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	var follower *natslog.Log
	victim := -1
	for victim <= 0 || victim == leader {
		follower = openWith(t, t.TempDir(), settings(nodes[leader].js, 3))
		stop := follow(t, follower)
		many("before")
		waitFor(t, follower, writer.Head().Seq)
		victim = consumerOn(t, nodes, nodes[leader], natslog.StreamName("test"))
		if victim == leader || victim <= 0 {
			_ = stop()
			continue
		}
		defer func() { _ = stop() }()
	}
	nodes[victim].Stop()
	many("after")
	waitFor(t, follower, writer.Head().Seq)
}

// consumerOn is the index of the node whose server has the consumer of a stream, -1 = none has one.
func consumerOn(t *testing.T, nodes []*node, ask *node, stream string) int {
	t.Helper()
	s, err := ask.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	found := -1
	for info := range s.ListConsumers(t.Context()).Info() {
		for i, n := range nodes {
			if info.Cluster != nil && info.Cluster.Leader == n.o.Name {
				found = i
			}
		}
	}
	return found
}
