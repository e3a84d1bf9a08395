package main

import (
	"context"
	"errors"
	"fmt"

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
		return c.print(s, &proof)
	})
}

// print says what was found. A damaged log is an error.
func (c *verifyCmd) print(s *stdio, proof *client.Verification) error {
	var err error
	switch {
	case c.JSON:
		err = printJSON(s.out, proof.Raw)
	case proof.OK:
		_, err = fmt.Fprintf(s.out, "ok: %s events and %s payloads are as they were written\nlog  %s\nhead %s\n",
			grouped(proof.Events), grouped(proof.Payloads), proof.LogID, proof.Hash)
	}
	switch {
	case err != nil || proof.OK:
		return err
	case c.JSON:
		return errSilent
	case proof.Detail == nil:
		return errors.New("the log is damaged")
	}
	return fmt.Errorf("the log is damaged: %s", *proof.Detail)
}
