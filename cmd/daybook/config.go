package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook"
	"daybook/config"

	"github.com/alecthomas/kong"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check a configuration file, and print everything that is wrong with it."`
}

type configCheckCmd struct {
	File string `arg:"" default:"daybook.toml" help:"The file (${default})."`
}

func (configCheckCmd) Help() string {
	return `Reads the file as "daybook serve --config" does, and looks for what a start on this machine would meet: certificates,
the data folder, the programs of [command]. It starts nothing, listens nowhere and writes nothing. All errors are
printed, each with its line and column. The exit code is 0 if the file can be used, else 2.

Examples:

    daybook config check
    daybook config check /etc/daybook.toml && systemctl reload daybook`
}

func (c *configCheckCmd) Run(ctx context.Context, s *stdio) error {
	loaded, doc, err := readConfig(c.File)
	if err == nil {
		loaded.checkStart(ctx, doc)
		err = doc.Err()
	}
	if err != nil {
		fmt.Fprintln(s.err, s.safe(err.Error()))
		return usageError{fmt.Errorf("%s cannot be used", filepath.Base(c.File))}
	}
	for _, one := range doc.Warnings() {
		fmt.Fprintf(s.err, "%s\n", s.safe("warning: "+one.Error()))
	}
	fmt.Fprintf(s.out, "%s can be used: %s\n", filepath.Base(c.File), s.safe(loaded.contents))
	return nil
}

// BeforeResolve reads the section [server] of the configuration file, which stands for flags that are
// neither given nor set in the environment.
func (*serveCmd) BeforeResolve(parsed *kong.Context) error {
	path := configPath(parsed)
	if path == "" {
		return nil
	}
	loaded, err := loadConfig(path)
	if err != nil {
		return usageError{err}
	}
	parsed.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, set := os.LookupEnv(name); set {
				return nil, nil
			}
		}
		return loaded.server[flag.Name], nil
	}))
	return nil
}

// configPath is the flag --config, or what stands for it in the environment.
func configPath(parsed *kong.Context) string {
	for _, flag := range parsed.Flags() {
		if flag.Name != "config" {
			continue
		}
		if path, ok := parsed.FlagValue(flag).(string); ok && path != "" {
			return path
		}
		for _, name := range flag.Envs {
			if path := os.Getenv(name); path != "" {
				return path
			}
		}
	}
	return ""
}

// loadedConfig is a configuration file that can be used.
type loadedConfig struct {
	server   map[string]any // by the name of the flag
	faulty   []string       // flags of those that cannot be used
	settings daybook.Settings
	contents string // what it has, in a few words
	warnings config.Errors
}

// loadConfig reads a configuration file and the files of secrets that it names. Its error lists
// everything that is wrong.
func loadConfig(path string) (*loadedConfig, error) {
	loaded, doc, err := readConfig(path)
	if err == nil {
		err = doc.Err()
	}
	if err != nil {
		return nil, err
	}
	return loaded, nil
}

// readConfig is loadConfig that leaves what is wrong in the document, but for a file that cannot be read at all.
func readConfig(path string) (*loadedConfig, *config.Document, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s: there is no such file", path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s cannot be read: %s; name a file that the server may read", path, reason(err))
	}
	doc, err := config.Parse(filepath.Base(path), text)
	if err != nil {
		return nil, nil, err
	}
	root := doc.Root()
	loaded := &loadedConfig{}
	loaded.server, loaded.faulty = serverSettings(doc, root.Table("server"))
	loaded.settings = daybook.Settings{
		Types:        jsonTables(root.Table("types")),
		Email:        mailServer(root, filepath.Dir(path)),
		HTTPAllow:    allowed(root.Table("http_request")),
		WebhookAllow: allowed(root.Table("webhook")),
		Commands:     commands(root.Table("command")),
	}
	declared := &loaded.settings.Declared
	declared.File, declared.Queues, declared.Schedules = filepath.Base(path), jsonTables(root.Table("queues")), jsonTables(root.Table("schedules"))
	root.Close()
	loaded.checkTypes(doc)
	var wrong *daybook.SettingsError
	if err := loaded.settings.Check(); errors.As(err, &wrong) {
		for _, f := range wrong.Fields {
			if !doc.IsWrong(f.Pointer) { // it was read as zero
				doc.Wrong(f.Pointer, f.Detail)
			}
		}
	}
	loaded.contents, loaded.warnings = loaded.summary(), doc.Warnings()
	return loaded, doc, nil
}

