package daybook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// house is the table of ARCHITECTURE.md: what each room may import. The standard
// library is open to all. tests is what a room's own tests may import beside that.
var house = map[string]struct{ code, tests []string }{
	"daybook/cmd/daybook": {
		code:  []string{"daybook", "daybook/client", "daybook/cluster", "daybook/config", "daybook/trace", "daybook/internal/load", "daybook/internal/outbox", "daybook/internal/workflowfile", kong, ulid, xterm},
		tests: []string{"daybook/internal/freeaddr", "daybook/internal/powercut", sqlite, "daybook/eventlog", "daybook/eventlog/sqlitelog", chromedp, cdproto, testscript, goleak, cmp},
	},
	"daybook": {
		code: []string{"daybook/api", "daybook/client", "daybook/cluster", "daybook/intake", "daybook/scheduler", "daybook/projection", "daybook/handler", "daybook/handler/command", "daybook/handler/httprequest", "daybook/handler/image",
			"daybook/handler/mail", "daybook/handler/table", "daybook/handler/webhook", "daybook/notify", "daybook/files", "daybook/eventlog", "daybook/eventlog/payloadcache", "daybook/eventlog/sqlitelog", "daybook/task", "daybook/tasklog", "daybook/trace", "daybook/ui", "daybook/internal/durable", "daybook/internal/heap", "daybook/internal/jsontext", "daybook/mcp", ulid},
		tests: []string{"daybook", "daybook/internal/foreignnats", nats, natsserver, goleak, cmp},
	},
	"daybook/api": {
		code: []string{"daybook/api/eventstream", "daybook/intake", "daybook/scheduler", "daybook/projection", "daybook/eventlog", "daybook/eventlog/payloadcache", "daybook/schedule", "daybook/task", "daybook/tasklog", "daybook/trace", "daybook/files",
			"daybook/internal/jsontext", "daybook/internal/logline", mux, ulid, prometheus, compress, xtime},
		tests: []string{"daybook/api", "daybook/handler", "daybook/eventlog/eventlogtest", "daybook/eventlog/sqlitelog", openapi, prommodel, promcommon, goleak, cmp},
	},
	"daybook/mcp": {
		code:  []string{mcpsdk},
		tests: []string{"daybook/mcp", "daybook/internal/testserver", mcpsdk, goleak},
	},
	"daybook/cluster": {
		code:  []string{"daybook/scheduler", "daybook/projection", "daybook/eventlog", "daybook/eventlog/natslog", "daybook/eventlog/sqlitelog", "daybook/files", "daybook/internal/natsserver", nats},
		tests: []string{"daybook/cluster", "daybook/eventlog/payloadcache", "daybook/internal/foreignnats", "daybook/internal/freeaddr", natsserver, goleak, cmp},
	},
	"daybook/api/eventstream": {
		code:  []string{"daybook/internal/jsontext", sse},
		tests: []string{"daybook/api/eventstream", goleak, cmp},
	},
	"daybook/trace": {
		code:  []string{ulid},
		tests: []string{"daybook/trace", goleak, cmp},
	},
	"daybook/intake": {
		code:  []string{"daybook/projection", "daybook/eventlog", "daybook/eventlog/payloadcache", "daybook/task", "daybook/trace", "daybook/files", "daybook/internal/jsontext", ulid},
		tests: []string{"daybook/intake", "daybook/eventlog/eventlogtest", goleak, cmp},
	},
	"daybook/scheduler": {
		code:  []string{"daybook/projection", "daybook/eventlog", "daybook/eventlog/payloadcache", "daybook/schedule", "daybook/task", "daybook/internal/jsontext", "daybook/internal/priority", ulid},
		tests: []string{"daybook/scheduler", "daybook/eventlog/eventlogtest", "daybook/eventlog/sqlitelog", goleak, cmp, rapid},
	},
	"daybook/projection": {
		code:  []string{"daybook/projection/viewfile", "daybook/projection/textindex", "daybook/internal/sqlite", "daybook/eventlog", "daybook/schedule", "daybook/task", "daybook/internal/priority", ulid, btree},
		tests: []string{"daybook/projection", "daybook/eventlog/eventlogtest", "daybook/eventlog/sqlitelog", goleak, cmp, rapid},
	},
	"daybook/projection/viewfile": {
		code:  []string{"daybook/task", "daybook/internal/sqlite", sqlite, ulid},
		tests: []string{"daybook/projection/viewfile", goleak, cmp, rapid},
	},
	"daybook/projection/textindex": {
		code:  []string{"daybook/internal/sqlite", sqlite},
		tests: []string{"daybook/projection/textindex", goleak, cmp, rapid},
	},
	"daybook/handler": {
		code:  []string{"daybook/task", "daybook/files", "daybook/internal/durable", "daybook/internal/jsontext", jsonschema, xtext, uniseg},
		tests: []string{"daybook/handler", goleak, cmp, rapid},
	},
	"daybook/config": {
		code:  []string{toml},
		tests: []string{"daybook/config", goleak, cmp},
	},
	"daybook/handler/handlertest": {
		code: []string{"daybook/handler", "daybook/task", "daybook/files", "daybook/internal/jsontext", jsonschema},
	},
	"daybook/handler/command": {
		code:  []string{"daybook/handler", "daybook/handler/command/supervisor", "daybook/internal/jsontext", "daybook/task"},
		tests: []string{"daybook/handler/command", "daybook/handler/handlertest", goleak, cmp},
	},
	"daybook/handler/command/supervisor": {
		tests: []string{"daybook/handler/command/supervisor", goleak, cmp},
	},
	"daybook/handler/httprequest": {
		code:  []string{"daybook/handler", "daybook/task", "daybook/files", idna, httpguts},
		tests: []string{"daybook/handler/httprequest", "daybook/handler/handlertest", goleak, cmp},
	},
	"daybook/handler/webhook": {
		code:  []string{"daybook/handler", "daybook/handler/httprequest", "daybook/task"},
		tests: []string{"daybook/handler/webhook", "daybook/handler/handlertest", goleak, cmp},
	},
	"daybook/notify": {
		code:  []string{"daybook/scheduler", "daybook/projection", "daybook/eventlog", "daybook/eventlog/payloadcache", "daybook/task", "daybook/internal/jsontext"},
		tests: []string{"daybook/notify", "daybook/eventlog/eventlogtest", goleak, cmp},
	},
	"daybook/handler/image": {
		code:  []string{"daybook/handler", "daybook/handler/image/codec", "daybook/task", "daybook/files", ximage, xtext},
		tests: []string{"daybook/handler/image", "daybook/handler/handlertest", goleak, cmp},
	},
	"daybook/handler/image/codec": {
		code:  []string{wazero},
		tests: []string{"daybook/handler/image/codec", goleak, cmp},
	},
	"daybook/handler/mail": {
		code:  []string{"daybook/handler", "daybook/task", idna, uniseg, mail, smtp, sasl},
		tests: []string{"daybook/handler/mail", "daybook/handler/handlertest", "daybook/files", goleak, cmp},
	},
	"daybook/handler/table": {
		code:  []string{"daybook/handler", "daybook/task", "daybook/files", xtext, hyperloglog},
		tests: []string{"daybook/handler/table", "daybook/handler/handlertest", goleak, cmp},
	},
	"daybook/files": {
		tests: []string{"daybook/files", goleak, cmp},
	},
	"daybook/eventlog": {
		code:  []string{"daybook/internal/jsontext"},
		tests: []string{"daybook/eventlog", "daybook/eventlog/eventlogtest", goleak, cmp},
	},
	"daybook/eventlog/payloadcache": {
		code:  []string{"daybook/eventlog"},
		tests: []string{"daybook/eventlog/payloadcache", "daybook/eventlog/eventlogtest", goleak, cmp},
	},
	"daybook/eventlog/sqlitelog": {
		code:  []string{"daybook/eventlog", "daybook/internal/sqlite", sqlite, ulid},
		tests: []string{"daybook/eventlog/sqlitelog", "daybook/eventlog/eventlogtest", "daybook/internal/powercut", goleak, cmp, rapid},
	},
	"daybook/eventlog/natslog": {
		code:  []string{"daybook/eventlog", "daybook/eventlog/sqlitelog", compress, nats},
		tests: []string{"daybook/eventlog/natslog", "daybook/eventlog/eventlogtest", "daybook/internal/foreignnats", "daybook/internal/freeaddr", "daybook/internal/natsserver", natsserver, goleak, cmp},
	},
	"daybook/internal/natsserver": {
		code:  []string{nats, natsserver},
		tests: []string{"daybook/internal/natsserver", "daybook/internal/freeaddr", goleak},
	},
	"daybook/internal/foreignnats": {
		code: []string{natsserver},
	},
	"daybook/internal/freeaddr": {},
	"daybook/internal/testserver": {
		code: []string{"daybook", "daybook/handler"},
	},
	"daybook/internal/durable": {
		tests: []string{"daybook/internal/durable", goleak, cmp},
	},
	"daybook/internal/jsontext": {
		tests: []string{"daybook/internal/jsontext", goleak, cmp},
	},
	"daybook/internal/powercut": {
		code:  []string{"daybook/internal/sqlite"},
		tests: []string{"daybook/internal/powercut", goleak, cmp},
	},
	"daybook/internal/sqlite": {
		code:  []string{sqlite},
		tests: []string{"daybook/internal/sqlite", goleak, cmp},
	},
	"daybook/eventlog/eventlogtest": {
		code:  []string{"daybook/eventlog", cmp, rapid},
		tests: []string{"daybook/eventlog/eventlogtest", goleak},
	},
	"daybook/task": {
		code:  []string{"daybook/internal/jsontext", ulid},
		tests: []string{"daybook/task", goleak, cmp, rapid},
	},
	"daybook/tasklog": {
		code:  []string{"daybook/internal/logline", "daybook/internal/sqlite", sqlite, ulid},
		tests: []string{"daybook/tasklog", goleak, cmp},
	},
	"daybook/internal/logline": {
		code:  []string{"daybook/internal/jsontext"},
		tests: []string{"daybook/internal/logline", goleak, cmp},
	},
	"daybook/schedule": {
		code:  []string{gocron},
		tests: []string{"daybook/schedule", goleak, cmp},
	},
	"daybook/client": {
		code:  []string{"daybook/internal/durable", "daybook/internal/jsontext", "daybook/internal/logline", sse},
		tests: []string{"daybook/client", "daybook/internal/testserver", goleak, cmp},
	},
	"daybook/internal/load": {
		code:  []string{hdr},
		tests: []string{"daybook/client", "daybook/handler", "daybook/task", "daybook/internal/load", "daybook/internal/testserver", goleak, cmp},
	},
	"daybook/internal/workflowfile": {
		code:  []string{yaml},
		tests: []string{"daybook/internal/workflowfile"},
	},
	"daybook/internal/load/curve": {
		tests: []string{"daybook/internal/load/curve", goleak, cmp},
	},
	"daybook/internal/priority": {
		tests: []string{"daybook/internal/priority"},
	},
	"daybook/internal/heap": {
		code:  []string{memlimit},
		tests: []string{"daybook/internal/heap"},
	},
	"daybook/examples/worker": {
		code: []string{"daybook/client"},
	},
	"daybook/examples/embed": {
		code: []string{"daybook", "daybook/handler", "daybook/task"},
	},
	"daybook/examples/outbox": {
		code: []string{sqlite},
	},
	"daybook/internal/outbox": {
		code:  []string{"daybook/client", pq, sqlite},
		tests: []string{"daybook/client", "daybook/internal/testserver", goleak},
	},
	"daybook/internal/bench": {
		tests: []string{"daybook", "daybook/client", "daybook/eventlog", "daybook/eventlog/sqlitelog", "daybook/handler", "daybook/projection", "daybook/task",
			"daybook/internal/load", "daybook/internal/load/curve", ulid, goleak},
	},
	"daybook/internal/clustertest": { // tests only: what it knows of Daybook is what clients are told
		tests: []string{"daybook/internal/freeaddr", "daybook/internal/powercut", porcupine, goleak},
	},
	"daybook/ui": {
		tests: []string{"daybook/ui", goleak, cmp},
	},
}

