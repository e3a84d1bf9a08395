package projection

import (
	"context"
	"errors"
	"fmt"

	"daybook/eventlog"
)

// until is the log as it was when its last event had that seq.
func (p *Past) until(seq int64) (eventlog.Log, error) {
	head := p.log.Head()
	if head.Seq < seq {
		return nil, fmt.Errorf("event %d: %w", seq, eventlog.ErrNotFound)
	}
	if seq == 0 {
		return pastLog{p.log, eventlog.Head{}}, nil
	}
	last, err := p.log.Events(p.ctx, []int64{seq})
	if err != nil {
		return nil, err
	}
	return pastLog{p.log, eventlog.Head{Seq: seq, Hash: last[0].Hash, At: last[0].At}}, nil
}

// pastLog is a log as it was at an earlier head.
type pastLog struct {
	eventlog.Log
	head eventlog.Head
}

func (l pastLog) Head() eventlog.Head { return l.head }

// errScanned ends a scan.
var errScanned = errors.New("scanned")

func (l pastLog) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	if after >= l.head.Seq {
		return nil
	}
	err := l.Log.Scan(ctx, after, func(e *eventlog.Event) error {
		if err := fn(e); err != nil {
			return err
		}
		if e.Seq >= l.head.Seq {
			return errScanned
		}
		return nil
	})
	if errors.Is(err, errScanned) {
		return nil
	}
	return err
}
