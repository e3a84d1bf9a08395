package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// OpenReadOnly opens the log in dir to be looked at while no server has it. It changes
// no byte of it. A log that has lost events is opened too: see Loss. Append answers
// ErrFull. Errors: ErrLocked, ErrForeign, eventlog.ErrDamaged, os.ErrNotExist.
func OpenReadOnly(ctx context.Context, dir string) (*Log, error) {
	o, err := Options{Dir: dir}.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(ctx.Err(), sqlite.CheckVersion()); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, logName)); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open log: there is none in %s: %w", dir, os.ErrNotExist)
	}
	if err := checkPlace(dir, false); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	held, err := shareLock(dir)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := newLog(o, held)
	l.offline = true
	l.readOnly.Store(true)
	f, w, _, loss, err := l.inspect()
	if err == nil && f.empty && loss != nil {
		err = &LossError{Dir: dir, Loss: *loss}
	}
	if err == nil && f.empty {
		err = fmt.Errorf("%w: it is empty", eventlog.ErrDamaged)
	}
	l.epoch = w.epoch
	if err == nil {
		err = l.openForReading(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open log: %w", err), held.release())
	}
	l.loss.Store(loss)
	return l, nil
}

// HasEvents reports whether there is a log in dir that has events. It changes nothing. Errors: those of OpenReadOnly, but not
// that there is none.
func HasEvents(ctx context.Context, dir string) (bool, error) {
	log, err := OpenReadOnly(ctx, dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return log.Head().Seq > 0, log.Close()
}
