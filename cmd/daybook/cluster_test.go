package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"daybook/client"
	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
)

// threeNodes are three servers that are one queue, as processes of their own.
type threeNodes struct {
	t     *testing.T
	dir   string
	addrs string // all nodes, as --cluster takes them
	nodes map[string]*process
}

const clusterSecret = "DAYBOOK_CLUSTER_SECRET=a secret of this test alone"

func startCluster(t *testing.T) *threeNodes {
	t.Helper()
	c := &threeNodes{t: t, dir: t.TempDir(), nodes: map[string]*process{}}
	var list []string
	for _, name := range []string{"a", "b", "c"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, name+"="+l.Addr().String())
		l.Close()
	}
	c.addrs = strings.Join(list, ",")
	t.Cleanup(func() {
		for _, p := range c.nodes {
			if !p.ended() {
				_, _ = p.stop(syscall.SIGKILL, 10*time.Second)
			}
		}
	})
	for _, name := range []string{"a", "b", "c"} {
		c.begin(name)
	}
	for name := range c.nodes {
		c.ready(name)
	}
	return c
}

// begin starts a node.
func (c *threeNodes) begin(name string) {
	c.t.Helper()
	p, err := startServer(c.dir, append(os.Environ(), clusterSecret), "--addr", "127.0.0.1:0", "--data", filepath.Join(c.dir, name),
		"--node", name, "--cluster", c.addrs, "--concurrency", "2", "--grace", "1s")
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[name] = p
}

func (c *threeNodes) ready(name string) {
	c.t.Helper()
	if err := c.nodes[name].ready(time.Minute); err != nil {
		c.t.Fatalf("node %s: %v", name, err)
	}
}

func (c *threeNodes) client(name string) *client.Client {
	c.t.Helper()
	server, err := client.New(c.nodes[name].url, &http.Client{Timeout: time.Minute})
	if err != nil {
		c.t.Fatal(err)
	}
	return server
}

// leader waits until a node of those that run leads, and returns it.
func (c *threeNodes) leader(ask string) string {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		found, err := c.client(ask).Cluster(c.t.Context())
		if err == nil && found.Leading && found.Leader != nil && !c.nodes[found.Leader.Node].ended() {
			return found.Leader.Node
		}
	}
	c.t.Fatal("nobody leads")
	return ""
}

// submit submits until it is acknowledged: with a key, so that it is one task whatever is lost.
func (c *threeNodes) submit(ctx context.Context, name, key string) (id string, err error) {
	body, _ := json.Marshal(map[string]any{"task_type": "SLEEP", "parameters": map[string]any{"seconds": 0.05}, "idempotency_key": key})
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.nodes[name].url+"/api/tasks/submit", bytes.NewReader(body))
		if err != nil {
			return "", err
		}
		r.Header.Set("Content-Type", "application/json")
		if answer, err := http.DefaultClient.Do(r); err == nil {
			var task struct{ ID string }
			err := json.NewDecoder(answer.Body).Decode(&task)
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK && err == nil {
				return task.ID, nil
			}
			if answer.StatusCode != http.StatusServiceUnavailable {
				return "", fmt.Errorf("submit %s: %s", key, answer.Status)
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Tasks are submitted at all nodes while the one that leads is killed, twice. Nothing that was acknowledged is lost, every task
// ends, once, and all nodes have the same log.
func TestAClusterGoesOnWithoutItsLeader(t *testing.T) {
	c := startCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var (
		mu           sync.Mutex
		acknowledged = map[string]string{} // key → id
		submitting   sync.WaitGroup
	)
	over := make(chan struct{})
	first := c.leader("a")
	other := map[string]string{"a": "b", "b": "c", "c": "a"}[first]
	for k := range 4 {
		name := other // it is never killed
		submitting.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
				}
				key := fmt.Sprintf("%d-%d", k, i)
				id, err := c.submit(ctx, name, key)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[key] = id
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Second) // of load
	if _, err := c.nodes[first].stop(syscall.SIGKILL, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	second := c.leader(other)
	if second == first {
		t.Fatalf("%s leads, which was killed", second)
	}
	before := len(locked(&mu, acknowledged))
	for len(locked(&mu, acknowledged)) < before+20 { // writes go on
		if ctx.Err() != nil {
			t.Fatal("nothing is acknowledged after the leader was killed")
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.begin(first)
	c.ready(first)
	close(over)
	submitting.Wait()

	for key, id := range acknowledged {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			task, err := c.client(first).Get(ctx, id)
			if err == nil && task.Status == client.Success {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("task %s of %s: %+v, %v", id, key, task, err)
			}
		}
	}
	for _, name := range []string{other, first, third(first, other)} {
		if _, err := c.nodes[name].stop(syscall.SIGTERM, 40*time.Second); err != nil {
			t.Errorf("stop %s: %v", name, err)
		}
	}
	c.sameLogs()
	t.Logf("%d tasks were acknowledged", len(acknowledged))
}

func third(one, other string) string {
	return strings.NewReplacer(one, "", other, "").Replace("abc")
}

// sameLogs wants the folders of all nodes to have one history: the shorter ones are the beginning of the longest. Each must be whole.
func (c *threeNodes) sameLogs() {
	c.t.Helper()
	logs, least := map[string]*sqlitelog.Log{}, int64(math.MaxInt64)
	for name := range c.nodes {
		dir := filepath.Join(c.dir, name)
		if out, err := exec.Command("daybook", "verify", "--data", dir).CombinedOutput(); err != nil {
			c.t.Errorf("verify %s: %v\n%s", name, err, out)
		}
		log, err := sqlitelog.OpenReadOnly(c.t.Context(), dir)
		if err != nil {
			c.t.Fatal(err)
		}
		defer log.Close()
		logs[name], least = log, min(least, log.Head().Seq)
	}
	hashes := map[eventlog.Hash]string{}
	for name, log := range logs {
		events, err := log.Events(c.t.Context(), []int64{least})
		if err != nil {
			c.t.Fatal(err)
		}
		hashes[events[0].Hash] += name
	}
	if least < 1 || len(hashes) != 1 {
		c.t.Errorf("at event %d, %d histories: %v", least, len(hashes), hashes)
	}
}

func locked[K comparable, V any](mu *sync.Mutex, m map[K]V) map[K]V {
	mu.Lock()
	defer mu.Unlock()
	copied := make(map[K]V, len(m))
	for k, v := range m {
		copied[k] = v
	}
	return copied
}
