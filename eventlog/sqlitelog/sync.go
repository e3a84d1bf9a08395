package sqlitelog

import (
	"fmt"

	"daybook/eventlog"
)

// sync puts the batch on disk, and all else that was written before the sync began. Then the
// witness says so, and readers see it. Batches are written while the ones before are
// synced, so one sync may do for some of them.
func (l *Log) sync(batch []*eventlog.Event) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if l.Head().Seq >= batch[len(batch)-1].Seq {
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
	if err := l.sidecar.write(witness{l.id, head.Seq, head.Hash}); err != nil {
		return doubt{fmt.Errorf("write %s: %w", sidecarName, err)}
	}
	l.loss.Store(nil)
	for _, batch := range batches {
		l.ring.add(batch)
	}
	l.head.Store(&head)
	l.signal.Raise()
	return nil
}
