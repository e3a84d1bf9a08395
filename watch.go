package daybook

import (
	"context"
	"errors"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
	"daybook/projection"
)

// watchFiles looks once a second whether the log still lies where it is written.
func (d *Daybook) watchFiles(ctx context.Context) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if d.log.CheckFiles() != nil {
				return // it has said so
			}
		}
	}
}

// checkLog checks the chain of a long log, slowly, beside other work: of a short one it
// was done before the views were opened. A log that turns out to be damaged is read from
// then on and not written.
func (d *Daybook) checkLog(ctx context.Context) {
	if d.log.Head().Seq <= projection.CheckedAtStart {
		return
	}
	began := time.Now()
	err := d.log.Check(ctx, sqlitelog.CheckOptions{})
	switch {
	case errors.Is(err, eventlog.ErrDamaged):
		d.log.Condemn(err)
	case err != nil && ctx.Err() == nil:
		d.o.Logger.Warn("the chain of the log could not be checked", "error", err)
	case err == nil:
		d.o.Logger.Info("the chain of the log is whole", "events", d.log.Stats().Checked, "took", time.Since(began).Round(time.Second))
	}
}
