package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestVariables walks all flags of all commands: serve has a variable for each, other commands only for how they
// connect and print, and one variable never stands for flags with different meanings.
func TestVariables(t *testing.T) {
	s := &stdio{out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	parser, err := newParser(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	connects := []string{"DAYBOOK_SERVER", "DAYBOOK_CA", "DAYBOOK_JSON", "DAYBOOK_ADDR", "DAYBOOK_TLS_CERT", "DAYBOOK_DATA",
		"DAYBOOK_VERIFY_DATA", "DAYBOOK_HEALTHCHECK_TIMEOUT", "DAYBOOK_OUTBOX"}
	first := map[string]*kong.Flag{} // by variable
	for _, command := range parser.Model.Leaves(false) {
		for _, flag := range command.Flags {
			where := command.Path() + " --" + flag.Name
			if command.Name == "serve" && flag.Name != "help" {
				if want := "DAYBOOK_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")); !slices.Equal(flag.Envs, []string{want}) {
					t.Errorf("%s has the variables %v, want %s", where, flag.Envs, want)
				}
			}
			for _, name := range flag.Envs {
				if command.Name != "serve" && !slices.Contains(connects, name) {
					t.Errorf("%s is set by %s, but does not say how to connect or to print", where, name)
				}
				other := first[name]
				if other == nil {
					first[name] = flag
				} else if flag.Name != other.Name || flag.Target.Type() != other.Target.Type() || flag.Default != other.Default {
					t.Errorf("%s is set by %s, and so is a flag of another kind", where, name)
				}
			}
		}
	}
	if len(first) < 20 {
		t.Errorf("only %d variables were seen", len(first))
	}
}
