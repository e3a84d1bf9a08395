package main

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/config"

	"github.com/alecthomas/kong"
)

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

// serverSettings reads [server]: the flags of serve with _ in place of -. It returns the values, and the
// flags of those that cannot be used.
func serverSettings(doc *config.Document, t *config.Table) (values map[string]any, faulty []string) {
	flags := serveFlags()
	values = map[string]any{}
	for _, key := range t.Keys() {
		flag := flags[strings.ReplaceAll(key, "_", "-")]
		if flag == nil || strings.Contains(key, "-") {
			continue
		}
		value := t.Value(key)
		if err := checkKind(flag, value); err != nil {
			t.Wrong(key, err.Error())
			faulty = append(faulty, flag.Name)
		} else {
			values[flag.Name] = value
		}
	}
	for name := range maps.Keys(flags) {
		t.Has(strings.ReplaceAll(name, "-", "_"))
	}
	t.Close()
	command, err := serveWith(values)
	if err != nil {
		t.Wrong("", "cannot be used: "+err.Error()) // checkKind has tried each value
		return values, faulty
	}
	for _, f := range command.faults() {
		wrongSetting(doc, f)
		faulty = append(faulty, f.flag)
	}
	return values, faulty
}

// wrongSetting notes a fault of a setting of [server].
func wrongSetting(doc *config.Document, f flagFault) {
	pointer := "/server/" + strings.ReplaceAll(f.flag, "-", "_")
	if f.item >= 0 {
		pointer += "/" + strconv.Itoa(f.item)
	}
	doc.Wrong(pointer, strings.ReplaceAll(f.detail, "\n", " "))
}

// checkKind checks that the value is one of its flag: a number, a time, true or false.
func checkKind(flag *kong.Flag, value any) error {
	switch kind := flag.Target.Kind(); {
	case kind == reflect.Bool:
		if _, ok := value.(bool); !ok {
			return errors.New("must be true or false")
		}
	case kind == reflect.String:
		if _, ok := value.(string); !ok {
			return errors.New(`must be a string, like "text"`)
		}
	case kind == reflect.Slice:
		if _, ok := value.([]any); !ok {
			return errors.New(`must be a list of strings, like ["a", "b"]`)
		}
	}
	_, err := serveWith(map[string]any{flag.Name: value})
	switch {
	case err == nil:
		return nil
	case flag.Target.Type() == reflect.TypeFor[time.Duration]():
		return fmt.Errorf(`must be a time with its unit, such as "20s" or "30m", not %v`, value)
	case flag.Target.Kind() == reflect.Map:
		return errors.New(`must be a list of strings, like ["NAME=VALUE"]`)
	case flag.Target.Kind() == reflect.Int:
		return fmt.Errorf("must be a whole number, not %v", value)
	}
	return fmt.Errorf("cannot be used: %w", err)
}

// serveValues has the flags of serve without what it does before and after they are read.
type serveValues serveCmd

// serveWith reads settings as flags of serve.
func serveWith(settings map[string]any, options ...kong.Option) (*serveCmd, error) {
	var line struct {
		Serve serveValues `cmd:""`
	}
	parser, err := kong.New(&line, append(options, kong.Name("daybook"), kong.Exit(func(int) {}))...)
	if err != nil {
		return nil, err
	}
	args := []string{"serve"}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, asArguments(name, settings[name])...)
	}
	if _, err := parser.Parse(args); err != nil {
		return nil, err
	}
	return (*serveCmd)(&line.Serve), nil
}

// asArguments writes a value as somebody would on the command line.
func asArguments(flag string, value any) []string {
	switch v := value.(type) {
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, fmt.Sprintf("--%s=%v", flag, item))
		}
		return all
	case bool:
		if !v {
			return nil
		}
		return []string{"--" + flag}
	}
	return []string{fmt.Sprintf("--%s=%v", flag, value)}
}