// Libraries, by the path below which all of their packages lie.
const (
	btree       = "github.com/tidwall/btree"
	cdproto     = "github.com/chromedp/cdproto"
	chromedp    = "github.com/chromedp/chromedp"
	cmp         = "github.com/google/go-cmp"
	compress    = "github.com/klauspost/compress"
	gocron      = "github.com/netresearch/go-cron"
	goleak      = "go.uber.org/goleak"
	hdr         = "github.com/HdrHistogram/hdrhistogram-go"
	httpguts    = "golang.org/x/net/http/httpguts"
	hyperloglog = "github.com/axiomhq/hyperloglog"
	idna        = "golang.org/x/net/idna"
	jsonschema  = "github.com/santhosh-tekuri/jsonschema/v6"
	kong        = "github.com/alecthomas/kong"
	mail        = "github.com/wneessen/go-mail"
	mcpsdk      = "github.com/modelcontextprotocol/go-sdk"
	memlimit    = "github.com/KimMachineGun/automemlimit"
	mux         = "github.com/gorilla/mux"
	nats        = "github.com/nats-io/nats.go"
	natsserver  = "github.com/nats-io/nats-server/v2"
	openapi     = "github.com/getkin/kin-openapi"
	porcupine   = "github.com/anishathalye/porcupine"
	prometheus  = "github.com/prometheus/client_golang"
	prommodel   = "github.com/prometheus/client_model"
	promcommon  = "github.com/prometheus/common"
	rapid       = "pgregory.net/rapid"
	sasl        = "github.com/emersion/go-sasl"
	smtp        = "github.com/emersion/go-smtp"
	pq          = "github.com/lib/pq"
	sqlite      = "github.com/mattn/go-sqlite3"
	sse         = "github.com/r3labs/sse/v2"
	testscript  = "github.com/rogpeppe/go-internal"
	toml        = "github.com/pelletier/go-toml/v2"
	ulid        = "github.com/oklog/ulid/v2"
	uniseg      = "github.com/rivo/uniseg"
	wazero      = "github.com/tetratelabs/wazero"
	ximage      = "golang.org/x/image"
	xterm       = "golang.org/x/term"
	xtime       = "golang.org/x/time"
	xtext       = "golang.org/x/text"
	yaml        = "go.yaml.in/yaml/v4"
)

