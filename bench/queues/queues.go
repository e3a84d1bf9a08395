// Package queues holds the task queues that are measured, each in its own file,
// and the floors: what the machine itself allows.
package queues

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"daybook/bench/measure"
)

// Server is the database server that a system needs.
type Server string

// The servers.
const (
	NoServer       Server = ""
	RedisAlways    Server = "redis, appendfsync always"
	RedisEverySec  Server = "redis, appendfsync everysec"
	PostgresServer Server = "postgresql"
)

// Spec is a system before it is opened.
type Spec struct {
	Name   string // as the flags know it
	Title  string // as the table shows it
	Server Server
	Synced bool // a submit is on the disk when it is acknowledged
	Bulk   bool // has a call that makes many tasks
	Floor  bool // no queue: what the machine allows
	Rows   []measure.Row
	Open   measure.Opener // nil: bench/bullmq does it
}

// Has reports whether the system can be asked for the row.
func (s Spec) Has(row measure.Row) bool {
	if row.Bulk() && !s.Bulk {
		return false
	}
	if s.Rows == nil {
		return true
	}
	for _, r := range s.Rows {
		if r == row {
			return true
		}
	}
	return false
}

// Specs are all systems, in the order in which they take turns.
func Specs() []Spec {
	submits := []measure.Row{measure.SubmitOne, measure.SubmitMany}
	bulks := []measure.Row{measure.SubmitOne, measure.Bulk100, measure.Bulk1000}
	runs := []measure.Row{measure.RunOne, measure.RunBulk, measure.Drain, measure.PickUp, measure.Memory}
	return []Spec{
		{Name: "daybook", Title: "**Daybook**, in process", Synced: true, Bulk: true, Open: openDaybook},
		{Name: "daybook-http", Title: "**Daybook**, over HTTP", Synced: true, Bulk: true, Open: openDaybookHTTP},
		{Name: "daybook-client", Title: "**Daybook**, over HTTP by its Go client", Synced: true, Bulk: true, Open: openDaybookClient},
		{Name: oneTaskACall, Title: "**Daybook**, 64 workers over HTTP, one task a call", Synced: true, Bulk: true, Rows: runs, Open: openDaybookWorkers},
		{Name: batchedCalls, Title: "**Daybook**, workers over HTTP, many tasks a call", Synced: true, Bulk: true, Rows: runs, Open: openDaybookWorkers},
		{Name: "asynq-always", Title: "asynq on Redis", Server: RedisAlways, Synced: true, Open: openAsynq},
		{Name: "bullmq-always", Title: "BullMQ on Redis", Server: RedisAlways, Synced: true, Bulk: true},
		{Name: "river-postgres", Title: "River on PostgreSQL", Server: PostgresServer, Synced: true, Bulk: true, Open: openRiverPostgres},
		{Name: "gue", Title: "gue on PostgreSQL", Server: PostgresServer, Synced: true, Bulk: true, Open: openGue},
		{Name: "river-sqlite-full", Title: "River on SQLite", Synced: true, Bulk: true, Open: openRiverSQLite("FULL")},
		{Name: "backlite-full", Title: "backlite", Synced: true, Bulk: true, Open: openBacklite("FULL")},
		{Name: "goqite-full", Title: "goqite", Synced: true, Bulk: true, Open: openGoqite("FULL")},
		{Name: "asynq-everysec", Title: "asynq on Redis", Server: RedisEverySec, Open: openAsynq},
		{Name: "bullmq-everysec", Title: "BullMQ on Redis", Server: RedisEverySec, Bulk: true},
		{Name: "river-sqlite", Title: "River on SQLite", Bulk: true, Open: openRiverSQLite("NORMAL")},
		{Name: "backlite", Title: "backlite", Bulk: true, Open: openBacklite("NORMAL")},
		{Name: "goqite", Title: "goqite", Bulk: true, Open: openGoqite("NORMAL")},
		{Name: "floor-sync", Title: "append 4 KiB to a file and sync it", Synced: true, Floor: true, Rows: submits[:1], Open: openSyncFloor},
		{Name: "floor-sqlite", Title: "bare loop of inserts into SQLite", Synced: true, Floor: true, Bulk: true, Rows: bulks, Open: openSQLiteFloor},
		{Name: "floor-http", Title: "`net/http` server that does nothing", Floor: true, Rows: submits, Open: openHTTPFloor},
	}
}

// Lookup finds a system by its name.
func Lookup(name string) (Spec, error) {
	for _, s := range Specs() {
		if s.Name == name {
			return s, nil
		}
	}
	return Spec{}, fmt.Errorf("there is no system %q", name)
}

// moduleFile reads a file of a module that the build uses: a schema that the module's
// documentation tells its users to run.
func moduleFile(ctx context.Context, module, path string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find the folder of %s: %w", module, err)
	}
	body, err := os.ReadFile(strings.TrimSpace(string(out)) + "/" + path)
	return string(body), err
}

// same is the Caller of a system that all goroutines may use.
type same func(ctx context.Context, n int) error

func (s same) Submit(ctx context.Context, n int) error { return s(ctx, n) }
