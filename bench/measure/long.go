package measure

import (
	"context"
	"errors"
	"time"
)

// lookEvery is how often a sustained load asks how many tasks are left: seldom, because
// the answer costs the system something.
const lookEvery = 100 * time.Millisecond

// minute measures from the first call to the end of the last task, as endToEnd does, under
// a load of Job.Minute. Nothing holds the callers back.
func (b *Bench) minute(ctx context.Context, callers, size int) (Result, error) {
	warm, err := b.warmUp(ctx, callers, size)
	if err != nil {
		return Result{}, err
	}
	stop, start := watchLags(ctx, b.System), time.Now()
	l, err := runFor(ctx, b.System, callers, size, b.Job.Load())
	waiting, leftErr := b.System.Left(ctx)
	r := l.result()
	if err = errors.Join(err, leftErr); err == nil {
		r, err = b.settle(ctx, r, start, warm, l.tasks.Load())
	}
	lags, lagErr := stop()
	r.Lags, r.Waiting = lags, &waiting
	return r, errors.Join(err, lagErr)
}

// sustained measures a system that has found its step: the tasks that end in the last
// two thirds of Job.Sustained. Callers pause while Job.Ahead tasks and more have not
// ended, so that one that submits faster than it runs comes to an equilibrium.
func (b *Bench) sustained(ctx context.Context, callers, size int) (Result, error) {
	if err := b.System.Work(ctx); err != nil {
		return Result{}, err
	}
	stop := watchLags(ctx, b.System)
	l, w, loaded := newLoad(), newWindow(int64(b.Job.Ahead)), make(chan error, 1)
	go func() {
		loaded <- l.run(ctx, b.System, callers, size, func(begun int64, _ time.Time) bool { return w.wait(begun) })
	}()
	from, to, err := b.follow(ctx, l, w)
	w.close()
	err = errors.Join(err, <-loaded)
	lags, lagErr := stop()
	r := l.result()
	r.Lags, r.Settled, r.Waiting = lags, &from.left, &to.left
	r.Tasks, r.Seconds = to.ended-from.ended, to.at.Sub(from.at).Seconds()
	r.Rate = float64(r.Tasks) / r.Seconds
	return r, errors.Join(err, lagErr)
}

// look is how far a load was at a moment.
type look struct {
	at    time.Time
	ended int64 // of the tasks that were acknowledged
	left  int64 // tasks that have not ended
}

// follow moves the window while the load goes on, and tells how far the load was after
// the first third of its time and at the end.
func (b *Bench) follow(ctx context.Context, l *load, w *window) (from, to look, err error) {
	start, total := time.Now(), b.Job.Load()
	every := time.NewTicker(min(lookEvery, total/10))
	defer every.Stop()
	for to.at.Sub(start) < total || !to.at.After(from.at) {
		select {
		case <-every.C:
		case <-ctx.Done():
			return from, to, ctx.Err()
		}
		if to, err = b.look(ctx, l); err != nil {
			return from, to, err
		}
		w.move(to.ended)
		if from.at.IsZero() && to.at.Sub(start) >= total/3 {
			from = to
		}
	}
	return from, to, nil
}

// look asks the store. Tasks that are acknowledged meanwhile are left and not counted
// as ended, so that it never says too many.
func (b *Bench) look(ctx context.Context, l *load) (look, error) {
	acknowledged := l.tasks.Load()
	left, err := b.System.Left(ctx)
	return look{at: time.Now(), ended: max(acknowledged-left, 0), left: left}, err
}