// room is one package as the go command sees it.
type room struct {
	ImportPath                         string
	Dir                                string
	Imports, TestImports, XTestImports []string
	GoFiles, CgoFiles, IgnoredGoFiles  []string
	TestGoFiles, XTestGoFiles          []string
	Module                             struct{ Path string }
}

// plain writes the paths of the house's own rooms as if its module were daybook, whatever
// its path is.
func (r *room) plain() {
	paths := [][]string{r.Imports, r.TestImports, r.XTestImports, {r.ImportPath}}
	for _, list := range paths {
		for i, path := range list {
			if rest, ok := strings.CutPrefix(path, r.Module.Path); ok && (rest == "" || rest[0] == '/') {
				list[i] = "daybook" + rest
			}
		}
	}
	r.ImportPath = paths[3][0]
}

func rooms(t *testing.T) []room {
	t.Helper()
	var stderr bytes.Buffer
	list := exec.Command("go", "list", "-json", "./...")
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []room
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var r room
		if err := decoder.Decode(&r); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		r.plain()
		all = append(all, r)
	}
}

func TestEveryRoomImportsOnlyWhatItsArrowsAllow(t *testing.T) {
	for _, r := range rooms(t) {
		may, ok := house[r.ImportPath]
		if !ok {
			t.Errorf("%s is not a room of the house: give it its arrows here and in ARCHITECTURE.md", r.ImportPath)
			continue
		}
		for _, path := range r.Imports {
			if !allowed(path, may.code) {
				t.Errorf("%s must not import %s", r.ImportPath, path)
			}
		}
		for _, path := range slices.Concat(r.TestImports, r.XTestImports) {
			if !allowed(path, may.code) && !allowed(path, may.tests) {
				t.Errorf("tests of %s must not import %s", r.ImportPath, path)
			}
		}
	}
}

