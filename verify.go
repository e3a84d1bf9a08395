package daybook

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
	"daybook/files"
	"daybook/projection"
)

// Proof says whether a log is as it was written.
type Proof struct {
	LogID    string
	Events   int64  // the last event that is as it should be
	Hash     string // of that event, in hex: it stands for all before it
	Payloads int64  // that fit their hash
	Erased   int64  // that were erased by request
	Damage   string // what is wrong with the log; "" = nothing

	Files        int64        // that fit their hash, and so their id
	DamagedFiles []files.Info // that do not
	FileDamage   string       // what is wrong with the files, in words; "" = nothing
	// Blocked are the names, below files/, of what lies in the place of a file or folder and is none.
	Blocked []string
}

// Verify reads the whole log in a data folder that no server has open, recomputes its
// chain, looks at every payload, compares the end with what was acknowledged, and reads every
// file. It changes nothing. Damage is no error: see Proof. Errors: sqlitelog.ErrLocked,
// projection.ErrNewer (a *projection.Newer), os.ErrNotExist, ctx's. progress, if not nil, is called
// now and then, first with events ("events"), then with bytes of files ("bytes").
func Verify(ctx context.Context, data string, progress func(what string, done, total int64)) (Proof, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	p, err := verifyLog(ctx, data, func(done, head int64) { progress("events", done, head) })
	if err != nil {
		return p, err
	}
	audit, err := verifyFiles(ctx, data, func(done, total int64) { progress("bytes", done, total) })
	p.Files, p.DamagedFiles, p.Blocked, p.FileDamage = audit.Files, audit.Damaged, audit.Blocked, audit.Damage()
	return p, err
}

func verifyFiles(ctx context.Context, data string, progress func(done, total int64)) (files.Audit, error) {
	store, err := files.OpenReadOnly(filepath.Join(data, "files"))
	if errors.Is(err, fs.ErrNotExist) {
		return files.Audit{}, nil
	}
	if err != nil {
		return files.Audit{}, err
	}
	audit, err := store.Verify(ctx, progress)
	return audit, errors.Join(err, store.Close())
}

func verifyLog(ctx context.Context, data string, progress func(done, head int64)) (Proof, error) {
	log, err := sqlitelog.OpenReadOnly(ctx, data)
	if errors.Is(err, eventlog.ErrDamaged) {
		return Proof{Damage: err.Error()}, nil
	}
	if err != nil {
		return Proof{}, err
	}
	head := log.Head().Seq
	audit, err := eventlog.Verify(ctx, log, head, func(done int64) {
		progress(done, head)
	})
	p := Proof{LogID: log.ID(), Events: audit.Seq, Hash: hex.EncodeToString(audit.Hash[:]), Payloads: audit.Payloads, Erased: audit.Erased}
	switch loss := log.Loss(); {
	case errors.Is(err, eventlog.ErrDamaged):
		p.Damage, err = err.Error(), nil
	case err == nil && p.Events != head:
		p.Damage = fmt.Sprintf("the log ends at event %d, before its head %d", p.Events, head)
	case err == nil && loss != nil:
		p.Damage = loss.Reason
	case err == nil:
		if _, newer := projection.Check(ctx, log); errors.Is(newer, projection.ErrNewer) {
			err = newer
		}
	}
	return p, errors.Join(err, log.Close())
}
