package measure

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Opener opens a system for a job; its handlers call hits.
type Opener func(ctx context.Context, j Job, hits *Hits) (System, error)

// Child does one job in a separate process: it writes messages to out, a line each,
// and waits for a line of in where a message has a phase.
func Child(ctx context.Context, j Job, open Opener, in io.Reader, out io.Writer) error {
	encoder, lines := json.NewEncoder(out), bufio.NewReader(in)
	b := &Bench{Job: j, Hits: &Hits{}, Pause: func(phase string) error {
		if err := encoder.Encode(Message{Phase: phase}); err != nil {
			return err
		}
		_, err := lines.ReadString('\n')
		return err
	}}
	if j.Row == PickUp {
		starts := make(chan time.Time, j.Samples)
		b.Starts, b.Hits.each = starts, starts
	}
	if err := b.openAndRun(ctx, open, encoder); err != nil {
		return encoder.Encode(Message{Error: err.Error()})
	}
	return nil
}

func (b *Bench) openAndRun(ctx context.Context, open Opener, encoder *json.Encoder) (err error) {
	if b.System, err = open(ctx, b.Job, b.Hits); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() {
		if closeErr := b.System.Close(); closeErr != nil && err == nil {
			err = fmt.Errorf("close: %w", closeErr)
		}
	}()
	facts, err := b.System.Facts(ctx)
	if err != nil {
		return fmt.Errorf("ask for the facts: %w", err)
	}
	if err := encoder.Encode(Message{Facts: &facts}); err != nil {
		return err
	}
	result, err := b.Run(ctx)
	if err != nil {
		return err
	}
	return encoder.Encode(Message{Result: &result})
}
