package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"daybook/client"
)

type clusterCmd struct {
	Status clusterStatusCmd `cmd:"" default:"withargs" help:"Show the nodes, who leads, and how far each is behind."`
	Add    clusterAddCmd    `cmd:"" help:"Have a node that runs keep the log too."`
	Remove clusterRemoveCmd `cmd:"" help:"Move the log from a node to others, and remove the node."`
	Import clusterImportCmd `cmd:"" help:"Say how to bring the queue of one machine into a cluster."`
	Init   clusterInitCmd   `cmd:"" help:"Make certificates for the nodes."`
}

type clusterStatusCmd struct{ remote }

func (clusterStatusCmd) Help() string {
	return `Each node answers as it sees the cluster; ask another one with --server. The exit status is 1 when no node leads.

Examples:

    daybook cluster status
    daybook cluster status --server http://10.0.0.2:8000 --json`
}

func (c *clusterStatusCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		found, err := server.Cluster(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(found)
		}
		if len(found.Nodes) == 0 {
			_, err := fmt.Fprintln(s.out, "this server is alone: it belongs to no cluster")
			return err
		}
		if err := printCluster(s, found); err != nil {
			return err
		}
		for _, one := range found.Missing {
			if _, err := fmt.Fprintln(s.out, "missing: "+oneLine(one)); err != nil {
				return err
			}
		}
		if !found.Leading {
			return fmt.Errorf("no node leads, so nothing can be written; a majority of the nodes must run and reach each other")
		}
		return nil
	})
}

// printCluster writes who leads, and a line of columns for each node.
func printCluster(s *stdio, found *client.Cluster) error {
	leader := "nobody has led yet"
	if l := found.Leader; l != nil {
		leader = fmt.Sprintf("led by %s since %s, term %d", l.Node, l.Since.Local().Format(time.DateTime), l.Term)
	}
	if _, err := fmt.Fprintf(s.out, "cluster %s\t%s\tas node %s sees it\n", found.Name, leader, found.Node); err != nil {
		return err
	}
	for i := range found.Nodes {
		n := &found.Nodes[i]
		heard := "never heard of"
		if n.HeardAt != nil {
			lag := "no lag" // newer events than its last word lack no time
			if n.LagEvents > 0 && n.LagSeconds > 0 {
				lag = fmt.Sprintf("lag %d events, %.1f s", n.LagEvents, n.LagSeconds)
			}
			heard = fmt.Sprintf("event %d\t%s\tclock %+.3f s\tversion %s", n.Seq, lag, n.SkewSeconds, n.Version)
		}
		if !n.KeepsLog && found.Stream != nil && len(found.Stream.Replicas) > 0 && n.Addr != "" {
			heard += "\tits copy does not count"
		}
		if n.Problem != nil {
			heard += "\t" + oneLine(*n.Problem)
		}
		if _, err := fmt.Fprintf(s.out, "%s\t%s\t%s\t%s\n", n.Name, n.State, n.Addr, heard); err != nil {
			return err
		}
	}
	if found.Stream == nil {
		_, err := fmt.Fprintln(s.out, "the log of the cluster cannot be reached")
		return err
	}
	for _, r := range found.Stream.Replicas {
		if !r.Current && !r.Offline {
			if _, err := fmt.Fprintf(s.out, "copy of %s\t%d messages behind\n", r.Node, r.Lag); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(s.out, "stream\t%d messages\t%.1f MB\tordered by %s\n", found.Stream.Messages, float64(found.Stream.Bytes)/1e6, found.Stream.Leader)
	return err
}
