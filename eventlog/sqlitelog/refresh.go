package sqlitelog

import (
	"context"
	"fmt"
)

// Refresh drops the pages that readers have in memory: what is read next comes
// from the file, even if another program has changed it. It waits for the reads
// under way. Errors: ctx's, those of SQLite.
func (l *Log) Refresh(ctx context.Context) error {
	l.refreshing.Lock() // two would wait for each other's readers
	defer l.refreshing.Unlock()
	taken := make([]*reader, 0, readers)
	defer func() {
		for _, r := range taken {
			l.pool.release(r)
		}
	}()
	for range readers {
		r, err := l.pool.acquire(ctx)
		if err != nil {
			return fmt.Errorf("refresh the readers of the log: %w", err)
		}
		taken = append(taken, r)
		if err := r.c.Do("PRAGMA shrink_memory"); err != nil {
			return fmt.Errorf("refresh the readers of the log: %w", err)
		}
	}
	return nil
}
