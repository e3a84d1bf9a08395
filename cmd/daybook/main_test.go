package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the command too: the tests run it as a process of its
// own, under the name daybook.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"daybook": main})
}