// allowed reports whether a package may be imported: always from the standard library,
// a room of the house by its own name, a library with all that lies below it.
func allowed(path string, may []string) bool {
	first, _, _ := strings.Cut(path, "/")
	if first != "daybook" && !strings.Contains(first, ".") {
		return true
	}
	return slices.ContainsFunc(may, func(m string) bool {
		return path == m || first != "daybook" && strings.HasPrefix(path, m+"/")
	})
}

func TestTheTableNamesNoRoomThatIsNotThere(t *testing.T) {
	there := map[string]bool{}
	for _, r := range rooms(t) {
		there[r.ImportPath] = true
	}
	for path := range house {
		if !there[path] {
			t.Errorf("the table has %s, the tree does not", path)
		}
	}
}

func TestOnlyTheCommandEndsTheProcessOrReadsTheEnvironment(t *testing.T) {
	banned := map[string]bool{
		"os.Exit": true, "os.Getenv": true, "os.LookupEnv": true, "os.Environ": true,
		"os.Setenv": true, "syscall.Exit": true, "syscall.Getenv": true,
		"log.Fatal": true, "log.Fatalf": true, "log.Fatalln": true,
	}
	for _, r := range rooms(t) {
		if r.ImportPath == "daybook/cmd/daybook" || strings.HasPrefix(r.ImportPath, "daybook/examples/") || // programs
			r.ImportPath == "daybook/handler/command/supervisor" { // a process of its own
			continue
		}
		for _, name := range slices.Concat(r.GoFiles, r.CgoFiles, r.IgnoredGoFiles) {
			for _, call := range selectors(t, filepath.Join(r.Dir, name)) {
				if banned[call.name] {
					t.Errorf("%s: %s belongs in cmd/daybook", call.at, call.name)
				}
			}
		}
	}
}

