package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"daybook"
	"daybook/client"
)

type verifyCmd struct {
	remote
	Data string `env:"DAYBOOK_VERIFY_DATA" placeholder:"DIR" help:"Verify this data folder without a server; no server may have it open. Nothing in it is changed."`
}

func (verifyCmd) Help() string {
	return `Reads the whole log and recomputes its hash chain, which detects a changed, missing or added event.
Also reads every file and compares it with its id, which is its hash.
Exit code 0 if everything is as it was written, else 1.

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
	proof, err := daybook.Verify(ctx, c.Data, func(what string, done, total int64) {
		label := "verifying the log"
		if what == "bytes" {
			label = "verifying the files"
		}
		bar.Draw(label, float64(done)/float64(max(total, 1)), fmt.Sprintf("%s of %s %s", grouped(done), grouped(total), what))
	})
	bar.Clear()
	if err != nil {
		return err
	}
	v := client.Verification{
		OK: proof.Damage == "", LogID: proof.LogID, Events: proof.Events, Hash: proof.Hash,
		Payloads: proof.Payloads, Erased: proof.Erased, Files: proof.Files, VerifiedAt: time.Now().UTC(),
	}
	if proof.FileDamage != "" {
		v.OK = false
		proof.Damage = strings.TrimPrefix(proof.Damage+"; "+proof.FileDamage, "; ")
	}
	for _, f := range proof.DamagedFiles {
		v.DamagedFiles = append(v.DamagedFiles, client.DamagedFile{ID: f.ID, Name: f.Name})
	}
	if proof.Damage != "" {
		v.Detail = &proof.Damage
	}
	if v.Raw, err = json.Marshal(v); err != nil {
		return err
	}
	for _, name := range proof.Blocked {
		if !c.JSON {
			fmt.Fprintf(s.out, "no file or folder of Daybook's: files/%s: move it away\n", oneLine(name))
		}
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
		erased := ""
		if proof.Erased > 0 {
			erased = grouped(proof.Erased) + " payloads were erased\n"
		}
		_, err = fmt.Fprintf(s.out, "ok: %s events, %s payloads and %s files are as they were written\n%slog  %s\nhead %s\n",
			grouped(proof.Events), grouped(proof.Payloads), grouped(proof.Files), erased, proof.LogID, proof.Hash)
	}
	if !c.JSON {
		for _, f := range proof.DamagedFiles {
			fmt.Fprintf(s.out, "damaged file %s %s: upload it again\n", f.ID, oneLine(f.Name))
		}
	}
	switch {
	case err != nil || proof.OK:
		return err
	case c.JSON:
		return errSilent
	case proof.Detail == nil:
		return errors.New("there is damage")
	}
	return fmt.Errorf("there is damage: %s", *proof.Detail)
}
