package outbox

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
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
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
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
