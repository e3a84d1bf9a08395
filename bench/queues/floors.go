package queues

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"daybook/bench/measure"
)

// floor is no queue: it can be submitted to and does the least that a queue must do.
type floor struct {
	caller func() (measure.Caller, error)
	facts  func(context.Context) (measure.Facts, error)
	close  func() error
}

func (f *floor) Caller() (measure.Caller, error) { return f.caller() }

// Work does nothing: what is submitted never runs.
func (f *floor) Work(context.Context) error { return nil }

// Ended is always 0.
func (f *floor) Ended(context.Context, int64) (int64, error) { return 0, nil }

// Left is always 0.
func (f *floor) Left(context.Context) (int64, error) { return 0, nil }

func (f *floor) Facts(ctx context.Context) (measure.Facts, error) { return f.facts(ctx) }

func (f *floor) Close() error { return f.close() }

func known(f measure.Facts) func(context.Context) (measure.Facts, error) {
	return func(context.Context) (measure.Facts, error) { return f, nil }
}

// openSyncFloor appends 4 KiB to a file and syncs it.
func openSyncFloor(_ context.Context, j measure.Job, _ *measure.Hits) (measure.System, error) {
	file, err := os.Create(filepath.Join(j.Dir, "floor"))
	if err != nil {
		return nil, err
	}
	page := make([]byte, 4096)
	return &floor{
		caller: func() (measure.Caller, error) {
			return same(func(context.Context, int) error {
				if _, err := file.Write(page); err != nil {
					return err
				}
				return file.Sync()
			}), nil
		},
		facts: known(measure.Facts{Durability: "fsync", Synced: true, Settings: "one caller, 4 KiB a call"}),
		close: file.Close,
	}, nil
}

// openSQLiteFloor inserts the payload into a table with no index: a transaction a call.
func openSQLiteFloor(ctx context.Context, j measure.Job, _ *measure.Hits) (measure.System, error) {
	db, err := openSQLite(j.Dir, "FULL")
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE bare (seq INTEGER PRIMARY KEY, body TEXT) STRICT"); err != nil {
		return nil, err
	}
	insert, err := db.PrepareContext(ctx, "INSERT INTO bare (body) VALUES (?)")
	if err != nil {
		return nil, err
	}
	return &floor{
		caller: func() (measure.Caller, error) { return same(bareInsert{db, insert}.submit), nil },
		facts: func(ctx context.Context) (measure.Facts, error) {
			return sqliteFacts(ctx, db, "database/sql, one prepared insert, one table, no index")
		},
		close: db.Close,
	}, nil
}

type bareInsert struct {
	db     *sql.DB
	insert *sql.Stmt
}

func (b bareInsert) submit(ctx context.Context, n int) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert := tx.StmtContext(ctx, b.insert)
	for range n {
		if _, err := insert.Exec(measure.Payload); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// openHTTPFloor answers a post with the body of the post.
func openHTTPFloor(context.Context, measure.Job, *measure.Hits) (measure.System, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})}
	var served sync.WaitGroup
	served.Go(func() { server.Serve(listener) })
	return &floor{
		caller: func() (measure.Caller, error) {
			return dialHTTP(listener.Addr().String(), func(int) (string, string) { return "/", submitBody() })
		},
		facts: known(measure.Facts{Durability: "nothing is kept", Settings: "load and server in one process"}),
		close: func() error {
			err := server.Close()
			served.Wait()
			return err
		},
	}, nil
}
