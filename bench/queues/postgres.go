package queues

import (
	"context"
	"fmt"
	"os"

	"daybook/bench/measure"

	"github.com/jackc/pgx/v5/pgxpool"
)

// openPostgres connects to a server that has no password.
func openPostgres(ctx context.Context, address string, connections int) (*pgxpool.Pool, error) {
	return pgxpool.New(ctx, fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable&pool_max_conns=%d", address, connections))
}

// postgresFacts asks the server what it does at a commit.
func postgresFacts(ctx context.Context, pool *pgxpool.Pool, settings string) (f measure.Facts, err error) {
	f.Settings, f.PIDs = settings, []int{os.Getpid()}
	var version, fsync, commit, pages, method, buffers, wal string
	err = pool.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'),
		current_setting('full_page_writes'), current_setting('wal_sync_method'), current_setting('shared_buffers'), current_setting('max_wal_size')`).
		Scan(&version, &fsync, &commit, &pages, &method, &buffers, &wal)
	if err != nil {
		return f, err
	}
	does := "no sync at a commit"
	if f.Synced = fsync == "on" && commit == "on"; f.Synced {
		does = "synced at every commit"
	}
	f.Durability = fmt.Sprintf("%s (PostgreSQL %s, fsync=%s, synchronous_commit=%s, full_page_writes=%s, wal_sync_method=%s, shared_buffers=%s, max_wal_size=%s)",
		does, version, fsync, commit, pages, method, buffers, wal)
	return f, nil
}
