package sqlitelog

import (
	"fmt"

	"daybook/eventlog"
)

// syncOf returns the sync of a batch that was just written; mu is held. An empty batch
// waits for those before it all the same: what was refused may rest on them.
func (l *Log) syncOf(batch []*eventlog.Event) func() error {
	upTo := l.written.Seq
	return func() error { return l.sync(upTo, batch) }
}

// sync puts on disk what was written up to a seq, and all else that was written before the
// sync began. Then the witness says so, and readers see it. Batches are written while the
// ones before are synced, so one sync may do for some of them.
func (l *Log) sync(upTo int64, batch []*eventlog.Event) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if l.Head().Seq >= upTo {
		return nil // another's sync has taken it along
	}
	err := l.Failed()
	if err == nil {
		err = l.syncStaged()
	}
	if err != nil {
		forget(batch)
	}
	return err
}

// syncStaged syncs and publishes all that was written; syncing is held.
func (l *Log) syncStaged() error {
	l.mu.Lock()
	batches, head := l.staged, l.written
	l.staged = nil
	l.mu.Unlock()
	if err := l.publish(batches, head); err != nil {
		return l.fail(err)
	}
	return nil
}

// publish syncs the WAL and lets readers see the batches, of which head is the last event.
func (l *Log) publish(batches [][]*eventlog.Event, head eventlog.Head) error {
	if err := l.writer.sync(); err != nil {
		return doubt{fmt.Errorf("sync the WAL: %w", err)}
	}
	first := l.sidecar.file == nil
	if err := l.sidecar.write(witness{l.id, head.Seq, head.Hash, l.epoch}); err != nil {
		return doubt{fmt.Errorf("write %s: %w", sidecarName, err)}
	}
	if first {
		if err := l.places.noteSidecar(l.dir); err != nil {
			return doubt{err}
		}
	}
	if err := l.places.check(0); err != nil { // else it is on a disk where nobody will find it
		return doubt{l.checkFiles(0)}
	}
	l.loss.Store(nil)
	for _, batch := range batches {
		l.ring.add(batch)
	}
	l.head.Store(&head)
	l.signal.Raise()
	return nil
}