// checkTypes looks at the types of scheduled tasks. One that is not known may be one that a worker declares
// later; one that differs from a known one by a letter is a typing error.
func (l *loadedConfig) checkTypes(doc *config.Document) {
	known := l.settings.TypeNames()
	for schedule := range l.settings.Declared.Schedules {
		for place, name := range l.settings.Declared.TypesOf(schedule) {
			pointer := "/schedules/" + config.Escape(schedule) + place
			if slices.Contains(known, name) {
				continue
			}
			if near := nearest(name, known); near != "" {
				doc.Wrong(pointer, fmt.Sprintf("is not a known type; did you mean %s? If not, give it a section [types.%s]", near, name))
				continue
			}
			doc.Warn(pointer, fmt.Sprintf("is neither a type of the server nor one with a section [types.%s]: its tasks wait until a worker runs it", name))
		}
	}
}

// checkStart notes what a start on this machine would meet. The environment stands for settings that
// the file does not have.
func (l *loadedConfig) checkStart(ctx context.Context, doc *config.Document) {
	command, err := serveWith(l.server, kong.DefaultEnvars("DAYBOOK"))
	if err != nil {
		doc.Wrong("/server", "together with the environment cannot be used: "+err.Error())
		return
	}
	for _, f := range append(command.faults(), command.startFaults(ctx)...) {
		if slices.Contains(l.faulty, f.flag) {
			continue // noted by readConfig
		}
		if _, inFile := l.server[f.flag]; !inFile {
			f.detail += " (of the environment, or the default)"
		}
		wrongSetting(doc, f)
	}
	for _, f := range l.settings.Missing() {
		doc.Wrong(f.Pointer, f.Detail)
	}
}

// summary counts what the file has.
func (l *loadedConfig) summary() string {
	s := &l.settings
	list := []string{
		counted(len(l.server), "server setting"), counted(len(s.Types), "task type"),
		counted(len(s.Declared.Queues), "queue"), counted(len(s.Declared.Schedules), "schedule"), counted(len(s.Commands), "command"),
	}
	if s.Email != nil {
		list = append(list, "a mail server")
	}
	return strings.Join(list, ", ")
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// jsonTables are the tables in a table, as JSON.
func jsonTables(t *config.Table) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for _, name := range t.Keys() {
		all[name] = t.JSON(name)
	}
	return all
}

// mailServer reads [email]; nil if there is none. The password is in the environment, in a file, or
// in the configuration itself.
func mailServer(root *config.Table, dir string) *daybook.MailServer {
	if !root.Has("email") {
		return nil
	}
	t := root.Table("email")
	s := &daybook.MailServer{Host: t.Text("host"), Port: t.Integer("port"), Encryption: t.Text("encryption"),
		Username: t.Text("username"), Password: t.Text("password"), From: t.Text("from")}
	if file := t.Text("password_file"); file != "" {
		if s.Password != "" {
			t.Wrong("password_file", "must not be given together with password")
		}
		s.Password = strings.TrimRight(string(secondFile(t, "password_file", dir)), "\r\n")
	}
	if password := os.Getenv("DAYBOOK_EMAIL_PASSWORD"); password != "" {
		s.Password = password
	}
	if t.Has("ca_file") {
		if s.CA = certificates(secondFile(t, "ca_file", dir)); s.CA == nil {
			t.Wrong("ca_file", "must be a file of certificates in PEM")
		}
	}
	t.Close()
	return s
}

// certificates reads certificates in PEM; nil if there are none.
func certificates(text []byte) *x509.CertPool {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil
	}
	return pool
}

// secondFile reads a file that the configuration names, relative to its own folder.
func secondFile(t *config.Table, key, dir string) []byte {
	path := t.Text(key)
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Wrong(key, "cannot be read: "+reason(err))
	}
	return text
}

func allowed(t *config.Table) []string {
	defer t.Close()
	return t.Texts("allow")
}

// commands reads the tables of [command].
func commands(all *config.Table) map[string]daybook.Command {
	programs := map[string]daybook.Command{}
	for _, name := range all.Keys() {
		t := all.Table(name)
		p := daybook.Command{Argv: t.Texts("argv"), Args: t.Texts("args"), Dir: t.Text("dir"),
			Permanent: t.Integers("permanent_exit_codes"), Env: map[string]string{},
			Grace: time.Duration(t.Number("grace_seconds") * float64(time.Second))}
		env := t.Table("env")
		for _, key := range env.Keys() {
			p.Env[key] = env.Text(key)
		}
		t.Close()
		programs[name] = p
	}
	return programs
}
