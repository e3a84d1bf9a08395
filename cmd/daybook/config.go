package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
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
	return `Reads the file as "daybook serve --config" does, and starts nothing. Each error has its line and column. The exit
code is 0 if the file can be used, else 2.

Examples:

    daybook config check
    daybook config check /etc/daybook.toml && systemctl reload daybook`
}

func (c *configCheckCmd) Run(s *stdio) error {
	loaded, err := loadConfig(c.File)
	if err != nil {
		fmt.Fprintln(s.err, s.safe(err.Error()))
		return usageError{fmt.Errorf("%s cannot be used", filepath.Base(c.File))}
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
	settings daybook.Settings
	contents string // what it has, in a few words
}

// loadConfig reads a configuration file and the files of secrets that it names. Its error lists
// everything that is wrong.
func loadConfig(path string) (*loadedConfig, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	doc, err := config.Parse(filepath.Base(path), text)
	if err != nil {
		return nil, err
	}
	root := doc.Root()
	loaded := &loadedConfig{server: serverSettings(root.Table("server"))}
	loaded.settings = daybook.Settings{
		Types:     jsonTables(root.Table("types")),
		Email:     mailServer(root, filepath.Dir(path)),
		HTTPAllow: allowed(root.Table("http_request")),
		Commands:  commands(root.Table("command")),
	}
	declared := &loaded.settings.Declared
	declared.File, declared.Queues, declared.Schedules = filepath.Base(path), jsonTables(root.Table("queues")), jsonTables(root.Table("schedules"))
	root.Close()
	var wrong *daybook.SettingsError
	if err := loaded.settings.Check(); errors.As(err, &wrong) {
		for _, f := range wrong.Fields {
			doc.Wrong(f.Pointer, f.Detail)
		}
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	loaded.contents = loaded.summary()
	return loaded, nil
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
	var cause *fs.PathError
	if errors.As(err, &cause) {
		t.Wrong(key, "cannot be read: "+cause.Err.Error())
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

// notInFile are flags of serve that make no sense in a file.
var notInFile = []string{"help", "config", "accept-loss"}

// serveFlags are the flags of serve, by name.
func serveFlags() map[string]*kong.Flag {
	flags := map[string]*kong.Flag{}
	parser, err := kong.New(&struct {
		Serve serveCmd `cmd:""`
	}{}, kong.Name("daybook"), kong.Exit(func(int) {}), kong.DefaultEnvars("DAYBOOK"))
	if err != nil {
		panic(err) // it is built of the same struct as the program
	}
	for _, command := range parser.Model.Children {
		for _, flag := range command.Flags {
			if !slices.Contains(notInFile, flag.Name) {
				flags[flag.Name] = flag
			}
		}
	}
	return flags
}

// serverSettings reads [server]: the flags of serve with _ in place of -.
func serverSettings(t *config.Table) map[string]any {
	flags := serveFlags()
	values := map[string]any{}
	for _, key := range t.Keys() {
		flag := flags[strings.ReplaceAll(key, "_", "-")]
		if flag == nil || strings.Contains(key, "-") {
			continue
		}
		values[flag.Name] = t.Value(key)
	}
	for name := range values {
		if err := checkServerSetting(flags, values, name); err != nil {
			t.Wrong(strings.ReplaceAll(name, "-", "_"), "cannot be used: "+err.Error())
		}
	}
	for name := range maps.Keys(flags) {
		t.Has(strings.ReplaceAll(name, "-", "_"))
	}
	t.Close()
	return values
}

// checkServerSetting checks a value as the value of its flag, together with those whose names begin
// with the same word: a certificate needs its key.
func checkServerSetting(flags map[string]*kong.Flag, values map[string]any, name string) error {
	flag, value := flags[name], values[name]
	switch kind := flag.Target.Kind(); {
	case kind == reflect.Bool:
		if _, ok := value.(bool); !ok {
			return errors.New("it must be true or false")
		}
	case kind == reflect.String:
		if _, ok := value.(string); !ok {
			return errors.New(`it must be a string, like "text"`)
		}
	case kind == reflect.Slice:
		if _, ok := value.([]any); !ok {
			return errors.New(`it must be a list of strings, like ["a", "b"]`)
		}
	}
	command := &serveCmd{}
	parser, err := kong.New(&struct {
		Serve *serveCmd `cmd:""`
	}{command}, kong.Name("daybook"), kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	args := append([]string{"serve"}, asArguments(flag, value)...)
	word, _, _ := strings.Cut(name, "-")
	for other, value := range values {
		if first, _, _ := strings.Cut(other, "-"); first == word && other != name {
			args = append(args, asArguments(flags[other], value)...)
		}
	}
	_, err = parser.Parse(args)
	return err
}

// asArguments writes a value as somebody would on the command line.
func asArguments(flag *kong.Flag, value any) []string {
	switch v := value.(type) {
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, fmt.Sprintf("--%s=%v", flag.Name, item))
		}
		return all
	case bool:
		if !v {
			return nil
		}
		return []string{"--" + flag.Name}
	}
	return []string{fmt.Sprintf("--%s=%v", flag.Name, value)}
}
