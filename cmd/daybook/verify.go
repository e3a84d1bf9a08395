package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"daybook/client"
)

type verifyCmd struct {
	remote
}

func (verifyCmd) Help() string {
	return `Reads the whole log and recomputes its chain of hashes: a changed, missing or added event is found.
Exit code 0 when all is as it was written, else 1.

Examples:

    daybook verify`
}

func (c *verifyCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		proof, err := server.Verify(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, proof)
		}
		_, err = fmt.Fprintln(s.out, strings.TrimSpace(string(json.RawMessage(proof))))
		return err
	})
}
