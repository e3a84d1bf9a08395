package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the command too: the tests run it as a process of its
// own, under the name daybook.
func TestMain(m *testing.M) {
	testscript.Main(closing{m}, map[string]func(){"daybook": main})
}

// closing ends the browser when the tests have run.
type closing struct{ *testing.M }

func (c closing) Run() int {
	code := c.M.Run()
	if browser.stop != nil {
		browser.stop()
	}
	return code
}
