package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/client"
	"daybook/internal/testserver"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		stopPostgres()
		os.Exit(code)
	}))
}

var quiet = slog.New(slog.DiscardHandler)

// serve runs a real server, and returns a client of it.
func serve(t *testing.T) *client.Client {
	return serveBehind(t, nil)
}

// serveBehind runs a real server behind a handler.
func serveBehind(t *testing.T, wrap func(http.Handler) http.Handler) *client.Client {
	t.Helper()
	web := testserver.Start(t, wrap)
	c, err := client.New(web.URL, web.Client())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// database is the database of a program, with an outbox.
type database struct {
	t      *testing.T
	db     *sql.DB
	from   string
	insert string // a row with a task
}

// each runs a test with each kind of database.
func each(t *testing.T, test func(t *testing.T, d *database)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, newPostgres(t)) })
}

func newSQLite(t *testing.T) *database {
	path := filepath.Join(t.TempDir(), "app ?#.db")
	db, err := sql.Open("sqlite3", "file:"+strings.NewReplacer("?", "%3f", "#", "%23").Replace(path)+"?_journal_mode=WAL&_busy_timeout=120000")
	if err != nil {
		t.Fatal(err)
	}
	return (&database{t, db, "sqlite:" + path, "INSERT INTO daybook_outbox (task) VALUES (?)"}).make(sqliteSchema)
}

func (d *database) make(schema string) *database {
	d.t.Cleanup(func() { d.db.Close() })
	for range 2 { // the second time changes nothing
		d.exec(schema)
	}
	return d
}

func (d *database) exec(statement string, values ...any) {
	d.t.Helper()
	if _, err := d.db.Exec(statement, values...); err != nil {
		d.t.Fatal(err)
	}
}

// add commits tasks in one transaction.
func (d *database) add(tasks ...string) {
	d.t.Helper()
	tx, err := d.db.Begin()
	for _, task := range tasks {
		if err == nil {
			_, err = tx.Exec(d.insert, task)
		}
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// rows are the tasks that are left, and why they are refused.
func (d *database) rows() (list []string) {
	d.t.Helper()
	found, err := d.db.Query("SELECT CAST(task AS TEXT), COALESCE(refused, '') FROM daybook_outbox ORDER BY id")
	if err != nil {
		d.t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var task, refused string
		if err := found.Scan(&task, &refused); err != nil {
			d.t.Fatal(err)
		}
		list = append(list, task+" "+refused)
	}
	return list
}

// once relays what is there.
func (d *database) once(server *client.Client) (submitted, refused int) {
	d.t.Helper()
	r := Relay{Server: server, From: d.from, Once: true, Logger: quiet}
	submitted, refused, err := r.Run(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	return submitted, refused
}

// subjects are those of the tasks of a server, in the order in which they were submitted.
func subjects(t *testing.T, server *client.Client) (list []string) {
	t.Helper()
	for task, err := range server.List(t.Context(), client.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, *task.Subject)
	}
	slices.Reverse(list) // newest first
	return list
}

func task(subject string) string {
	return fmt.Sprintf(`{"task_type":"SLEEP","parameters":{"seconds":0,"result":9007199254740993},"subject":%q}`, subject)
}

func TestTheTasksOfAnOutboxAreSubmittedInOrder(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		server := serve(t)
		var want []string
		for i := range 3 * batchTasks / 2 {
			want = append(want, fmt.Sprint("task ", i))
		}
		for some := range slices.Chunk(want, 50) {
			var tasks []string
			for _, s := range some {
				tasks = append(tasks, task(s))
			}
			d.add(tasks...)
		}
		tx, err := d.db.Begin() // a transaction that fails
		if err != nil {
			t.Fatal(err)
		}
		if _, err = tx.Exec(d.insert, task("rolled back")); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if submitted, refused := d.once(server); submitted != len(want) || refused != 0 {
			t.Errorf("%d submitted and %d refused", submitted, refused)
		}
		if got := subjects(t, server); !slices.Equal(got, want) {
			t.Errorf("%d tasks, want %d in order", len(got), len(want))
		}
		if left := d.rows(); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
	})
}

func TestATaskThatIsRefusedStaysAndSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		server := serve(t)
		d.add(task("a"), `{"task_type":"SLEEP","parameters":{"seconds":-1}}`, task("b"), `{"task_type":"SLEEP","colour":"red"}`, `[1]`,
			`{"task_type":"SLEEP","idempotency_key":"mine"}`, `{"task_type":"NONE"}`, task("c"))
		if submitted, refused := d.once(server); submitted != 3 || refused != 5 {
			t.Errorf("%d submitted and %d refused, want 3 and 5", submitted, refused)
		}
		if got := subjects(t, server); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("%q", got)
		}
		left := d.rows()
		for i, want := range []string{"/parameters/seconds", "/colour is not a field of this request", "must be a JSON object", "leave idempotency_key out", "NONE"} {
			if i >= len(left) || !strings.Contains(left[i], want) {
				t.Errorf("%q, want %q in row %d", left, want, i)
			}
		}
		d.exec(`UPDATE daybook_outbox SET refused = NULL, task = '` + task("corrected") + `' WHERE refused LIKE '%colour%'`)
		if submitted, refused := d.once(server); submitted != 1 || refused != 0 {
			t.Errorf("corrected: %d submitted and %d refused", submitted, refused)
		}
	})
}

