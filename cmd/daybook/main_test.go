package main

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// TestMain lets the test binary be the command too: the tests run it as a process of its
// own, under the name daybook.
func TestMain(m *testing.M) {
	testscript.Main(closing{m}, map[string]func(){"daybook": main})
}

// closing ends the browser when the tests have run, and looks for what goes on running.
type closing struct{ *testing.M }

func (c closing) Run() int {
	code := c.M.Run()
	if browser.stop != nil {
		browser.stop()
	}
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = exitFailed
	}
	return code
}
