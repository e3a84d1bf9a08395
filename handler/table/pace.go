package table

import (
	"context"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// pace reports the progress of some work. If the work has to take a given time, pace slows it down so
// that the share done is the share of the time that has passed.
type pace struct {
	ctx    context.Context
	report func(percent float64, message string)
	whole  time.Duration // 0 = as fast as it goes
	start  time.Time
	last   time.Time // of a report
}

var english = message.NewPrinter(language.English) // writes 1,234 rows

// paceTick is the time between two reports.
const paceTick = 250 * time.Millisecond

func newPace(ctx context.Context, whole time.Duration, report func(float64, string)) *pace {
	now := time.Now()
	return &pace{ctx: ctx, report: report, whole: whole, start: now, last: now}
}

// to records that a share of the work, 0 … 1, is done, and waits until the work may continue. It
// returns ctx's error at once when ctx has ended.
func (p *pace) to(share float64, rows int64) error {
	for {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		now := time.Now()
		gone := now.Sub(p.start)
		reached := share
		if p.whole > 0 {
			reached = min(share, float64(gone)/float64(p.whole))
		}
		if now.Sub(p.last) >= paceTick {
			p.last = now
			p.report(100*min(reached, 1), english.Sprintf("%d rows", rows))
		}
		wait := time.Duration(share*float64(p.whole)) - gone
		if wait <= 0 {
			return nil
		}
		if err := p.hold(min(wait, paceTick)); err != nil {
			return err
		}
	}
}

// hold waits; its error is ctx's.
func (p *pace) hold(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.ctx.Done():
		return p.ctx.Err()
	case <-timer.C:
		return nil
	}
}