// cut is a server whose answers to submits are lost, after it has done what they ask.
type cut struct {
	next http.Handler
	lost atomic.Int64 // answers that are still to be lost
}

func (c *cut) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && c.lost.Add(-1) >= 0 {
		c.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	c.next.ServeHTTP(w, r)
}

// The answer is lost, or the relay dies before it deletes the rows: the keys of the rows make the second submit harmless, also in a batch
// of which a part is new.
func TestNothingIsSubmittedTwice(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		var c *cut
		server := serveBehind(t, func(h http.Handler) http.Handler { c = &cut{next: h}; return c })
		d.add(task("a"), task("b"))
		c.lost.Store(2)
		ctx, stop := context.WithCancel(t.Context())
		table, err := openTable(ctx, d.from, "")
		if err != nil {
			t.Fatal(err)
		}
		r := Relay{Server: server, Logger: quiet, table: table}
		if err := r.step(ctx); err == nil {
			t.Error("the answer was not lost")
		}
		stop()
		table.db.Close()
		d.add(task("c"))
		d.once(server)
		if got := subjects(t, server); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestSeveralRelaysSubmitEachTaskOnceWhileAProgramCommits(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		var c *cut
		server := serveBehind(t, func(h http.Handler) http.Handler { c = &cut{next: h}; return c })
		ctx, stop := context.WithCancel(t.Context())
		var relays sync.WaitGroup
		for range 3 {
			relays.Go(func() {
				r := Relay{Server: server, From: d.from, Interval: time.Millisecond, Logger: quiet}
				if _, _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		var want []string
		for i := range 60 {
			want = append(want, fmt.Sprint("task ", i))
			d.add(task(want[i]))
			if i%20 == 0 {
				c.lost.Store(1)
			}
		}
		for len(d.rows()) > 0 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		stop()
		relays.Wait()
		if got := subjects(t, server); !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

func TestADatabaseThatCannotBeUsedIsNamed(t *testing.T) {
	d := newSQLite(t)
	d.exec("DROP TABLE daybook_outbox")
	d.exec("CREATE TABLE orders (id INTEGER)")
	noDatabase := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(noDatabase, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, table, want string }{
		"no table":         {d.from, "", "there is no table daybook_outbox: `daybook outbox --schema sqlite`"},
		"no such table":    {d.from, "main.mine", "--schema sqlite` prints the SQL that makes it, as daybook_outbox"},
		"another table":    {d.from, "orders", "has other columns"},
		"no SQLite":        {"sqlite:" + noDatabase, "", "not a database of SQLite"},
		"a folder":         {"sqlite:" + t.TempDir(), "", "cannot be opened"},
		"no file":          {"sqlite:" + filepath.Join(t.TempDir(), "none.db"), "", "there is no file"},
		"no path":          {"sqlite:", "", "there is no file"},
		"another database": {"mysql://localhost/app", "", "sqlite:PATH"},
		"a table's name":   {d.from, "a; DROP TABLE b", "letters, digits"},
		"a wrong address":  {"postgres://app:secret@%%/x", "", "cannot be read"},
		"nobody there":     {"postgres://app:secret@127.0.0.1:1/app?sslmode=disable", "", "cannot be reached: check that it runs"},
		"an unknown host":  {"postgres://app:secret@host.invalid/app?sslmode=disable", "", "cannot be reached: check that it runs"},
	} {
		_, _, err := (&Relay{From: c.from, Table: c.table, Once: true, Logger: quiet}).Run(t.Context())
		if !errors.Is(err, ErrFrom) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if strings.Contains(fmt.Sprint(err), "--schema") != strings.HasSuffix(name, "table") {
			t.Errorf("%s: the advice is of another cause: %v", name, err)
		}
	}
	if _, err := Schema("mysql"); err == nil {
		t.Error("there is a schema of MySQL")
	}
}

// A queue that is full, a server that is away: the relay waits and keeps the order.
func TestARelayWaitsForTheServer(t *testing.T) {
	var refuses atomic.Int64
	server := serveBehind(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && refuses.Add(-1) >= 0 {
				w.WriteHeader([]int{http.StatusServiceUnavailable, http.StatusTooManyRequests}[refuses.Load()%2])
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	d := newSQLite(t)
	d.add(task("a"), task("b"))
	refuses.Store(2)
	if submitted, refused := d.once(server); submitted != 2 || refused != 0 {
		t.Errorf("%d submitted and %d refused", submitted, refused)
	}
	forbidden := serveBehind(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	})
	d.add(task("c"))
	if _, _, err := (&Relay{Server: forbidden, From: d.from, Logger: quiet}).Run(t.Context()); client.StatusOf(err) != http.StatusForbidden {
		t.Errorf("a token without the role: %v", err)
	}
	if left := d.rows(); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}
