package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// postgresSettings are beside the defaults of the package: room for a machine of a few
// GiB. What makes a commit durable stays as it is.
var postgresSettings = []string{"shared_buffers=512MB", "max_wal_size=4GB", "max_connections=300"}

// Postgres makes PostgreSQL servers from one template of a data folder.
type Postgres struct {
	bin      string
	template string
	run      *syscall.Credential // of the user postgres, when we are root: it refuses root
}

// NewPostgres makes the template below dir.
func NewPostgres(ctx context.Context, dir string) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, template: filepath.Join(dir, "postgres-template")}
	if os.Geteuid() == 0 {
		if p.run, err = credential("postgres"); err != nil {
			return nil, err
		}
	}
	if err := p.makeFolder(p.template); err != nil {
		return nil, err
	}
	initdb := p.command(ctx, "initdb", "-D", p.template, "-U", "postgres", "-A", "trust", "--no-instructions", "-E", "UTF8", "--locale=C")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return p, nil
}

// NewServer is a server on a fresh copy of the template in dir.
func (p *Postgres) NewServer(ctx context.Context, dir string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "postgres")
	if out, err := exec.CommandContext(ctx, "cp", "-a", p.template, data).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy the template: %w: %s", err, out)
	}
	arguments := []string{"-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", ""}
	for _, setting := range postgresSettings {
		arguments = append(arguments, "-c", setting)
	}
	return &Server{
		address: "127.0.0.1:" + strconv.Itoa(port),
		log:     filepath.Join(dir, "postgres.log"),
		stop:    syscall.SIGINT, // a fast shutdown
		ready:   postgresReady,
		command: func() *exec.Cmd { return p.command(context.Background(), "postgres", arguments...) },
	}, nil
}

// command is a program of PostgreSQL, run as the user that it accepts.
func (p *Postgres) command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), arguments...)
	cmd.Dir = filepath.Dir(p.template)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.run, Setpgid: true} // a Ctrl-C is for us; we stop it
	return cmd
}

func (p *Postgres) makeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	if p.run == nil {
		return nil
	}
	return os.Chown(path, int(p.run.Uid), int(p.run.Gid))
}

func postgresReady(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, "postgres://postgres@"+address+"/postgres?sslmode=disable")
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// PostgresMissing says why there can be no server; nil = there can be.
func PostgresMissing() error {
	_, err := postgresBin()
	return err
}

// postgresBin is the folder of the newest PostgreSQL: Debian keeps them side by side.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", fmt.Errorf("postgres is missing (Debian's package postgresql): %w", err)
	}
	return filepath.Dir(path), nil
}

func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
