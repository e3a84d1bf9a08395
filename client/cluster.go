package client

import (
	"context"
	"net/http"
	"time"
)

// Cluster is a cluster as one of its nodes sees it. A server that is alone has no nodes.
type Cluster struct {
	Name    string         `json:"name"`
	Node    string         `json:"node"`    // that answers
	Leader  *ClusterLeader `json:"leader"`  // nil = nobody has led yet
	Leading bool           `json:"leading"` // the leader is heard of: writes are taken
	Nodes   []ClusterNode  `json:"nodes"`
	Stream  *ClusterStream `json:"stream"`  // nil = the log cannot be reached
	Missing []string       `json:"missing"` // what keeps it from being as safe as it can be, and what to do
}

// ClusterLeader says who leads.
type ClusterLeader struct {
	Node  string    `json:"node"`
	Term  int64     `json:"term"` // how many have led, from 1
	Since time.Time `json:"since"`
	Seq   int64     `json:"seq"` // of the event that says so
}

// ClusterNode is how one node is.
type ClusterNode struct {
	Name        string     `json:"name"`
	Addr        string     `json:"addr"` // at which the other nodes reach it
	URL         *string    `json:"url"`
	State       string     `json:"state"`    // leads, follows, behind, cut_off, halted, stopped, silent
	HeardAt     *time.Time `json:"heard_at"` // nil = never
	Seq         int64      `json:"seq"`      // that its views show
	LagEvents   int64      `json:"lag_events"`
	LagSeconds  float64    `json:"lag_seconds"`
	SkewSeconds float64    `json:"clock_skew_seconds"` // of its clock, against that of the node that answers
	Version     string     `json:"version"`
	StartedAt   *time.Time `json:"started_at"`
	FreeBytes   int64      `json:"disk_free_bytes"`
	KeepsLog    bool       `json:"keeps_log"` // its copy of the log counts
	Problem     *string    `json:"problem"`   // why it does not follow the log
}

// ClusterStream is the log as the NATS servers keep it.
type ClusterStream struct {
	Messages uint64           `json:"messages"`
	Bytes    uint64           `json:"bytes"`
	Leader   string           `json:"leader"` // the server that orders it
	Replicas []ClusterReplica `json:"replicas"`
}

// ClusterReplica is one copy of the stream.
type ClusterReplica struct {
	Node    string `json:"node"`
	Current bool   `json:"current"`
	Lag     uint64 `json:"lag_messages"`
	Offline bool   `json:"offline"`
}

// Cluster asks a server for the cluster that it belongs to.
func (c *Client) Cluster(ctx context.Context) (*Cluster, error) {
	var answer Cluster
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/cluster"}, &answer)
	return &answer, err
}

// ClusterChange is what has come of adding or removing a node. It takes as long as the log takes to be copied: the same call says how far it is.
type ClusterChange struct {
	Node string `json:"node"`
	Done bool   `json:"done"`
	Next string `json:"next"` // what is waited for, or what a person should do
}

// AddNode gives a node that runs a part in keeping the log of its cluster.
func (c *Client) AddNode(ctx context.Context, name string) (*ClusterChange, error) {
	return c.changeCluster(ctx, http.MethodPut, name)
}

// RemoveNode moves the log from a node to others, and removes the node when it does not run any more.
func (c *Client) RemoveNode(ctx context.Context, name string) (*ClusterChange, error) {
	return c.changeCluster(ctx, http.MethodDelete, name)
}

func (c *Client) changeCluster(ctx context.Context, method, name string) (*ClusterChange, error) {
	var answer ClusterChange
	_, err := c.do(ctx, call{method: method, path: pathOf("/api/cluster/nodes/", name, "")}, &answer)
	return &answer, err
}
