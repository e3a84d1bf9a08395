package daybook

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
)

// Proof says whether a log is as it was written.
type Proof struct {
	LogID    string
	Events   int64  // the last event that is as it should be
	Hash     string // of that event, in hex: it stands for all before it
	Payloads int64  // that fit their hash
	Erased   int64  // that were erased by request
	Damage   string // what is wrong; "" = nothing
}

// Verify reads the whole log in a data folder that no server has open, recomputes its
// chain, looks at every payload, and compares the end with what was acknowledged. It
// changes nothing. A log that is damaged is no error: see Proof.Damage. Errors:
// sqlitelog.ErrLocked, os.ErrNotExist, ctx's. progress, if not nil, is called now and then.
func Verify(ctx context.Context, data string, progress func(done, head int64)) (Proof, error) {
	log, err := sqlitelog.OpenReadOnly(ctx, data)
	if errors.Is(err, eventlog.ErrDamaged) {
		return Proof{Damage: err.Error()}, nil
	}
	if err != nil {
		return Proof{}, err
	}
	p := Proof{LogID: log.ID()}
	err = p.read(ctx, log, progress)
	switch loss := log.Loss(); {
	case errors.Is(err, eventlog.ErrDamaged):
		p.Damage, err = err.Error(), nil
	case err == nil && p.Events != log.Head().Seq:
		p.Damage = fmt.Sprintf("the log ends at event %d, before its head %d", p.Events, log.Head().Seq)
	case err == nil && loss != nil:
		p.Damage = loss.Reason
	}
	return p, errors.Join(err, log.Close())
}

func (p *Proof) read(ctx context.Context, log eventlog.Log, progress func(done, head int64)) error {
	const step = 1 << 12 // events between two calls of progress
	head := log.Head().Seq
	var hash eventlog.Hash
	err := log.Scan(ctx, 0, func(e *eventlog.Event) error {
		if e.HasPayload {
			if err := p.payload(ctx, log, e.Seq); err != nil {
				return err
			}
		}
		p.Events, hash = e.Seq, e.Hash
		if progress != nil && (e.Seq%step == 0 || e.Seq == head) {
			progress(e.Seq, head)
		}
		return nil
	})
	p.Hash = hex.EncodeToString(hash[:])
	return err
}

func (p *Proof) payload(ctx context.Context, log eventlog.Log, seq int64) error {
	_, err := log.Payload(ctx, seq)
	switch {
	case err == nil:
		p.Payloads++
	case errors.Is(err, eventlog.ErrErased):
		p.Erased++
	default:
		return err
	}
	return nil
}
