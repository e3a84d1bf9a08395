package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// postgresTool is a program of PostgreSQL, "" if it is not here. Debian does not put them on the path.
func postgresTool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// A server of PostgreSQL for all tests, on a socket in a folder of its own.
var postgres struct {
	once   sync.Once
	dir    string
	err    error
	server *exec.Cmd
	users  int
}

// asUser has a command run as a user that is not root, as PostgreSQL wants it.
func asUser(cmd *exec.Cmd) error {
	if os.Geteuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(postgres.dir, uid, gid)
}

func startPostgres() error {
	var err error
	if postgres.dir, err = os.MkdirTemp("", "outbox"); err != nil {
		return err
	}
	data := filepath.Join(postgres.dir, "data")
	make := exec.Command(postgresTool("initdb"), "-D", data, "-U", "test", "-A", "trust", "-N", "-E", "UTF8")
	make.Dir = postgres.dir
	if err := asUser(make); err != nil {
		return err
	}
	if text, err := make.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return runPostgres()
}

// runPostgres starts the server on its folder.
func runPostgres() error {
	data := filepath.Join(postgres.dir, "data")
	run := exec.Command(postgresTool("postgres"), "-D", data, "-k", postgres.dir, "-h", "", "-F")
	run.Dir = postgres.dir
	if err := asUser(run); err != nil {
		return err
	}
	if err := run.Start(); err != nil {
		return err
	}
	postgres.server = run
	return nil
}

func stopPostgres() {
	if postgres.server != nil {
		_ = postgres.server.Process.Signal(syscall.SIGINT)
		_ = postgres.server.Wait()
	}
	if postgres.dir != "" {
		os.RemoveAll(postgres.dir)
	}
}

// killPostgres ends the server as a crash does, and starts it again.
func killPostgres(t *testing.T, db *sql.DB) {
	t.Helper()
	_ = postgres.server.Process.Kill()
	_ = postgres.server.Wait()
	for ended := true; ; time.Sleep(10 * time.Millisecond) {
		if ended { // it does not start as long as a process of the one before is left
			if err := runPostgres(); err != nil {
				t.Fatal(err)
			}
		}
		if db.Ping() == nil {
			return
		}
		pid, err := syscall.Wait4(postgres.server.Process.Pid, nil, syscall.WNOHANG, nil)
		ended = err == nil && pid != 0
	}
}

// newPostgres makes a database with an outbox.
func newPostgres(t *testing.T) *database {
	t.Helper()
	if postgresTool("initdb") == "" || postgresTool("postgres") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("PostgreSQL is missing")
		}
		t.Skip("PostgreSQL is not here")
	}
	postgres.once.Do(func() { postgres.err = startPostgres() })
	if postgres.err != nil {
		t.Fatal(postgres.err)
	}
	postgres.users++
	name := fmt.Sprint("app", postgres.users)
	address := func(database string) string {
		return "postgres://test@/" + database + "?sslmode=disable&host=" + url.QueryEscape(postgres.dir)
	}
	admin, err := sql.Open("postgres", address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err = admin.Exec("CREATE DATABASE " + name); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("postgres", address(name))
	if err != nil {
		t.Fatal(err)
	}
	return (&database{t, db, address(name), "INSERT INTO daybook_outbox (task) VALUES ($1)"}).make(postgresSchema)
}

// A program commits tasks while its database crashes five times. What was committed is submitted, once and in order; of what the program does
// not know, it is submitted once or never.
func TestADatabaseThatCrashesLosesNothingAndSubmitsNothingTwice(t *testing.T) {
	d := newPostgres(t)
	server := serve(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		r := Relay{Server: server, From: d.from, Interval: time.Millisecond, Logger: quiet}
		_, _, err := r.Run(ctx)
		ended <- err
	}()
	known, commits := map[string]bool{}, make(chan int) // by subject: it was committed, or perhaps
	var writer sync.WaitGroup
	writer.Go(func() {
		defer close(commits)
		for i := 0; i < 300; {
			subject := fmt.Sprintf("task %03d", i)
			tx, err := d.db.Begin()
			if err != nil {
				time.Sleep(5 * time.Millisecond)
				continue // nothing was sent
			}
			_, err = tx.Exec(d.insert, task(subject))
			if err == nil {
				err = tx.Commit()
				known[subject] = err == nil
			} else {
				_ = tx.Rollback()
			}
			commits <- i
			i++
		}
	})
	n := 0
	for range commits {
		if n++; n%40 == 0 && n <= 200 {
			killPostgres(t, d.db)
		}
	}
	writer.Wait()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var left int
		if err := d.db.QueryRow("SELECT COUNT(*) FROM daybook_outbox").Scan(&left); err == nil && left == 0 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d rows are left, %v", left, err)
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	got := subjects(t, server)
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("out of order, or twice: %q", got)
	}
	for subject, committed := range known {
		if committed && !slices.Contains(got, subject) {
			t.Errorf("%s was committed, and is not submitted", subject)
		}
	}
	for _, subject := range got {
		if _, sent := known[subject]; !sent {
			t.Errorf("%s was submitted, and no commit of it was sent", subject)
		}
	}
	if n != 300 || len(got) < 200 {
		t.Errorf("%d commits and %d tasks: too few to learn from", n, len(got))
	}
}

// The advice fits what PostgreSQL says.
func TestAPostgresThatCannotBeUsedIsNamed(t *testing.T) {
	d := newPostgres(t)
	d.exec("CREATE TABLE orders (id INT)")
	d.exec("DROP ROLE IF EXISTS reader")
	d.exec("CREATE ROLE reader LOGIN")
	for name, c := range map[string]struct{ from, table, want string }{
		"no table":      {d.from, "mine", "there is no table mine: `daybook outbox --schema postgres`"},
		"no schema":     {d.from, "app.mine", "there is no table app.mine: `daybook outbox --schema postgres`"},
		"another table": {d.from, "orders", "has other columns than an outbox: `daybook outbox --schema postgres`"},
		"no database":   {strings.Replace(d.from, "/app", "/none", 1), "", "no such database"},
		"no user":       {strings.Replace(d.from, "test@", "nobody@", 1), "", "check the user and the password"},
		"no right":      {strings.Replace(d.from, "test@", "reader@", 1), "", "GRANT SELECT, UPDATE, DELETE ON daybook_outbox"},
		"TLS":           {"postgres://test@" + withoutTLS(t) + "/app", "", "?sslmode=disable"},
	} {
		_, _, err := (&Relay{From: c.from, Table: c.table, Once: true, Logger: quiet}).Run(t.Context())
		if !errors.Is(err, ErrFrom) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// withoutTLS is the address of a server that says to the first client that it has no TLS.
func withoutTLS(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 8)) // the SSLRequest
			_, _ = conn.Write([]byte("N"))
			conn.Close()
		}
	}()
	return listener.Addr().String()
}
