// Package command is the type COMMAND: it runs programs that the configuration allows, by name. There
// is no shell, a task chooses nothing but arguments that fit the patterns of the program, and the
// environment is the program's own.
package command

import (
	"context"
	_ "embed" // the schemas
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/handler"
	"daybook/internal/jsontext"
	"daybook/task"
)

// Program is what a task may run.
type Program struct {
	Argv []string // the program, with its whole path, and its first arguments
	// Args has a regular expression for each argument that a task must give: the whole argument must
	// match it.
	Args []string
	Dir  string            // where it runs; "" = the folder of the server
	Env  map[string]string // all of its environment, beside PATH
	// Permanent are the exit codes that no retry can mend; others but 0 are retried.
	Permanent []int
	Grace     time.Duration // from SIGTERM to SIGKILL on cancel, timeout and stop; 0 = 5 s
}

// Type is the task type COMMAND.
type Type struct {
	programs map[string]*program
	schema   []byte
}

type program struct {
	Program
	patterns []*regexp.Regexp
}

//go:embed parameters.json
var parametersSchema []byte

//go:embed result.json
var resultSchema []byte

const (
	usualGrace = 5 * time.Second
	maxGrace   = 5 * time.Minute
	usualPath  = "/usr/local/bin:/usr/bin:/bin"
)

// New returns the type. It returns what is wrong, with pointers such as /NAME/argv.
func New(programs map[string]Program) (*Type, []task.FieldError) {
	t := &Type{programs: map[string]*program{}}
	var bad []task.FieldError
	names := slices.Sorted(maps.Keys(programs))
	for _, name := range names {
		p := &program{Program: programs[name]}
		pointer := "/" + jsontext.EscapePointer(name)
		bad = append(bad, p.check(pointer)...)
		if !task.ValidName(name) {
			bad = append(bad, task.FieldError{Pointer: pointer, Detail: "has a name that must be 1 to 64 of A-Z a-z 0-9 . _ -"})
		}
		t.programs[name] = p
	}
	if bad != nil {
		return nil, bad
	}
	t.schema = t.parametersSchema(names)
	return t, nil
}

// parametersSchema is the schema with the names of the commands, and what each takes.
func (t *Type) parametersSchema(names []string) []byte {
	var takes []any
	for _, name := range names {
		p := t.programs[name]
		items := []any{}
		for _, pattern := range p.patterns {
			items = append(items, map[string]any{"type": "string", "pattern": pattern.String()})
		}
		args := map[string]any{"minItems": len(items), "maxItems": len(items)}
		then := map[string]any{"properties": map[string]any{"args": args}}
		if len(items) > 0 {
			args["prefixItems"], then["required"] = items, []string{"args"}
		}
		takes = append(takes, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"command": map[string]any{"const": name}}, "required": []string{"command"}},
			"then": then,
		})
	}
	quoted, _ := json.Marshal(names) // strings always marshal
	rules, _ := json.Marshal(takes)
	text := strings.ReplaceAll(string(parametersSchema), `["NAME"]`, string(quoted))
	return []byte(strings.Replace(text, `"RULES": []`, `"allOf": `+string(rules), 1))
}

// check completes the program.
func (p *program) check(pointer string) (bad []task.FieldError) {
	wrong := func(field, detail string) {
		bad = append(bad, task.FieldError{Pointer: pointer + field, Detail: detail})
	}
	if len(p.Argv) == 0 || !filepath.IsAbs(p.Argv[0]) {
		wrong("/argv", `must begin with the whole path of a program, like ["/usr/bin/convert", "-strip"]`)
	}
	for i, pattern := range p.Args {
		whole, err := regexp.Compile(`^(?:` + pattern + `)$`)
		if _, alone := regexp.Compile(pattern); err != nil || alone != nil { // "a)(b" is one only within the brackets
			wrong("/args/"+strconv.Itoa(i), "must be a regular expression that an argument must match as a whole")
			continue
		}
		p.patterns = append(p.patterns, whole)
	}
	for i, text := range slices.Concat(p.Argv, p.Args) {
		if strings.ContainsRune(text, 0) {
			wrong("/argv", "must not contain a NUL character (item "+strconv.Itoa(i)+")")
		}
	}
	if p.Dir != "" && !filepath.IsAbs(p.Dir) {
		wrong("/dir", "must be the whole path of a folder")
	}
	for name, value := range p.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			wrong("/env", "must have names without = and values without NUL")
		}
	}
	for _, code := range p.Permanent {
		if code < 1 || code > 255 {
			wrong("/permanent_exit_codes", "must be exit codes from 1 to 255")
		}
	}
	if p.Grace == 0 {
		p.Grace = usualGrace
	}
	if p.Grace < 0 || p.Grace > maxGrace {
		wrong("/grace_seconds", "must be 0 to 300; 0 is 5")
	}
	return bad
}

// Spec describes COMMAND.
func (t *Type) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:             "COMMAND",
		Title:            "Command",
		Description:      "Runs a program that the configuration of the server allows, with arguments that fit its patterns. Other exit codes than 0 fail the attempt.",
		ParametersSchema: t.schema,
		ResultSchema:     resultSchema,
	}
}

type parameters struct {
	Command string   `json:"command"`
	Args    []string `json:"args"`
}

// Subject is the command with its arguments.
func (t *Type) Subject(text json.RawMessage, _ map[string]string) string {
	var p parameters
	if json.Unmarshal(text, &p) != nil {
		return ""
	}
	return strings.Join(append([]string{p.Command}, p.Args...), " ")
}

// Run runs the program. Errors: arguments that do not fit, which are permanent, and its exit code.
func (t *Type) Run(ctx context.Context, call handler.Call) (any, error) {
	var p parameters
	if err := json.Unmarshal(call.Parameters, &p); err != nil {
		return nil, handler.Permanent(fmt.Errorf("read the parameters: %w", err))
	}
	program := t.programs[p.Command]
	if program == nil { // the configuration has changed since the submit
		return nil, handler.Permanent(fmt.Errorf("%s is not a command of this server any more; see [command] in its configuration", p.Command))
	}
	if err := program.fits(p.Args); err != nil {
		return nil, handler.Permanent(err)
	}
	return program.run(ctx, call, p.Args)
}

// fits checks the arguments of a task.
func (p *program) fits(args []string) error {
	if len(args) != len(p.patterns) {
		return fmt.Errorf("args: the command takes %s, not %d", handler.Count(int64(len(p.patterns)), "argument"), len(args))
	}
	for i, arg := range args {
		if !p.patterns[i].MatchString(arg) || strings.ContainsRune(arg, 0) {
			return fmt.Errorf("args: argument %d must match the pattern %s", i+1, p.Args[i])
		}
	}
	return nil
}
