package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"daybook/client"
)

type clusterAddCmd struct {
	Name string `arg:"" help:"The node."`
	remote
}

func (clusterAddCmd) Help() string {
	return `Three or five nodes keep the log. Start the new nodes first, with empty folders, all nodes in their --cluster, the new ones
last. They copy the log, answer and run tasks. With two more nodes than three, this command has all five keep the log; it waits until
they have it.

Examples:

    daybook serve --node d --data d --cluster a=10.0.0.1:7101,b=10.0.0.2:7101,c=10.0.0.3:7101,d=10.0.0.4:7101,e=10.0.0.5:7101
    daybook cluster add d`
}

func (c *clusterAddCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return followChange(ctx, s, c.JSON, func() (*client.ClusterChange, error) { return server.AddNode(ctx, c.Name) })
	})
}

type clusterRemoveCmd struct {
	Name string `arg:"" help:"The node."`
	remote
}

func (clusterRemoveCmd) Help() string {
	return `Moves the log to other nodes, so that as many as before keep it, or three where only four are left. Then it asks you to stop the
node, and waits for that. A node that does not run is removed at once: one whose disk is lost, for example. Three nodes must be left.

Examples:

    daybook cluster remove e`
}

func (c *clusterRemoveCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return followChange(ctx, s, c.JSON, func() (*client.ClusterChange, error) { return server.RemoveNode(ctx, c.Name) })
	})
}

// changeEvery is how often the server is asked how far a change is.
const changeEvery = time.Second

// followChange asks for a change until it is done, and says what it waits for.
func followChange(ctx context.Context, s *stdio, asJSON bool, ask func() (*client.ClusterChange, error)) error {
	said := ""
	for {
		change, err := ask()
		if err != nil {
			return err
		}
		switch {
		case change.Done && asJSON:
			return json.NewEncoder(s.out).Encode(change)
		case change.Done:
			_, err := fmt.Fprintln(s.out, oneLine(change.Next))
			return err
		case change.Next != said:
			said = change.Next
			if _, err := fmt.Fprintln(s.err, oneLine(said)); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(changeEvery):
		}
	}
}

type clusterImportCmd struct {
	From string `required:"" placeholder:"DIR" help:"Data folder of the server."`
}

func (clusterImportCmd) Help() string {
	return `The node that has the folder brings it in when it is started with --cluster-import; see docs/cluster.md. This command changes nothing.`
}

func (c *clusterImportCmd) Run(_ context.Context, s *stdio) error {
	_, err := fmt.Fprintf(s.out, `1. Stop the server of %[1]s, and copy the folder as a backup.
2. Start it again as the first node of the new cluster, once with --cluster-import:
   daybook serve --node a --data %[1]s --cluster a=HOST:PORT,b=HOST:PORT,c=HOST:PORT --cluster-import
3. Start the other nodes with the same --cluster and empty folders. Two of three must run; the log of the first says how far it is.
4. The next time, start the first node without --cluster-import.
`, c.From)
	return err
}
