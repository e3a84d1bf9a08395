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
	head := log.Head().Seq
	audit, err := eventlog.Verify(ctx, log, head, func(done int64) {
		if progress != nil {
			progress(done, head)
		}
	})
	p := Proof{LogID: log.ID(), Events: audit.Seq, Hash: hex.EncodeToString(audit.Hash[:]), Payloads: audit.Payloads, Erased: audit.Erased}
	switch loss := log.Loss(); {
	case errors.Is(err, eventlog.ErrDamaged):
		p.Damage, err = err.Error(), nil
	case err == nil && p.Events != head:
		p.Damage = fmt.Sprintf("the log ends at event %d, before its head %d", p.Events, head)
	case err == nil && loss != nil:
		p.Damage = loss.Reason
	}
	return p, errors.Join(err, log.Close())
}
