package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"daybook"
	"daybook/client"
)

type verifyCmd struct {
	remote
	Data string `env:"DAYBOOK_VERIFY_DATA" placeholder:"DIR" help:"Verify this data folder itself; no server may have it open. Nothing in it is changed."`
}

func (verifyCmd) Help() string {
	return `Reads the whole log and recomputes its chain of hashes: a changed, missing or added event is found.
Exit code 0 when all is as it was written, else 1.

Examples:

    daybook verify
    daybook verify --data ./daybook-data`
}

func (c *verifyCmd) Run(ctx context.Context, s *stdio) error {
	if c.Data != "" {
		return c.offline(ctx, s)
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		proof, err := server.Verify(ctx)
		if err != nil {
			return err
		}
		return c.print(s, &proof)
	})
}

// offline verifies a folder without a server.
func (c *verifyCmd) offline(ctx context.Context, s *stdio) error {
	bar := newBar(s)
	proof, err := daybook.Verify(ctx, c.Data, func(done, head int64) {
		bar.Draw("verifying", float64(done)/float64(head), fmt.Sprintf("%s of %s events", grouped(done), grouped(head)))
	})
	bar.Clear()
	if err != nil {
		return err
	}
	v := client.Verification{
		OK: proof.Damage == "", LogID: proof.LogID, Events: proof.Events, Hash: proof.Hash,
		Payloads: proof.Payloads, Erased: proof.Erased, VerifiedAt: time.Now().UTC(),
	}
	if !v.OK {
		v.Detail = &proof.Damage
	}
	if v.Raw, err = json.Marshal(v); err != nil {
		return err
	}
	return c.print(s, &v)
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