type selector struct {
	name string // "os.Exit", by the package's own name and not the file's for it
	at   token.Position
}

// selectors lists what a file takes from the packages it imports.
func selectors(t *testing.T, path string) (all []selector) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string]string{}
	for _, spec := range file.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		name := path[strings.LastIndexByte(path, '/')+1:]
		if spec.Name != nil {
			imported[spec.Name.Name] = name
		} else {
			imported[name] = name
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && imported[x.Name] != "" {
				all = append(all, selector{imported[x.Name] + "." + s.Sel.Name, set.Position(s.Pos())})
			}
		}
		return true
	})
	return all
}

// What a room needs of a log is in the interface: a log within another would lose the rest.
func TestNoRoomLooksForMoreInALogThanItsInterfaceHas(t *testing.T) {
	for _, r := range rooms(t) {
		if strings.HasPrefix(r.ImportPath, "daybook/eventlog") {
			continue
		}
		for _, name := range slices.Concat(r.GoFiles, r.CgoFiles, r.IgnoredGoFiles) {
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(r.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if a, ok := n.(*ast.TypeAssertExpr); ok && isLog(a.X) {
					t.Errorf("%s: a type assertion on a log", set.Position(a.Pos()))
				}
				return true
			})
		}
	}
}

// isLog reports whether the expression is called log or Log.
func isLog(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.EqualFold(x.Name, "log")
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "log")
	}
	return false
}

func TestNoFileIsTooLongToRead(t *testing.T) {
	const most = 400 // lines; a reason to go beyond it stands here
	reasons := map[string]string{}
	for _, r := range rooms(t) {
		for _, name := range r.GoFiles {
			path := filepath.Join(r.Dir, name)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(data, []byte("\n")); n > most && reasons[r.ImportPath+"/"+name] == "" {
				t.Errorf("%s has %d lines, more than %d", path, n, most)
			}
		}
	}
}
